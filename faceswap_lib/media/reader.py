"""Reading a video picture by picture."""

import contextlib
import fractions
import itertools
import logging
import pathlib
import typing

import av
import numpy as np

from faceswap_lib.errors import VideoError
from faceswap_lib.media.decoding import VideoDecoder
from faceswap_lib.media.pixels import RgbConverter, is_hdr

logger = logging.getLogger(__name__)

# Codecs in which each packet holds exactly one shown picture, so that counting packets counts pictures.
_ONE_PICTURE_PER_PACKET = frozenset({"h264", "hevc", "mjpeg", "prores", "dnxhd", "ffv1", "png", "rawvideo"})


def read_frames(
    path: pathlib.Path, *, start: int = 0, stop: int | None = None, step: int = 1
) -> typing.Iterator[np.ndarray]:
    """Reads the pictures of a video one at a time, in presentation order; memory does not grow with length.

    Pictures before `start` and between steps are decoded (most depend on each other) but not converted. Closing the
    iterator closes the file.

    A file that is damaged or cut off gives the pictures that can be read and then logs a warning; a transport stream,
    which states no length, may be cut without a trace. High dynamic range is read without tone mapping, with a warning.

    Args:
        path: A video file.
        start: Index of the first picture, from 0.
        stop: Index after the last picture; None reads to the end. A number past the end is no error.
        step: Takes every step-th picture.

    Yields:
        (H, W, 3) uint8 RGB, C-contiguous, upright, H and W as in `probe_video`.

    Raises:
        ValueError: If `start`, `stop` or `step` is out of range (at the call).
        VideoError: If the file is missing or no video (at the call), or holds no picture that can be read (at the end).
    """
    if start < 0 or step < 1 or (stop is not None and stop < 0):
        raise ValueError(f"expected start >= 0, stop >= 0 or None, step >= 1; got {start}, {stop}, {step}")
    return _pictures(_timed_frames(VideoDecoder(path), start, stop, step))


def read_timed_frames(
    path: pathlib.Path, *, start: int = 0, stop: int | None = None
) -> typing.Iterator[tuple[float, np.ndarray]]:
    """Reads pictures of a video as `read_frames` does, each with the time at which it is shown.

    Times come from the file, so they are right where the rate varies. Where the file gives a picture none, or one that
    is not after the last picture's, it is taken to come one period of the average rate after that.

    Args:
        path: A video file.
        start: Index of the first picture wanted, from 0.
        stop: Index after the last one; None reads to the end.

    Yields:
        Seconds after the first picture of the file, which has 0, and the picture.

    Raises:
        VideoError: As in `read_frames`.
    """
    return _timed_frames(VideoDecoder(path), start, stop, 1)


def read_times(path: pathlib.Path) -> np.ndarray:
    """Reads when each picture of a video is shown; decodes nothing where packets tell.

    Args:
        path: A video file.

    Returns:
        (N,) float64 seconds after the first picture, rising strictly, one for each picture of `read_timed_frames`.

    Raises:
        VideoError: If the file is missing or no video.
    """
    with VideoDecoder(path) as decoder:
        if decoder.stream.codec_context.codec.canonical_name in _ONE_PICTURE_PER_PACKET:
            shown = [packet.pts for packet in decoder.packets() if packet.size and not packet.is_discard]
            if decoder.damage() is None and None not in shown and len(set(shown)) == len(shown) > 0:
                ticks = np.sort(np.array(shown, np.int64))
                return (ticks - ticks[0]) * float(decoder.stream.time_base)
    with VideoDecoder(path) as decoder:
        return np.array([seconds for seconds, _ in _with_times(decoder)])


def count_frames(path: pathlib.Path) -> int:
    """Counts the pictures that `read_frames` gives.

    Where the codec puts one picture in each packet the packets are counted, without decoding; for other codecs, and
    for damaged files, everything is decoded.

    Args:
        path: A video file.

    Returns:
        The exact number of pictures.

    Raises:
        VideoError: If the file is missing or no video.
    """
    with VideoDecoder(path) as decoder:
        if decoder.stream.codec_context.codec.canonical_name in _ONE_PICTURE_PER_PACKET:
            count = sum(1 for packet in decoder.packets() if packet.size and not packet.is_discard)
            if decoder.damage() is None:
                return count
    with VideoDecoder(path) as decoder:
        return sum(1 for _ in decoder.frames())


def _pictures(
    timed_frames: typing.Generator[tuple[float, np.ndarray], None, None],
) -> typing.Generator[np.ndarray, None, None]:
    with contextlib.closing(timed_frames):
        for _, picture in timed_frames:
            yield picture


def _timed_frames(
    decoder: VideoDecoder, start: int, stop: int | None, step: int
) -> typing.Generator[tuple[float, np.ndarray], None, None]:
    with decoder:
        to_rgb = RgbConverter()
        for index, (seconds, frame) in enumerate(itertools.islice(_with_times(decoder), start, stop, step)):
            if index == 0 and is_hdr(frame):
                logger.warning("%s has high dynamic range; its colours are read flatter than meant", decoder.path)
            yield seconds, to_rgb(frame)
        damage = decoder.damage()
        if decoder.finished and decoder.frame_count == 0:
            raise VideoError(f"expected a video, got a file without one readable picture: {decoder.path}")
        if damage is not None:
            logger.warning("%s is damaged: %s; read %d frames", decoder.path, damage, decoder.frame_count)


def _with_times(decoder: VideoDecoder) -> typing.Iterator[tuple[float, av.VideoFrame]]:
    """Yields every decoded picture with its seconds after the first one, which never go back."""
    period = 1 / (decoder.frame_rate() or 1)
    first = last = None
    for frame in decoder.frames():
        shown = None if frame.pts is None else frame.pts * frame.time_base
        if last is not None and (shown is None or shown <= last):
            shown = last + period
        last = fractions.Fraction(0) if shown is None else shown
        first = last if first is None else first
        yield float(last - first), frame
