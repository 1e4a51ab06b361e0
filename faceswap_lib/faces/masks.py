"""Masks for training and conversion: eyes, mouth, and the whole face.

With five landmarks, each mask is drawn from ellipses. With 68, `part_mask` draws the eyes and the mouth. All sizes are
in eye distances of the template, so a mask covers the same fraction of a crop of any side. Masks are uint8 on disk and
in a dataset (0 to 255 stand for 0 to 1).
"""

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE, five_points, template_points
from faceswap_lib.faces.parts import (
    EYE_HALF_AXES,
    FACE_CENTER_BELOW_EYES,
    FACE_HALF_AXES,
    MOUTH_CENTER_BELOW_CORNERS,
    MOUTH_HALF_AXES,
    YAW_SHIFT,
    Part,
    check_landmarks,
    part_mask,
)

OUTLINE = 0.65
"""Distance by which OpenCV's anti-aliased drawing extends a filled ellipse, in pixels of any image."""


def eye_mask(landmarks: np.ndarray, size: int, *, coverage: float = 1.0) -> np.ndarray:
    """Draws the mask of both eyes with a soft border.

    Args:
        landmarks: (5, 2) or (68, 2) x, y in pixels of the image.
        size: Side of the image in pixels.
        coverage: Fraction of a crop's side that the image shows: 1 for a crop, `VIEW_COVERAGE` for a view.

    Returns:
        (size, size) uint8, 255 on the eyes.

    Raises:
        ValueError: If the landmarks have another shape.

    Taught in notebooks/01_video_face_detection_alignment.
    """
    check_landmarks(landmarks)
    if len(landmarks) == 68:
        return part_mask(landmarks, size, Part.EYES, coverage=coverage)
    unit = EYE_DISTANCE * size / coverage
    canvas = np.zeros((size, size), np.uint8)
    for center in landmarks[:2]:
        _draw_ellipse(canvas, center, EYE_HALF_AXES, unit, _roll(landmarks))
    return _soften(canvas, 0.08 * unit)


def middle_of_face(size: int, half_axes: tuple[float, float, float], *, coverage: float = 1.0) -> np.ndarray:
    """Draws the middle of an aligned face: two half ellipses around the nose tip of an average face.

    Args:
        size: Side of the image in pixels.
        half_axes: How far it extends to either side, up and down, in eye distances.
        coverage: As in `eye_mask`.

    Returns:
        (size, size) bool.
    """
    wide, above, below = half_axes
    unit = EYE_DISTANCE * size / coverage
    x, y = (template_points(size)[2] - (size - 1) / 2) / coverage + (size - 1) / 2
    rows, columns = np.mgrid[0:size, 0:size]
    height = np.where(rows < y, above, below) * unit
    return np.hypot((columns - x) / (wide * unit), (rows - y) / height) <= 1


def disk(radius: int) -> np.ndarray:
    """Creates the structuring element that dilates or erodes a mask by `radius` pixels, (2 radius + 1,) * 2 uint8."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def mouth_mask(landmarks: np.ndarray, size: int, *, coverage: float = 1.0) -> np.ndarray:
    """Draws the mask of the mouth with a soft border; arguments, result and errors as in `eye_mask`.

    Five landmarks do not show whether the mouth is open, so their mask includes the area into which the lower lip can
    move.
    """
    check_landmarks(landmarks)
    if len(landmarks) == 68:
        return part_mask(landmarks, size, Part.MOUTH, coverage=coverage)
    unit = EYE_DISTANCE * size / coverage
    canvas = np.zeros((size, size), np.uint8)
    center = landmarks[3:].mean(0) + np.array([0.0, MOUTH_CENTER_BELOW_CORNERS * unit])
    _draw_ellipse(canvas, center, MOUTH_HALF_AXES, unit, _roll(landmarks))
    return _soften(canvas, 0.12 * unit)


def face_mask(landmarks: np.ndarray, size: int, *, coverage: float = 1.0, softness: float = 0.15) -> np.ndarray:
    """Draws the mask of the whole face, from forehead to chin: an ellipse with a soft border.

    The center of the ellipse is below the midpoint of the eyes. When the head turns, the center moves away from the
    nose, because the side of the face that is turned toward the camera is wider.

    Args:
        landmarks: (5, 2) or (68, 2) x, y in pixels of the image; 68 are reduced to five.
        size: Side of the image in pixels.
        coverage: As in `eye_mask`.
        softness: Standard deviation of the Gaussian blur of the border, in eye distances.

    Returns:
        (size, size) uint8, 255 inside the face.

    Raises:
        ValueError: If the landmarks have another shape.
    """
    check_landmarks(landmarks)
    landmarks = five_points(landmarks)
    unit = EYE_DISTANCE * size / coverage
    canvas = np.zeros((size, size), np.uint8)
    eyes = landmarks[:2].mean(0)
    turn = landmarks[2, 0] - landmarks[[0, 1, 3, 4], 0].mean()
    center = eyes + np.array([-YAW_SHIFT * turn, FACE_CENTER_BELOW_EYES * unit])
    _draw_ellipse(canvas, center, FACE_HALF_AXES, unit, _roll(landmarks))
    return _soften(canvas, softness * unit)


def _roll(landmarks: np.ndarray) -> float:
    """Computes the angle of the eye line in degrees; near zero in an aligned crop."""
    across = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def _draw_ellipse(
    canvas: np.ndarray, center: np.ndarray, half_axes: tuple[float, float], unit: float, angle: float
) -> None:
    """Draws a filled, anti-aliased ellipse."""
    bits = 4  # for subpixel precision, OpenCV takes fixed-point coordinates with this many fractional bits
    point = tuple(int(v) for v in np.round(center * 2**bits))
    axes = tuple(int(round((v * unit - OUTLINE) * 2**bits)) for v in half_axes)
    cv2.ellipse(canvas, point, axes, angle, 0, 360, 255, cv2.FILLED, cv2.LINE_AA, bits)


def _soften(canvas: np.ndarray, sigma: float) -> np.ndarray:
    """Blurs a mask with a Gaussian."""
    return cv2.GaussianBlur(canvas, (0, 0), sigma)
