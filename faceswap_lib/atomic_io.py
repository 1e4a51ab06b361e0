"""Atomic writing of files: if the process is killed at any moment, the old or the new file is there, never a part."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import shutil
import typing

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.limits import JSON_BYTES
from faceswap_lib.locks.claimed_file import claim_new, discard, remove_abandoned, rename_claimed

TEMPORARIES = 100
"""Maximum number of processes and threads that may write one file at the same time."""

ENDS = 1 << 18
"""Number of bytes at each end of a file that are always compared; an archive stores its checksums at the end."""

OWN_SUMS = (".npz", ".zip")
"""Suffixes of files that store the checksums of all their contents at the end."""

_REFUSALS = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EBADF)
"""Error codes of a file system that cannot flush folders, or does not allow it to this user."""


@contextlib.contextmanager
def replacing(path: pathlib.Path, *, mode: int = 0o666) -> typing.Iterator[pathlib.Path]:
    """Yields a temporary path beside `path`; flushes the file and renames it to `path` if the block ends without error.

    The temporary name is hidden, contains ".partial" and keeps the suffix, so that writers which choose a format by
    suffix work. The temporary file is locked and belongs to this block only: two processes that write the same file at
    the same time have different temporary files, and the file of the last one to finish stays. A temporary file that a
    killed process left is removed by the next call. After an error the temporary file is removed and `path` is
    unchanged.

    Args:
        path: The file; its folder is created if it does not exist.
        mode: Permissions of the file, reduced by the user's umask. A file that is replaced gets no permission that it
            did not have.

    Yields:
        The temporary path to write to.

    Raises:
        OSError: If the file cannot be written, flushed or renamed, or another machine has replaced the temporary file.

    Taught in notebooks/05_faceswap_train.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        mode &= path.stat().st_mode
    temporary, is_done = _claim(path, 0o600 | mode & 0o666), False
    try:
        yield temporary
        with temporary.open("r+b") as written:  # Windows flushes only files that are open for writing
            os.fsync(written.fileno())
        rename_claimed(temporary, path)
        is_done = True
    finally:
        if not is_done:
            with contextlib.suppress(OSError):  # raise the first error; the next call removes the file
                discard(temporary)
    flush_folder(path.parent)


def flush_folder(folder: pathlib.Path) -> None:
    """Flushes a folder's entries to disk, so that a rename survives a power cut, if the file system supports it."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise


def _claim(path: pathlib.Path, mode: int) -> pathlib.Path:
    """Creates the first temporary file that is not in use, and removes later ones that killed processes left."""
    for number in range(TEMPORARIES):
        temporary = _temporary(path, number)
        if claim_new(temporary, mode):
            break
    else:
        raise OSError(errno.EBUSY, f"{TEMPORARIES} temporary files beside it are in use; stop other writers", str(path))
    while os.path.lexists(following := _temporary(path, number + 1)):
        remove_abandoned(following)
        number += 1
    return temporary


def _temporary(path: pathlib.Path, number: int) -> pathlib.Path:
    """Builds the path of a numbered temporary file."""
    return path.with_name(f".{path.stem}{f'.{number}' if number else ''}.partial{path.suffix}")


def remove_emptied(path: pathlib.Path) -> None:
    """Truncates a file to 0 bytes and removes it; does nothing if it does not exist.

    A drive that moves deleted files to a trash, as Google Drive does, then keeps a file of 0 bytes there. If the path
    is a symbolic link, only the link is removed. A file with a second hard link is not truncated.
    """
    with contextlib.suppress(FileNotFoundError):
        if not path.is_symlink() and path.stat().st_nlink == 1:
            os.truncate(path, 0)
        path.unlink()


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file atomically; lines end in a line feed on every system."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: pathlib.Path, value: object) -> None:
    """Writes a JSON file atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: pathlib.Path) -> dict:
    """Reads a JSON object.

    Raises:
        WorkspaceError: If the file is missing, is not a regular file, is longer than `JSON_BYTES`, or does not contain
            a JSON object.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe or a device may never end
            raise OSError(errno.EINVAL, "it is a folder, a pipe or a device")
        JSON_BYTES.check(path.stat().st_size, path, WorkspaceError)
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WorkspaceError(f"{path}: expected a JSON file ({error}); create this folder again") from error
    if not isinstance(value, dict):
        raise WorkspaceError(f"{path}: expected a JSON object, got {type(value).__name__}; create this folder again")
    return value


def copy_whole(source: pathlib.Path, target: pathlib.Path, *, same_age: bool = False) -> None:
    """Copies a file atomically.

    The copy gets no permission that `source` does not have.

    Args:
        source: The file to copy.
        target: The copy; its folder is created if it does not exist.
        same_age: Whether the copy gets the access and modification times of `source`.
    """
    with replacing(target, mode=source.stat().st_mode) as temporary:
        shutil.copyfile(source, temporary)
        if same_age:
            times = source.stat()
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))


def is_copy(path: pathlib.Path, copy: pathlib.Path) -> bool:
    """Compares a file with its possible copy; does not decide which of the two is newer.

    The size, the beginning and the end are always compared. If the modification times are equal, as after `copy_whole`
    with `same_age`, or the file stores its own checksums, this is enough. Otherwise all bytes are compared.

    Args:
        path: The file.
        copy: The possible copy.

    Returns:
        Whether the copy exists and is the same.
    """
    if not copy.is_file():
        return False
    before, after = path.stat(), copy.stat()
    if before.st_size != after.st_size:
        return False
    with path.open("rb") as one, copy.open("rb") as other:
        if any(one.read(ENDS) != other.read(ENDS) for _ in _seek_both(one, other, before.st_size)):
            return False
        if before.st_size <= 2 * ENDS or path.suffix in OWN_SUMS or before.st_mtime_ns == after.st_mtime_ns:
            return True
        one.seek(0)
        other.seek(0)
        while block := one.read(1 << 20):
            if block != other.read(1 << 20):
                return False
    return True


def _seek_both(one: typing.BinaryIO, other: typing.BinaryIO, size: int) -> typing.Iterator[int]:
    """Moves two files to their beginning, then to the last `ENDS` bytes; yields the offset."""
    for place in (0, max(0, size - ENDS)):
        one.seek(place)
        other.seek(place)
        yield place


def file_digest(path: pathlib.Path) -> str:
    """Computes the SHA-256 digest of a file, in hexadecimal.

    Taught in notebooks/08_responsible_use.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
