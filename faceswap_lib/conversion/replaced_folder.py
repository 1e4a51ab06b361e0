"""Replacing a folder of pictures by another: what a conversion wrote goes, what somebody else put there stays."""

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
"""Also under the temporary names of `atomic_io.replacing`, where a kill may leave them."""


def unfinished_folder(out: pathlib.Path) -> pathlib.Path:
    """Where the pictures lie until all are there."""
    return out.with_name(f".{out.name}.partial")


def replaced_folder(out: pathlib.Path) -> pathlib.Path:
    """Where the folder that was there lies for a moment."""
    return out.with_name(f".{out.name}.replaced")


def clear_unfinished(out: pathlib.Path) -> None:
    """Removes the pictures that a killed conversion has left in the hidden folder.

    Raises:
        InputError: If it holds something else.
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
    """Puts a finished folder of pictures in the place of an earlier one.

    What was put into the earlier one meanwhile stays there.

    Raises:
        FaceswapError: If that has the name of a picture; nothing is replaced then.
    """
    replaced = replaced_folder(out)
    with defer_stop():
        if replaced.is_dir() and out.is_dir():  # a kill came between
            _drain(replaced, out)
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
            _drain(replaced, out)


def _drain(replaced: pathlib.Path, out: pathlib.Path) -> None:
    """Removes what conversions wrote from a folder that was replaced, and moves the rest to the new one."""
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
