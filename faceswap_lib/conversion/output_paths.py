"""Checks of output paths: every path that a command will write is compared with every path that it reads.

The checks run before any work. Two paths are equal if they lead to the same file: through symbolic links, through a
hard link, or through another letter case on a file system that ignores case. A path that does not exist yet is compared
by its nearest existing folder.

A symbolic link is refused as an output, because users do not expect that the link, or the file behind it, is replaced.
The folders above an output may be links.
"""

import os
import pathlib
import typing
from collections.abc import Mapping

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.writable import nearest_folder
from faceswap_lib.provenance.sidecar import sidecar_path

NAME_BYTES = 255
"""Maximum bytes of a file name in most file systems."""

Key = tuple[tuple[int, int], tuple[str, ...]]
"""Device and inode of the nearest existing file or folder, and the names below it that do not exist yet."""


def check_paths(written: Mapping[str, pathlib.Path], read: Mapping[str, pathlib.Path]) -> None:
    """Refuses to write a path that is also read, or to write a path twice.

    A path inside another one is refused as well if at least one of the two is written.

    Args:
        written: Every path that will be written, removed or replaced, by its description, for example "the mask".
        read: Every path that will be read, by its description, for example "the input".

    Raises:
        InputError: If two paths collide; the message names both and says what to do.
    """
    keys = _Keys()
    owners = {keys.of(path): (label, path) for label, path in read.items()}
    for label, path in written.items():
        key = keys.of(path)
        if key in owners:
            raise InputError(f"{path} is {owners[key][0]}; name another place for {label}")
        owners[key] = label, path
    for label, path in [*written.items(), *read.items()]:
        for above in keys.above(path):
            if above in owners and (label in written or owners[above][0] in written):
                around, folder = owners[above]
                raise InputError(
                    f"{path} ({label}) lies inside {folder} ({around}); name a place outside for one of them"
                )


def check_no_link(path: pathlib.Path, label: str) -> None:
    """Refuses an output that is a symbolic link.

    Raises:
        InputError: If the path is a symbolic link; the message says where it leads.
    """
    if os.path.islink(path):
        raise InputError(f"{path} is a link to {os.readlink(path)}; name the place itself for {label}")


def names_made(path: pathlib.Path) -> list[str]:
    """Lists the names of all files that are created while a file is written and signed, its own name included."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    beside = sidecar_path(path)
    return [
        *(path.name, temporary.name, f".{temporary.stem}.partial{path.suffix}"),
        *(beside.name, f".{beside.stem}.partial{beside.suffix}"),
    ]


def check_names(folder: pathlib.Path, names: typing.Iterable[str]) -> None:
    """Refuses file names that are too long for the file system of a folder.

    Args:
        folder: The folder of the files; it may not exist yet.
        names: Every name that will be created, including hidden and temporary names.

    Raises:
        InputError: If a name is too long; the message says by how many bytes.
    """
    ground = nearest_folder(folder)
    try:
        most = os.pathconf(ground, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows, and file systems without this value
        most = NAME_BYTES
    longest = max(names, key=lambda name: len(os.fsencode(name)))
    if (over := len(os.fsencode(longest)) - most) > 0:
        raise InputError(
            f"{folder}: the name '{longest[:40]}...' that is needed there is {over} bytes longer than the {most} that "
            f"its file system allows; name an output that is {over} bytes shorter"
        )


class _Keys:
    """Cache of the keys of paths; paths to the same file have equal keys."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Key, bool]] = {}

    def of(self, path: pathlib.Path) -> Key:
        """Returns the key of a path; two paths to the same file have the same key."""
        return self._find(os.path.realpath(path))[0]

    def above(self, path: pathlib.Path) -> typing.Iterator[Key]:
        """Yields the key of every folder above a path."""
        return (self._find(str(parent))[0] for parent in pathlib.Path(os.path.realpath(path)).parents)

    def _find(self, real: str) -> tuple[Key, bool]:
        """Returns the key of a path without links, and whether names below it ignore case; cached."""
        if real not in self._known:
            self._known[real] = self._query(real)
        return self._known[real]

    def _query(self, real: str) -> tuple[Key, bool]:
        parent, name = os.path.split(real)
        try:
            found = os.stat(real)
        except OSError:
            if parent == real:
                return ((0, 0), (real,)), False
            (ground, tail), ignores_case = self._find(parent)
            return (ground, (*tail, name.casefold() if ignores_case else name)), ignores_case
        return ((found.st_dev, found.st_ino), ()), _ignores_case(real)


def _ignores_case(path: str) -> bool:
    """Returns whether an existing path is also found under another letter case."""
    parent, name = os.path.split(path)
    if name.swapcase() == name:
        return parent != path and os.path.exists(parent) and _ignores_case(parent)
    try:
        return os.path.samefile(path, os.path.join(parent, name.swapcase()))
    except OSError:
        return False
