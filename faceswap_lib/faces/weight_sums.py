"""SHA-256 checksums of weight files: compared with a known value, or with the value recorded at first use.

If the maker of a file has published no complete SHA-256, the checksum of the file itself is recorded the first time the
file is fetched or used: beside it, in `NAME.sha256`, in the format of `sha256sum`. It does not verify that first file,
but it reveals if the file is different later.
"""

import contextlib
import hashlib
import pathlib
import re
import typing

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


def note_first_sum(path: pathlib.Path) -> None:
    """Records the SHA-256 of a file if none is recorded; to be called only after the file was read without an error.

    Otherwise the checksum of a damaged file would be recorded, and the right file refused when it takes its place.
    """
    if read_note(path) is None:
        write_note(path, file_digest(path))


def check_sum(path: pathlib.Path, sha256: str | None = None, *, begin: str = "") -> str:
    """Compares the SHA-256 of a file with the known value, or with the recorded one if none is known.

    Args:
        path: The file.
        sha256: The checksum that its maker published, or for which this program was made.
        begin: The first digits of the checksum, if no more are known.

    Returns:
        The file's SHA-256.

    Raises:
        CheckpointError: If the SHA-256 differs, or the file of the recorded one is damaged.
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
    return digest


def read_known(path: pathlib.Path, sha256: str, *, size: int = 0, not_done: str, remedy: str) -> bytes:
    """Reads a complete file and verifies its SHA-256.

    The file is read only once, so it cannot be replaced between the verification and the use of its bytes.

    Args:
        path: The file.
        sha256: The expected SHA-256, in hexadecimal.
        size: The expected size in bytes, which is compared before the file is read; 0 if it is not known.
        not_done: Part of the error message: what was not done with a wrong file, for example "it was not used".
        remedy: Part of the error message: what the user can do.

    Returns:
        The bytes of the file.

    Raises:
        CheckpointError: If the file cannot be read, or its size or SHA-256 differs.
    """
    with _reporting(path, remedy):
        _compare_size(path, size, not_done, remedy)
        data = path.read_bytes()
    _compare_known(path, hashlib.sha256(data).hexdigest(), sha256, not_done, remedy)
    return data


def check_known(path: pathlib.Path, sha256: str, *, size: int = 0, not_done: str, remedy: str) -> None:
    """Verifies the SHA-256 of a file that another library reads by its path; arguments and errors of `read_known`."""
    with _reporting(path, remedy):
        _compare_size(path, size, not_done, remedy)
        digest = file_digest(path)
    _compare_known(path, digest, sha256, not_done, remedy)


@contextlib.contextmanager
def _reporting(path: pathlib.Path, remedy: str) -> typing.Iterator[None]:
    """Converts errors of reading a file to `CheckpointError`."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error


def _compare_size(path: pathlib.Path, size: int, not_done: str, remedy: str) -> None:
    """Raises `CheckpointError` if a file has another size than the known one."""
    found = path.stat().st_size
    if size and found != size:
        raise CheckpointError(f"{path}: expected {size:,} bytes, got {found:,}; {not_done}: {remedy}")


def _compare_known(path: pathlib.Path, digest: str, sha256: str, not_done: str, remedy: str) -> None:
    """Raises `CheckpointError` if the SHA-256 of a file is not the known one."""
    if digest != sha256:
        raise CheckpointError(
            f"{path}: expected SHA-256 {sha256}, got {digest}; {not_done}. "
            f"Another version of the package, or a damaged file: {remedy}"
        )


def sum_in_name(name: str) -> str:
    """Extracts the first digits of the SHA-256 from a file's name; returns an empty string if there are none."""
    found = IN_NAME.search(name)
    return found[1] if found else ""
