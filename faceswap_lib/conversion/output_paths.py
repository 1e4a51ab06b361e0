"""Compares every path that a command will write with every path that it reads, before any work is done.

Two paths are the same if the system says so: through links, through another name of the same file (a hard link), in
another case where file names ignore it. What is not there yet is compared by the folder it will lie in.

A symbolic link is no output: to replace the link is not what its owner expects, to write through it less so. The
folders above an output may be links.
"""

import os
import pathlib
import typing
from collections.abc import Mapping

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.writable import nearest_folder
from faceswap_lib.provenance.sidecar import sidecar_path

NAME_BYTES = 255
"""Bytes of a file name that most file systems allow."""

Key = tuple[tuple[int, int], tuple[str, ...]]
"""Device and number of the nearest folder or file that is there, and the names below it that are not."""


def check_paths(written: Mapping[str, pathlib.Path], read: Mapping[str, pathlib.Path]) -> None:
    """Refuses to write what is read, or one path for two things; also where one lies inside the other.

    Args:
        written: Every path that will be written, removed or replaced, by what it is, as in "the mask".
        read: Every path that will be read, by what it is, as in "the input".

    Raises:
        InputError: With both paths, and what to do.
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
        InputError: With where it leads.
    """
    if os.path.islink(path):
        raise InputError(f"{path} is a link to {os.readlink(path)}; name the place itself for {label}")


def names_made(path: pathlib.Path) -> list[str]:
    """Names what writing and signing a file may make beside it, itself included."""
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    beside = sidecar_path(path)
    return [
        *(path.name, temporary.name, f".{temporary.stem}.partial{path.suffix}"),
        *(beside.name, f".{beside.stem}.partial{beside.suffix}"),
    ]


def check_names(folder: pathlib.Path, names: typing.Iterable[str]) -> None:
    """Refuses names that the file system of a folder has no room for.

    Args:
        folder: Where they will lie; it need not be there yet.
        names: Every name that will be made, hidden and temporary ones too.

    Raises:
        InputError: With how many bytes it is too long.
    """
    ground = nearest_folder(folder)
    try:
        most = os.pathconf(ground, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows; file systems that do not say
        most = NAME_BYTES
    longest = max(names, key=lambda name: len(os.fsencode(name)))
    if (over := len(os.fsencode(longest)) - most) > 0:
        raise InputError(
            f"{folder}: the name '{longest[:40]}...' that is needed there is {over} bytes longer than the {most} that "
            f"its file system allows; name an output that is {over} bytes shorter"
        )


class _Keys:
    """Tells places apart; folders are asked once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Key, bool]] = {}

    def of(self, path: pathlib.Path) -> Key:
        """What two names of one place have in common."""
        return self._find(os.path.realpath(path))[0]

    def above(self, path: pathlib.Path) -> typing.Iterator[Key]:
        """The same for every folder above it."""
        return (self._find(str(parent))[0] for parent in pathlib.Path(os.path.realpath(path)).parents)

    def _find(self, real: str) -> tuple[Key, bool]:
        """The key of a path without links, and whether names below it ignore case."""
        if real not in self._known:
            self._known[real] = self._look(real)
        return self._known[real]

    def _look(self, real: str) -> tuple[Key, bool]:
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
    """Whether a path that is there is found in another case too."""
    parent, name = os.path.split(path)
    if name.swapcase() == name:
        return parent != path and os.path.exists(parent) and _ignores_case(parent)
    try:
        return os.path.samefile(path, os.path.join(parent, name.swapcase()))
    except OSError:
        return False
