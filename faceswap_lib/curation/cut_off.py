"""Faces that the border of the frame cuts off, seen in their aligned crops.

Outside the frame, a crop repeats the outermost pixels of the frame. Turned back to the frame's axes, such a border
consists of equal rows or columns; a filled border does, too. A plain background also consists of equal lines, but it
ends where the face begins, so only lines that reach into the face count.
"""

import cv2
import numpy as np

SIDE = 128
"""Side in pixels of the crop that is examined."""

EQUAL = 3
"""Largest difference of two neighboring pixels, in gray levels, that compression can cause in a repeated border."""

RIPPLE = 3
"""Number of pixels along a line that are averaged before: resampling leaves ripples in a repeated border."""

EQUAL_FRACTION = 0.9
"""Fraction of the pixels of two neighboring lines that must be equal."""


def measure_cut_off(gray: np.ndarray, mask: np.ndarray, crop_from_frame: np.ndarray) -> float:
    """Measures how much of a face is outside its frame.

    Args:
        gray: (SIDE, SIDE) uint8, the crop.
        mask: (SIDE, SIDE) uint8, 255 inside the face.
        crop_from_frame: (2, 3) matrix from the frame to the crop; only its rotation counts.

    Returns:
        Fraction of the face's area outside the frame, 0 to 1.
    """
    roll = float(np.degrees(np.arctan2(crop_from_frame[1, 0], crop_from_frame[0, 0])))
    upright, face = _turn(gray, roll, cv2.BORDER_REPLICATE), _turn(mask, roll, cv2.BORDER_CONSTANT) > 127
    if not face.any():
        return 0.0
    known = _turn(np.full_like(mask, 255), roll, cv2.BORDER_CONSTANT) > 254
    outside = np.zeros(face.shape, bool)
    for turns in range(4):  # each side of the crop in turn becomes the left one
        depth = _repeated_columns(*(np.rot90(array, turns) for array in (upright, face, known)))
        np.rot90(outside, turns)[:, :depth] = True  # a view: this writes into `outside`
    return float((outside & face).sum() / face.sum())


def _repeated_columns(gray: np.ndarray, face: np.ndarray, known: np.ndarray) -> int:
    """Counts the columns from the left that repeat the frame's border; 0 if they do not reach into the face.

    Args:
        gray: (S, S) uint8.
        face: (S, S) bool; only its rows are examined.
        known: (S, S) bool, False in the corners that are outside the turned crop.
    """
    rows = np.flatnonzero(face.any(axis=1))
    inside = slice(rows[0], rows[-1] + 1)
    smooth = cv2.blur(gray[inside].astype(np.float32), (RIPPLE, 1))
    steps = np.abs(np.diff(smooth, axis=1))
    counted = known[inside, 1:] & known[inside, :-1]
    differing = np.count_nonzero((steps > EQUAL) & counted, axis=0)
    equal = differing <= (1 - EQUAL_FRACTION) * np.count_nonzero(counted, axis=0)
    if equal.all():  # nothing is visible at all: too dark or too bright, and not cut off
        return 0
    depth = int(np.argmin(equal))
    first = int(np.flatnonzero(face.any(axis=0))[0])
    return depth if depth > first else 0


def _turn(image: np.ndarray, degrees: float, border: int) -> np.ndarray:
    """Rotates a square image about its center, counterclockwise for positive angles."""
    if abs(degrees) < 0.5:
        return image
    middle = (len(image) - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    return cv2.warpAffine(image, matrix, image.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=border)
