"""Checkpoints: everything a training needs to go on as if nothing had happened, in one file.

A file is written beside the older ones, flushed, and renamed; the newest two stay, and as many backups as are asked
for. It is a plain `.npz`, read without pickle, and every array in it has a checksum, so a damaged file is noticed and
the one before it is used.
"""

import dataclasses
import itertools
import logging
import os
import pathlib
import re
import typing
import zipfile

import keras
import numpy as np

from faceswap_lib.errors import CheckpointError
from faceswap_lib.files import replacing
from faceswap_lib.networks import NetworkConfig, Networks, build_networks
from faceswap_lib.training.guard import find_broken, new_memory

logger = logging.getLogger(__name__)

KEPT = 2
"""How many checkpoints stay on disk."""

BACKUPS = "backups"
"""Folder of the backups, beside the checkpoints."""

OPEN_FILES_STAY = os.name == "nt"
"""Whether the system refuses to remove a file that is open, as Windows does while the mirror's thread copies it."""

COUNTERS = ("step", "history_bytes", "rollbacks", "strikes", "trouble", "swapped")
"""What stands in a file's `position`, in this order; a file may end early, then the rest is 0."""


@dataclasses.dataclass(eq=False)
class TrainingState:
    """What changes while a network learns.

    Attributes:
        networks: Being trained.
        averaged: Moving average of the generators' weights; what previews and conversion use.
        generator_optimiser, discriminator_optimiser: Built for these networks.
        step: Steps done.
        history_bytes: Length of `history.jsonl` at this step.
        rollbacks: How often the guard went back; sets the learning rate and which batches are drawn.
        strikes: How often it did so since the run last got past `trouble`.
        trouble: The step at which something was last wrong.
        swapped: Whether the decoders have changed places.
        seconds: How long all steps so far took, over all sessions.
        watched: What the guard remembers, see `training.guard`.
    """

    networks: Networks
    averaged: Networks
    generator_optimiser: keras.Optimizer
    discriminator_optimiser: keras.Optimizer
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
        groups["generator_optimiser"] = self.generator_optimiser.variables
        groups["discriminator_optimiser"] = self.discriminator_optimiser.variables
        return groups


def write_checkpoint(folder: pathlib.Path, state: TrainingState) -> pathlib.Path:
    """Writes a checkpoint; removes later ones, which a rollback has left behind, and all but the newest `KEPT`."""
    path = folder / f"step-{state.step:08d}.npz"
    _write(path, _collect(state))
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
    _write(path, _collect(state))
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
    """The names of the networks and optimisers that hold a number that is none."""
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


def _write(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def list_checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints of a run, newest first."""
    found = [path for path in folder.glob("step-*.npz") if re.fullmatch(r"step-\d{8}\.npz", path.name)]
    return sorted(found, reverse=True)


def read_checkpoint(folder: pathlib.Path, state: TrainingState, *, skip: int = 0) -> bool:
    """Takes over the newest whole checkpoint, or where there is none, the newest whole backup.

    Args:
        folder: Where the checkpoints lie.
        state: Changed to what the checkpoint holds.
        skip: How many whole ones are passed over first, if there are older ones.

    Returns:
        Whether there was one.

    Raises:
        CheckpointError: If there are checkpoints but none is whole, or they are of other networks.
    """
    arrays = _newest_whole(folder, skip)
    if arrays is None:
        return False
    for group, variables in state.groups().items():
        _assign(arrays, group, variables, folder)
    for name, value in zip(COUNTERS, arrays["position"], strict=False):
        setattr(state, name, type(getattr(state, name))(value))
    state.seconds = float(arrays.get("seconds", 0.0))
    state.watched = arrays.get("watched", new_memory())
    return True


def progress_of(folder: pathlib.Path, *, thorough: bool = True) -> tuple[int, int]:
    """How far a run's newest whole checkpoint is: rollbacks and step, to be compared in this order; (-1, 0) for none.

    A run that has gone back is further than one that has not, whatever its step.

    Args:
        folder: Where the checkpoints lie.
        thorough: Read the whole file and check its sums, not just the few bytes that say how far it is.
    """
    found = (read_progress(path, thorough=thorough) for path in list_checkpoints(folder))
    return next((progress for progress in found if progress is not None), (-1, 0))


def read_progress(path: pathlib.Path, *, thorough: bool = True) -> tuple[int, int] | None:
    """Reads the rollbacks and the step of one checkpoint; None, and a warning, if it is damaged."""
    arrays = read_arrays(path, only=None if thorough else "position")
    if arrays is None:
        return None
    position = [*arrays["position"].tolist(), 0, 0]
    return position[2], position[0]


def load_averaged(folder: pathlib.Path, config: NetworkConfig) -> tuple[Networks, int]:
    """Builds a run's networks for conversion, with averaged weights.

    Args:
        folder: Where the checkpoints lie.
        config: Which networks they are of.

    Returns:
        The networks (their discriminators are fresh) and the step they were saved at.

    Raises:
        CheckpointError: If there is no whole checkpoint, or it is of other networks.
    """
    arrays = _newest_whole(folder)
    if arrays is None:
        raise CheckpointError(f"no checkpoint in {folder}; run 'faceswap train' first")
    networks = build_networks(config)
    for network in networks.generators:
        _assign(arrays, f"averaged_{network.name}", network.weights, folder)
    return networks, int(arrays["position"][0])


def read_arrays(path: pathlib.Path, *, only: str | None = None) -> dict[str, np.ndarray] | None:
    """Reads all arrays of a checkpoint, or one, and checks their sums; None, and a warning, if it is damaged."""
    try:
        with path.open("rb") as stored, np.load(stored, allow_pickle=False) as file:
            return {name: file[name] for name in ([only] if only else file.files)}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s); using the one before it", path, error)
        return None


def _newest_whole(folder: pathlib.Path, skip: int = 0) -> dict[str, np.ndarray] | None:
    checkpoints, backups = list_checkpoints(folder), list_checkpoints(folder / BACKUPS)
    for paths in (checkpoints, backups):
        whole = (arrays for arrays in map(read_arrays, paths) if arrays is not None)
        if found := list(itertools.islice(whole, skip + 1)):
            return found[-1]
    if names := ", ".join(path.name for path in (*checkpoints, *backups)):
        raise CheckpointError(f"{folder}: none of {names} is whole; delete the folder and train anew")
    return None


def _assign(
    arrays: dict[str, np.ndarray], group: str, variables: typing.Sequence[keras.Variable], folder: pathlib.Path
) -> None:
    stored = [arrays[name] for name in sorted(arrays) if name.startswith(f"{group}/")]
    shapes, expected = [array.shape for array in stored], [tuple(variable.shape) for variable in variables]
    if shapes != expected:
        raise CheckpointError(
            f"{folder}: {group} has {len(shapes)} arrays that do not fit these networks' {len(expected)}; "
            "the run was trained with another resolution, capacity, norm or attention"
        )
    for variable, array in zip(variables, stored, strict=True):
        variable.assign(array)
