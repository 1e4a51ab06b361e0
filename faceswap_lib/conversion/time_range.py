"""Time range: the part of a video that is converted, and the time of each of its frames."""

import dataclasses
import fractions
import pathlib

import numpy as np

from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.errors import InputError
from faceswap_lib.media import VideoInfo, probe_video, read_schedule
from faceswap_lib.media.writer import TICKS

UNEVEN = 0.25
"""Largest deviation of a frame's time from a constant frame rate, in frame periods; above it the rate is variable."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TimeRange:
    """Part of a video that is converted.

    Attributes:
        info: Size, frame rate and other properties of the video.
        start: Index of the first frame of the range.
        seconds: (N,) time of each frame of the range, in seconds from the first frame of the file.
        end: End of the last frame of the range, on the same clock.
        is_vfr: Whether the frame rate is variable, so that frames must be written with their times.
        is_whole: Whether the range is the whole video.
    """

    info: VideoInfo
    start: int
    seconds: np.ndarray
    end: float
    is_vfr: bool
    is_whole: bool

    @classmethod
    def of(cls, video: pathlib.Path, config: OutputConfig) -> "TimeRange":
        """Returns the range of the frames between `config.start` and `config.end`.

        Raises:
            VideoError: If the file is not a video.
            InputError: If the range contains no frame.
        """
        info = probe_video(video)
        times, end = read_schedule(video)
        first = int(np.searchsorted(times, config.start - 1e-6))
        stop = len(times) if config.end is None else int(np.searchsorted(times, config.end - 1e-6))
        if first >= stop:
            if config.end is None or config.start - 1e-6 > times[-1]:
                raise InputError(f"start: expected less than the video's {times[-1]:.2f} s, got {config.start:g}")
            raise InputError(
                f"start, end: expected a range that contains a frame, got {config.start:g} to {config.end:g} s, which "
                "is between two frames; choose a longer range"
            )
        period = 1 / float(info.fps)
        constant = np.arange(len(times)) * period
        is_late = abs(end - len(times) * period) > (1 + UNEVEN) * period  # containers round the end
        last_edge = end if stop == len(times) else times[stop]
        return cls(
            info=info,
            start=first,
            seconds=times[first:stop],
            end=float(last_edge if config.end is None else min(last_edge, max(config.end, times[stop - 1] + 1e-3))),
            is_vfr=bool(is_late or np.abs(times - constant).max() > UNEVEN * period),
            is_whole=stop - first == len(times),
        )

    @property
    def length(self) -> float:
        """Duration in seconds, from the first frame to the end of the last frame."""
        return self.end - float(self.seconds[0]) if self.is_vfr else len(self.seconds) / float(self.info.fps)

    @property
    def times(self) -> list[float] | None:
        """Time in seconds of each frame in the output; None for a constant frame rate."""
        return [float(self.start_of(index)) for index in range(len(self.seconds))] if self.is_vfr else None

    def start_of(self, index: int) -> fractions.Fraction:
        """Returns the time in seconds at which a frame of the range is shown in the output."""
        if not self.is_vfr:
            return index / self.info.fps
        return fractions.Fraction(round((self.seconds[index] - self.seconds[0]) * TICKS), TICKS)
