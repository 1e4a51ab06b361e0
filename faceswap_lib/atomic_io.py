"""Writing files so that a kill at any moment leaves the old file or the new one, never half of one."""

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
"""How many processes and threads may write one file at the same time."""

ENDS = 1 << 18
"""Bytes at the beginning and at the end of a file that are always compared; an archive has the sums of all there."""

OWN_SUMS = (".npz", ".zip")
"""What ends in the sums of all its contents."""

_REFUSALS = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EBADF)
"""How a file system says that folders are not flushed there, or not by this user."""


@contextlib.contextmanager
def replacing(path: pathlib.Path, *, mode: int = 0o666) -> typing.Iterator[pathlib.Path]:
    """Gives a temporary path beside `path`, flushed and renamed onto it when the block ends without an error.

    The temporary name is hidden, holds ".partial" and keeps the suffix, so that writers which choose a format by suffix
    work. It is this block's alone, and locked: two processes that write the same file at once never share one, and the
    one that ends last has written the file. What a killed process has left is removed by the next attempt. After an
    error the temporary file is removed and `path` stays as it was.

    Args:
        path: The file; its folder is made.
        mode: Permissions of the file. The user's umask takes some away, and a file that is replaced gives no more than
            it had.

    Raises:
        OSError: If the file cannot be written, flushed or renamed, or another machine took the temporary file away.

    Taught in notebooks/05_faceswap_train.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        mode &= path.stat().st_mode
    temporary, is_done = _claim(path, 0o600 | mode & 0o666), False
    try:
        yield temporary
        with temporary.open("r+b") as written:  # Windows flushes only what is open for writing
            os.fsync(written.fileno())
        rename_claimed(temporary, path)
        is_done = True
    finally:
        if not is_done:
            with contextlib.suppress(OSError):  # the first error counts; what is left is removed by the next attempt
                discard(temporary)
    flush_folder(path.parent)


def flush_folder(folder: pathlib.Path) -> None:
    """Puts the names in a folder on disk, so that a rename outlives a power cut, where the file system does that."""
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
    """Makes the first temporary file that nobody else uses, and removes those behind it that a kill has left."""
    for number in range(TEMPORARIES):
        temporary = _temporary(path, number)
        if claim_new(temporary, mode):
            break
    else:
        raise OSError(errno.EBUSY, f"{TEMPORARIES} temporary files beside it are in use", str(path))
    while os.path.lexists(following := _temporary(path, number + 1)):
        remove_abandoned(following)
        number += 1
    return temporary


def _temporary(path: pathlib.Path, number: int) -> pathlib.Path:
    return path.with_name(f".{path.stem}{f'.{number}' if number else ''}.partial{path.suffix}")


def remove_emptied(path: pathlib.Path) -> None:
    """Empties a file and removes it; no error if it is not there.

    A drive that moves what is deleted into a trash, as Google Drive does, then keeps a file of 0 bytes there. Of a
    symbolic link only the link is removed, and a file that has another name too stays whole under that.
    """
    with contextlib.suppress(FileNotFoundError):
        if not path.is_symlink() and path.stat().st_nlink == 1:
            os.truncate(path, 0)
        path.unlink()


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file whole or not at all; lines end in a line feed on every system."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: pathlib.Path, value: object) -> None:
    """Writes a JSON file whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: pathlib.Path) -> dict:
    """Reads a JSON object.

    Raises:
        WorkspaceError: If the file is missing, is no file, is longer than `JSON_BYTES`, or holds something else.
    """
    try:
        if path.exists() and not path.is_file():  # of a pipe or device the end would be waited for
            raise OSError(errno.EINVAL, "it is a folder, a pipe or a device")
        JSON_BYTES.check(path.stat().st_size, path, WorkspaceError)
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WorkspaceError(f"{path}: expected a JSON file ({error}); make this folder anew") from error
    if not isinstance(value, dict):
        raise WorkspaceError(f"{path}: expected a JSON object, got {type(value).__name__}; make this folder anew")
    return value


def copy_whole(source: pathlib.Path, target: pathlib.Path, *, same_age: bool = False) -> None:
    """Copies a file whole or not at all.

    Args:
        source: What is copied.
        target: The copy; its folder is made.
        same_age: The copy gets the times of `source`, as if it had been there all along.

    Nobody may read or write the copy who may not do so with `source`.
    """
    with replacing(target, mode=source.stat().st_mode) as temporary:
        shutil.copyfile(source, temporary)
        if same_age:
            times = source.stat()
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))


def is_copy(path: pathlib.Path, copy: pathlib.Path) -> bool:
    """Compares a file with what may be its copy, and asks no clock which is newer.

    Size and both ends are always compared. Then equal times, as `copy_whole` with `same_age` leaves them, or sums that
    stand in the file itself, are enough; otherwise all bytes are compared.

    Returns:
        Whether the copy is there and the same.
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
        one.seek(0), other.seek(0)
        while block := one.read(1 << 20):
            if block != other.read(1 << 20):
                return False
    return True


def _seek_both(one: typing.BinaryIO, other: typing.BinaryIO, size: int) -> typing.Iterator[int]:
    """Goes to the beginning of two files, then to where their ends begin."""
    for place in (0, max(0, size - ENDS)):
        one.seek(place)
        other.seek(place)
        yield place


def file_digest(path: pathlib.Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Taught in notebooks/08_responsible_use.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
