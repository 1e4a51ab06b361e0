"""Warm start: a new run is initialized with the pretrained networks of another run instead of random weights.

The averaged weights of the encoder and both decoders are copied. Discriminators and optimizers start from scratch,
because their state is specific to the faces of the other run. The people in the other run influence the result, so
their videos are stored as sources of the new run.
"""

import dataclasses
import logging
import pathlib

from faceswap_lib.errors import CheckpointError, WorkspaceError
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training.checkpoint import TrainingState, load_ema
from faceswap_lib.training.run_metadata import (
    INIT_FROM,
    learnt_videos,
    match_networks,
    read_config,
    run_id,
    stored_networks,
)

logger = logging.getLogger(__name__)

WITHOUT_IT = "leave the option out, or begin without --init-from"
"""End of the message about another run with other networks than requested."""


def agree_with(other: pathlib.Path, asked: NetworkConfig | None) -> NetworkConfig:
    """Returns the network configuration of a run that starts from another run: the configuration of the other run.

    Args:
        other: The folder of the other run.
        asked: The requested configuration; None accepts any.

    Raises:
        WorkspaceError: If the other run has a different configuration than requested.
    """
    return match_networks(stored_networks(other), asked, f"init_from: the run in {other} has", WITHOUT_IT)


def warm_start(state: TrainingState, other: pathlib.Path) -> dict[str, object]:
    """Copies the generators of another run into a state before its first step.

    Args:
        state: Changed in place; its networks have the configuration from `agree_with`.
        other: The folder of the other run.

    Returns:
        The facts that `config.json` of the new run stores: `id`, `name`, `step`, and `learnt_from`, the videos of the
        other run.

    Raises:
        CheckpointError: If the other run has no intact checkpoint, or has not taken a step.
        WorkspaceError: If its `config.json` is damaged.
    """
    networks, step = load_ema(other / "checkpoints", stored_networks(other))
    if step == 0:
        raise CheckpointError(f"init_from: the run in {other} has no finished step yet")
    for target in (state.networks, state.averaged):
        for mine, theirs in zip(target.generators, networks.generators, strict=True):
            mine.set_weights(theirs.get_weights())
    logger.info("this run begins with the networks of run '%s' at step %d", other.name, step)
    videos = [dataclasses.asdict(video) for video in learnt_videos(other)]
    return {"id": run_id(other), "name": other.name, "step": step, "learnt_from": videos}


def check_begun_from(run: pathlib.Path, other: pathlib.Path | None, *, has_checkpoint: bool) -> None:
    """Checks that a resumed run was initialized from the run in `init_from`, for example when a command is repeated.

    Args:
        run: The folder of the run that resumes.
        other: The folder of the run in `init_from`; None if the option is not given.
        has_checkpoint: Whether the run has a checkpoint. Without a checkpoint, a run that was initialized from another
            run needs the option again, because its own folder does not contain the networks of the other run.

    Raises:
        WorkspaceError: If the run was initialized with random weights or from a different run, or if the option is
            needed and missing.
    """
    begun = read_config(run).get(INIT_FROM, {})
    if other is None and begun and not has_checkpoint:
        raise WorkspaceError(
            f"run '{run.name}', which starts from run '{begun.get('name')}', was stopped before its first checkpoint; "
            "give --init-from again, or begin another --run"
        )
    if other is not None and (not begun or begun.get("id") != run_id(other)):
        origin = f"from run '{begun.get('name')}'" if begun else "with random weights"
        raise WorkspaceError(
            f"init_from: run '{run.name}' was begun {origin} and continues from its last checkpoint; leave --init-from "
            "out, or begin another --run"
        )
