"""Temporary folders next to the final location of their files, so that a rename moves the finished files there."""

import contextlib
import hashlib
import logging
import pathlib
import re
import secrets
import shutil
import time
import typing

from faceswap_lib.locks.claimed_file import WEEK, claim_new, discard, remove_abandoned
from faceswap_lib.locks.lock_file import host_name, machine_id

logger = logging.getLogger(__name__)

Kind = typing.Literal["keep", "fetch", "carry"]

NAME = re.compile(r"\.(?:keep|fetch|carry)-(?P<machine>[0-9a-f]{8})-[0-9a-f]{8}")
"""Name of a temporary folder. Its process holds a lock file next to it, with the same name and the suffix ".lock"."""

LOCK = ".lock"

NAME_BEFORE = re.compile(r"\.(?:keep|fetch)-[a-z0-9_]{8}")
"""Name of a temporary folder of earlier versions, which had no lock file."""

HELD_BEFORE = frozenset({"face_src.zip", "face_dst.zip", "faces.zip", "unpacked"})
"""The only possible contents of the temporary folders of earlier versions."""

DAY = 24 * 3600.0


@contextlib.contextmanager
def created_folder(folder: pathlib.Path) -> typing.Iterator[None]:
    """Creates a folder, and removes a new one when the block ends, if nothing was written to it."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


@contextlib.contextmanager
def scratch_folder(place: pathlib.Path, kind: Kind) -> typing.Iterator[pathlib.Path]:
    """Creates a temporary folder that only this user may enter, and removes it when the block ends.

    Before that, it removes the temporary folders in `place` whose process was killed. Folders of another machine are
    removed after a week, because this machine cannot see whether their process is still running.

    Args:
        place: The existing folder to create it in.
        kind: The purpose of the folder, a part of its name.

    Yields:
        The path of the folder.

    Raises:
        OSError: If it cannot be created.
    """
    remove_left_scratch(place)
    while True:
        folder = place / f".{kind}-{_machine()}-{secrets.token_hex(4)}"
        if claim_new(_lock_of(folder), 0o600):
            break
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            logger.warning("%s: %s; it is removed the next time", folder, error)
        finally:
            _release_lock(folder)


def remove_left_scratch(place: pathlib.Path) -> None:
    """Removes the folders of `scratch_folder` whose process was killed. Other folders stay.

    A folder that cannot be removed is logged.
    """
    try:
        for lock in place.glob(".*-*" + LOCK):
            if NAME.fullmatch(lock.with_suffix("").name) and _is_own_or_old(lock):
                remove_abandoned(lock)
        for folder in place.glob(".*-*"):
            if folder.is_dir() and not folder.is_symlink() and _is_abandoned(folder):
                shutil.rmtree(folder)
    except OSError as error:
        logger.warning("%s: what a killed process left is not removed: %s", place, error)


def _is_abandoned(folder: pathlib.Path) -> bool:
    """Returns whether a folder is a temporary one whose process has ended."""
    if NAME.fullmatch(folder.name):  # its lock is created before it and removed after it
        return not _lock_of(folder).exists() and _is_own_or_old(folder)
    is_old = NAME_BEFORE.fullmatch(folder.name) and time.time() - folder.stat().st_mtime > DAY
    return bool(is_old) and {path.name for path in folder.iterdir()} <= HELD_BEFORE


def _is_own_or_old(path: pathlib.Path) -> bool:
    """Returns whether a path belongs to this machine, whose locks are visible, or is older than a week."""
    return path.name.split("-")[1] == _machine() or time.time() - path.stat().st_mtime > WEEK


def _release_lock(folder: pathlib.Path) -> None:
    """Removes the lock file of a folder; logs an error."""
    try:
        discard(_lock_of(folder))
    except OSError as error:
        logger.warning("%s: %s; it is removed the next time", _lock_of(folder), error)


def _lock_of(folder: pathlib.Path) -> pathlib.Path:
    """Returns the path of a folder's lock file."""
    return folder.with_name(folder.name + LOCK)


def _machine() -> str:
    """Computes an identifier of this machine, eight hexadecimal digits; on Linux it changes at every boot."""
    return hashlib.sha256(f"{host_name()} {machine_id()}".encode()).hexdigest()[:8]
