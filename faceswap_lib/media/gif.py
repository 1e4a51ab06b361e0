"""Writing of animated GIF files."""

import fractions
import logging
import os
import pathlib
import typing

import av
import av.error
import av.filter
import numpy as np

from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import VideoError

logger = logging.getLogger(__name__)

FASTEST = fractions.Fraction(50)
"""Frames per second above which viewers play a GIF too slowly; frames above this rate are dropped evenly."""

CLOCK = fractions.Fraction(1, 100)
"""Seconds per tick of the GIF format."""

LONGEST = 65_535
"""Maximum duration of a frame in ticks."""


def write_gif(
    frames: typing.Iterable[np.ndarray],
    path: pathlib.Path,
    *,
    fps: fractions.Fraction,
    times: typing.Sequence[float] | None = None,
    length: float | None = None,
    loop: bool = True,
) -> int:
    """Writes an animated GIF with a separate palette of 256 colors for each frame.

    Args:
        frames: (H, W, 3) uint8 RGB, all of the same size.
        path: File to write; it appears only when it is complete.
        fps: Frames per second; above `FASTEST`, frames are dropped.
        times: Presentation time of each frame in seconds, increasing; None for a constant rate.
        length: End of the last frame in seconds after the start of the first one; needs `times`. None if it
            is shown as long as the one before.
        loop: Whether the animation repeats.

    Returns:
        Number of frames written.

    Raises:
        ValueError: If there is a `length` without `times`.
        VideoError: If there are no frames, or the file cannot be written.
    """
    fps, written, last = fractions.Fraction(fps), 0, None
    if length is not None and times is None:
        raise ValueError("expected times with length, got length alone")
    options = {"loop": "0" if loop else "-1"}
    if times is not None and length is not None and len(times):
        options["final_delay"] = str(_last_delay(times, length, path))
    due = 0.0
    graph: av.filter.Graph | None = None
    stream: av.VideoStream | None = None
    try:
        with (
            replacing(path) as temporary,
            av.open(
                f"file:{os.fspath(temporary)}",
                "w",
                format="gif",
                container_options=options,
            ) as container,
        ):
            for index, frame in enumerate(frames):
                seconds = float(index / fps) if times is None else float(times[index] - times[0])
                if seconds < due - 1e-6:
                    continue
                due, last = _next_due(seconds, due), _tick_of(seconds, last)
                if graph is None or stream is None:
                    graph = _palette_graph(frame)
                    stream = typing.cast(av.VideoStream, container.add_stream("gif", rate=min(fps, FASTEST)))
                    stream.height, stream.width = frame.shape[:2]
                    stream.pix_fmt, stream.codec_context.time_base = "pal8", CLOCK
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = last, CLOCK
                graph.push(picture)
                container.mux(stream.encode(graph.vpull()))
                written += 1
            if stream is None:
                raise VideoError(f"expected at least one frame for {path}, got none; the file was not written")
            container.mux(stream.encode(None))
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise VideoError(f"expected to write {path} as GIF, got: {reason}; check the free space") from error
    return written


def _next_due(seconds: float, due: float) -> float:
    """Computes the earliest time of the frame after one at `seconds`; keeps the average rate if frames are dropped."""
    shortest = float(1 / FASTEST)
    return due + shortest if seconds < due + shortest else seconds + shortest


def _tick_of(seconds: float, last: int | None) -> int:
    """Rounds a time to ticks, at least two ticks after the frame before."""
    tick = round(seconds / CLOCK)
    return tick if last is None else max(tick, last + round(1 / FASTEST / CLOCK))


def _last_delay(times: typing.Sequence[float], length: float, path: pathlib.Path) -> int:
    """Computes the duration of the last frame in ticks; logs a warning if a frame is too long for the format."""
    due, last, longest = 0.0, 0, 0
    before: int | None = None
    for seconds in (float(time - times[0]) for time in times):
        if seconds >= due - 1e-6:
            due, last = _next_due(seconds, due), _tick_of(seconds, before)
            longest = max(longest, last - (before or 0))
            before = last
    delay = max(round(length / CLOCK) - last, 1)
    if max(delay, longest) > LONGEST:
        seconds = float(LONGEST * CLOCK)
        logger.warning("%s: a picture of a GIF stays for %.0f s at most; longer ones are shortened", path, seconds)
    return min(delay, LONGEST)


def _palette_graph(frame: np.ndarray) -> av.filter.Graph:
    """Builds a graph of FFmpeg filters that computes a palette for each frame and applies it with slight dithering."""
    height, width = frame.shape[:2]
    graph = av.filter.Graph()
    pixel_format = av.VideoFormat("rgb24", width, height)
    source = graph.add_buffer(width=width, height=height, format=pixel_format, time_base=CLOCK)
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph
