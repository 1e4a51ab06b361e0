"""Checks that a folder is writable and has enough space, before long work whose results are written there."""

import errno
import os
import pathlib
import shutil
import tempfile

from faceswap_lib.errors import InputError


def check_writable(folder: pathlib.Path) -> None:
    """Checks that files can be written to a folder, or to its nearest existing parent. Leaves no files behind.

    Raises:
        InputError: If the folder is not writable, or a file has its name.
    """
    ground = nearest_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=ground, prefix=".faceswap-"):
            pass
    except OSError as error:
        raise InputError(
            f"{ground} cannot be written ({os.strerror(error.errno or errno.EIO)}); name a folder of your own"
        ) from error


def check_room(folder: pathlib.Path, size: float, work: str, advice: str) -> None:
    """Checks that there is enough free space for the results of some work.

    Args:
        folder: The folder of the results. It does not have to exist.
        size: Minimum number of bytes that are needed.
        work: Name of the work for the message, such as "the conversion".
        advice: An alternative for the message, such as "convert a part".

    Raises:
        InputError: If there is less free space. The message states the needed and the free space.
    """
    ground = nearest_folder(folder)
    if size > (free := shutil.disk_usage(ground).free):
        raise InputError(
            f"{ground} has {free / 1e9:.2f} GB free, and {work} needs about {size / 1e9:.2f} GB there; make room, name "
            f"another disk, or {advice}"
        )


def nearest_folder(path: pathlib.Path) -> pathlib.Path:
    """Returns a folder if it exists, else its nearest existing parent.

    Raises:
        InputError: If a file has the name of one of these folders, or a folder cannot be accessed.
    """
    for place in (path, *path.parents):
        try:
            if place.is_dir():
                return place
            if os.path.lexists(place):
                raise InputError(f"{place} is no folder; name another place to write to")
        except OSError as error:  # a folder without permission, a name that is too long
            if error.errno != errno.ENAMETOOLONG:
                reason = f"{place} cannot be accessed ({error.strerror})"
                raise InputError(f"{reason}; name a folder of your own") from error
    return pathlib.Path(".")
