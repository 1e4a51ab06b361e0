"""Checkpoints: everything a training needs to go on as if nothing had happened, in one file.

A file is written beside the older ones, flushed, and renamed; the newest two stay. It is a plain `.npz`, read without
pickle, and every array in it has a checksum, so a damaged file is noticed and the one before it is used.
"""

import dataclasses
import logging
import pathlib
import re
import typing
import zipfile

import keras
import numpy as np

from faceswap_lib.errors import CheckpointError
from faceswap_lib.files import replacing
from faceswap_lib.networks import NetworkConfig, Networks, build_networks

logger = logging.getLogger(__name__)

KEPT = 2
"""How many checkpoints stay on disk."""


@dataclasses.dataclass(eq=False)
class TrainingState:
    """What changes while a network learns.

    Attributes:
        networks: Being trained.
        averaged: Moving average of the generators' weights; what previews and conversion use.
        generator_optimiser, discriminator_optimiser: Built for these networks.
        step: Steps done.
        history_bytes: Length of `history.jsonl` at this step.
    """

    networks: Networks
    averaged: Networks
    generator_optimiser: keras.Optimizer
    discriminator_optimiser: keras.Optimizer
    step: int = 0
    history_bytes: int = 0

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
    """Writes a checkpoint and removes all but the newest `KEPT`."""
    arrays = {"position": np.array([state.step, state.history_bytes], np.int64)}
    for group, variables in state.groups().items():
        for index, variable in enumerate(variables):
            arrays[f"{group}/{index:03d}"] = variable.numpy()
    path = folder / f"step-{state.step:08d}.npz"
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink()
    return path


def list_checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints of a run, newest first."""
    found = [path for path in folder.glob("step-*.npz") if re.fullmatch(r"step-\d{8}\.npz", path.name)]
    return sorted(found, reverse=True)


def read_checkpoint(folder: pathlib.Path, state: TrainingState) -> bool:
    """Takes over the newest whole checkpoint.

    Args:
        folder: Where the checkpoints lie.
        state: Changed to what the checkpoint holds.

    Returns:
        Whether there was one.

    Raises:
        CheckpointError: If there are checkpoints but none is whole, or they are of other networks.
    """
    arrays = _newest_whole(folder)
    if arrays is None:
        return False
    for group, variables in state.groups().items():
        _assign(arrays, group, variables, folder)
    state.step, state.history_bytes = (int(value) for value in arrays["position"])
    return True


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


def _newest_whole(folder: pathlib.Path) -> dict[str, np.ndarray] | None:
    damaged = []
    for path in list_checkpoints(folder):
        try:
            with path.open("rb") as stored, np.load(stored, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            logger.warning("%s is damaged (%s); using the one before it", path, error)
            damaged.append(path.name)
    if damaged:
        raise CheckpointError(f"{folder}: none of {', '.join(damaged)} is whole; delete the folder and train anew")
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
