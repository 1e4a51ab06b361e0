"""Side-by-side video of several clips, for comparison."""

import contextlib
import logging
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.media.outlined_text import draw_outlined_text
from faceswap_lib.media.reader import read_frames
from faceswap_lib.media.video_info import VideoInfo, probe_video
from faceswap_lib.media.writer import VideoWriter

logger = logging.getLogger(__name__)


def write_side_by_side(
    paths: typing.Sequence[pathlib.Path],
    out: pathlib.Path,
    *,
    labels: typing.Sequence[str] | None = None,
    starts: typing.Sequence[int] | None = None,
    sound_from: int = 0,
) -> None:
    """Writes a video with several clips side by side, with the height and the frame rate of the first clip.

    Frames are paired by index, not by time, so that a swapped video stays paired with its original. The result is as
    long as the shortest clip. A clip of another height is scaled, to an even width.

    Args:
        paths: One or more video files, from left to right.
        out: File to write, ending in .mp4.
        labels: One short ASCII text per clip, drawn at its upper left; None draws nothing.
        starts: Index of the first frame of each clip; None starts all clips at their beginning.
        sound_from: Index of the clip whose audio is copied.

    Raises:
        ValueError: If there are no paths, or the number of labels or starts is not that of the paths.
        VideoError: If a clip cannot be read or the result cannot be written.
    """
    if not paths:
        raise ValueError("expected at least one path, got none")
    if labels is not None and len(labels) != len(paths):
        raise ValueError(f"expected one label per clip ({len(paths)}), got {len(labels)}")
    if starts is not None and len(starts) != len(paths):
        raise ValueError(f"expected one start per clip ({len(paths)}), got {len(starts)}")
    infos = [probe_video(path) for path in paths]
    if len({info.fps for info in infos}) > 1:
        rates = ", ".join(str(info.fps) for info in infos)
        logger.warning("the clips have different frame rates (%s); they are paired by frame number", rates)
    height = infos[0].height
    widths = [_scaled_width(info, height) for info in infos]
    source = infos[sound_from].path if infos[sound_from].has_audio else None
    with contextlib.ExitStack() as stack:
        begins = zip(paths, starts or [0] * len(paths), strict=True)
        clips = [stack.enter_context(contextlib.closing(read_frames(path, start=start))) for path, start in begins]
        writer = VideoWriter(out, width=sum(widths), height=height, fps=infos[0].fps, audio_from=source)
        stack.enter_context(writer)
        for frames in zip(*clips, strict=False):
            tiles = [_scaled(frame, width, height) for frame, width in zip(frames, widths, strict=True)]
            for tile, label in zip(tiles, labels or (), strict=False):
                _draw_label(tile, label)
            writer.write(np.hstack(tiles))


def _scaled_width(info: VideoInfo, height: int) -> int:
    """Computes the width of a clip at a height, with square pixels."""
    if info.height == height and info.sample_aspect == 1:
        return info.width
    return max(2, round(info.width * info.sample_aspect * height / info.height / 2) * 2)


def _scaled(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scales a frame to a size."""
    if frame.shape[:2] == (height, width):
        return frame
    shrinks = height < frame.shape[0]
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _draw_label(tile: np.ndarray, text: str) -> None:
    """Draws white text with a black outline in place, with a height of about a twentieth of the frame.

    The text is at the top, because swaps have their own label at the bottom.
    """
    scale = max(0.3, tile.shape[0] / 600)
    origin = (round(12 * scale), round(32 * scale))
    draw_outlined_text(tile, text, origin, scale, max(1, round(2 * scale)))
