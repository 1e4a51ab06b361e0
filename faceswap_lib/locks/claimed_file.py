"""Claimed files: each belongs to one process while it is written, and is recognized as abandoned after a kill.

The operating system's lock on the file itself decides: it is released when the process ends for any reason.
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
"""Seconds after which a file counts as abandoned if the system has no locks that show whether it is in use."""

_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK)

_LOCKED_BYTE = 1 << 40
"""Offset far behind the data: where locks are mandatory, as on a Windows share, writing to a locked byte would fail."""

_held: dict[str, int] = {}
"""Descriptors that hold the locks of this process, by path; empty on Windows, which cannot rename an open file."""

_guard = threading.Lock()


def claim_new(path: pathlib.Path, mode: int = 0o666) -> bool:
    """Creates a file and locks it until `discard`, `rename_claimed` or the end of this process.

    Args:
        path: The file.
        mode: Permissions of the file.

    Returns:
        Whether the file was claimed; False if another process uses it.

    Raises:
        OSError: If the file cannot be created.
    """
    for _ in range(3):  # another process may test the file for abandonment between its creation and its locking
        if path.is_symlink():
            path.unlink()  # the target of a link must not be written
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
    """Removes a file that `claim_new` created for a process which was killed; a link is removed, not followed.

    Returns:
        Whether the path is free now; False if the file is in use or is not a regular file.
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
        is_abandoned = is_free or (is_free is None and time.time() - found.st_mtime > WEEK)
        if not stat.S_ISREG(found.st_mode) or not is_abandoned or not is_same_file(path, descriptor):
            return not path.exists()
        if found.st_nlink == 1:
            os.ftruncate(descriptor, 0)  # a drive with a trash would keep the whole file
        if fcntl is not None:  # while the lock is held, so that no other process can claim it
            path.unlink()
    finally:
        os.close(descriptor)
    if fcntl is None:  # Windows cannot remove an open file
        path.unlink()
    return True


def discard(path: pathlib.Path) -> None:
    """Removes a file that `claim_new` created, unless another file has replaced it, and releases its lock.

    Raises:
        OSError: If the file cannot be removed.
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
    """Renames a file that `claim_new` created, and releases its lock; a target that was claimed stays claimed.

    Args:
        path: The claimed file.
        target: The new path; an existing file is replaced.

    Raises:
        OSError: If the file cannot be renamed, or another file has replaced it; a machine that shares the folder but
            not the locks may do this. The file stays claimed in both cases.
    """
    descriptor, is_done = _forget(path), False  # before other threads can claim the name
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
    """Removes a path from the claimed files; returns its descriptor, None if it was not claimed."""
    with _guard:
        return _held.pop(_key(path), None)


def _take_lock(descriptor: int) -> bool | None:
    """Locks an open file: True if locked, False if another process holds the lock, None if there are no locks."""
    if fcntl is None:
        return None
    try:
        if hasattr(fcntl, "F_OFD_SETLK"):
            # A lock on one byte that belongs to the descriptor, not to the process; see `struct flock` in fcntl(2).
            request = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_BYTE, 1, 0)
            try:
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
                return True
            except OSError as error:
                if error.errno != errno.EINVAL:  # EINVAL: a kernel without such locks
                    raise
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as error:
        return False if error.errno in _TAKEN else None


def _key(path: pathlib.Path) -> str:
    """Returns the key of a path in `_held`."""
    return os.path.abspath(path)
