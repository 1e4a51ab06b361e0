"""Files that belong to one process while it writes them, and that the next one knows as left behind after a kill.

The operating system's lock on the file itself tells: it ends with the process, however that ends.
"""

import contextlib
import errno
import os
import pathlib
import stat
import struct
import threading
import time

from faceswap_lib.locks.lock_file import is_same_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

WEEK = 7 * 24 * 3600.0
"""Seconds after which a file counts as left behind where the system cannot say who uses it."""

_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK)

_LOCKED_BYTE = 1 << 40
"""Far behind what is written: where locks bind, as on a Windows share, others' writing would fail at a locked byte."""

_held: dict[str, int] = {}
"""The files of this process, each with the descriptor that holds its lock; none on Windows: it renames no open file."""

_guard = threading.Lock()


def claim_new(path: pathlib.Path, mode: int = 0o666) -> bool:
    """Makes a file and locks it until `discard`, `rename_claimed` or the end of this process; False if another has it.

    Raises:
        OSError: If it cannot be made.
    """
    for _ in range(3):  # another process may look whether it was left behind between making and locking it
        if path.is_symlink():
            path.unlink()  # what it leads to is not ours to write
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        except FileExistsError:
            if not remove_abandoned(path):
                return False
            continue
        if fcntl is None:
            os.close(descriptor)
            return True
        if _take_lock(descriptor) is not False and is_same_file(path, descriptor):
            with _guard:
                _held[_key(path)] = descriptor
            return True
        os.close(descriptor)
    return False


def remove_abandoned(path: pathlib.Path) -> bool:
    """Removes a file that `claim_new` made for a process which was killed; a link there is removed, not followed.

    Returns:
        Whether nothing is there now; False if somebody uses it, or it is no file.
    """
    if path.is_symlink():
        path.unlink()
        return True
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError):
        return False
    try:
        found = os.fstat(descriptor)
        is_free = _take_lock(descriptor)
        is_left = is_free or (is_free is None and time.time() - found.st_mtime > WEEK)
        if not stat.S_ISREG(found.st_mode) or not is_left or not is_same_file(path, descriptor):
            return not path.exists()
        if found.st_nlink == 1:
            os.ftruncate(descriptor, 0)  # or a drive with a trash would keep it there, whole
        if fcntl is not None:  # while it is locked, so that nobody else can have begun with it
            path.unlink()
    finally:
        os.close(descriptor)
    if fcntl is None:  # Windows removes no open file
        path.unlink()
    return True


def discard(path: pathlib.Path) -> None:
    """Removes a file of `claim_new`, unless another has taken its place, and gives its lock back.

    Raises:
        OSError: If it cannot be removed.
    """
    descriptor = _forget(path)
    try:
        if descriptor is not None and not is_same_file(path, descriptor):
            return
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_nlink == 1:
                os.truncate(path, 0)
            path.unlink()
    finally:
        if descriptor is not None:
            os.close(descriptor)


def rename_claimed(path: pathlib.Path, target: pathlib.Path) -> None:
    """Renames a file of `claim_new` and gives its lock back; if the target was claimed too, it is so still.

    Raises:
        OSError: If it cannot be renamed, or if another has taken its place, as a machine may that sees the folder but
            not its locks. The file is claimed as before then.
    """
    descriptor, is_done = _forget(path), False  # before its name is free for others of this process
    try:
        if descriptor is not None and not is_same_file(path, descriptor):
            raise OSError(errno.ESTALE, "another process writes it too; try again when that has ended", str(target))
        path.replace(target)
        is_done = True
    finally:
        if not is_done and descriptor is not None:
            with _guard:
                _held[_key(path)] = descriptor
    with _guard:
        if descriptor is not None and _key(target) in _held:
            descriptor, _held[_key(target)] = _held[_key(target)], descriptor
    if descriptor is not None:
        os.close(descriptor)


def _forget(path: pathlib.Path) -> int | None:
    with _guard:
        return _held.pop(_key(path), None)


def _take_lock(descriptor: int) -> bool | None:
    """Locks an open file for this descriptor: True given, False another has it, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            # One byte, whichever process closes the file; see `struct flock` in fcntl(2).
            request = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_BYTE, 1, 0)
            try:
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
                return True
            except OSError as error:
                if error.errno != errno.EINVAL:  # a kernel without such locks
                    raise
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        return False if error.errno in _TAKEN else None


def _key(path: pathlib.Path) -> str:
    return os.path.abspath(path)
