"""Archives of facesets: what one holds, written, checked and unpacked."""

import hashlib
import pathlib
import shutil
import stat
import typing
import zipfile
import zlib

from faceswap_lib.errors import WorkspaceError

SQUEEZED = (".jsonl", ".json")
"""What is compressed in an archive; pictures and tracks would not get smaller."""

Contents = dict[str, tuple[int, int]]
"""Size and CRC-32 of each file, by its path in the workspace."""


def read_contents(root: pathlib.Path, folders: typing.Iterable[str]) -> Contents:
    """What the folders of a workspace hold, read from their files; half-written ones are passed over."""
    contents = {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and ".partial" not in path.suffixes:
                data = path.read_bytes()
                contents[path.relative_to(root).as_posix()] = len(data), zlib.crc32(data)
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
    except zipfile.BadZipFile:
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
        WorkspaceError: If a file would lie elsewhere; nothing is written then.
        BadZipFile: If it is damaged.
    """
    folders = tuple(folders)
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        for entry in entries:
            path = pathlib.PurePosixPath(entry.filename)
            belongs = any(path.is_relative_to(allowed) for allowed in folders)
            if not belongs or ".." in path.parts or "\\" in entry.filename or stat.S_ISLNK(entry.external_attr >> 16):
                expected = " or ".join(folders)
                raise WorkspaceError(
                    f"{archive.name} holds '{entry.filename}', expected files in {expected}; delete it"
                )
        for entry in entries:
            path = folder / entry.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(entry) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
    return {entry.filename for entry in entries}
