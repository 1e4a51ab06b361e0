"""Choice of the checkpoint from which a run resumes: the newest one that is intact and fits; works without networks."""

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
"""Folder of the backups inside the folder of the checkpoints."""

_UNFINISHED = re.compile(r"\.step-\d{8}(\.\d+)?\.partial\.npz")
"""Temporary names of checkpoints, see `atomic_io.replacing`."""

Shapes = typing.Mapping[str, typing.Sequence[tuple[int, ...]]]
"""Shapes of the variables of networks and optimizers, by group."""


def list_checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists the checkpoints of a run, newest first."""
    found = [
        path for path in folder.glob("step-*.npz") if re.fullmatch(r"step-\d{8}\.npz", path.name) and path.is_file()
    ]
    return sorted(found, reverse=True)


def remove_unfinished(folder: pathlib.Path) -> None:
    """Removes incomplete checkpoints and backups that killed processes have left.

    Without this they would never be removed, because the next checkpoint usually has another step and therefore another
    name. Files that are being written are kept.
    """
    for path in (*folder.glob(".step-*.npz"), *(folder / BACKUPS).glob(".step-*.npz")):
        if _UNFINISHED.fullmatch(path.name):
            remove_abandoned(path)


def checkpoint_progress(folder: pathlib.Path, *, thorough: bool = True) -> tuple[int, int]:
    """Returns the progress of the newest intact checkpoint: number of rollbacks and step; (-1, 0) if there is none.

    Compare the numbers in this order: a run with more rollbacks is ahead of a run with fewer, regardless of the step.

    Args:
        folder: The folder of the checkpoints.
        thorough: Whether to read the whole file and verify its digest, instead of reading only the counters.
    """
    found = (read_progress(path, thorough=thorough) for path in list_checkpoints(folder))
    return next((progress for progress in found if progress is not None), (-1, 0))


def read_progress(path: pathlib.Path, *, thorough: bool = True) -> tuple[int, int] | None:
    """Reads the number of rollbacks and the step of a checkpoint; logs a warning and returns None if it is damaged.

    Args:
        path: The checkpoint.
        thorough: As in `checkpoint_progress`.
    """
    try:
        counters = read_file(path).counters if thorough else read_counters(path)
    except (DamageError, OSError) as error:
        return _pass_over(path, error)
    return counters["rollbacks"], counters["step"]


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray] | None:
    """Reads and verifies all arrays of a checkpoint; logs a warning and returns None if it is damaged."""
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
    """Chooses the newest checkpoint that is intact and fits the networks; if there is none, the newest such backup.

    A checkpoint that expects a longer history file than exists is used only if all intact checkpoints do.

    Args:
        folder: The folder of the checkpoints.
        shapes: Shapes of the variables of the networks.
        skip: Number of newest valid checkpoints to skip; the oldest valid one is never skipped.
        history_bytes: Length of the history in bytes; None ignores the history.

    Returns:
        The checkpoint; None if the folder contains no checkpoint.

    Raises:
        CheckpointError: If there are checkpoints, but none of them is intact, or they do not fit the networks.
    """
    checkpoints, backups, misfit = list_checkpoints(folder), list_checkpoints(folder / BACKUPS), None
    for paths in (checkpoints, backups):
        good, ahead = [], []  # checkpoints that fit the history, and checkpoints that expect a longer one
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
                logger.warning("%s expects %d bytes of history, there are %d", path, known, history_bytes)
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
        raise CheckpointError(f"{folder}: none of {names} is intact; delete the folder and train again from the start")
    return None


def _find_misfit(arrays: typing.Mapping[str, np.ndarray], shapes: Shapes) -> str | None:
    """Describes the first group of arrays that does not fit the networks; None if all groups fit."""
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
