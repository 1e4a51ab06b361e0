"""The digest of a folder: one number for the names and bytes of all its files.

Names count as the bytes that the file system has, so that a name in another normal form of Unicode, in another case, or
that is no UTF-8, is another name.
"""

import hashlib
import os
import pathlib
import re

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import InputError

_CONTEXT = b"faceswap_lib folder 2\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LINE = re.compile(rb"[0-9a-f]{64}  ")


def folder_digest(folder: pathlib.Path, *, links: bool) -> str:
    """Computes the SHA-256 of a folder's files, with those in folders inside it, in hexadecimal.

    It is that of: the words "faceswap_lib folder 2" and a line feed, the number of files, then for each file, in the
    order of the names' bytes: the length of its name, its name below the folder, the SHA-256 of its bytes (32 bytes).
    Numbers have 8 bytes, the highest first; parts of a name are separated by "/". Each part has a length that stands
    before it or is fixed, so no two folders give the same bytes. Folders without files do not count, nor does what is
    hidden: names that begin with a dot, and what is below them.

    Args:
        folder: The folder.
        links: Whether a link to a file counts as that file, as where pictures are only read; else it is an error, since
            what it leads to can change.

    Raises:
        InputError: If there is something else than files and folders in it, or a link that does not count.
        OSError: If something cannot be read.
    """
    files = sorted(_list_files(folder, links))
    digest = hashlib.sha256(_CONTEXT + len(files).to_bytes(8, "big"))
    for name, path in files:
        digest.update(len(name).to_bytes(8, "big") + name + bytes.fromhex(file_digest(path)))
    return digest.hexdigest()


def count_hidden(folder: pathlib.Path) -> int:
    """Counts the files and folders directly in a folder that are hidden and therefore do not count.

    Raises:
        OSError: If it cannot be read.
    """
    with os.scandir(folder) as entries:
        return sum(entry.name.startswith(".") for entry in entries)


def folder_digest_1(folder: pathlib.Path) -> str:
    """Computes the digest that sidecars of schema 1 have: SHA-256 of one line "digest  name" per file, sorted by name.

    Raises:
        InputError: If a name has a control character: with a line feed in it, it could stand for two files.
        OSError: If something cannot be read.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [file.relative_to(folder).as_posix() for file in files]
    if bad := [name for name in names if _CONTROL.search(name)]:
        raise InputError(f"{folder}: a name with control characters, {bad[0]!r:.80}; such names cannot be checked")
    lines = (f"{file_digest(file)}  {name}\n" for file, name in zip(files, names, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_listing_1(path: pathlib.Path) -> bool:
    """Whether a file begins as the lines do that `folder_digest_1` computes a digest of; it then passes for a folder.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return _LINE.match(file.read(66)) is not None


def _list_files(folder: pathlib.Path, links: bool) -> list[tuple[bytes, pathlib.Path]]:
    """Lists the files that count, each with its name below the folder."""
    found, waiting = [], [(b"", folder)]
    while waiting:
        above, place = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name, path = above + os.fsencode(entry.name), pathlib.Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((name + b"/", path))
                elif entry.is_file(follow_symlinks=links):
                    found.append((name, path))
                elif not links:
                    kind = "a link" if entry.is_symlink() else "a device or a pipe"
                    raise InputError(f"{path}: expected files and folders only, got {kind}; put the file itself there")
    return found
