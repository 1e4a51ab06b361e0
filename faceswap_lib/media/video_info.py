"""What a video file says about itself."""

import dataclasses
import fractions
import pathlib

import av

from faceswap_lib.errors import VideoError
from faceswap_lib.media.decoder import VideoDecoder
from faceswap_lib.media.orientation import orientation_of

SLOWEST = fractions.Fraction(1, 10_000)
"""Frames per second of a video at least."""

FASTEST = 10_000
"""Frames per second of a video at most."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """Size, rate and length of a video as a viewer sees it.

    Attributes:
        path: The file.
        width: Pixels, after the rotation flag.
        height: Pixels, after the rotation flag.
        fps: Pictures per second, exact; the average if the rate varies.
        frame_count: What the container says, None when it does not say. A file cut without re-encoding also counts
            pictures that are never shown; `count_frames` is exact.
        duration: Seconds of video, None when the container does not say.
        rotation: Degrees by which the stored picture must be turned clockwise to stand upright: 0, 90, 180 or 270.
            `read_frames` has done it already.
        is_mirrored: Whether left and right of the stored picture must be exchanged before that, as front cameras
            write it; `read_frames` has done it, too.
        has_audio: Whether there is at least one sound stream.
        sample_aspect: Width : height of one pixel, after the rotation flag. Nearly always 1; where it is not (old
            television formats), pictures keep their stored pixels and a player stretches them.

    Raises:
        ValueError: If a value is out of its range.
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
    """Reads what a video says about itself; decodes its first picture, which carries the rotation.

    Args:
        path: A video file.

    Returns:
        Its `VideoInfo`.

    Raises:
        VideoError: If the file is missing, is no video, has no picture that can be decoded, states no frame rate,
            or one that no video has.
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
        lies_down = orientation.swaps_axes
        aspect = decoder.sample_aspect()
        return VideoInfo(
            path=decoder.path,
            width=first.height if lies_down else first.width,
            height=first.width if lies_down else first.height,
            fps=fractions.Fraction(fps),
            frame_count=stream.frames or None,
            duration=_duration(decoder),
            rotation=orientation.rotation,
            is_mirrored=orientation.is_mirrored,
            has_audio=bool(decoder.container.streams.audio),
            sample_aspect=1 / aspect if lies_down else aspect,
        )


def _duration(decoder: VideoDecoder) -> float | None:
    stated = decoder.promised_seconds()
    if stated is None and decoder.container.duration:
        stated = decoder.container.duration / av.time_base
    return stated if stated and stated > 0 else None
