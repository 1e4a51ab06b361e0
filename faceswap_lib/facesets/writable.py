"""Checks that a folder is writable and has enough space, before long work whose results are written there."""

import errno
import os
import pathlib
import shutil
import tempfile

from faceswap_lib.errors import InputError, WorkspaceError


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


def check_room(folder: pathlib.Path, size: float, work: str, advice: str = "", *, spare: int = 0) -> None:
    """Checks that there is enough free space for files that are about to be written.

    Args:
        folder: The folder of the files. It does not have to exist.
        size: Minimum number of bytes that are needed.
        work: Name of the work or of the file for the message, such as "the conversion".
        advice: An alternative for the message, such as "convert a part"; empty for none.
        spare: Number of bytes that must remain free.

    Raises:
        WorkspaceError: If there is less free space. The message states the needed and the free space. Also if a file
            has the name of the folder, or the folder cannot be accessed.
        OSError: If the free space cannot be determined.
    """
    ground = nearest_folder(folder)
    usage = shutil.disk_usage(ground)
    if not usage.total or size + spare <= usage.free:  # some network drives report a total of 0
        return
    kept = f", and {_format_size(spare)} must stay free" if spare else ""
    choices = f"make room, name another disk, or {advice}" if advice else "make room, or name another disk"
    raise WorkspaceError(
        f"{ground} has {_format_size(usage.free)} free, and {work} needs about {_format_size(size)} there{kept}; "
        f"{choices}"
    )


def nearest_folder(path: pathlib.Path) -> pathlib.Path:
    """Returns a folder if it exists, else its nearest existing parent.

    Raises:
        WorkspaceError: If a file has the name of one of these folders, or a folder cannot be accessed.
    """
    for place in (path, *path.parents):
        try:
            if place.is_dir():
                return place
            if os.path.lexists(place):
                raise WorkspaceError(f"{place} is no folder; name another place to write to")
        except OSError as error:  # a folder without permission, a name that is too long
            if error.errno != errno.ENAMETOOLONG:
                reason = f"{place} cannot be accessed ({error.strerror})"
                raise WorkspaceError(f"{reason}; name a folder of your own") from error
    return pathlib.Path(".")


def _format_size(size: float) -> str:
    """Formats a number of bytes, for example `1.25 GB`."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
