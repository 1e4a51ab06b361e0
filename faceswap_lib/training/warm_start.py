"""Warm start: a new run begins with the networks of another, which know faces already, instead of with noise.

Encoder and both decoders are taken, with averaged weights; what the discriminators and the optimizers had learnt
belongs to the other run's faces and is left. Whoever the other run was trained on has part in what comes out: their
videos are noted as learnt from.
"""

import dataclasses
import logging
import pathlib

from faceswap_lib.errors import CheckpointError, WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training.checkpoint import TrainingState, load_ema
from faceswap_lib.training.run_metadata import (
    CONFIG,
    INIT_FROM,
    learnt_videos,
    match_networks,
    read_config,
    run_id,
    stored_networks,
)

logger = logging.getLogger(__name__)


def find_run(workspace: Workspace, name: str) -> pathlib.Path:
    """Finds the run that is to be begun from.

    Args:
        workspace: Where a name is looked up.
        name: The folder of a run, or of a workspace, which stands for its run `default`, or the name of a run in
            `workspace`.

    Returns:
        The run's folder.

    Raises:
        WorkspaceError: If it is none of these.
    """
    given = pathlib.Path(name)
    places = [given, given / "models" / "default"]
    if name and len(given.parts) == 1:
        places.append(workspace.run(name))
    for folder in places:
        if (folder / CONFIG).is_file():
            return folder
    raise WorkspaceError(
        f"init_from: no trained run in {', '.join(str(place) for place in places)}; give the folder of a run, as in "
        "WORKSPACE/models/default"
    )


def agree_with(other: pathlib.Path, asked: NetworkConfig | None) -> NetworkConfig:
    """Says which networks a run has that begins from another: those of the other.

    Args:
        other: The folder of the other run.
        asked: The ones asked for; None means whichever the other has.

    Raises:
        WorkspaceError: If it has others than were asked for.
    """
    advice = "leave the option out, or begin without --init-from"
    return match_networks(stored_networks(other), asked, f"init_from: the run in {other} has", advice)


def warm_start(state: TrainingState, other: pathlib.Path) -> dict[str, object]:
    """Puts another run's generators into a state at its first step.

    Args:
        state: Changed; of networks that `agree_with` has given.
        other: The folder of the run it begins from.

    Returns:
        What the run's `config.json` notes of it: `id`, `name`, `step`, and `learnt_from`, the other run's videos.

    Raises:
        CheckpointError: If the other run has no whole checkpoint, or is at its first step.
        WorkspaceError: If its `config.json` is damaged.
    """
    networks, step = load_ema(other / "checkpoints", stored_networks(other))
    if step == 0:
        raise CheckpointError(f"init_from: the run in {other} has learnt nothing yet")
    for target in (state.networks, state.averaged):
        for mine, theirs in zip(target.generators, networks.generators, strict=True):
            mine.set_weights(theirs.get_weights())
    logger.info("this run begins with the networks of run '%s' at step %d", other.name, step)
    videos = [dataclasses.asdict(video) for video in learnt_videos(other)]
    return {"id": run_id(other), "name": other.name, "step": step, "learnt_from": videos}


def check_begun_from(run: pathlib.Path, other: pathlib.Path | None, *, has_checkpoint: bool) -> None:
    """Makes sure that a run that goes on was begun from the run named, as when the same command is given again.

    Args:
        run: The folder of the run that goes on.
        other: The folder of the run named; None where none is.
        has_checkpoint: Whether it has one. A run that was stopped before its first goes on without the option only if
            it was not begun from another: nothing else has the other's networks.

    Raises:
        WorkspaceError: If it was begun from nothing or from another run, or must be told from which.
    """
    begun = read_config(run).get(INIT_FROM, {})
    if other is None and begun and not has_checkpoint:
        raise WorkspaceError(
            f"run '{run.name}', to begin from run '{begun.get('name')}', was stopped before its first checkpoint; "
            "give --init-from again, or begin another --run"
        )
    if other is not None and (not begun or begun.get("id") != run_id(other)):
        origin = f"from run '{begun.get('name')}'" if begun else "from nothing"
        raise WorkspaceError(
            f"init_from: run '{run.name}' was begun {origin} and goes on from its last checkpoint; leave --init-from "
            "out, or begin another --run"
        )
