"""`kept.json` in a workspace: what of a folder is this workspace's own work, so that nobody else's is replaced there.

It has a few digests of every archive, video and result that this workspace has written to such a folder or fetched from
it. What lies there under the same name and is not among them is somebody's other work: it gets a name that says so.
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
"""How many digests of one name are kept, the newest: a workspace may be kept in more than one folder."""

EARLIER = re.compile(r"\.earlier-[0-9A-Za-z]{1,8}(-\d+)?(?=\.|$)")
"""What the name of other work gets, before its suffix."""


def is_noted(root: pathlib.Path, name: str, digest: str) -> bool:
    """Whether a workspace has written or fetched something of this digest under this name."""
    return digest in _digests(_read_note(root).get(name))


def note_kept(root: pathlib.Path, name: str, digest: str) -> None:
    """Notes that a workspace has written or fetched something of this digest under this name."""
    note = _read_note(root)
    digests = _digests(note.get(name))
    if digests[-1:] != [digest]:
        note[name] = [*(known for known in digests if known != digest), digest][-REMEMBERED:]
        write_json(root / NOTE, note)


def digest_ends(path: pathlib.Path) -> str:
    """Computes the SHA-256 of a file's size, first and last 256 KiB, all that a slow folder should be asked for."""
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size} ".encode())
    with path.open("rb") as file:
        digest.update(file.read(ENDS))
        file.seek(max(ENDS, size - ENDS))
        digest.update(file.read())
    return digest.hexdigest()


def find_earlier(path: pathlib.Path, mark: str) -> pathlib.Path | None:
    """Finds what `rename_earlier` has renamed under this mark; None if it is not there."""
    found = _earlier(path, mark, 1, "" if path.is_dir() else path.suffix)
    return found if found.exists() else None


def rename_earlier(path: pathlib.Path, mark: str) -> pathlib.Path:
    """Gives other work, a file or a folder, a name that says so; nothing is replaced.

    Args:
        path: What is renamed.
        mark: Tells it from other work; the first eight letters and digits of it get into the name.

    Returns:
        Its new path.

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
    short = re.sub("[^0-9A-Za-z]", "", mark)[:8] or "unknown"
    count = f"-{number}" if number > 1 else ""
    return path.with_name(f"{path.name.removesuffix(suffix)}.earlier-{short}{count}{suffix}")


def _digests(value: object) -> list[str]:
    """Digests of a name as noted; earlier versions noted one."""
    found = value if isinstance(value, list) else [value]
    return [digest for digest in found if isinstance(digest, str)]


def _read_note(root: pathlib.Path) -> dict:
    path = root / NOTE
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except WorkspaceError as error:
        if isinstance(error.__cause__, OSError):  # which says nothing of what it holds
            raise error.__cause__ from None
        logger.warning("%s; what was kept before counts as somebody's other work, which stays", error)
        return {}
