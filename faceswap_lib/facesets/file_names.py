"""Checks names that were read from a file: each must be a plain file name, which stays inside its folder.

A manifest or an archive may come from an untrusted source. The names in it determine which files are read, replaced
and removed.
"""

import pathlib
import re
import reprlib

from faceswap_lib.errors import WorkspaceError

RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE | re.DOTALL)
"""Device names of Windows, with any suffix."""

FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
"""Separators, the colon of drive letters, control characters, and other characters that Windows forbids in names."""

MOST_BYTES = 240
"""Maximum length of a name in UTF-8 bytes. File systems allow 255; the names of temporary files need a few more."""


def check_file_name(name: object) -> str:
    """Checks that a value is a plain file name that means the same file on every operating system.

    Args:
        name: The value that was read.

    Returns:
        The name.

    Raises:
        ValueError: If it is not a string, is empty, "." or "..", contains a separator, a drive letter, a control
            character or a character that Windows forbids, ends in a dot or a space, is a device name of Windows, is not
            valid Unicode, or is longer than 240 bytes.
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
    """Checks that a path is inside a folder after all links are resolved, before a file there is replaced or removed.

    Args:
        path: A file or folder. It does not have to exist.
        root: The folder. Links above it are allowed.

    Raises:
        WorkspaceError: If the path leads out of the folder.
    """
    advice = "nothing there is changed; put the files themselves in the place of the link"
    try:
        real = path.resolve()
        is_inside = real.is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # links in a circle
        raise WorkspaceError(f"{path}: expected a place inside {root} ({error}); {advice}") from error
    if not is_inside:
        raise WorkspaceError(f"{path}: expected a place inside {root}, got a link to {real}; {advice}")
