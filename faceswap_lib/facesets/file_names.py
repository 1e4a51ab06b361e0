"""What a name that was read from a file may be: a plain file name, which stays inside its folder.

A manifest or an archive may come from somebody else, and a name in it decides what is read, replaced and removed.
"""

import pathlib
import re
import reprlib

from faceswap_lib.errors import WorkspaceError

RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE | re.DOTALL)
"""Names that Windows takes for devices, with any suffix."""

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
"""Separators, drive letters, control characters, and what Windows allows in no name."""

MOST_BYTES = 240
"""Length of a name in UTF-8: file systems take 255, of which a temporary file's name beside it needs a few."""


def check_file_name(name: object) -> str:
    """Checks that a name is a plain file name, the same file in the same folder on every system.

    Args:
        name: What was read.

    Returns:
        The name.

    Raises:
        ValueError: If it is no text, is empty, "." or "..", holds a separator, a drive letter, a control character or
            a character that Windows forbids, ends in a dot or a space, is a device of Windows, is no valid Unicode, or
            is longer than 240 bytes.
    """
    if not isinstance(name, str):
        raise ValueError(f"expected a file name, got {reprlib.repr(name)}")
    try:
        is_short = len(name.encode("utf-8")) <= MOST_BYTES
    except UnicodeEncodeError as error:
        raise ValueError(f"expected a file name in valid Unicode, got {reprlib.repr(name)}") from error
    if not name.strip(". ") or name[-1] in ". " or FORBIDDEN.search(name) or RESERVED.fullmatch(name) or not is_short:
        raise ValueError(f"expected a plain file name without folders, got {reprlib.repr(name)}")
    return name


def check_inside(path: pathlib.Path, root: pathlib.Path) -> None:
    """Checks that no link on the way leads a path out of a folder, before something there is replaced or removed.

    Args:
        path: A file or folder, which need not exist.
        root: The folder; it may itself be reached through a link.

    Raises:
        WorkspaceError: If the path leads elsewhere.
    """
    advice = "nothing there is changed; put the files themselves in the place of the link"
    try:
        real = path.resolve()
        is_inside = real.is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # links in a circle
        raise WorkspaceError(f"{path}: expected a place inside {root} ({error}); {advice}") from error
    if not is_inside:
        raise WorkspaceError(f"{path}: expected a place inside {root}, got a link to {real}; {advice}")
