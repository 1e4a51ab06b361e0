"""Fine-tuning: a new run begins with the networks of a trained run and learns other people.

The averaged weights of the generators and the weights of the discriminators are copied. Unlike those of a face swap,
the discriminators know no single person: they compare pictures with shapes, or photos with photos. The optimizers start
from scratch. The people of the other run stay sources of the new run.
"""

import dataclasses
import logging
import pathlib

from faceswap_lib.errors import CheckpointError
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.run_notes import read_networks, read_training
from faceswap_lib.reenactment.system import open_system
from faceswap_lib.training.checkpoint import TrainingState, read_checkpoint
from faceswap_lib.training.run_metadata import learnt_videos, match_networks, run_id
from faceswap_lib.training.train_step import new_state
from faceswap_lib.training.warm_start import WITHOUT_IT

logger = logging.getLogger(__name__)


def agree_with(other: pathlib.Path, asked: ReenactmentNetworkConfig | None) -> ReenactmentNetworkConfig:
    """Returns the network configuration of a run that starts from another run: the configuration of the other run.

    Args:
        other: The folder of the other run.
        asked: The requested configuration; None accepts any.

    Raises:
        WorkspaceError: If the other run has a different configuration than requested, or is of a face swap.
    """
    return match_networks(read_networks(other), asked, f"init_from: the run in {other} has", WITHOUT_IT)


def start_from(state: TrainingState[ReenactmentNetworks], other: pathlib.Path) -> dict[str, object]:
    """Copies the networks of another run into a state before its first step.

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
    config = read_networks(other)
    system = open_system(config.system)
    trained = new_state(lambda: system.build_networks(config), read_training(other) or ReenactmentTrainConfig())
    if not read_checkpoint(other / "checkpoints", trained) or trained.step == 0:
        raise CheckpointError(f"init_from: the run in {other} has no finished step yet")
    for network, average, theirs in zip(
        state.networks.generators, state.averaged.generators, trained.averaged.generators, strict=True
    ):
        network.set_weights(theirs.get_weights())
        average.set_weights(theirs.get_weights())
    for network, theirs in zip(state.networks.discriminators, trained.networks.discriminators, strict=True):
        network.set_weights(theirs.get_weights())
    logger.info("this run begins with the networks of run '%s' at step %d", other.name, trained.step)
    videos = [dataclasses.asdict(video) for video in learnt_videos(other)]
    return {"id": run_id(other), "name": other.name, "step": trained.step, "learnt_from": videos}
