"""Reading of the frames of a video and their times."""

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
) -> typing.Generator[np.ndarray, None, None]:
    """Reads the frames of a video one at a time, in presentation order; memory does not grow with the length.

    Frames before `start` and between steps are decoded (most frames depend on others) but not converted. Closing the
    generator closes the file.

    For a damaged or truncated file, all readable frames are yielded, and then a warning is logged. A truncated
    transport stream cannot be detected, because it states no length. Wide-gamut and high-dynamic-range colors are
    converted to BT.709, with a log message; see `gamut`.

    Args:
        path: A video file.
        start: Index of the first frame, from 0.
        stop: Index after the last frame; None reads to the end. It may be larger than the number of frames.
        step: Only every step-th frame is yielded.

    Yields:
        (H, W, 3) uint8 RGB, C-contiguous, upright; H and W are those of `probe_video`.

    Raises:
        ValueError: If `start`, `stop` or `step` is out of range (at the call).
        VideoError: If the file is missing or not a video (at the call), or contains no readable frame (at the end).
    """
    if start < 0 or step < 1 or (stop is not None and stop < 0):
        raise ValueError(f"expected start >= 0, stop >= 0 or None, step >= 1; got {start}, {stop}, {step}")
    return _without_times(_timed_frames(VideoDecoder(path), start, stop, step))


def read_timed_frames(
    path: pathlib.Path | str, *, start: int = 0, stop: int | None = None
) -> typing.Generator[tuple[float, np.ndarray], None, None]:
    """Reads the frames of a video as `read_frames` does, each with its presentation time.

    The times are those of the file, so they are correct for a variable frame rate. If the time of a frame is missing or
    is not later than that of the frame before, the frame is placed one period of the average rate after that one.

    Args:
        path: A video file.
        start: Index of the first frame, from 0.
        stop: Index after the last frame; None reads to the end.

    Yields:
        Time in seconds after the first frame of the file, and the frame as in `read_frames`.

    Raises:
        VideoError: As in `read_frames`.
    """
    return _timed_frames(VideoDecoder(path), start, stop, 1)


def read_times(path: pathlib.Path | str) -> np.ndarray:
    """Reads the presentation time of each frame of a video; decodes nothing if the packets state the times.

    Args:
        path: A video file.

    Returns:
        (N,) float64 seconds after the first frame, strictly increasing, one for each frame of `read_timed_frames`.

    Raises:
        VideoError: If the file is missing or not a video.
    """
    return read_schedule(path)[0]


def read_schedule(path: pathlib.Path | str) -> tuple[np.ndarray, float]:
    """Reads the presentation time of each frame of a video, and the end of the last frame.

    Args:
        path: A video file.

    Returns:
        (N,) float64 seconds after the first frame, as from `read_times`, and the end of the last frame in seconds. The
        end is after the last time; the last frame may be shown for longer than the others.

    Raises:
        VideoError: If the file is missing or not a video.
    """
    with VideoDecoder(path) as decoder:
        if decoder.stream.codec_context.codec.canonical_name in ONE_PICTURE_PER_PACKET:
            shown = [packet.pts for packet in decoder.packets() if packet.size and not packet.is_discard]
            if decoder.counts_by_packets() and None not in shown and len(set(shown)) == len(shown) > 0:
                ticks = np.sort(np.array(shown, np.int64))
                seconds = (ticks - ticks[0]) * float(decoder.time_base)
                return seconds, _end_of(decoder, seconds[-1], ticks[0] * decoder.time_base)
    with VideoDecoder(path) as decoder:
        first: fractions.Fraction | None = None
        times: list[float] = []
        for seconds, frame in _with_times(decoder):
            if first is None and (time := _time_of(frame)) is not None:
                first = time - fractions.Fraction(seconds)
            times.append(seconds)
        return np.array(times), _end_of(decoder, times[-1] if times else 0.0, first)


def count_frames(path: pathlib.Path | str) -> int:
    """Counts the frames that `read_frames` yields.

    If the codec stores one frame per packet, the packets are counted without decoding. For other codecs, and for files
    that are damaged, joined or begin between key frames, all frames are decoded.

    Args:
        path: A video file.

    Returns:
        The exact number of frames.

    Raises:
        VideoError: If the file is missing or not a video.
    """
    with VideoDecoder(path) as decoder:
        if decoder.stream.codec_context.codec.canonical_name in ONE_PICTURE_PER_PACKET:
            count = sum(1 for packet in decoder.packets() if packet.size and not packet.is_discard)
            if decoder.counts_by_packets():
                return count
    with VideoDecoder(path) as decoder:
        return sum(1 for _ in decoder.frames())


