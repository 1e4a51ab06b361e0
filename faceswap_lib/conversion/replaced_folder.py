"""Replacement of a folder of images: files that a conversion wrote are replaced, all other files are kept."""

import logging
import os
import pathlib
import re

from faceswap_lib.conversion.written import LIST, WrittenFiles, name_some
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.signals import defer_stop

logger = logging.getLogger(__name__)

PICTURE = "{:06d}.png"

_OURS = re.compile(
    rf"\d{{6}}\.png|\.\d{{6}}(\.\d+)?\.partial\.png|"
    rf"{re.escape(LIST)}|\.{re.escape(pathlib.PurePath(LIST).stem)}(\.\d+)?\.partial\.jsonl"
)
"""Names that a conversion writes, including the temporary names of `atomic_io.replacing` that a kill may leave."""


def unfinished_folder(out: pathlib.Path) -> pathlib.Path:
    """Returns the hidden folder for the images until all of them are written."""
    return out.with_name(f".{out.name}.partial")


def replaced_folder(out: pathlib.Path) -> pathlib.Path:
    """Returns the temporary name of the earlier folder while it is replaced."""
    return out.with_name(f".{out.name}.replaced")


def clear_unfinished(out: pathlib.Path) -> None:
    """Removes the images that a killed conversion left in the hidden folder.

    Raises:
        InputError: If the folder contains other files.
    """
    folder = unfinished_folder(out)
    if not folder.is_dir():
        return
    if others := sorted(path for path in folder.iterdir() if path.is_dir() or not _OURS.fullmatch(path.name)):
        raise InputError(f"{folder} holds {name_some(others)}, which no conversion wrote; move it elsewhere")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def replace_folder(unfinished: pathlib.Path, out: pathlib.Path) -> None:
    """Replaces an earlier folder of images with a finished one.

    Files that someone added to the earlier folder during the conversion are kept.

    Raises:
        FaceswapError: If such a file has the name of a new image; then nothing is replaced.
    """
    replaced = replaced_folder(out)
    with defer_stop():
        if replaced.is_dir() and out.is_dir():  # an earlier call was killed between the two renames
            _merge_rest(replaced, out)
        if out.is_dir():
            taken = [path for path in WrittenFiles(out).foreign() if os.path.lexists(unfinished / path.name)]
            if taken:
                raise FaceswapError(
                    f"{out} holds {name_some(taken)}, put there or changed during the conversion; move it elsewhere "
                    "and start the same command again: nothing is lost"
                )
            out.replace(replaced)
        unfinished.replace(out)
        if replaced.is_dir():
            _merge_rest(replaced, out)


def _merge_rest(replaced: pathlib.Path, out: pathlib.Path) -> None:
    """Removes the files of conversions from a folder that was replaced, and moves the other files to the new folder."""
    written = WrittenFiles(replaced)
    others = written.foreign()
    moved = [path for path in others if not os.path.lexists(out / path.name)]
    for path in moved:
        path.replace(out / path.name)
    for path in sorted(set(replaced.iterdir()) - set(others) - {written.path}):
        path.unlink()
    if moved:
        logger.warning("%s: %s was not written by a conversion, and stays", out, name_some(moved))
    if len(moved) < len(others):
        logger.warning("%s holds files that were not written by a conversion; look at them", replaced)
        return
    written.path.unlink(missing_ok=True)
    replaced.rmdir()
