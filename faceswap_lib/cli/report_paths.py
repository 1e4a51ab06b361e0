"""Checks of the paths that subcommands write reports to."""

import pathlib

from faceswap_lib.conversion.output_paths import check_no_link, check_paths
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.writable import check_writable


def check_pages(out: pathlib.Path, read: dict[str, pathlib.Path], numbers: pathlib.Path | None = None) -> None:
    """Checks, before the work starts, that the page can be written and does not replace an input.

    Args:
        out: Path of the page.
        read: Inputs by a label for messages.
        numbers: Path of the .json file that is written with the page, if any.

    Raises:
        InputError: If a path cannot be used.
    """
    if out.suffix.lower() != ".html":
        raise InputError(f"expected the name of a page that ends in .html, got {out}")
    written = {"the page": out} | ({"the numbers": numbers} if numbers else {})
    check_paths(written, read)
    for label, path in written.items():
        check_no_link(path, label)
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a file to write")
    check_writable(out.parent)
