"""Archives of facesets: what one holds, written, checked and unpacked."""

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
from faceswap_lib.limits import ARCHIVE_BYTES, ARCHIVE_FILES, ARCHIVE_RATIO

SQUEEZED = (".jsonl", ".json")
"""What is compressed in an archive; pictures and tracks would not get smaller."""

SPARE = 100_000_000
"""Bytes of a disk that stay free."""

DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError, OverflowError, RuntimeError, ValueError)
"""What reading a damaged or odd archive raises: no names, names that are not Unicode, unknown versions, passwords."""

Contents = dict[str, tuple[int, int]]
"""Size and CRC-32 of each file, by its path in the workspace."""


def read_contents(root: pathlib.Path, folders: typing.Iterable[str]) -> Contents:
    """What the folders of a workspace hold, read from their files; half-written ones are passed over.

    Raises:
        WorkspaceError: If a file is a link that leads out of the workspace, or has a name that another system could not
            unpack.
    """
    contents = {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and ".partial" not in path.suffixes:
                check_inside(path, root)
                name = path.relative_to(root).as_posix()
                if wrong := find_wrong_part(name):
                    raise WorkspaceError(f"{path}: {wrong}; rename it, or move it elsewhere")
                contents[name] = _sum_up(path)
    return contents


def read_directory(archive: pathlib.Path) -> Contents | None:
    """What an archive says it holds; nothing if there is none, None if it is damaged or holds too many files.

    Raises:
        OSError: If it cannot be read.
    """
    if not archive.exists():
        return {}
    try:
        with _open_archive(archive) as opened:
            return {entry.filename: (entry.file_size, entry.CRC) for entry in _list_files(opened)}
    except (*DAMAGED, WorkspaceError):
        return None


def digest_of(contents: Contents) -> str:
    """What tells contents from others, in hexadecimal."""
    return hashlib.sha256(repr(sorted(contents.items())).encode()).hexdigest()


def pack(root: pathlib.Path, contents: Contents, archive: pathlib.Path) -> pathlib.Path:
    """Writes an archive of a workspace's files, under their paths in the workspace.

    It notes who may read each file, and may itself be read by those alone who may read all of them.

    Raises:
        WorkspaceError: If there are more than an archive may hold, a file was changed meanwhile, or the disk is full.
        OSError: If a file cannot be read or written.
    """
    total = sum(size for size, _ in contents.values())
    ARCHIVE_FILES.check(len(contents), archive.name, WorkspaceError)
    ARCHIVE_BYTES.check(total, archive.name, WorkspaceError)
    check_room(archive.parent, total, archive.name)
    modes = {name: _readers_of(root / name, root) for name in contents}
    shared = functools.reduce(operator.and_, modes.values(), 0o666)
    with _open_new(archive, shared) as file, zipfile.ZipFile(file, "w", strict_timestamps=False) as opened:
        for name, mode in modes.items():
            entry = zipfile.ZipInfo.from_file(root / name, name, strict_timestamps=False)
            entry.external_attr = (stat.S_IFREG | mode) << 16
            with (root / name).open("rb") as source:
                entry.compress_type = _choose_method(name, source)
                with opened.open(entry, "w") as target:
                    shutil.copyfileobj(source, target)
    if read_directory(archive) != contents:
        raise WorkspaceError(f"{archive.name}: its files were changed while they were read; keep them again")
    return archive


def unpack(archive: pathlib.Path, folder: pathlib.Path, folders: typing.Iterable[str]) -> set[str]:
    """Unpacks an archive after looking at all its names and sizes; bytes and sums are checked on the way.

    A file gets the permissions that the user's umask gives, less those that it did not have when it was packed.

    Args:
        archive: The archive.
        folder: Gets the files.
        folders: Where in `folder` they may lie.

    Returns:
        The names of the files.

    Raises:
        WorkspaceError: If a file would lie elsewhere, is a link, comes twice, or has a name that some systems refuse,
            or if there are too many, or they are too large for what is taken on or for the disk; nothing is written
            then. Also if the archive is damaged or holds more than it states.
    """
    try:
        with _open_archive(archive) as opened:
            entries = _list_files(opened)
            check_entries(entries, archive.name, tuple(folders))
            check_sizes(entries, archive, opened.start_dir)
            check_room(folder, sum(entry.file_size for entry in entries), archive.name)
            for entry in entries:
                _unpack_file(opened, entry, folder / entry.filename)
    except DAMAGED as error:
        raise WorkspaceError(f"{archive.name} is damaged ({error}); delete it and keep the faces again") from error
    return {entry.filename for entry in entries}


def check_room(folder: pathlib.Path, size: int, what: str) -> None:
    """Makes sure that a disk has room before something is written to it.

    Args:
        folder: Where to; it need not be there yet.
        size: Bytes that are to be written.
        what: What is to be written, for the message.

    Raises:
        WorkspaceError: If it has not, 100 MB more counted in.
        OSError: If that cannot be found out.
    """
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    usage = shutil.disk_usage(place)
    if usage.total and usage.free < size + SPARE:  # some network drives know no total
        raise WorkspaceError(
            f"{what} needs {size:,} bytes in {place} and {SPARE:,} more to spare, {usage.free:,} are free; make room"
        )


def _open_archive(archive: pathlib.Path) -> zipfile.ZipFile:
    """Opens an archive, once its files are counted."""
    stated = check_count(archive)
    opened = zipfile.ZipFile(archive)
    if len(opened.filelist) == stated:
        return opened
    opened.close()
    raise zipfile.BadZipFile(f"it states {stated:,} files and lists {len(opened.filelist):,}")


def _list_files(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, without its folders, which hold nothing themselves."""
    return [entry for entry in opened.infolist() if not entry.is_dir() or entry.file_size or entry.compress_size]


def _sum_up(path: pathlib.Path) -> tuple[int, int]:
    """Size and CRC-32 of a file."""
    size = total = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size, total = size + len(block), zlib.crc32(block, total)
    return size, total


def _readers_of(path: pathlib.Path, root: pathlib.Path) -> int:
    """Who may read and write a file, as permissions, where the folders down from `root` let them get there."""
    mode = path.stat().st_mode & 0o666
    for folder in path.parents:
        entered = folder.stat().st_mode
        mode &= 0o600 | (0o060 if entered & stat.S_IXGRP else 0) | (0o006 if entered & stat.S_IXOTH else 0)
        if folder == root:
            break
    return mode | 0o600


def _open_new(path: pathlib.Path, mode: int) -> typing.BinaryIO:
    """Makes a file with these permissions, less those that the umask takes away."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600 | mode))


def _choose_method(name: str, source: typing.BinaryIO) -> int:
    """Compresses text, but none that would get so small that it looks like an attack when it is unpacked."""
    begin = source.read(SMALL_FILE) if name.endswith(SQUEEZED) else b""
    source.seek(0)
    is_squeezed = begin and len(zlib.compress(begin)) * ARCHIVE_RATIO.value > 2 * len(begin)
    return zipfile.ZIP_DEFLATED if is_squeezed else zipfile.ZIP_STORED


def _unpack_file(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: pathlib.Path) -> None:
    """Unpacks one file and counts its bytes: one more than is stated is asked for, and must not come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    asked, written = copy.copy(entry), 0
    asked.file_size += 1
    allowed = stat.S_IMODE(entry.external_attr >> 16) or 0o666
    with opened.open(asked) as source, _open_new(path, allowed & 0o666) as target:
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