def first_picture_time(path: pathlib.Path | str) -> tuple[fractions.Fraction, int, fractions.Fraction]:
    """Determines the time of the first decodable frame, the number of frames lost before it, and the frame period.

    Args:
        path: A video file.

    Returns:
        The presentation time of the first decodable frame in seconds, from timestamps that are corrected as in
        `media.clock`; the number of frames before it that cannot be decoded; and the average duration of a frame in
        seconds.

    Raises:
        VideoError: If the file is missing or not a video.
    """
    with VideoDecoder(path) as decoder:
        period = _period_of(decoder)
        for index, frame in enumerate(itertools.islice(decoder.frames(), _MOST_UNTIMED)):
            if (time := _time_of(frame)) is not None:
                return time - index * period, decoder.lost_at_start, period
        return (decoder.stream.start_time or 0) * decoder.time_base, 0, period


def _time_of(frame: av.VideoFrame) -> fractions.Fraction | None:
    """Returns the presentation time of a decoded frame in seconds; None if it has none."""
    return None if frame.pts is None else frame.pts * typing.cast(fractions.Fraction, frame.time_base)


def _period_of(decoder: VideoDecoder) -> fractions.Fraction:
    """Returns the average period of the frames in seconds; 1 if the file states no frame rate."""
    return 1 / (decoder.frame_rate() or fractions.Fraction(1))


def _without_times(
    timed_frames: typing.Generator[tuple[float, np.ndarray], None, None],
) -> typing.Generator[np.ndarray, None, None]:
    """Yields the frames without their times."""
    with contextlib.closing(timed_frames):
        for _, frame in timed_frames:
            yield frame


def _timed_frames(
    decoder: VideoDecoder, start: int, stop: int | None, step: int
) -> typing.Generator[tuple[float, np.ndarray], None, None]:
    """Yields times and frames as `read_timed_frames` does, and logs damage at the end; closes the decoder."""
    with decoder:
        to_rgb = RgbConverter(decoder.path)
        for seconds, frame in itertools.islice(_with_times(decoder), start, stop, step):
            if lost := decoder.lost_at_start:
                decoder.lost_at_start = 0  # warn only once
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
            words = "%s: its clock jumps %d times, as in joined recordings; the times continue without a gap"
            logger.info(words, decoder.path, joins)
        if damage is not None:
            logger.warning("%s is damaged: %s; read %d frames", decoder.path, damage, decoder.frame_count)


def _with_times(decoder: VideoDecoder) -> typing.Iterator[tuple[float, av.VideoFrame]]:
    """Yields each decoded frame with its time in seconds after the first one; the times increase strictly."""
    period = _period_of(decoder)
    first: fractions.Fraction | None = None
    last = -period
    for frame in decoder.frames():
        time = _time_of(frame)
        if first is None and time is not None:  # the first frame with a time determines the times of those before
            first = time - (last + period)
        shown = None if time is None or first is None else time - first
        last = last + period if shown is None or shown <= last else shown
        yield float(last), frame


def _end_of(decoder: VideoDecoder, last: float, first: fractions.Fraction | None) -> float:
    """Computes the end of the last frame in seconds after the first frame.

    It is the latest of the ends that the packets and the container state, else one period after the last frame.

    Args:
        decoder: The decoder after all packets were read.
        last: Time of the last frame in seconds after the first one.
        first: Presentation time of the first frame in seconds, as stored in the file; None if it is unknown.
    """
    period = float(_period_of(decoder))
    end = decoder.end()
    if end is None or first is None:
        return last + period
    ends = [last + period if end - first <= last + 1e-6 else float(end - first)]
    # The duration of a packet is the time to the next decoded one; only the stream states when the last frame ends.
    begin = {"matroska,webm": first, "mov,mp4,m4a,3gp,3g2,mj2": 0}.get(decoder.container.format.name)
    stated = decoder.promised_seconds()
    if begin is not None and stated is not None and decoder.damage() is None and not decoder.lost_at_start:
        ends.append(stated - float(begin))
    return max(ends)
