"""Archives of facesets: what one holds, written, checked and unpacked."""

import hashlib
import pathlib
import shutil
import stat
import struct
import typing
import zipfile
import zlib

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.file_names import check_file_name, check_inside

SQUEEZED = (".jsonl", ".json")
"""What is compressed in an archive; pictures and tracks would not get smaller."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How the files of an archive may be compressed: as `pack` does it."""

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
                if wrong := _find_wrong_part(name):
                    raise WorkspaceError(f"{path}: {wrong}; rename it, or move it elsewhere")
                data = path.read_bytes()
                contents[name] = len(data), zlib.crc32(data)
    return contents


def read_directory(archive: pathlib.Path) -> Contents | None:
    """What an archive says it holds; nothing if there is none, None if it is damaged.

    Raises:
        OSError: If it cannot be read.
    """
    if not archive.exists():
        return {}
    try:
        with zipfile.ZipFile(archive) as opened:
            return {entry.filename: (entry.file_size, entry.CRC) for entry in opened.infolist() if not entry.is_dir()}
    except DAMAGED:
        return None


def digest_of(contents: Contents) -> str:
    """What tells contents from others, in hexadecimal."""
    return hashlib.sha256(repr(sorted(contents.items())).encode()).hexdigest()


def pack(root: pathlib.Path, contents: Contents, archive: pathlib.Path) -> pathlib.Path:
    """Writes an archive of a workspace's files, under their paths in the workspace."""
    with zipfile.ZipFile(archive, "w", strict_timestamps=False) as opened:
        for name in contents:
            squeeze = zipfile.ZIP_DEFLATED if name.endswith(SQUEEZED) else zipfile.ZIP_STORED
            opened.write(root / name, name, compress_type=squeeze)
    return archive


def unpack(archive: pathlib.Path, folder: pathlib.Path, folders: typing.Iterable[str]) -> set[str]:
    """Unpacks an archive after looking at all its names; every file's sum is checked on the way.

    Args:
        archive: The archive.
        folder: Gets the files.
        folders: Where in `folder` they may lie.

    Returns:
        The names of the files.

    Raises:
        WorkspaceError: If a file would lie elsewhere, is a link, comes twice, or has a name that some systems refuse;
            nothing is written then. Also if the archive is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _check_entries(entries, archive.name, tuple(folders))
            for entry in entries:
                path = folder / entry.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as source, path.open("xb") as target:
                    shutil.copyfileobj(source, target)
    except DAMAGED as error:
        raise WorkspaceError(f"{archive.name} is damaged ({error}); delete it and keep the faces again") from error
    return {entry.filename for entry in entries}


def _check_entries(entries: list[zipfile.ZipInfo], archive: str, folders: tuple[str, ...]) -> None:
    """Looks at what an archive says of its files before any of them is written."""
    seen: set[str] = set()
    for entry in entries:
        name, shown = entry.filename, f"{entry.filename!r:.200}"
        if _find_wrong_part(name) or not any(name.startswith(f"{allowed}/") for allowed in folders):
            raise WorkspaceError(f"{archive} holds {shown}, expected files in {' or '.join(folders)}; delete it")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise WorkspaceError(f"{archive} holds {shown}, expected a file, got a link or a device; delete it")
        if entry.compress_type not in METHODS:
            raise WorkspaceError(f"{archive} holds {shown}, compressed in a way that is not used here; delete it")
        if name.casefold() in seen:
            raise WorkspaceError(f"{archive} holds {shown} twice; delete it")
        seen.add(name.casefold())


def _find_wrong_part(name: str) -> str:
    """Says what is wrong with a path of plain names and single slashes; empty if nothing is."""
    try:
        for part in name.split("/"):
            check_file_name(part)
    except ValueError as error:
        return str(error)
    return ""
