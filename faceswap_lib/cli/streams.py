"""Standard output and error that never stop the work: output that nobody reads any more is discarded."""

import contextlib
import errno
import io
import os
import sys
import typing

GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.EINVAL)
"""Error numbers of writing to a reader or terminal that is gone; Windows raises EINVAL for a broken pipe."""


class QuietRaw(io.RawIOBase):
    """Raw file that discards all data after the first failed write.

    Attributes:
        failure: The error of that write; None if there was none, or if it was a broken pipe or a closed terminal.
    """

    def __init__(self, raw: typing.BinaryIO):
        self._raw, self._failed = raw, False
        self.failure: OSError | None = None

    def write(self, data) -> int | None:
        """Writes bytes, or discards them after a failure; returns their number."""
        if not self._failed:
            try:
                return self._raw.write(data)
            except OSError as error:
                self._failed = True
                self.failure = None if error.errno in GONE else error
        return memoryview(data).nbytes

    def writable(self) -> bool:
        """Returns True."""
        return True

    def fileno(self) -> int:
        """Returns the file descriptor."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Returns whether the file is a terminal."""
        return self._raw.isatty()


@contextlib.contextmanager
def quiet_streams() -> typing.Iterator[typing.Callable[[], OSError | None]]:
    """Replaces the process's own standard output and error by streams that never fail; keeps redirected ones.

    A standard descriptor that was closed when the process started is opened on the null device. Otherwise, a file that
    is opened later could get its number, and would receive what libraries write to that descriptor.

    Yields:
        A function that flushes standard output and returns its write error; None if there was none, or if it was a
        broken pipe or a closed terminal.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    before = sys.stdout, sys.stderr
    raws = {name: _replace(name) for name in ("stdout", "stderr")}

    def finish() -> OSError | None:
        sys.stdout.flush()
        return raws["stdout"].failure if raws["stdout"] else None

    try:
        yield finish
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _replace(name: str) -> QuietRaw | None:
    """Replaces `sys.stdout` or `sys.stderr`; returns the new raw file, or None if the stream is not the original."""
    stream = getattr(sys, name)
    if stream is None:
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (open as long as the process)
        return None
    if stream is not getattr(sys, f"__{name}__") or not hasattr(stream, "buffer"):
        return None
    stream.flush()
    raw = QuietRaw(getattr(stream.buffer, "raw", stream.buffer))
    # Characters that the terminal's encoding does not have, and file names that are not UTF-8, are escaped.
    settings = {"line_buffering": stream.line_buffering, "write_through": stream.write_through}
    setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, "backslashreplace", **settings))
    return raw
