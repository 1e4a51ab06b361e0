"""Writing files so that a kill at any moment leaves the old file or the new one, never half of one."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import typing

from faceswap_lib.errors import WorkspaceError


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> typing.Iterator[pathlib.Path]:
    """Gives a temporary path beside `path`, flushed and renamed onto it when the block ends without an error.

    The temporary name keeps the suffix, so that writers which choose a format by suffix work, and is always the same,
    so that a file left by a kill is overwritten by the next attempt. After an error the temporary file is removed and
    `path` stays as it was.

    Taught in notebooks/05_faceswap_train.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    if temporary.is_symlink():
        temporary.unlink()  # what it leads to is not ours to write
    try:
        yield temporary
        with temporary.open("r+b") as written:  # Windows flushes only what is open for writing
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        remove_emptied(temporary)


def remove_emptied(path: pathlib.Path) -> None:
    """Empties a file and removes it; no error if it is not there.

    A drive that moves what is deleted into a trash, as Google Drive does, then keeps a file of 0 bytes there. Of a
    symbolic link only the link is removed.
    """
    with contextlib.suppress(FileNotFoundError):
        if not path.is_symlink():
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
        WorkspaceError: If the file is missing or holds something else.
    """
    try:
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
    """
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
        if same_age:
            times = source.stat()
            os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))


def is_copy(path: pathlib.Path, copy: pathlib.Path) -> bool:
    """Whether a copy is there, has a file's size and is not older, so that one written anew is copied anew."""
    if not copy.is_file():
        return False
    before, after = path.stat(), copy.stat()
    return after.st_size == before.st_size and after.st_mtime_ns >= before.st_mtime_ns


def file_digest(path: pathlib.Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Taught in notebooks/08_responsible_use.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
