"""Checkpoints: the complete state of a training run in one file, so that a resumed run gives the same result.

A file is written with a temporary name, flushed to disk, and renamed. The newest two checkpoints are kept, and the
requested number of backups. A damaged file is detected, see `training.checkpoint_file`, and the previous checkpoint is
used instead.
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
"""Number of checkpoints that are kept on disk."""

HISTORY = "history.jsonl"
"""History file next to the folder of checkpoints; every checkpoint stores its length."""

OPEN_FILES_STAY = os.name == "nt"
"""Whether the operating system cannot remove open files. This is so on Windows, where the thread of the mirror may be
copying a checkpoint that has to be removed."""


class TrainedNetworks(typing.Protocol):
    """Protocol of the networks of a training, in the two groups that a step changes."""

    @property
    def generators(self) -> tuple[keras.Model, ...]:
        """Networks that the first optimizer trains; their weights are averaged."""
        ...

    @property
    def discriminators(self) -> tuple[keras.Model, ...]:
        """Networks that the second optimizer trains."""
        ...


AnyNetworks = typing.TypeVar("AnyNetworks", bound=TrainedNetworks)


@dataclasses.dataclass(eq=False)
class TrainingState(typing.Generic[AnyNetworks]):
    """State of a training run: everything that changes from step to step.

    Attributes:
        networks: The networks that are trained.
        averaged: Networks with the moving average of the generators' weights, for previews and conversion.
        generator_optimizer, discriminator_optimizer: Optimizers of these networks.
        step: Number of steps that are done.
        history_bytes: Length of `history.jsonl` in bytes at this step.
        rollbacks: Number of rollbacks; affects the learning rates and the random seed.
        strikes: Number of consecutive rollbacks; reset to 0 when a checkpoint is written at a step after `trouble`.
        trouble: The step at which divergence was last detected.
        swapped: Whether the decoders are swapped.
        seconds: Duration in seconds of all steps in all sessions.
        watched: State of the divergence guard, see `training.divergence`.
    """

    networks: AnyNetworks
    averaged: AnyNetworks
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
        """Factor of the learning rates due to rollbacks; every rollback halves it."""
        return 0.5**self.rollbacks

    def groups(self) -> dict[str, list[keras.Variable]]:
        """Returns all variables, by the group name of their arrays in the file."""
        groups = {}
        for network in (*self.networks.generators, *self.networks.discriminators):
            groups[network.name] = network.weights
        for network in self.averaged.generators:
            groups[f"averaged_{network.name}"] = network.weights
        groups["generator_optimizer"] = self.generator_optimizer.variables
        groups["discriminator_optimizer"] = self.discriminator_optimizer.variables
        return groups


def write_checkpoint(folder: pathlib.Path, state: TrainingState) -> pathlib.Path:
    """Writes a checkpoint and removes obsolete files.

    Obsolete files are checkpoints of later steps, which remain after a rollback, all checkpoints except the newest
    `KEPT`, and incomplete files of killed processes.

    Args:
        folder: The folder of the checkpoints.
        state: The state to save.

    Returns:
        The path of the checkpoint.
    """
    path = folder / f"step-{state.step:08d}.npz"
    write_file(path, _collect(state))
    remove_unfinished(folder)
    newer_first = list_checkpoints(folder)
    index = newer_first.index(path)
    for later in newer_first[:index]:
        if not _remove(later):
            os.truncate(later, 0)  # otherwise the run would resume from it
    for old in newer_first[index + KEPT :]:
        _remove(old)
    return path


def write_backup(folder: pathlib.Path, state: TrainingState, kept: int) -> pathlib.Path:
    """Writes a backup checkpoint and removes all backups except the newest `kept`; returns the path of the backup."""
    path = folder / BACKUPS / f"step-{state.step:08d}.npz"
    write_file(path, _collect(state))
    for old in list_checkpoints(folder / BACKUPS)[kept:]:
        _remove(old)
    return path


def _remove(path: pathlib.Path) -> bool:
    """Removes a checkpoint; returns False if this is not possible at the moment, see `OPEN_FILES_STAY`."""
    try:
        path.unlink()
    except PermissionError:
        if not OPEN_FILES_STAY:
            raise
        return False
    return True


def broken_weights(state: TrainingState) -> list[str]:
    """Returns the names of the networks and optimizers that contain NaN or infinity."""
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
    """Loads the newest intact checkpoint into a state; if there is none, the newest intact backup.

    A checkpoint that expects a longer history file than exists is used only if all intact checkpoints do.

    Args:
        folder: The folder of the checkpoints.
        state: Changed to the state in the checkpoint.
        skip: Number of newest intact checkpoints to skip; the oldest intact one is never skipped.

    Returns:
        Whether there was a checkpoint.

    Raises:
        CheckpointError: If there are checkpoints, but none of them is intact, or they belong to other networks.
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
    """Builds the networks of a run with averaged weights, for conversion.

    Args:
        folder: The folder of the checkpoints.
        config: Configuration of the networks.

    Returns:
        The networks (the discriminators have random weights) and the step of the checkpoint.

    Raises:
        CheckpointError: If there is no intact checkpoint, or it belongs to other networks.
    """
    networks = build_networks(config)
    return networks, load_ema_weights(folder, networks)


def load_ema_weights(folder: pathlib.Path, networks: TrainedNetworks) -> int:
    """Loads the averaged weights of the newest intact checkpoint into networks.

    Args:
        folder: The folder of the checkpoints.
        networks: Changed: the generators get the averaged weights.

    Returns:
        The step of the checkpoint.

    Raises:
        CheckpointError: If there is no intact checkpoint, or it belongs to other networks.
    """
    groups = {f"averaged_{network.name}": network.weights for network in networks.generators}
    shapes = {group: [tuple(variable.shape) for variable in variables] for group, variables in groups.items()}
    stored = choose_checkpoint(folder, shapes)
    if stored is None:
        raise CheckpointError(f"no checkpoint in {folder}; run 'faceswap train' first")
    for group, variables in groups.items():
        _assign(stored, group, variables)
    return stored.counters["step"]


def _assign(stored: StoredCheckpoint, group: str, variables: typing.Sequence[keras.Variable]) -> None:
    names = [name for name in sorted(stored.arrays) if name.startswith(f"{group}/")]
    for variable, name in zip(variables, names, strict=True):
        variable.assign(stored.arrays[name])
