"""Folders for what is not finished yet, in the place where it will go, so that it gets there by a rename."""

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
"""A folder's name. Beside it lies a file of the same name and ".lock", which its process holds."""

LOCK = ".lock"

NAME_BEFORE = re.compile(r"\.(?:keep|fetch)-[a-z0-9_]{8}")
"""What versions without such a file called theirs."""

HELD_BEFORE = frozenset({"face_src.zip", "face_dst.zip", "faces.zip", "unpacked"})
"""What lay in theirs, and nothing else."""

DAY = 24 * 3600.0


@contextlib.contextmanager
def scratch_folder(place: pathlib.Path, kind: Kind) -> typing.Iterator[pathlib.Path]:
    """Makes a folder that only this user may enter, and removes it when the block ends.

    Before, it removes those in `place` whose process was killed. One that another machine made is removed after a week,
    because whether that still works there cannot be seen from here.

    Args:
        place: The folder to make it in, which must be there.
        kind: What it is for.

    Raises:
        OSError: If it cannot be made.
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
            _give_back(folder)


def remove_left_scratch(place: pathlib.Path) -> None:
    """Removes the folders of `scratch_folder` whose process was killed; what somebody else made stays.

    One that cannot be removed is logged.
    """
    try:
        for lock in place.glob(".*-*" + LOCK):
            if NAME.fullmatch(lock.with_suffix("").name) and _may_judge(lock):
                remove_abandoned(lock)
        for folder in place.glob(".*-*"):
            if folder.is_dir() and not folder.is_symlink() and _is_left(folder):
                shutil.rmtree(folder)
    except OSError as error:
        logger.warning("%s: what a killed process left is not removed: %s", place, error)


def _is_left(folder: pathlib.Path) -> bool:
    if NAME.fullmatch(folder.name):  # its lock comes before it and goes after it
        return not _lock_of(folder).exists() and _may_judge(folder)
    is_old = NAME_BEFORE.fullmatch(folder.name) and time.time() - folder.stat().st_mtime > DAY
    return bool(is_old) and {path.name for path in folder.iterdir()} <= HELD_BEFORE


def _may_judge(path: pathlib.Path) -> bool:
    """Whether it is of this machine, whose locks can be seen, or so old that its machine will have ended."""
    return path.name.split("-")[1] == _machine() or time.time() - path.stat().st_mtime > WEEK


def _give_back(folder: pathlib.Path) -> None:
    try:
        discard(_lock_of(folder))
    except OSError as error:
        logger.warning("%s: %s; it is removed the next time", _lock_of(folder), error)


def _lock_of(folder: pathlib.Path) -> pathlib.Path:
    return folder.with_name(folder.name + LOCK)


def _machine() -> str:
    """Tells this machine, since its last start, from others."""
    return hashlib.sha256(f"{host_name()} {machine_id()}".encode()).hexdigest()[:8]
