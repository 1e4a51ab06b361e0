"""Reads text files of a workspace safely: they may come from an untrusted source, so length and type are checked."""

import pathlib

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.limits import TEXT_BYTES

MOST_IN_LINE = 1_000_000
"""Maximum number of characters in a line. A record of a face has about 4,000."""

MOST_LINES = 10_000_000
"""Maximum number of lines in a file, the same as for the frames of a video. Even an empty line takes memory."""

_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""Characters that end a line in Python's `str.splitlines`."""


def check_text_file(path: pathlib.Path, most: int | None = None) -> None:
    """Checks that a path is a regular file that is not too long to be read.

    Args:
        path: The file.
        most: Maximum number of bytes, if it is less than `limits.TEXT_BYTES`.

    Raises:
        WorkspaceError: If the file is missing, is not a regular file, or has more bytes.
    """
    try:
        if not path.is_file():
            raise WorkspaceError(
                f"{path}: expected a file, got {'something else' if path.exists() else 'nothing'} there"
            )
        size = path.stat().st_size
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if most is not None and size > most:
        raise WorkspaceError(f"{path}: expected at most {most:,} bytes, got {size:,}; look into it, or move it away")
    TEXT_BYTES.check(size, path, WorkspaceError)


def read_text(path: pathlib.Path, most: int | None = None) -> str:
    """Reads a text file in UTF-8, after `check_text_file`.

    Args:
        path: The file.
        most: Maximum number of bytes, if it is less than `limits.TEXT_BYTES`.

    Raises:
        WorkspaceError: If the file is missing, is not a regular file, has more bytes, or is not UTF-8.
    """
    check_text_file(path, most)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise WorkspaceError(f"{path}: expected text in UTF-8 ({error})") from error


def read_lines(path: pathlib.Path) -> list[str]:
    """Reads the lines of a text file in UTF-8.

    Raises:
        WorkspaceError: As in `read_text`, and if the file has more than `MOST_LINES` lines or a line has more than
            `MOST_IN_LINE` characters.
    """
    text = read_text(path)
    if (count := sum(map(text.count, _ENDS))) > MOST_LINES:
        raise WorkspaceError(f"{path}: expected at most {MOST_LINES:,} lines, got {count:,}")
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_IN_LINE:
            raise WorkspaceError(f"{path}:{number}: expected at most {MOST_IN_LINE:,} characters, got {len(line):,}")
    return lines
