"""Progress bars that never end the work they show, neither by a closed terminal nor by a full disk under a log."""

import contextlib
import sys
import typing

from tqdm.auto import tqdm

TROUBLES = (OSError, ValueError)
"""What writing to a closed terminal, a full disk or a closed file raises."""

ProgressBar = tqdm
"""What `show_progress` gives."""

Item = typing.TypeVar("Item")


class QuietFile:
    """Writes to a text file until that fails, and then no more.

    Args:
        file: The file; None for a process without one.
    """

    def __init__(self, file: typing.TextIO | None):
        self._file, self._failed = file, file is None

    def write(self, text: str) -> int:
        """Writes a text if it can be written."""
        if not self._failed:
            try:
                self._file.write(text)
            except TROUBLES:
                self._failed = True
        return len(text)

    def flush(self) -> None:
        """Flushes what was written."""
        if not self._failed:
            try:
                self._file.flush()
            except TROUBLES:
                self._failed = True

    def isatty(self) -> bool:
        """Whether the file is a terminal."""
        with contextlib.suppress(*TROUBLES):
            return self._file is not None and self._file.isatty()
        return False

    def fileno(self) -> int:
        """The file's descriptor."""
        if self._file is None:
            raise OSError("no file")
        return self._file.fileno()

    @property
    def encoding(self) -> str:
        """The file's encoding."""
        return getattr(self._file, "encoding", None) or "utf-8"


def show_progress(
    items: typing.Iterable[Item] | None = None, title: str = "", total: float | None = None, **options: typing.Any
) -> "ProgressBar[Item]":
    """Shows how far work is: as a widget in a notebook, as a line on standard error elsewhere.

    Args:
        items: Passed through; None where the caller counts with `update`.
        title: Stands before the bar.
        total: How many there will be, if `items` does not know.
        options: More of tqdm's, such as `disable`, `unit` and `initial`.

    Returns:
        A tqdm bar whose failures to write are passed over.
    """
    return tqdm(items, title, total, file=options.pop("file", None) or QuietFile(sys.stderr), **options)
