"""Which checkpoint of a run is gone on from: the newest that is whole and fits; no network is needed to say so."""

import logging
import pathlib
import re
import typing

import numpy as np

from faceswap_lib.errors import CheckpointError
from faceswap_lib.locks.claimed_file import remove_abandoned
from faceswap_lib.training.checkpoint_file import DamageError, StoredCheckpoint, read_counters, read_file

logger = logging.getLogger(__name__)

BACKUPS = "backups"
"""Folder of the backups, beside the checkpoints."""

_UNFINISHED = re.compile(r"\.step-\d{8}(\.\d+)?\.partial\.npz")
"""Temporary names of checkpoints, see `atomic_io.replacing`."""

Shapes = typing.Mapping[str, typing.Sequence[tuple[int, ...]]]
"""The shapes of the variables of networks and optimizers, by group."""


def list_checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints of a run, newest first."""
    found = [
        path for path in folder.glob("step-*.npz") if re.fullmatch(r"step-\d{8}\.npz", path.name) and path.is_file()
    ]
    return sorted(found, reverse=True)


def remove_unfinished(folder: pathlib.Path) -> None:
    """Removes checkpoints that killed processes have left half written, here and among the backups.

    They would stay: the next checkpoint may be of another step, and so of another name. Those being written stay.
    """
    for path in (*folder.glob(".step-*.npz"), *(folder / BACKUPS).glob(".step-*.npz")):
        if _UNFINISHED.fullmatch(path.name):
            remove_abandoned(path)


def checkpoint_progress(folder: pathlib.Path, *, thorough: bool = True) -> tuple[int, int]:
    """How far a run's newest whole checkpoint is: rollbacks and step, to be compared in this order; (-1, 0) for none.

    A run that has gone back is further than one that has not, whatever its step.

    Args:
        folder: Where the checkpoints lie.
        thorough: Read the whole file and check its digest, not just the few bytes that say how far it is.
    """
    found = (read_progress(path, thorough=thorough) for path in list_checkpoints(folder))
    return next((progress for progress in found if progress is not None), (-1, 0))


def read_progress(path: pathlib.Path, *, thorough: bool = True) -> tuple[int, int] | None:
    """Reads the rollbacks and the step of one checkpoint; None, and a warning, if it is damaged."""
    try:
        counters = read_file(path).counters if thorough else read_counters(path)
    except (DamageError, OSError) as error:
        return _pass_over(path, error)
    return counters["rollbacks"], counters["step"]


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray] | None:
    """Reads all arrays of a checkpoint and makes sure that it is whole; None, and a warning, if it is damaged."""
    stored = _read(path)
    return None if stored is None else stored.arrays


def _read(path: pathlib.Path) -> StoredCheckpoint | None:
    try:
        return read_file(path)
    except (DamageError, OSError) as error:
        return _pass_over(path, error)


def _pass_over(path: pathlib.Path, reason: object) -> None:
    logger.warning("%s is damaged (%s); using the one before it", path, reason)


def choose_checkpoint(
    folder: pathlib.Path, shapes: Shapes, *, skip: int = 0, history_bytes: int | None = None
) -> StoredCheckpoint | None:
    """The checkpoint to go on from, of those that are whole and fit the networks, or else the backup.

    Args:
        folder: Where they lie.
        shapes: What the networks need.
        skip: How many are passed over, if there are older ones.
        history_bytes: Length of the history; None if that does not matter.
    """
    checkpoints, backups, misfit = list_checkpoints(folder), list_checkpoints(folder / BACKUPS), None
    for paths in (checkpoints, backups):
        good, ahead = [], []  # that know of no more history than there is, and of more
        for path in paths:
            stored = _read(path)
            if stored is None:
                continue
            if (reason := _find_misfit(stored.arrays, shapes)) is not None:
                misfit = misfit or CheckpointError(f"{folder}: {reason}")
                if stored.has_digest:
                    raise misfit
                logger.warning("%s: %s, or the file is damaged; using the one before it", path, reason)
                continue
            if history_bytes is not None and stored.counters["history_bytes"] > history_bytes:
                known = stored.counters["history_bytes"]
                logger.warning("%s knows of %d bytes of history, there are %d", path, known, history_bytes)
                ahead = ahead or [stored]
                continue
            good.append(stored)
            if len(good) > skip:
                break
        if good or ahead:
            return (good or ahead)[-1]
    if misfit is not None:
        raise misfit
    if names := ", ".join(path.name for path in (*checkpoints, *backups)):
        raise CheckpointError(f"{folder}: none of {names} is whole; delete the folder and train anew")
    return None


def _find_misfit(arrays: typing.Mapping[str, np.ndarray], shapes: Shapes) -> str | None:
    """Says what of the arrays the networks have no place for, or lack; None if they fit."""
    for group, expected in shapes.items():
        stored = [arrays[name] for name in sorted(arrays) if name.startswith(f"{group}/")]
        if [array.shape for array in stored] != list(expected) or any(
            array.dtype.kind not in "fiub" for array in stored
        ):
            return (
                f"{group} has {len(stored)} arrays that do not fit these networks' {len(expected)}; "
                "the run was trained with another resolution, capacity, norm or attention"
            )
    return None
