"""Progress bars whose output errors, such as a closed terminal or a full disk, never stop the work."""

import contextlib
import sys
import typing

from tqdm.auto import tqdm

TROUBLES = (OSError, ValueError)
"""Errors of writing to a closed terminal, a full disk or a closed file."""

ProgressBar = tqdm
"""Type of the bar that `show_progress` returns."""

Item = typing.TypeVar("Item")


class QuietFile:
    """Text file that ignores everything written after the first error.

    Args:
        file: The file; None for a process without standard error.
    """

    def __init__(self, file: typing.TextIO | None):
        self._file, self._failed = file, False

    def write(self, text: str) -> int:
        """Writes a text if the file still works; returns the length of the text in any case."""
        if self._file is not None and not self._failed:
            try:
                self._file.write(text)
            except TROUBLES:
                self._failed = True
        return len(text)

    def flush(self) -> None:
        """Flushes the file if it still works."""
        if self._file is not None and not self._failed:
            try:
                self._file.flush()
            except TROUBLES:
                self._failed = True

    def isatty(self) -> bool:
        """Checks whether the file is a terminal."""
        with contextlib.suppress(*TROUBLES):
            return self._file is not None and self._file.isatty()
        return False

    def fileno(self) -> int:
        """Returns the file descriptor; raises `OSError` if there is no file."""
        if self._file is None:
            raise OSError("no file")
        return self._file.fileno()

    @property
    def encoding(self) -> str:
        """Encoding of the file; UTF-8 if it is unknown."""
        return getattr(self._file, "encoding", None) or "utf-8"


def show_progress(
    items: typing.Iterable[Item] | None = None, title: str = "", total: float | None = None, **options: typing.Any
) -> "ProgressBar[Item]":
    """Shows a progress bar: a widget in a notebook, a line on standard error elsewhere.

    Args:
        items: Items to iterate over; None if the caller counts with `update`.
        title: Text before the bar.
        total: Number of items, if `items` has no length.
        **options: Further options of tqdm, such as `disable`, `unit` and `initial`.

    Returns:
        A tqdm bar that ignores errors of writing.
    """
    bar = tqdm(items, title, total, file=options.pop("file", None) or QuietFile(sys.stderr), **options)
    return typing.cast("ProgressBar[Item]", bar)
