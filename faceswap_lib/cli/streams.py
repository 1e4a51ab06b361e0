"""Standard output and error that never end the work: what is not read any more is thrown away."""

import contextlib
import errno
import io
import os
import sys
import typing

GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.EINVAL)
"""What writing to a reader or a terminal raises that is gone; Windows raises EINVAL for a broken pipe."""


class QuietRaw(io.RawIOBase):
    """Writes to a raw file until that fails, and then no more.

    Attributes:
        failure: What went wrong, unless only the reader has gone; None if nothing did.
    """

    def __init__(self, raw: typing.BinaryIO):
        self._raw, self._failed = raw, False
        self.failure: OSError | None = None

    def write(self, data) -> int | None:
        """Writes bytes if they can be written."""
        if not self._failed:
            try:
                return self._raw.write(data)
            except OSError as error:
                self._failed = True
                self.failure = None if error.errno in GONE else error
        return memoryview(data).nbytes

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The file's descriptor."""
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._raw.isatty()


@contextlib.contextmanager
def quiet_streams() -> typing.Iterator[typing.Callable[[], OSError | None]]:
    """Replaces the process's own standard output and error by ones that never fail; leaves others as they are.

    A descriptor that was closed when the process began leads to nothing from now on, so that no file that is opened
    later gets its number and what libraries write there.

    Yields:
        A function that writes out what standard output still holds and gives what went wrong there; None if nothing
        did, or if its reader has gone.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number, which is this one
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
    stream = getattr(sys, name)
    if stream is None:
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (open as long as the process)
        return None
    if stream is not getattr(sys, f"__{name}__") or not hasattr(stream, "buffer"):
        return None
    stream.flush()
    raw = QuietRaw(getattr(stream.buffer, "raw", stream.buffer))
    # A name that the terminal's encoding lacks, or that is not UTF-8, is shown by its numbers.
    settings = {"line_buffering": stream.line_buffering, "write_through": stream.write_through}
    setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, "backslashreplace", **settings))
    return raw
