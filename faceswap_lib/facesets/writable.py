"""Whether a folder can be written, asked before the work whose results it gets."""

import errno
import os
import pathlib
import shutil
import tempfile

from faceswap_lib.errors import InputError


def check_writable(folder: pathlib.Path) -> None:
    """Makes sure that files can be written in a folder, or in the one in which it will be made; leaves nothing there.

    Raises:
        InputError: If it cannot be written, or a file is in the way.
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
    """Refuses work for whose results there is no room.

    Args:
        folder: Gets them; it need not be there yet.
        size: Bytes that are needed there at least.
        work: What needs them, as in "the conversion".
        advice: What else one may do, as in "convert a part".

    Raises:
        InputError: With how much is needed and how much there is.
    """
    ground = nearest_folder(folder)
    if size > (free := shutil.disk_usage(ground).free):
        raise InputError(
            f"{ground} has {free / 1e9:.2f} GB free, and {work} needs about {size / 1e9:.2f} GB there; make room, name "
            f"another disk, or {advice}"
        )


def nearest_folder(path: pathlib.Path) -> pathlib.Path:
    """Gives a folder if it is there, else the nearest one above it that is.

    Raises:
        InputError: If a file is in the way, or it cannot be looked at.
    """
    for place in (path, *path.parents):
        try:
            if place.is_dir():
                return place
            if os.path.lexists(place):
                raise InputError(f"{place} is no folder; name another place to write to")
        except OSError as error:  # a folder that may not be searched, a name that is too long
            if error.errno != errno.ENAMETOOLONG:
                reason = f"{place} cannot be looked at ({error.strerror})"
                raise InputError(f"{reason}; name a folder of your own") from error
    return pathlib.Path(".")
