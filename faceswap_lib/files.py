"""Writing files so that a kill at any moment leaves the old file or the new one, never half of one."""

import contextlib
import hashlib
import json
import os
import pathlib
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
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{path}: expected a JSON file ({error}); make this folder anew") from error
    if not isinstance(value, dict):
        raise WorkspaceError(f"{path}: expected a JSON object, got {type(value).__name__}; make this folder anew")
    return value


def file_digest(path: pathlib.Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Taught in notebooks/08_responsible_use.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
