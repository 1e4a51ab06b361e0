"""Properties of a video file: size, frame rate, length and orientation."""

import dataclasses
import fractions
import pathlib

import av

from faceswap_lib.errors import VideoError
from faceswap_lib.media.decoder import VideoDecoder
from faceswap_lib.media.orientation import orientation_of

SLOWEST = fractions.Fraction(1, 10_000)
"""Lowest frame rate that is accepted."""

FASTEST = 10_000
"""Highest frame rate that is accepted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """Size, frame rate and length of a video as a viewer sees it.

    Attributes:
        path: The file.
        width: Width in pixels, after rotation.
        height: Height in pixels, after rotation.
        fps: Frames per second, exact; the average if the rate varies.
        frame_count: Number of frames that the container states; None if it states none. In a file that was cut without
            re-encoding it includes frames that are never shown; `count_frames` is exact.
        duration: Length of the video in seconds; None if the container does not state it.
        rotation: Clockwise rotation in degrees that makes the stored frames upright: 0, 90, 180 or 270. `read_frames`
            applies it.
        is_mirrored: Whether the stored frames must be mirrored horizontally before the rotation, as for some front
            cameras. `read_frames` applies it.
        has_audio: Whether there is at least one audio stream.
        sample_aspect: Aspect ratio (width / height) of one pixel, after rotation. Nearly always 1. If it is not (old
            television formats), the frames keep their stored pixels, and a player stretches them.

    Raises:
        ValueError: If a value is out of range.
    """

    path: pathlib.Path
    width: int
    height: int
    fps: fractions.Fraction
    frame_count: int | None
    duration: float | None
    rotation: int
    has_audio: bool
    sample_aspect: fractions.Fraction = fractions.Fraction(1)
    is_mirrored: bool = False

    def __post_init__(self) -> None:
        """Checks the ranges of the values."""
        if self.width < 1 or self.height < 1:
            raise ValueError(f"expected a size of at least 1x1, got {self.width}x{self.height}")
        if not isinstance(self.fps, fractions.Fraction) or self.fps <= 0:
            raise ValueError(f"expected fps to be a Fraction above 0, got {self.fps!r}")
        if self.frame_count is not None and self.frame_count < 1:
            raise ValueError(f"expected frame_count to be None or at least 1, got {self.frame_count}")
        if self.duration is not None and self.duration <= 0:
            raise ValueError(f"expected duration to be None or above 0, got {self.duration}")
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"expected rotation to be 0, 90, 180 or 270, got {self.rotation}")
        if self.sample_aspect <= 0:
            raise ValueError(f"expected sample_aspect above 0, got {self.sample_aspect}")


def probe_video(path: pathlib.Path | str) -> VideoInfo:
    """Reads the properties of a video; decodes the first frame, which contains the rotation.

    Args:
        path: A video file.

    Returns:
        Its properties.

    Raises:
        VideoError: If the file is missing, is not a video, contains no frame that can be decoded, or states no frame
            rate or one outside of `SLOWEST` to `FASTEST`.
    """
    with VideoDecoder(path) as decoder:
        stream = decoder.stream
        first = next(decoder.frames(), None)
        if first is None:
            raise VideoError(f"expected a video, got a file without one readable picture: {path}; check that it plays")
        fps = decoder.frame_rate()
        if not fps:
            raise VideoError(f"expected a video with a frame rate, got none: {path}; convert it to MP4 first")
        if not SLOWEST <= fps <= FASTEST:
            expected = f"expected between one frame in {float(1 / SLOWEST):,.0f} s and {FASTEST:,} a second"
            raise VideoError(f"{expected}, got {float(fps):g} a second: {path}; give it another rate first")
        orientation = orientation_of(first)
        is_rotated = orientation.swaps_axes
        aspect = decoder.sample_aspect()
        return VideoInfo(
            path=decoder.path,
            width=first.height if is_rotated else first.width,
            height=first.width if is_rotated else first.height,
            fps=fractions.Fraction(fps),
            frame_count=stream.frames or None,
            duration=_duration(decoder),
            rotation=orientation.rotation,
            is_mirrored=orientation.is_mirrored,
            has_audio=bool(decoder.container.streams.audio),
            sample_aspect=1 / aspect if is_rotated else aspect,
        )


def _duration(decoder: VideoDecoder) -> float | None:
    """Returns the duration that the stream, else the container, states in seconds; None if neither does."""
    stated = decoder.promised_seconds()
    if stated is None and decoder.container.duration:
        stated = decoder.container.duration / av.time_base
    return stated if stated and stated > 0 else None
