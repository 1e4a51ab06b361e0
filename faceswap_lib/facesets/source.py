"""Reads `source.json`, next to the manifest: the source video of a faceset and the options of its extraction."""

import pathlib
import re
import reprlib

from faceswap_lib.atomic_io import read_json
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.text_files import check_text_file

SOURCE = "source.json"

MOST_BYTES = 10_000_000
"""Maximum size of the file, far more than the options of an extraction and the name of a video need."""

NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/]")

DIGEST = re.compile("[0-9a-f]{64}")


def read_source(folder: pathlib.Path) -> dict[str, str]:
    """Reads name and SHA-256 of the source video of a faceset.

    The name is only displayed; no file is opened by it.

    Returns:
        A dict with "video" and "sha256". Keys whose value is not known are missing.

    Raises:
        WorkspaceError: If the file is damaged, the name is not a valid file name or contains control characters, or the
            digest is not a SHA-256.
    """
    path = folder / SOURCE
    if not path.is_file():
        return {}
    check_text_file(path, MOST_BYTES)
    source = {name: value for name, value in read_json(path).items() if name in ("video", "sha256")}
    video, digest = source.get("video", "video"), source.get("sha256", "0" * 64)
    if not isinstance(video, str) or video in ("", ".", "..") or NO_NAME.search(video):
        raise _source_error(path, "video: expected the name of a file without control characters", video)
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise _source_error(path, "sha256: expected 64 hexadecimal digits", digest)
    return source


def _source_error(path: pathlib.Path, expected: str, got: object) -> WorkspaceError:
    """Builds the error for an invalid value."""
    return WorkspaceError(f"{path}: {expected}, got {reprlib.repr(got)}; name the video plainly and extract again")
