"""Small trainings of a reenactment system in memory, for comparisons in notebooks.

They write nothing to disk and cannot be resumed; use `reenactment.training.train_reenactment` for that.
"""

import dataclasses

from faceswap_lib.progress import show_progress
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.stepper import PairStepper
from faceswap_lib.reenactment.system import System, open_system
from faceswap_lib.training.train_step import new_state


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PairVariant:
    """Result of one training.

    Attributes:
        networks: Networks as they are at the end of the training, with all discriminators.
        averaged: Networks with averaged weights, as a reenactment would use them.
        history: One entry per step with `step` and the loss terms by name, as `read_history` returns it.
    """

    networks: ReenactmentNetworks
    averaged: ReenactmentNetworks
    history: list[dict[str, float]]

    def __post_init__(self):
        if not self.history:
            raise ValueError("expected at least one step, got an empty history")


def train_pairs(
    people: ReenactmentDataset,
    network_config: ReenactmentNetworkConfig,
    config: ReenactmentTrainConfig,
    *,
    system: System | None = None,
    name: str = "",
) -> PairVariant:
    """Trains a reenactment system in memory; the same seed means the same initial weights and the same pairs.

    Args:
        people: The crops to train on.
        network_config: The system and its networks.
        config: Options of the training; `hold_out` has no effect, so divide the crops first.
        system: A system with other losses; None for that of the networks.
        name: Label of the progress bar; empty shows no progress bar.

    Returns:
        The trained networks and the history of the losses.

    Raises:
        InputError: If an option is not valid for the system.
    """
    chosen = system or open_system(network_config.system)
    state = new_state(lambda: chosen.build_networks(network_config), config)
    stepper = PairStepper(state, chosen, people, config)
    history = []
    for step in show_progress(range(1, config.steps + 1), name, disable=not name):
        history.append({"step": step, **stepper.step()})
    stepper.close()
    return PairVariant(networks=state.networks, averaged=state.averaged, history=history)
