"""A kill while files are changed, without a process of its own."""

import itertools
import pathlib
import shutil
import typing

import pytest


class Killed(BaseException):
    """Stands for a kill."""


def kill_at_change(patch: pytest.MonkeyPatch, number: int) -> None:
    """Lets the n-th change to a disk, counted from 0, and all after it fail.

    Hidden files, which are temporary files and locks, are not removed and do not count: a kill leaves them.
    """
    count = itertools.count()

    def fragile(change: typing.Callable) -> typing.Callable:
        def changed(*arguments, **options):
            if next(count) >= number:
                raise Killed
            return change(*arguments, **options)

        return changed

    for owner, name in ((pathlib.Path, "replace"), (pathlib.Path, "rmdir"), (shutil, "copyfile")):
        patch.setattr(owner, name, fragile(getattr(owner, name)))
    unlink = fragile(pathlib.Path.unlink)

    def unlink_known(path: pathlib.Path, missing_ok: bool = False) -> None:
        if path.exists() and not path.name.startswith("."):
            unlink(path)

    patch.setattr(pathlib.Path, "unlink", unlink_known)
