"""Detection of shot changes, so that no face is tracked across a cut."""

import collections
import typing

import cv2
import numpy as np

THUMBNAIL = 16
"""Side in pixels of the thumbnails that are compared; small, so that movement within a shot changes little."""

DIFFERENCE = 0.2
"""Difference of two neighboring frames (one minus their correlation) above which they may be of different shots."""

SUDDENNESS = 2.0
"""Smallest ratio of that difference to the differences before and after; in fast movement every frame differs."""

BLANK = 3.0
"""Standard deviation, in levels of 0 to 255, below which a frame is blank and carries no information."""


def detect_shot_changes(frames: typing.Iterable[np.ndarray]) -> typing.Iterator[tuple[np.ndarray, bool]]:
    """Detects for every frame whether it begins a new shot.

    Correlation does not depend on brightness, so a flash does not end a shot. A run of black frames does not end it
    either, because the frames on both sides of the run are compared. A dissolve and a shot of a single frame are not
    detected.

    Args:
        frames: (H, W, 3) uint8 RGB, in order.

    Yields:
        Each frame, delayed by one, and whether it begins a shot; the first one does not.
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
    """Computes a thumbnail of the frame with mean 0 and standard deviation 1; None if the frame is blank."""
    small = cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    deviation = small.std()
    return None if deviation < BLANK else (small - small.mean()) / deviation
