"""Checkpoints: everything a training needs to go on as if nothing had happened, in one file.

A file is written beside the older ones, flushed, and renamed; the newest two stay, and as many backups as are asked
for. One that is not what was written, see `training.checkpoint_file`, is noticed, and the one before it is used.
"""

import dataclasses
import os
import pathlib
import typing

import keras
import numpy as np

from faceswap_lib.errors import CheckpointError
from faceswap_lib.networks import NetworkConfig, Networks, build_networks
from faceswap_lib.training.checkpoint_choice import BACKUPS, choose_checkpoint, list_checkpoints, remove_unfinished
from faceswap_lib.training.checkpoint_choice import checkpoint_progress as checkpoint_progress
from faceswap_lib.training.checkpoint_choice import read_arrays as read_arrays
from faceswap_lib.training.checkpoint_choice import read_progress as read_progress
from faceswap_lib.training.checkpoint_file import COUNTERS, StoredCheckpoint, write_file
from faceswap_lib.training.divergence import find_broken, new_memory

KEPT = 2
"""How many checkpoints stay on disk."""

HISTORY = "history.jsonl"
"""File beside the folder of checkpoints, whose length they know."""

OPEN_FILES_STAY = os.name == "nt"
"""Whether the system refuses to remove a file that is open, as Windows does while the mirror's thread copies it."""


@dataclasses.dataclass(eq=False)
class TrainingState:
    """What changes while a network learns.

    Attributes:
        networks: Being trained.
        averaged: Moving average of the generators' weights; what previews and conversion use.
        generator_optimizer, discriminator_optimizer: Built for these networks.
        step: Steps done.
        history_bytes: Length of `history.jsonl` at this step.
        rollbacks: How often the guard went back; sets the learning rate and which batches are drawn.
        strikes: How often it did so since the run last got past `trouble`.
        trouble: The step at which something was last wrong.
        swapped: Whether the decoders have changed places.
        seconds: How long all steps so far took, over all sessions.
        watched: What the guard remembers, see `training.divergence`.
    """

    networks: Networks
    averaged: Networks
    generator_optimizer: keras.Optimizer
    discriminator_optimizer: keras.Optimizer
    step: int = 0
    history_bytes: int = 0
    rollbacks: int = 0
    strikes: int = 0
    trouble: int = 0
    swapped: bool = False
    seconds: float = 0.0
    watched: np.ndarray = dataclasses.field(default_factory=new_memory)

    @property
    def learning_rate_factor(self) -> float:
        """What the guard has left of the learning rates: half after every rollback."""
        return 0.5**self.rollbacks

    def groups(self) -> dict[str, list[keras.Variable]]:
        """All variables, by the name their arrays have in the file."""
        groups = {}
        for network in (*self.networks.generators, *self.networks.discriminators):
            groups[network.name] = network.weights
        for network in self.averaged.generators:
            groups[f"averaged_{network.name}"] = network.weights
        groups["generator_optimizer"] = self.generator_optimizer.variables
        groups["discriminator_optimizer"] = self.discriminator_optimizer.variables
        return groups


def write_checkpoint(folder: pathlib.Path, state: TrainingState) -> pathlib.Path:
    """Writes a checkpoint; removes later ones, which a rollback has left behind, and all but the newest `KEPT`.

    What a kill has left half written goes too.
    """
    path = folder / f"step-{state.step:08d}.npz"
    write_file(path, _collect(state))
    remove_unfinished(folder)
    newer_first = list_checkpoints(folder)
    index = newer_first.index(path)
    for later in newer_first[:index]:
        if not _remove(later):
            os.truncate(later, 0)  # or the run would go on from it
    for old in newer_first[index + KEPT :]:
        _remove(old)
    return path


def write_backup(folder: pathlib.Path, state: TrainingState, kept: int) -> pathlib.Path:
    """Writes a checkpoint among the backups and removes all but the newest `kept` of them."""
    path = folder / BACKUPS / f"step-{state.step:08d}.npz"
    write_file(path, _collect(state))
    for old in list_checkpoints(folder / BACKUPS)[kept:]:
        _remove(old)
    return path


def _remove(path: pathlib.Path) -> bool:
    """Removes a checkpoint; gives False where that must wait for the next one, see `OPEN_FILES_STAY`."""
    try:
        path.unlink()
    except PermissionError:
        if not OPEN_FILES_STAY:
            raise
        return False
    return True


def broken_weights(state: TrainingState) -> list[str]:
    """The names of the networks and optimizers that hold a number that is none."""
    return find_broken(
        {
            group: float(sum(np.sum(np.abs(variable.numpy()), dtype=np.float64) for variable in variables))
            for group, variables in state.groups().items()
        }
    )


def _collect(state: TrainingState) -> dict[str, np.ndarray]:
    arrays = {
        "position": np.array([getattr(state, name) for name in COUNTERS], np.int64),
        "seconds": np.float64(state.seconds),
        "watched": state.watched,
    }
    for group, variables in state.groups().items():
        for index, variable in enumerate(variables):
            arrays[f"{group}/{index:03d}"] = variable.numpy()
    return arrays


def read_checkpoint(folder: pathlib.Path, state: TrainingState, *, skip: int = 0) -> bool:
    """Takes over the newest whole checkpoint, or where there is none, the newest whole backup.

    One that knows of more history than there is comes after those that do not.

    Args:
        folder: Where the checkpoints lie.
        state: Changed to what the checkpoint holds.
        skip: How many whole ones are passed over first, if there are older ones.

    Returns:
        Whether there was one.

    Raises:
        CheckpointError: If there are checkpoints but none is whole, or they are of other networks.
    """
    groups = state.groups()
    shapes = {group: [tuple(variable.shape) for variable in variables] for group, variables in groups.items()}
    history = folder.parent / HISTORY
    length = history.stat().st_size if history.is_file() else None
    stored = choose_checkpoint(folder, shapes, skip=skip, history_bytes=length)
    if stored is None:
        return False
    for group, variables in groups.items():
        _assign(stored, group, variables)
    for name, value in stored.counters.items():
        setattr(state, name, type(getattr(state, name))(value))
    state.seconds, state.watched = stored.seconds, stored.watched
    return True


def load_ema(folder: pathlib.Path, config: NetworkConfig) -> tuple[Networks, int]:
    """Builds a run's networks for conversion, with averaged weights.

    Args:
        folder: Where the checkpoints lie.
        config: Which networks they are of.

    Returns:
        The networks (their discriminators are fresh) and the step they were saved at.

    Raises:
        CheckpointError: If there is no whole checkpoint, or it is of other networks.
    """
    networks = build_networks(config)
    groups = {f"averaged_{network.name}": network.weights for network in networks.generators}
    shapes = {group: [tuple(variable.shape) for variable in variables] for group, variables in groups.items()}
    stored = choose_checkpoint(folder, shapes)
    if stored is None:
        raise CheckpointError(f"no checkpoint in {folder}; run 'faceswap train' first")
    for group, variables in groups.items():
        _assign(stored, group, variables)
    return networks, stored.counters["step"]


def _assign(stored: StoredCheckpoint, group: str, variables: typing.Sequence[keras.Variable]) -> None:
    names = [name for name in sorted(stored.arrays) if name.startswith(f"{group}/")]
    for variable, name in zip(variables, names, strict=True):
        variable.assign(stored.arrays[name])
