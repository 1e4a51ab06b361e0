"""Reads single frames of a video by their index; frames in ascending order are read without starting again."""

import pathlib
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.media import read_timed_frames

LARGEST_STEP = 250
"""Number of frames ahead from which the video is opened again: skipped frames are then decoded, but not converted."""


class FrameCursor:
    """Cursor in a video.

    Args:
        video: The video file.

    Raises:
        VideoError: If the file is missing or not a video.
    """

    def __init__(self, video: pathlib.Path):
        self._video = video
        self._next = 0
        self._frames = read_timed_frames(video)
        self._last: tuple[int, float, np.ndarray] | None = None

    def read(self, frame: int) -> tuple[float, np.ndarray]:
        """Reads a frame.

        Args:
            frame: Index of the frame, from 0.

        Returns:
            Time in seconds after the first frame; (H, W, 3) uint8 RGB.

        Raises:
            InputError: If the video has no such frame.
        """
        if frame < 0:
            raise InputError(f"frame: expected 0 or more, got {frame}")
        if self._last is not None and self._last[0] == frame:
            return self._last[1:]
        if not self._next <= frame < self._next + LARGEST_STEP:
            self._frames.close()
            self._next, self._frames = frame, read_timed_frames(self._video, start=frame)
        found: tuple[float, np.ndarray] | None = None
        while self._next <= frame:
            found = next(self._frames, None)
            if found is None:
                self._next = frame + 1  # the next call opens the video again
                raise InputError(f"frame: expected a frame of {self._video}, got {frame}, which is after its end")
            self._next += 1
        time, image = typing.cast(tuple[float, np.ndarray], found)
        self._last = (frame, time, image)
        return time, image
