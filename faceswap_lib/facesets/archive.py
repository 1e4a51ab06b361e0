"""ZIP archives of facesets: lists their contents, writes, checks and unpacks them."""

import copy
import functools
import hashlib
import operator
import os
import pathlib
import shutil
import stat
import struct
import typing
import zipfile
import zlib

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.archive_checks import SMALL_FILE, check_count, check_entries, check_sizes, find_wrong_part
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.writable import check_room
from faceswap_lib.limits import ARCHIVE_BYTES, ARCHIVE_FILES, ARCHIVE_RATIO

SQUEEZED = (".jsonl", ".json")
"""Suffixes of files that are compressed in an archive. Images and tracks are already compressed."""

SPARE = 100_000_000
"""Number of bytes that must remain free on a disk after an archive or a copy was written."""

DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError, OverflowError, RuntimeError, ValueError)
"""Errors that a damaged or unusual archive can raise, for example one with empty or non-Unicode names, an unknown
version, or a password."""

Contents = dict[str, tuple[int, int]]
"""Size in bytes and CRC-32 of each file. The key is the path in the workspace."""


def read_contents(root: pathlib.Path, folders: typing.Iterable[str]) -> Contents:
    """Computes size and CRC-32 of all files in some folders of a workspace. Skips partially written files.

    Args:
        root: Root folder of the workspace.
        folders: Folders relative to `root`.

    Returns:
        The contents by path relative to `root`.

    Raises:
        WorkspaceError: If a file is a link to a place outside the workspace, or its name cannot be unpacked on another
            operating system.
    """
    contents = {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and ".partial" not in path.suffixes:
                check_inside(path, root)
                name = path.relative_to(root).as_posix()
                if wrong := find_wrong_part(name):
                    raise WorkspaceError(f"{path}: {wrong}; rename it, or move it elsewhere")
                contents[name] = _size_and_crc(path)
    return contents


def read_directory(archive: pathlib.Path) -> Contents | None:
    """Reads sizes and CRC-32 of the files of an archive from its central directory, without unpacking them.

    Returns:
        The contents. Empty if the archive does not exist; None if it is damaged or contains too many files.

    Raises:
        OSError: If the archive cannot be read.
    """
    if not archive.exists():
        return {}
    try:
        with open_counted(archive) as opened:
            return {entry.filename: (entry.file_size, entry.CRC) for entry in list_files(opened)}
    except (*DAMAGED, WorkspaceError):
        return None


def digest_of(contents: Contents) -> str:
    """Computes the SHA-256 digest of contents, in hexadecimal."""
    return hashlib.sha256(repr(sorted(contents.items())).encode()).hexdigest()


def pack(root: pathlib.Path, contents: Contents, archive: pathlib.Path) -> pathlib.Path:
    """Packs files of a workspace into an archive, in which they have the same paths as in the workspace.

    The archive stores the read and write permissions of each file. The archive itself can be read only by users who may
    read all of the files.

    Args:
        root: Root folder of the workspace.
        contents: The files to pack, from `read_contents`.
        archive: Path of the new archive.

    Returns:
        The path of the archive.

    Raises:
        WorkspaceError: If there are more files or bytes than an archive may contain, a file was changed in the
            meantime, or the disk is full.
        OSError: If a file cannot be read or written.
    """
    total = sum(size for size, _ in contents.values())
    ARCHIVE_FILES.check(len(contents), archive.name, WorkspaceError)
    ARCHIVE_BYTES.check(total, archive.name, WorkspaceError)
    check_room(archive.parent, total, archive.name, spare=SPARE)
    modes = {name: effective_mode(root / name, root) for name in contents}
    shared = functools.reduce(operator.and_, modes.values(), 0o666)
    with open_new(archive, shared) as file, zipfile.ZipFile(file, "w", strict_timestamps=False) as opened:
        for name, mode in modes.items():
            entry = zipfile.ZipInfo.from_file(root / name, name, strict_timestamps=False)
            entry.external_attr = (stat.S_IFREG | mode) << 16
            with (root / name).open("rb") as source:
                entry.compress_type = _choose_method(name, source)
                with opened.open(entry, "w") as target:
                    shutil.copyfileobj(source, target)
    if read_directory(archive) != contents:
        raise WorkspaceError(f"{archive.name}: its files were changed while they were read; back them up again")
    return archive


def unpack(archive: pathlib.Path, folder: pathlib.Path, folders: typing.Iterable[str]) -> set[str]:
    """Unpacks an archive. Checks all names and sizes first, and the bytes and checksums during unpacking.

    A file gets the permissions that the user's umask allows, except those that it did not have when it was packed.

    Args:
        archive: The archive.
        folder: The folder to unpack into.
        folders: Allowed subfolders of `folder`.

    Returns:
        The names of the files.

    Raises:
        WorkspaceError: If a file is outside the allowed subfolders, is a link, appears twice, or has a name that some
            operating systems do not allow; if there are too many files, or they exceed the size limits or the free
            disk space. Nothing is written in these cases. The error is also raised if the archive is damaged or
            contains more than it states.
        OSError: If the archive cannot be read, or a file cannot be written.
    """
    try:
        with open_counted(archive) as opened:
            entries = list_files(opened)
            check_entries(entries, archive.name, tuple(folders))
            check_sizes(entries, archive, opened.start_dir)
            check_room(folder, sum(entry.file_size for entry in entries), archive.name, spare=SPARE)
            for entry in entries:
                _unpack_file(opened, entry, folder / entry.filename)
    except DAMAGED as error:
        raise WorkspaceError(f"{archive.name} is damaged ({error}); delete it and back up the faces again") from error
    return {entry.filename for entry in entries}


def open_counted(archive: pathlib.Path) -> zipfile.ZipFile:
    """Opens an archive, after a check that it has no more files than allowed, and as many as it states."""
    stated = check_count(archive)
    opened = zipfile.ZipFile(archive)
    if len(opened.filelist) == stated:
        return opened
    opened.close()
    raise zipfile.BadZipFile(f"it states {stated:,} files and lists {len(opened.filelist):,}")


def list_files(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Lists the files of an archive. Skips folder entries, unless they contain bytes, which no folder should have."""
    return [entry for entry in opened.infolist() if not entry.is_dir() or entry.file_size or entry.compress_size]


def _size_and_crc(path: pathlib.Path) -> tuple[int, int]:
    """Computes size in bytes and CRC-32 of a file."""
    size = total = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size, total = size + len(block), zlib.crc32(block, total)
    return size, total


def effective_mode(path: pathlib.Path, root: pathlib.Path) -> int:
    """Computes the effective read and write permissions of a file.

    The group and other users keep their permissions only if they may enter every folder from `root` down to the file.
    """
    mode = path.stat().st_mode & 0o666
    for folder in path.parents:
        entered = folder.stat().st_mode
        mode &= 0o600 | (0o060 if entered & stat.S_IXGRP else 0) | (0o006 if entered & stat.S_IXOTH else 0)
        if folder == root:
            break
    return mode | 0o600


def open_new(path: pathlib.Path, mode: int) -> typing.BinaryIO:
    """Creates a file with the given permissions, minus those that the umask removes."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600 | mode))


def _choose_method(name: str, source: typing.BinaryIO) -> int:
    """Chooses the compression method: deflate for text, unless its compression ratio would look like a zip bomb."""
    begin = source.read(SMALL_FILE) if name.endswith(SQUEEZED) else b""
    source.seek(0)
    is_squeezed = begin and len(zlib.compress(begin)) * ARCHIVE_RATIO.value > 2 * len(begin)
    return zipfile.ZIP_DEFLATED if is_squeezed else zipfile.ZIP_STORED


def _unpack_file(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: pathlib.Path) -> None:
    """Unpacks one file. Tries to read one byte more than the stated size, in order to detect a larger file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    asked, written = copy.copy(entry), 0
    asked.file_size += 1
    allowed = stat.S_IMODE(entry.external_attr >> 16) or 0o666
    with opened.open(asked) as source, open_new(path, allowed & 0o666) as target:
        while block := source.read(1 << 20):
            written += len(block)
            if written > entry.file_size:
                break
            target.write(block)
    if written != entry.file_size:
        raise WorkspaceError(
            f"{pathlib.Path(str(opened.filename)).name} holds {entry.filename!r:.200} of another size than the "
            f"{entry.file_size:,} bytes it states; delete it"
        )
