"""The face in an aligned crop as the union of convex parts, for measures that ignore hair and background.

Source: DeepFaceLab's convex hull mask, as described in its documentation: eight parts of the 68 landmarks, with raised
eyebrows.
"""

import cv2
import numpy as np

from faceswap_lib.faces.masks import face_mask

BROW_RAISE = 0.5
"""How far the eyebrows are raised, as a fraction of their distance from the line of the eyes."""

PARTS = (
    (*range(9), 17, 18),
    (*range(5, 12), 27, 33),  # chin and lower cheeks with the nose
    (*range(8, 17), 25, 26),
    (17, 18, 19, 8),
    (24, 25, 26, 8),
    (18, 19, 20, 21, 22, 23, 24, 25, 8),
    (20, 21, 22, 23, 8),
    (*range(27, 36), 31, 35),
)
"""Landmarks of the eight convex parts: both halves of the face, chin, brows to chin, forehead, and nose."""


def face_hull(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Draws the region inside the face.

    Args:
        landmarks: (68, 2) or (5, 2) x, y in pixels of the crop.
        size: Side of the crop in pixels.

    Returns:
        (size, size) uint8, 255 inside the face. With five landmarks, the region is the ellipse of
        `faces.masks.face_mask`.
    """
    if len(landmarks) == 5:
        return face_mask(landmarks, size)
    points = raise_brows(landmarks)
    mask = np.zeros((size, size), np.uint8)
    for part in PARTS:
        corners = np.round(points[list(part)]).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(corners), 255)
    return mask


def raise_brows(landmarks: np.ndarray) -> np.ndarray:
    """Moves the eyebrows up by half of their distance from the eyes.

    Args:
        landmarks: (68, 2) x, y of an upright face.

    Returns:
        (68, 2) landmarks; only 17 to 26 differ. An eyebrow below the eyes stays where it is.
    """
    raised = landmarks.astype(np.float64)
    for brow, eye in ((slice(17, 22), slice(36, 42)), (slice(22, 27), slice(42, 48))):
        height = raised[eye, 1].mean() - raised[brow, 1]
        raised[brow, 1] -= BROW_RAISE * np.maximum(height, 0)
    return raised
