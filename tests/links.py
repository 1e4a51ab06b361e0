"""Symbolic links, which Windows makes for those alone who have the right to."""

import os
import pathlib

import pytest


def require_symlinks(folder: pathlib.Path) -> None:
    """Skips the test where the system makes no symbolic links for this user.

    Args:
        folder: Is there; a link is tried in it and removed again.
    """
    link = folder / "link-that-is-tried"
    try:
        os.symlink(folder, link, target_is_directory=True)
    except OSError as error:
        pytest.skip(f"no symbolic links for this user: {error}")
    link.unlink()
