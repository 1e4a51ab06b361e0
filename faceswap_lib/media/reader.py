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
from faceswap_lib.media.color_conversion import RgbConverter
from faceswap_lib.media.decoder import ONE_PICTURE_PER_PACKET, VideoDecoder

logger = logging.getLogger(__name__)

_MOST_UNTIMED = 300


def read_frames(
    path: pathlib.Path | str, *, start: int = 0, stop: int | None = None, step: int = 1
) -> typing.Iterator[np.ndarray]:
    """Reads the pictures of a video one at a time, in presentation order; memory does not grow with length.

    Pictures before `start` and between steps are decoded (most depend on each other) but not converted. Closing the
    iterator closes the file.

    A file that is damaged or cut off gives the pictures that can be read and then logs a warning; a transport stream,
    which states no length, may be cut without a trace. Wide and high-dynamic-range
    colors become those of BT.709, with a word about it; see `gamut`.

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
    path: pathlib.Path | str, *, start: int = 0, stop: int | None = None
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


def read_times(path: pathlib.Path | str) -> np.ndarray:
    """Reads when each picture of a video is shown; decodes nothing where packets tell.

    Args:
        path: A video file.

    Returns:
        (N,) float64 seconds after the first picture, rising strictly, one for each picture of `read_timed_frames`.

    Raises:
        VideoError: If the file is missing or no video.
    """
    return read_schedule(path)[0]


def read_schedule(path: pathlib.Path | str) -> tuple[np.ndarray, float]:
    """Reads when each picture of a video is shown, and when the last one ends.

    Args:
        path: A video file.

    Returns:
        (N,) float64 seconds after the first picture, as from `read_times`, and the seconds at which the last picture,
        which may stay for longer than the others, gives way; after its time.

    Raises:
        VideoError: If the file is missing or no video.
    """
    with VideoDecoder(path) as decoder:
        if decoder.stream.codec_context.codec.canonical_name in ONE_PICTURE_PER_PACKET:
            shown = [packet.pts for packet in decoder.packets() if packet.size and not packet.is_discard]
            if decoder.counts_by_packets() and None not in shown and len(set(shown)) == len(shown) > 0:
                ticks = np.sort(np.array(shown, np.int64))
                times = (ticks - ticks[0]) * float(decoder.stream.time_base)
                return times, _end_of(decoder, times[-1], ticks[0] * decoder.stream.time_base)
    with VideoDecoder(path) as decoder:
        first, times = None, []
        for seconds, frame in _with_times(decoder):
            if first is None and frame.pts is not None:
                first = frame.pts * frame.time_base - fractions.Fraction(seconds)
            times.append(seconds)
        return np.array(times), _end_of(decoder, times[-1] if times else 0.0, first)


def count_frames(path: pathlib.Path | str) -> int:
    """Counts the pictures that `read_frames` gives.

    Where the codec puts one picture in each packet the packets are counted, without decoding; for other codecs, and
    for files that are damaged, joined or begin between key frames, everything is decoded.

    Args:
        path: A video file.

    Returns:
        The exact number of pictures.

    Raises:
        VideoError: If the file is missing or no video.
    """
    with VideoDecoder(path) as decoder:
        if decoder.stream.codec_context.codec.canonical_name in ONE_PICTURE_PER_PACKET:
            count = sum(1 for packet in decoder.packets() if packet.size and not packet.is_discard)
            if decoder.counts_by_packets():
                return count
    with VideoDecoder(path) as decoder:
        return sum(1 for _ in decoder.frames())


def first_picture_time(path: pathlib.Path | str) -> tuple[fractions.Fraction, int, fractions.Fraction]:
    """Finds when the first picture that can be decoded is shown, how many before it cannot, and the average period.

    Args:
        path: A video file.

    Returns:
        Seconds on the corrected clock of the file's packets, pictures, and seconds.

    Raises:
        VideoError: If the file is missing or no video.
    """
    with VideoDecoder(path) as decoder:
        period = 1 / (decoder.frame_rate() or 1)
        for index, frame in enumerate(itertools.islice(decoder.frames(), _MOST_UNTIMED)):
            if frame.pts is not None:
                return frame.pts * frame.time_base - index * period, decoder.lost_at_start, period
        return (decoder.stream.start_time or 0) * decoder.stream.time_base, 0, period


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
        to_rgb = RgbConverter(decoder.path)
        for seconds, frame in itertools.islice(_with_times(decoder), start, stop, step):
            if lost := decoder.lost_at_start:
                decoder.lost_at_start = 0  # said once
                words = "%s begins between key frames: its first %d pictures cannot be decoded and are left out"
                logger.warning(words, decoder.path, lost)
            yield seconds, to_rgb(frame)
        damage = decoder.damage()
        if decoder.finished and decoder.frame_count == 0:
            raise VideoError(f"expected a video, got a file without one readable picture: {decoder.path}")
        if decoder.finished and (further := decoder.further_streams()):
            words = "%s holds %d further video streams, which are not read; split the file if they matter"
            logger.warning(words, decoder.path, further)
        if len(decoder.clock.offsets) > 1:
            joins = len(decoder.clock.offsets) - 1
            logger.info("%s: its clock jumps %d times, as in joined recordings; time goes on", decoder.path, joins)
        if damage is not None:
            logger.warning("%s is damaged: %s; read %d frames", decoder.path, damage, decoder.frame_count)


def _with_times(decoder: VideoDecoder) -> typing.Iterator[tuple[float, av.VideoFrame]]:
    """Yields every decoded picture with its seconds after the first one, which never go back."""
    period = 1 / (decoder.frame_rate() or 1)
    first, last = None, -period
    for frame in decoder.frames():
        time = None if frame.pts is None else frame.pts * frame.time_base
        if first is None and time is not None:  # the first one that has a time says when those before were shown
            first = time - (last + period)
        last = last + period if time is None or time - first <= last else time - first
        yield float(last), frame


def _end_of(decoder: VideoDecoder, last: float, first: fractions.Fraction | None) -> float:
    """When the last picture ends, in seconds after the first: as the packets, then as the container says, else one
    period after it begins."""
    period = float(1 / (decoder.frame_rate() or 1))
    end = decoder.end()
    if end is None or first is None:
        return last + period
    ends = [last + period if end - first <= last + 1e-6 else float(end - first)]
    # A packet tells how long it is until the next is decoded; when the last picture ends only the stream tells.
    begin = {"matroska,webm": first, "mov,mp4,m4a,3gp,3g2,mj2": 0}.get(decoder.container.format.name)
    stated = decoder.promised_seconds()
    if begin is not None and stated is not None and decoder.damage() is None and not decoder.lost_at_start:
        ends.append(stated - float(begin))
    return max(ends)
