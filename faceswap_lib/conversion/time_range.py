"""The part of a video that is converted, and when each of its frames is shown."""

import dataclasses
import fractions
import pathlib

import numpy as np

from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.errors import InputError
from faceswap_lib.media import VideoInfo, probe_video, read_schedule
from faceswap_lib.media.writer import TICKS

UNEVEN = 0.25
"""How far a picture may be from where an even rate has it, in periods; from there on the rate counts as varying."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class TimeRange:
    """The part of a video that is converted.

    Attributes:
        info: What the video says about itself.
        start: Index of its first frame.
        seconds: (N,) when each of its frames is shown, from the first picture of the file.
        end: When its last frame ends, on the same clock.
        is_vfr: Whether the rate varies, so that frames must be written with their times.
        is_whole: Whether it is all of the video.
    """

    info: VideoInfo
    start: int
    seconds: np.ndarray
    end: float
    is_vfr: bool
    is_whole: bool

    @classmethod
    def of(cls, video: pathlib.Path, config: OutputConfig) -> "TimeRange":
        """Finds the frames between `config.start` and `config.end`.

        Raises:
            VideoError: If the file is no video.
            InputError: If there are none.
        """
        info = probe_video(video)
        times, end = read_schedule(video)
        first = int(np.searchsorted(times, config.start - 1e-6))
        stop = len(times) if config.end is None else int(np.searchsorted(times, config.end - 1e-6))
        if first >= stop:
            raise InputError(f"start: expected less than the video's {times[-1]:.2f} s, got {config.start:g}")
        period = 1 / float(info.fps)
        even = np.arange(len(times)) * period
        is_late = abs(end - len(times) * period) > (1 + UNEVEN) * period  # containers round the end
        last_edge = end if stop == len(times) else times[stop]
        return cls(
            info=info,
            start=first,
            seconds=times[first:stop],
            end=float(last_edge if config.end is None else min(last_edge, max(config.end, times[stop - 1] + 1e-3))),
            is_vfr=bool(is_late or np.abs(times - even).max() > UNEVEN * period),
            is_whole=stop - first == len(times),
        )

    @property
    def length(self) -> float:
        """Seconds from its first frame to the end of its last."""
        return self.end - float(self.seconds[0]) if self.is_vfr else len(self.seconds) / float(self.info.fps)

    @property
    def times(self) -> list[float] | None:
        """Time in seconds of each frame in the output; None for a constant frame rate."""
        return [float(self.start_of(index)) for index in range(len(self.seconds))] if self.is_vfr else None

    def start_of(self, index: int) -> fractions.Fraction:
        """When a frame of the stretch is shown in the output, in seconds."""
        if not self.is_vfr:
            return index / self.info.fps
        return fractions.Fraction(round((self.seconds[index] - self.seconds[0]) * TICKS), TICKS)
