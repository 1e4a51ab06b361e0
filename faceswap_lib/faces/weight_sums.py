"""SHA-256 checksums of weight files: compared with a known value, or with the value recorded at first use.

If the maker of a file has published no complete SHA-256, the checksum of the file itself is recorded the first time the
file is fetched or used: beside it, in `NAME.sha256`, in the format of `sha256sum`. It does not verify that first file,
but it reveals if the file is different later.
"""

import hashlib
import pathlib
import re

from faceswap_lib.atomic_io import file_digest, write_text
from faceswap_lib.errors import CheckpointError, WorkspaceError

SUFFIX = ".sha256"

LINE = re.compile(r"([0-9a-f]{64})(\s|$)")

LONGEST = 1_000
"""Largest number of bytes that are read from a checksum file."""

IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")
"""Pattern of the first digits of the SHA-256 in a file's name, as PyTorch's hub writes them."""


def note_path(path: pathlib.Path) -> pathlib.Path:
    """Returns the path of the file in which a file's checksum is recorded."""
    return path.with_name(path.name + SUFFIX)


def read_note(path: pathlib.Path) -> str | None:
    """Reads the SHA-256 that was recorded for a file; returns None if there is none.

    Raises:
        CheckpointError: If the checksum file is damaged.
    """
    note = note_path(path)
    if not note.is_file():
        return None
    with note.open("rb") as file:
        found = LINE.match(file.read(LONGEST).decode("ascii", "replace"))
    if found is None:
        raise CheckpointError(f"{note}: expected a SHA-256, got something else; remove it, and fetch the file again")
    return found[1]


def write_note(path: pathlib.Path, digest: str) -> bool:
    """Records the SHA-256 of a file; returns whether it could be written."""
    try:
        write_text(note_path(path), f"{digest}  {path.name}\n")
    except (OSError, WorkspaceError):  # for example a shared folder that belongs to others
        return False
    return True


def check_sum(path: pathlib.Path, sha256: str | None = None, *, begin: str = "", notes: bool = True) -> str:
    """Compares the SHA-256 of a file with the known value.

    If none is known, the recorded value is used. If none is recorded either, the SHA-256 of this file is recorded.

    Args:
        path: The file.
        sha256: The checksum that its maker published, or for which this program was made.
        begin: The first digits of the checksum, if no more are known.
        notes: Whether to record a first checksum.

    Returns:
        The file's SHA-256.

    Raises:
        CheckpointError: If the SHA-256 differs.
        OSError: If it cannot be read.
    """
    digest = file_digest(path)
    known = sha256 or read_note(path)
    if known is not None and digest != known:
        note = note_path(path).name
        noted = "" if sha256 else f" (the expected one is noted in {note}; remove it too if you replaced the file)"
        raise CheckpointError(
            f"{path}: expected SHA-256 {known}, got {digest}{noted}; remove the file and fetch it again"
        )
    if not digest.startswith(begin):
        raise CheckpointError(
            f"{path}: expected a SHA-256 that begins with {begin}, got {digest}; fetch the file again"
        )
    if known is None and notes:
        write_note(path, digest)
    return digest


def read_known(path: pathlib.Path, sha256: str, *, not_done: str, remedy: str) -> bytes:
    """Reads a complete file and verifies its SHA-256.

    The file is read only once, so it cannot be replaced between the verification and the use of its bytes.

    Args:
        path: The file.
        sha256: The expected SHA-256, in hexadecimal.
        not_done: Part of the error message: what was not done with a wrong file, for example "it was not used".
        remedy: Part of the error message: what the user can do.

    Returns:
        The bytes of the file.

    Raises:
        CheckpointError: If the file cannot be read, or its SHA-256 differs.
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
    """Extracts the first digits of the SHA-256 from a file's name; returns an empty string if there are none."""
    found = IN_NAME.search(name)
    return found[1] if found else ""
