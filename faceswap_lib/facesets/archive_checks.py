"""Safety checks of an archive's central directory before any file is unpacked.

Archives may come from untrusted sources.
"""

import errno
import pathlib
import stat
import struct
import zipfile

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.limits import ARCHIVE_BYTES, ARCHIVE_FILES, ARCHIVE_RATIO

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods that an archive may use: those of `archive.pack`."""

MOST_PARTS = 16
"""Maximum number of components of a path."""

MOST_PATH_BYTES = 1000
"""Maximum length of a path in UTF-8 bytes. Operating systems allow 4,096 for the full path, some of them fewer."""

SMALL_FILE = 1_000_000
"""Files of up to this many bytes are exempt from the limit on the compression ratio: a small file of zeros is not an
attack."""

SMALL_ARCHIVE = 100_000_000
"""Archives of up to this many unpacked bytes are exempt from the limit on the compression ratio."""

HEADER = 30
"""Minimum length in bytes of the header before each file. The file's name follows."""

DIRECTORY_ENTRY = b"PK\x01\x02"
"""Signature of an entry of the central directory."""

LONG_ENTRY = 400
"""Maximum average length of an entry of the central directory in bytes."""

END, WIDE_END, WIDE_LOCATOR_BYTES = struct.Struct("<10xHI6x"), struct.Struct("<32xQQ8x"), 20
"""Formats of the end-of-central-directory record and its ZIP64 variant: number of files and length of the directory in
bytes; length of the ZIP64 locator in bytes."""

MOST_END_BYTES = (1 << 16) + END.size + WIDE_LOCATOR_BYTES + WIDE_END.size
"""Maximum length of these records, including the longest possible comment."""


def check_count(archive: pathlib.Path) -> int:
    """Checks the number of files in the raw central directory, before `ZipFile` creates an object for each file.

    Returns:
        The number of files that the archive states. It can differ from the counted number.

    Raises:
        WorkspaceError: If there are more files than `limits` allow, or the directory is too long.
        OSError: If the archive cannot be read or is not a regular file: reading a pipe would block.
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
    """Reads the number of files and the directory length from the end record. `ZipFile` reads the same length."""
    at = len(tail) - END.size
    if tail[at : at + 4] != b"PK\x05\x06" or tail[-2:] != bytes(2):  # a comment follows the record
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END.size > len(tail):
        return 0, 0  # not an archive; `ZipFile` will raise the error
    wide = at - WIDE_LOCATOR_BYTES - WIDE_END.size
    if wide >= 0 and tail[at - WIDE_LOCATOR_BYTES :][:4] == b"PK\x06\x07" and tail[wide : wide + 4] == b"PK\x06\x06":
        return WIDE_END.unpack_from(tail, wide)
    return END.unpack_from(tail, at)


def check_entries(entries: list[zipfile.ZipInfo], archive: str, folders: tuple[str, ...]) -> None:
    """Checks names and types of an archive's files before any of them is written.

    Args:
        entries: The directory entries of the files.
        archive: Name of the archive, for the message.
        folders: Folders that may contain the files.

    Raises:
        WorkspaceError: If a file is outside these folders or inside another file, is a link, appears twice, uses an
            unknown compression method, or has a name that some operating systems do not allow.
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
    """Checks the sizes that an archive states, and that no two files overlap in it.

    Args:
        entries: The directory entries of the files.
        archive: The archive.
        end: Offset in bytes at which the files end.

    Raises:
        WorkspaceError: If the files exceed the limits on size or compression ratio, or two files overlap.
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
    """Checks the compression ratio of data with more than `harmless` bytes."""
    if size > harmless:
        ARCHIVE_RATIO.check(-(-size // max(packed, 1)), what, WorkspaceError)


def find_wrong_part(name: str) -> str:
    """Checks a path, which must consist of plain names and single slashes; returns the error, empty if it is valid."""
    parts = name.split("/")
    try:
        for part in parts:
            check_file_name(part)
    except ValueError as error:
        return str(error)
    if len(parts) > MOST_PARTS or len(name.encode("utf-8")) > MOST_PATH_BYTES:
        return f"expected a path of at most {MOST_PARTS} names and {MOST_PATH_BYTES} bytes"
    return ""
