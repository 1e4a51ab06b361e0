"""Noticing where one shot of a clip ends and the next begins, so that no face is followed across."""

import collections
import typing

import cv2
import numpy as np

THUMBNAIL = 16
"""Side of the pictures that are compared, in pixels; small, so that movement within a shot changes little."""

DIFFERENCE = 0.2
"""One minus the correlation of two neighboring frames from which they may belong to two shots."""

SUDDENNESS = 2.0
"""How many times more than before and after that difference must be; in fast movement every frame differs."""

BLANK = 3.0
"""Standard deviation, of 255, below which a picture is blank and says nothing about the shot."""


def detect_shot_changes(frames: typing.Iterable[np.ndarray]) -> typing.Iterator[tuple[np.ndarray, bool]]:
    """Says of every frame whether it begins a new shot.

    Correlation does not see brightness, so a flash ends no shot; nor does a run of black, since the frames on both
    sides of it are compared. A dissolve is not noticed, nor is a shot of a single frame.

    Args:
        frames: (H, W, 3) uint8 RGB, in order.

    Yields:
        Each frame, one later than it came, and whether it begins a shot; the first one does not.
    """
    waiting: collections.deque[tuple[np.ndarray, float]] = collections.deque()
    last, before = None, 0.0
    for frame in frames:
        small = _thumbnail(frame)
        difference = 0.0 if small is None or last is None else 1 - float((small * last).mean())
        last = last if small is None else small
        waiting.append((frame, difference))
        if len(waiting) == 2:
            (ready, change), (_, after) = waiting
            waiting.popleft()
            yield ready, change > DIFFERENCE and change > SUDDENNESS * max(before, after)
            before = change
    for frame, change in waiting:
        yield frame, change > DIFFERENCE and change > SUDDENNESS * before


def _thumbnail(frame: np.ndarray) -> np.ndarray | None:
    """The frame small, with mean 0 and deviation 1; None if it is blank."""
    small = cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    deviation = small.std()
    return None if deviation < BLANK else (small - small.mean()) / deviation
