"""Warm start: a new run begins with the networks of another, which know faces already, instead of with noise.

Encoder and both decoders are taken, with averaged weights; what the discriminators and the optimisers had learnt
belongs to the other run's faces and is left. Whoever the other run was trained on has part in what comes out: their
videos are noted as learnt from.
"""

import dataclasses
import logging
import pathlib

from faceswap_lib.errors import CheckpointError, WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training.checkpoint import TrainingState, load_averaged, write_checkpoint
from faceswap_lib.training.run_folder import CONFIG, INIT_FROM, learnt_videos, read_config, run_id, stored_networks

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
    stored = stored_networks(other)
    for field in dataclasses.fields(stored):
        had, wanted = getattr(stored, field.name), getattr(asked or stored, field.name)
        if had != wanted and wanted != "auto":
            raise WorkspaceError(
                f"init_from: the run in {other} has {field.name} {had}, asked for {wanted}; leave the option out, or "
                "begin without --init-from"
            )
    return stored


def warm_start(state: TrainingState, run: pathlib.Path, other: pathlib.Path) -> dict[str, object]:
    """Puts another run's generators into a state at its first step, and writes that down as the run's first checkpoint.

    Args:
        state: Changed; of networks that `agree_with` has given.
        run: The folder of the run that begins.
        other: The folder of the run it begins from.

    Returns:
        What the run's `config.json` notes of it: `id`, `name`, `step`, and `learnt_from`, the other run's videos.

    Raises:
        CheckpointError: If the other run has no whole checkpoint.
        WorkspaceError: If its `config.json` is damaged.
    """
    networks, step = load_averaged(other / "checkpoints", stored_networks(other))
    if step == 0:
        raise CheckpointError(f"init_from: the run in {other} has learnt nothing yet")
    for target in (state.networks, state.averaged):
        for mine, theirs in zip(target.generators, networks.generators, strict=True):
            mine.set_weights(theirs.get_weights())
    write_checkpoint(run / "checkpoints", state)
    logger.info("run '%s' begins with the networks of run '%s' at step %d", run.name, other.name, step)
    videos = [dataclasses.asdict(video) for video in learnt_videos(other)]
    return {"id": run_id(other), "name": other.name, "step": step, "learnt_from": videos}


def check_begun_from(run: pathlib.Path, other: pathlib.Path) -> None:
    """Makes sure that a run that goes on was begun from the run named, as when the same command is given again.

    Raises:
        WorkspaceError: If it was begun from nothing or from another run.
    """
    begun = read_config(run).get(INIT_FROM, {})
    if begun.get("id") != run_id(other) or not begun:
        origin = f"from run '{begun.get('name')}'" if begun else "from nothing"
        raise WorkspaceError(
            f"init_from: run '{run.name}' was begun {origin} and goes on from its last checkpoint; leave --init-from "
            "out, or begin another --run"
        )
