"""Reads and writes `kept.json`, which records the files in backup folders that this workspace may replace.

It contains a few digests of every archive, video and result that this workspace has written to a backup folder or
fetched from it. A file in the backup folder with the same name but another digest belongs to other work. It is not
replaced but renamed to "NAME.earlier-...".
"""

import hashlib
import logging
import os
import pathlib
import re

from faceswap_lib.atomic_io import ENDS, flush_folder, read_json, write_json
from faceswap_lib.errors import WorkspaceError

logger = logging.getLogger(__name__)

NOTE = "kept.json"

REMEMBERED = 20
"""Number of newest digests that are stored per name: a workspace may have more than one backup folder."""

EARLIER = re.compile(r"\.earlier-[0-9A-Za-z]{1,8}(-\d+)?(?=\.|$)")
"""The mark that `rename_earlier` inserts into the name of a file or folder, before its suffix."""


def is_noted(root: pathlib.Path, name: str, digest: str) -> bool:
    """Returns whether a workspace has written or fetched data with this digest under this name."""
    return digest in _digests(_read_note(root).get(name))


def note_kept(root: pathlib.Path, name: str, digest: str) -> None:
    """Records that a workspace has written or fetched data with this digest under this name."""
    note = _read_note(root)
    digests = _digests(note.get(name))
    if digests[-1:] != [digest]:
        note[name] = [*(known for known in digests if known != digest), digest][-REMEMBERED:]
        write_json(root / NOTE, note)


def digest_ends(path: pathlib.Path) -> str:
    """Computes the SHA-256 of a file's size and its first and last 256 KiB; reading a large file whole may be slow."""
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size} ".encode())
    with path.open("rb") as file:
        digest.update(file.read(ENDS))
        file.seek(max(ENDS, size - ENDS))
        digest.update(file.read())
    return digest.hexdigest()


def find_earlier(path: pathlib.Path, mark: str) -> pathlib.Path | None:
    """Returns the path to which `rename_earlier` has renamed a path with this mark; None if it does not exist."""
    found = _earlier(path, mark, 1, "" if path.is_dir() else path.suffix)
    return found if found.exists() else None


def rename_earlier(path: pathlib.Path, mark: str) -> pathlib.Path:
    """Renames a file or folder of other work to "NAME.earlier-MARK". Never replaces an existing path.

    Args:
        path: The file or folder to rename.
        mark: Identifies the work, for example its digest. Its first eight letters and digits are used in the name.

    Returns:
        The new path.

    Raises:
        OSError: If it cannot be renamed.
    """
    suffix, number = "" if path.is_dir() else path.suffix, 1
    while os.path.lexists(target := _earlier(path, mark, number, suffix)):
        number += 1
    path.rename(target)
    flush_folder(path.parent)
    return target


def _earlier(path: pathlib.Path, mark: str, number: int, suffix: str) -> pathlib.Path:
    """Builds the new path of a file or folder that is renamed."""
    short = re.sub("[^0-9A-Za-z]", "", mark)[:8] or "unknown"
    count = f"-{number}" if number > 1 else ""
    return path.with_name(f"{path.name.removesuffix(suffix)}.earlier-{short}{count}{suffix}")


def _digests(value: object) -> list[str]:
    """Returns the recorded digests of a name. Earlier versions recorded a single one."""
    found = value if isinstance(value, list) else [value]
    return [digest for digest in found if isinstance(digest, str)]


def _read_note(root: pathlib.Path) -> dict:
    """Reads `kept.json`; empty if it does not exist or is damaged."""
    path = root / NOTE
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except WorkspaceError as error:
        if isinstance(error.__cause__, OSError):  # the file may be intact
            raise error.__cause__ from None
        logger.warning("%s; earlier backups now count as other work and are not replaced", error)
        return {}
