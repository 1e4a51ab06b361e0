"""SHA-256 of weight files: compared with what is known of them, or with what was noted when one was first used.

Where the maker of a file has published no full SHA-256, the file's own is written beside it, in `NAME.sha256` as
`sha256sum` writes it, the first time it is fetched or used. It says nothing about that first file, but a later one that
differs is noticed.
"""

import hashlib
import pathlib
import re

from faceswap_lib.atomic_io import file_digest, write_text
from faceswap_lib.errors import CheckpointError, WorkspaceError

SUFFIX = ".sha256"

LINE = re.compile(r"([0-9a-f]{64})(\s|$)")

LONGEST = 1_000
"""Bytes of a note of a sum."""

IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")
"""How a file's name holds the begin of its SHA-256, as PyTorch's hub writes it."""


def note_path(path: pathlib.Path) -> pathlib.Path:
    """Names the note of a file's sum."""
    return path.with_name(path.name + SUFFIX)


def read_note(path: pathlib.Path) -> str | None:
    """Reads the SHA-256 that was noted for a file; None if none was.

    Raises:
        CheckpointError: If the note is damaged.
    """
    note = note_path(path)
    if not note.is_file():
        return None
    with note.open("rb") as file:
        found = LINE.match(file.read(LONGEST).decode("ascii", "replace"))
    if found is None:
        raise CheckpointError(f"{note}: expected a SHA-256, got something else; remove it, and fetch the file anew")
    return found[1]


def write_note(path: pathlib.Path, digest: str) -> bool:
    """Notes the SHA-256 of a file; says whether it could be written."""
    try:
        write_text(note_path(path), f"{digest}  {path.name}\n")
    except (OSError, WorkspaceError):  # a folder that others fill, such as a shared one
        return False
    return True


def check_sum(path: pathlib.Path, sha256: str | None = None, *, begin: str = "", notes: bool = True) -> str:
    """Compares a file with the sum that is known of it; where none is, with the one noted, which is made if need be.

    Args:
        path: The file.
        sha256: The sum its maker published, or that this program was made with.
        begin: The first digits of the sum, where no more is known.
        notes: Whether a first sum is noted.

    Returns:
        The file's SHA-256.

    Raises:
        CheckpointError: If it is another file.
        OSError: If it cannot be read.
    """
    digest = file_digest(path)
    known = sha256 or read_note(path)
    if known is not None and digest != known:
        noted = "" if sha256 else f"; that is noted in {note_path(path).name}, which goes with a file you replaced"
        raise CheckpointError(
            f"{path}: expected SHA-256 {known}, got {digest}{noted}; remove the file and fetch it anew"
        )
    if not digest.startswith(begin):
        raise CheckpointError(f"{path}: expected a SHA-256 that begins with {begin}, got {digest}; fetch the file anew")
    if known is None and notes:
        write_note(path, digest)
    return digest


def read_known(path: pathlib.Path, sha256: str, *, not_done: str, remedy: str) -> bytes:
    """Reads a file whole, and compares what was read, so that nothing can be put in its place between the two.

    Args:
        path: The file.
        sha256: Its sum.
        not_done: What was not done with another file, for the message.
        remedy: What to do then, for the message.

    Raises:
        CheckpointError: If it cannot be read or is another file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise CheckpointError(
            f"{path}: expected SHA-256 {sha256}, got {digest}; {not_done}. "
            f"Another version of the package, or a damaged file: {remedy}"
        )
    return data


def sum_in_name(name: str) -> str:
    """The begin of the SHA-256 that a file's name holds; empty if it holds none."""
    found = IN_NAME.search(name)
    return found[1] if found else ""
