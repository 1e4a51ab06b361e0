"""What the published networks read of a photo: an upright square around the face, landmarks, stick figure and person.

Their squares are not aligned: a tilted head stays tilted.
"""

import dataclasses

import cv2
import numpy as np
from PIL import Image

Color = tuple[int, int, int]

STICKS: tuple[tuple[tuple[int, ...], bool, Color], ...] = (
    (tuple(range(17)), False, (255, 255, 255)),
    (tuple(range(17, 22)), False, (255, 0, 0)),
    (tuple(range(22, 27)), False, (0, 255, 0)),
    ((*range(27, 31), 30, 33), False, (0, 0, 255)),
    (tuple(range(31, 36)), False, (0, 0, 255)),
    (tuple(range(36, 42)), True, (255, 0, 255)),
    (tuple(range(42, 48)), True, (0, 255, 255)),
    (tuple(range(48, 60)), True, (255, 255, 0)),
    (tuple(range(60, 68)), True, (255, 255, 0)),
)
"""Lines of the stick figure in the order in which they are drawn: landmarks, whether it is closed, and color: outline,
brows, nose, eyes, outer and inner lips."""

STICK_BACKGROUND = 1
"""Gray level of the background of the stick figure, as in the published program."""

ERODED = 2.5
"""Radius of the disk with which the mask of the person is eroded, in pixels of the picture."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceSquare:
    """Upright square around a face, in whole pixels of the photo; it may reach beyond the photo.

    Attributes:
        left: Its left edge.
        top: Its upper edge.
        side: Its side.
    """

    left: int
    top: int
    side: int

    def picture_from_photo(self, size: int) -> np.ndarray:
        """Returns the (2, 3) matrix from pixels of the photo to those of the square at another size."""
        scale = size / self.side
        return np.array([[scale, 0, (0.5 - self.left) * scale - 0.5], [0, scale, (0.5 - self.top) * scale - 0.5]])


def face_square(points: np.ndarray) -> FaceSquare:
    """Computes the square around a face: twice as large as its landmarks reach, and a twelfth of it higher.

    Args:
        points: (68, 2) x, y in pixels of the photo.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    across, down = ((low + high) / 2).round().astype(int)
    size = max(int((high - low).max()), 1)
    return FaceSquare(left=int(across) - size, top=int(down) - size // 6 - size, side=2 * size)


def cut_square(image: np.ndarray, square: FaceSquare, size: int) -> np.ndarray:
    """Cuts a square out of a photo and resizes it; what is outside the photo is 0.

    Args:
        image: (H, W, 3) or (H, W) uint8.
        square: The square.
        size: Side of the result.

    Returns:
        (size, size, 3) or (size, size) uint8.
    """
    box = (square.left, square.top, square.left + square.side, square.top + square.side)
    return np.asarray(Image.fromarray(image).crop(box).resize((size, size), Image.Resampling.BICUBIC))


def normalize_landmarks(points: np.ndarray, square: FaceSquare) -> np.ndarray:
    """Converts landmarks to numbers from -1 to 1 in a square.

    Args:
        points: (68, 2) x, y in pixels of the photo.
        square: The square.

    Returns:
        (136,) float32, x and y in turn.
    """
    corner = np.array([square.left, square.top], np.float32)
    inside = (points.astype(np.float32) - corner) / np.float32(square.side)
    return ((inside - np.float32(0.5)) * np.float32(2)).reshape(-1)


def draw_stick_figure(landmarks: np.ndarray, size: int, thickness: int) -> np.ndarray:
    """Draws the stick figure of normalized landmarks.

    Args:
        landmarks: (136,) float32, from `normalize_landmarks`.
        size: Side of the picture.
        thickness: Width of the lines in pixels.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    points = ((landmarks.reshape(-1, 2) + 1) / 2 * size).astype(np.int32)
    picture = np.full((size, size, 3), STICK_BACKGROUND, np.uint8)
    for indices, is_closed, color in STICKS:
        cv2.polylines(picture, [points[list(indices)]], is_closed, color, thickness=thickness)
    return picture


def cut_person(matte: np.ndarray, square: FaceSquare, size: int) -> np.ndarray:
    """Cuts the mask of a person to a square, as the identity embedder reads it.

    The published program takes the segmentation of Graphonomy, a network that is not here, and erodes it like this.

    Args:
        matte: (H, W) float32, 1 on the person in the photo.
        square: The square.
        size: Side of the result.

    Returns:
        (size, size) float32, 0 to 1; 0 outside the photo.
    """
    mask = cut_square(np.round(np.clip(matte, 0, 1) * 255).astype(np.uint8), square, size)
    steps = np.arange(-2, 3)
    disk = (steps[:, None] ** 2 + steps**2 < ERODED**2).astype(np.uint8)
    return cv2.erode(mask.astype(np.float32) / 255, disk)
