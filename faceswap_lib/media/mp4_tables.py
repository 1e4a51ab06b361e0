"""Checks of the sample tables of MP4 files against the file size, before FFmpeg allocates memory for them."""

import functools
import os
import pathlib
import struct
import typing

from faceswap_lib.errors import VideoError
from faceswap_lib.limits import VIDEO_FRAMES

_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})
_MOST_BOXES = 2_000_000


class _TooManyBoxes(Exception):
    """Error for a file with more than `_MOST_BOXES` boxes."""


def check_tables(path: pathlib.Path) -> None:
    """Rejects an MP4 or QuickTime file whose tables claim more samples than its size allows.

    Files of other formats are accepted. The result is cached until the size or the date of the file changes.

    Args:
        path: A regular file.

    Raises:
        VideoError: If the file cannot be read, its tables claim too many samples, or a video track has more samples
            than `limits.VIDEO_FRAMES`.
    """
    try:
        status = os.stat(path)
        claim = _largest_claim(os.fspath(path), status.st_size, status.st_mtime_ns)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"expected a readable video file, got {reason}: {path}; check its permissions"
        raise VideoError(message) from error
    except _TooManyBoxes as error:
        raise VideoError(f"expected an MP4 file, got more than {_MOST_BOXES:,} boxes: {path}; it is damaged") from error
    samples, least_bytes, is_video = claim
    if is_video:
        VIDEO_FRAMES.check(samples, path, VideoError)
    if least_bytes > status.st_size:
        raise VideoError(
            f"expected a video file, got tables of {samples:,} samples in "
            f"{status.st_size:,} bytes: {path}; it is damaged"
        )


@functools.lru_cache(maxsize=64)
def _largest_claim(path: str, size: int, modified: int) -> tuple[int, int, bool]:
    """Returns the largest claim of all tables: samples, minimum bytes of them, and whether they are video frames."""
    worst, is_video = (0, 0, False), False
    with open(path, "rb") as file:
        for kind, start, _ in _walk(file, 0, size, [0]):
            if kind == b"hdlr":
                is_video = _read(file, start + 8, 4) == b"vide"
            elif kind == b"stsz":
                each, samples = struct.unpack(">II", _read(file, start + 4, 8).ljust(8, b"\0"))
                least = samples * each if each else samples * 4
                worst = max(worst, (samples, least, is_video), key=_severity)
            elif kind == b"trun":
                (samples,) = struct.unpack(">I", _read(file, start + 4, 4).ljust(4, b"\0"))
                worst = max(worst, (samples, samples, False), key=_severity)
    return worst


def _severity(claim: tuple[int, int, bool]) -> tuple[bool, int]:
    """Returns the sort key of a claim: too many frames first, then the number of bytes."""
    samples, least, is_video = claim
    return is_video and samples > VIDEO_FRAMES.value, least


def _walk(file: typing.BinaryIO, start: int, end: int, visited: list[int]) -> typing.Iterator[tuple[bytes, int, int]]:
    """Yields the type, the start of the content and the end of every box, including nested ones."""
    while start + 8 <= end:
        visited[0] += 1
        if visited[0] > _MOST_BOXES:
            raise _TooManyBoxes
        head = _read(file, start, 16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        content = start + 8
        if size == 1 and len(head) == 16:
            size, content = struct.unpack(">Q", head[8:])[0], start + 16
        stop = end if size == 0 else start + size
        if stop < content:
            return
        yield kind, content, min(stop, end)
        if kind in _PARENTS:
            yield from _walk(file, content, min(stop, end), visited)
        start = stop


def _read(file: typing.BinaryIO, offset: int, count: int) -> bytes:
    """Reads bytes at an offset."""
    file.seek(offset)
    return file.read(count)
