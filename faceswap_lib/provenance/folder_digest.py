"""Computes the digest of a folder: one hash of the names and bytes of all its files.

Names are hashed as the bytes of the file system. Two names that differ only in the Unicode normal form or in case are
different names, and names do not have to be valid UTF-8.
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
    """Computes the SHA-256 of a folder's files, including those in subfolders, in hexadecimal.

    The hashed bytes are: the words "faceswap_lib folder 2" and a line feed, the number of files, then for each file, in
    the order of the names' bytes: the length of its name, its name relative to the folder, the SHA-256 of its bytes (32
    bytes). Numbers have 8 bytes, big-endian; the parts of a name are separated by "/". Each field has a fixed length or
    is preceded by its length, so no two folders have the same hashed bytes. Folders without files are ignored. Hidden
    entries are ignored, too: names that begin with a dot, and everything below them.

    Args:
        folder: The folder.
        links: Whether a link to a file counts as that file, as for images that are only read. Otherwise a link is an
            error, because its target can change.

    Raises:
        InputError: If the folder contains anything other than files and folders, or a link although `links` is False.
        OSError: If a file or folder cannot be read.
    """
    files = sorted(_list_files(folder, links))
    digest = hashlib.sha256(_CONTEXT + len(files).to_bytes(8, "big"))
    for name, path in files:
        digest.update(len(name).to_bytes(8, "big") + name + bytes.fromhex(file_digest(path)))
    return digest.hexdigest()


def count_hidden(folder: pathlib.Path) -> int:
    """Counts the hidden files and folders directly in a folder, which the digest ignores.

    Raises:
        OSError: If the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        return sum(entry.name.startswith(".") for entry in entries)


def folder_digest_1(folder: pathlib.Path) -> str:
    """Computes the digest for sidecars of schema 1: SHA-256 of one line "digest  name" per file, sorted by name.

    Raises:
        InputError: If a name contains a control character: a line feed could make one name look like two files.
        OSError: If a file or folder cannot be read.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [file.relative_to(folder).as_posix() for file in files]
    if bad := [name for name in names if _CONTROL.search(name)]:
        raise InputError(f"{folder}: a name with control characters, {bad[0]!r:.80}; such names cannot be checked")
    lines = (f"{file_digest(file)}  {name}\n" for file, name in zip(files, names, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_listing_1(path: pathlib.Path) -> bool:
    """Returns whether a file begins like the lines that `folder_digest_1` hashes, so that it could imitate a folder.

    Raises:
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        return _LINE.match(file.read(66)) is not None


def _list_files(folder: pathlib.Path, links: bool) -> list[tuple[bytes, pathlib.Path]]:
    """Lists the files to hash, each with its name relative to the folder."""
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
