"""Writing an animated GIF picture by picture."""

import fractions
import os
import pathlib
import typing

import av
import av.filter
import numpy as np

from faceswap_lib.errors import VideoError
from faceswap_lib.files import replacing

FASTEST = fractions.Fraction(50)
"""Pictures per second above which viewers play a GIF slowly; more are left out, evenly."""

CLOCK = fractions.Fraction(1, 100)
"""A tick of the format, in seconds."""


def write_gif(
    frames: typing.Iterable[np.ndarray], path: pathlib.Path, *, fps: fractions.Fraction, loop: bool = True
) -> int:
    """Writes an animated GIF, each picture with the 256 colours that suit it best.

    Args:
        frames: (H, W, 3) uint8 RGB of one size.
        path: Where to; the file appears only when it is whole.
        fps: Pictures per second; above `FASTEST`, pictures are left out.
        loop: Whether it starts again at its end.

    Returns:
        Pictures written.

    Raises:
        VideoError: If there are no frames, or the file cannot be written.
    """
    fps, written = fractions.Fraction(fps), 0
    keep = max(fractions.Fraction(1), fps / FASTEST)
    graph = stream = None
    try:
        with (
            replacing(path) as temporary,
            av.open(
                f"file:{os.fspath(temporary)}",
                "w",
                format="gif",
                container_options={"loop": "0" if loop else "-1"},
            ) as container,
        ):
            for index, frame in enumerate(frames):
                if index < written * keep:
                    continue
                if graph is None:
                    graph = _palette_graph(frame)
                    stream = container.add_stream("gif", rate=fps / keep)
                    stream.height, stream.width = frame.shape[:2]
                    stream.pix_fmt, stream.codec_context.time_base = "pal8", CLOCK
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = round(written * keep / fps / CLOCK), CLOCK
                graph.push(picture)
                container.mux(stream.encode(graph.pull()))
                written += 1
            if stream is None:
                raise VideoError(f"expected at least one frame for {path}, got none; the file was not written")
            container.mux(stream.encode(None))
    except av.error.FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise VideoError(f"expected to write {path} as GIF, got: {reason}; check the free space") from error
    return written


def _palette_graph(frame: np.ndarray) -> av.filter.Graph:
    """FFmpeg's own filters: a palette from each picture, applied to it with a little dithering."""
    height, width = frame.shape[:2]
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=CLOCK)
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
