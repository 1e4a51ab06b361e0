"""`source.json`: which video a faceset came from and with which options, beside its manifest."""

import pathlib
import re
import reprlib

from faceswap_lib.atomic_io import read_json
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.text_files import check_text_file

SOURCE = "source.json"

MOST_BYTES = 10_000_000
"""Far more than the options of an extraction and the name of a video need."""

NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f/]")

DIGEST = re.compile("[0-9a-f]{64}")


def read_source(folder: pathlib.Path) -> dict[str, str]:
    """Reads name and SHA-256 of the video whose faces a folder holds.

    The name is for people to read; no file is looked for under it.

    Returns:
        "video" and "sha256"; empty, or one of them missing, if it is not known.

    Raises:
        WorkspaceError: If the file is damaged, the name is none or could steer a terminal, or the sum is no SHA-256.
    """
    path = folder / SOURCE
    if not path.is_file():
        return {}
    check_text_file(path, MOST_BYTES)
    source = {name: value for name, value in read_json(path).items() if name in ("video", "sha256")}
    video, digest = source.get("video", "video"), source.get("sha256", "0" * 64)
    if not isinstance(video, str) or video in ("", ".", "..") or NO_NAME.search(video):
        raise _complain(path, "video: expected the name of a file without control characters", video)
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise _complain(path, "sha256: expected 64 hexadecimal digits", digest)
    return source


def _complain(path: pathlib.Path, expected: str, got: object) -> WorkspaceError:
    return WorkspaceError(f"{path}: {expected}, got {reprlib.repr(got)}; name the video plainly and extract again")
