"""What an archive says of itself, looked at before any of its files is written: somebody else may have made it."""

import errno
import pathlib
import stat
import struct
import zipfile

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.limits import ARCHIVE_BYTES, ARCHIVE_FILES, ARCHIVE_RATIO

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How the files of an archive may be compressed: as `pack` does it."""

MOST_PARTS = 16
"""How deep a file may lie."""

MOST_PATH_BYTES = 1000
"""Length of a path in UTF-8; systems take 4,096 for the whole of it, some less."""

SMALL_FILE = 1_000_000
"""Bytes of a file that need no ratio to its size in the archive: a file of zeros is no attack."""

SMALL_ARCHIVE = 100_000_000
"""Bytes of all files together that need no ratio to the archive."""

HEADER = 30
"""Bytes in front of a file in an archive, at least; its name follows."""

DIRECTORY_ENTRY = b"PK\x01\x02"
"""How each file's entry in the directory begins."""

LONG_ENTRY = 400
"""Bytes that an entry has on average, at most."""

END, WIDE_END, WIDE_LOCATOR_BYTES = struct.Struct("<10xHI6x"), struct.Struct("<32xQQ8x"), 20
"""The records at an archive's end: how many files its directory has, and its length; wide ones for large archives."""

MOST_END_BYTES = (1 << 16) + END.size + WIDE_LOCATOR_BYTES + WIDE_END.size
"""Length of these records, with the longest comment."""


def check_count(archive: pathlib.Path) -> int:
    """Counts the files of an archive in the bytes of its directory, before any of them becomes an object.

    Returns:
        How many it states, which may be another number.

    Raises:
        WorkspaceError: If there are more than are taken on, or they have a directory as large.
        OSError: If it cannot be read, or is no file: of a pipe the end would be waited for.
    """
    if archive.exists() and not archive.is_file():
        raise OSError(errno.EINVAL, "expected a file, got a folder, a pipe or a device", str(archive))
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - MOST_END_BYTES))
        stated, length = _read_end(file.read())
        length = min(length, size)
        ARCHIVE_FILES.check(length // LONG_ENTRY, archive.name, WorkspaceError)
        file.seek(max(0, size - MOST_END_BYTES - length))
        count, rest = 0, b""
        while block := file.read(1 << 20):
            count += (rest + block).count(DIRECTORY_ENTRY)
            rest = block[1 - len(DIRECTORY_ENTRY) :]
    ARCHIVE_FILES.check(count, archive.name, WorkspaceError)
    return stated


def _read_end(tail: bytes) -> tuple[int, int]:
    """Number and bytes of an archive's entries as the record at its end has them; `ZipFile` reads as many bytes."""
    at = len(tail) - END.size
    if tail[at : at + 4] != b"PK\x05\x06" or tail[-2:] != bytes(2):  # there is a comment behind it
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END.size > len(tail):
        return 0, 0  # no archive, as `ZipFile` will say
    wide = at - WIDE_LOCATOR_BYTES - WIDE_END.size
    if wide >= 0 and tail[at - WIDE_LOCATOR_BYTES :][:4] == b"PK\x06\x07" and tail[wide : wide + 4] == b"PK\x06\x06":
        return WIDE_END.unpack_from(tail, wide)
    return END.unpack_from(tail, at)


def check_entries(entries: list[zipfile.ZipInfo], archive: str, folders: tuple[str, ...]) -> None:
    """Looks at what an archive says of its files before any of them is written.

    Args:
        entries: Its files.
        archive: Its name.
        folders: Where they may lie.

    Raises:
        WorkspaceError: If one would lie elsewhere or inside another, is a link, comes twice, or has a name that some
            systems refuse.
    """
    seen: set[str] = set()
    for entry in entries:
        name, shown = entry.filename, f"{entry.filename!r:.200}"
        if find_wrong_part(name) or not any(name.startswith(f"{allowed}/") for allowed in folders):
            raise WorkspaceError(f"{archive} holds {shown}, expected files in {' or '.join(folders)}; delete it")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise WorkspaceError(f"{archive} holds {shown}, expected a file, got a link or a device; delete it")
        if entry.compress_type not in METHODS:
            raise WorkspaceError(f"{archive} holds {shown}, compressed in a way that is not used here; delete it")
        if name.casefold() in seen:
            raise WorkspaceError(f"{archive} holds {shown} twice; delete it")
        seen.add(name.casefold())
    for entry in entries:
        above = entry.filename.casefold().split("/")[:-1]
        if any("/".join(above[:count]) in seen for count in range(1, len(above) + 1)):
            raise WorkspaceError(f"{archive} holds {entry.filename!r:.200} inside what is a file; delete it")


def check_sizes(entries: list[zipfile.ZipInfo], archive: pathlib.Path, end: int) -> None:
    """Looks at the sizes that an archive states, and that no byte of it belongs to two files.

    Args:
        entries: Its files.
        archive: The archive.
        end: Where its files end, in bytes.

    Raises:
        WorkspaceError: If they are larger than what is taken on, or two lie in one place.
    """
    for entry in entries:
        _check_ratio(entry.file_size, entry.compress_size, SMALL_FILE, f"{archive.name}: {entry.filename!r:.200}")
        if entry.compress_type == zipfile.ZIP_STORED and entry.file_size != entry.compress_size:
            raise WorkspaceError(f"{archive.name} holds {entry.filename!r:.200} in two sizes; delete it")
    total = sum(entry.file_size for entry in entries)
    ARCHIVE_BYTES.check(total, archive.name, WorkspaceError)
    _check_ratio(total, archive.stat().st_size, SMALL_ARCHIVE, archive.name)
    for entry in sorted(entries, key=lambda entry: entry.header_offset, reverse=True):
        after = entry.header_offset + HEADER + len(entry.orig_filename) + entry.compress_size
        if entry.header_offset < 0 or after > end:
            raise WorkspaceError(f"{archive.name} holds {entry.filename!r:.200} and another in one place; delete it")
        end = entry.header_offset


def _check_ratio(size: int, packed: int, harmless: int, what: str) -> None:
    if size > harmless:
        ARCHIVE_RATIO.check(-(-size // max(packed, 1)), what, WorkspaceError)


def find_wrong_part(name: str) -> str:
    """Says what is wrong with a path of plain names and single slashes; empty if nothing is."""
    parts = name.split("/")
    try:
        for part in parts:
            check_file_name(part)
    except ValueError as error:
        return str(error)
    if len(parts) > MOST_PARTS or len(name.encode("utf-8")) > MOST_PATH_BYTES:
        return f"expected a path of at most {MOST_PARTS} names and {MOST_PATH_BYTES} bytes"
    return ""
