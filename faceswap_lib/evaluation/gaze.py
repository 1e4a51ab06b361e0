"""Eye openness and gaze, from 68 landmarks and the pixels between the eyelids."""

import cv2
import numpy as np

from faceswap_lib.faces.landmarks_68 import LEFT_EYE, RIGHT_EYE

EYES = (LEFT_EYE, RIGHT_EYE)
"""The landmarks of each eye, the eye on the left of the image first."""

CLOSED_EYE = 0.18
"""Openness below which the gaze is not measured. With dlib's landmarks closed eyes of four clips have 0.06 to 0.17, and
half of the iris is visible at 0.20."""

LID_MARGIN = 0.85
"""Factor by which the eye outline is shrunk before its pixels are read, to exclude the eyelashes."""

PATCH_SIZE = 48
"""Side in pixels of the square patch to which an eye is rotated and scaled; the eye corners are on its left and right
border."""


def check_68(landmarks: np.ndarray) -> None:
    """Raises `ValueError` unless the shape of the landmarks is (68, 2)."""
    if np.shape(landmarks) != (68, 2):
        raise ValueError(f"landmarks: expected shape (68, 2), got {np.shape(landmarks)}")


def eye_openness(landmarks: np.ndarray) -> np.ndarray:
    """Computes the eye aspect ratio (EAR): mean distance of the eyelids over the distance of the eye corners.

    Source: Soukupová and Čech, "Real-Time Eye Blink Detection using Facial Landmarks", 2016.

    Args:
        landmarks: (68, 2) x, y.

    Returns:
        (2,) one value per eye, the eye on the left of the image first: 0 (closed) to about 0.45 (wide open). NaN for
        NaN landmarks or eye corners that coincide.

    Raises:
        ValueError: If there are not 68 landmarks.
    """
    check_68(landmarks)
    eyes = np.stack([landmarks[eye] for eye in EYES])
    lids = np.linalg.norm(eyes[:, [1, 2]] - eyes[:, [5, 4]], axis=2).mean(axis=1)
    width = np.linalg.norm(eyes[:, 3] - eyes[:, 0], axis=1)
    return lids / np.where(width > 0, width, np.nan)


def gaze_offset(crop: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Estimates the position of each iris between its eye corners, as the centroid of the dark pixels.

    It is our own proxy for the gaze direction and does not return an angle. It is biased where the eyelids cover a part
    of the iris. Only pixels that are darker than the mean between the eyelids count, with the difference as their
    weight. On four clips the correlation between the x of the two eyes is 0.9 where the gaze moves, and the jitter from
    frame to frame is 0.015.

    Args:
        crop: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) x, y in pixels of the crop.

    Returns:
        (2, 2) x, y per eye, the eye on the left of the image first, in half eye widths from the midpoint of the eye
        corners: x along the line of the corners (positive to the right), y across it (positive downward). Both are
        -1 to 1; neither direction is better. NaN for an eye whose openness is below `CLOSED_EYE` or NaN, or whose
        pixels all have the same gray level.

    Raises:
        ValueError: If there are not 68 landmarks, or the shape or dtype of the crop is wrong.
    """
    openness = eye_openness(landmarks)
    if crop.ndim != 3 or crop.shape[2] != 3 or crop.dtype != np.uint8:
        raise ValueError(f"expected (H, W, 3) uint8, got {crop.shape} {crop.dtype}")
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    offsets = np.full((2, 2), np.nan)
    for index, eye in enumerate(EYES):
        if openness[index] >= CLOSED_EYE:
            offsets[index] = _darkness_center(gray, np.asarray(landmarks[eye], float))
    return offsets


def _darkness_center(gray: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """Computes the centroid of the dark pixels of one eye.

    Args:
        gray: (H, W) uint8.
        eye: (6, 2) x, y landmarks of the eye.

    Returns:
        (2,) x, y in half eye widths from the midpoint of the eye corners; NaN if no pixel is darker than the mean.
    """
    along = (eye[3] - eye[0]) / PATCH_SIZE
    crop_from_patch = np.column_stack([along, [-along[1], along[0]], np.zeros(2)])
    middle = (PATCH_SIZE - 1) / 2
    crop_from_patch[:, 2] = (eye[0] + eye[3]) / 2 - crop_from_patch[:, :2] @ [middle, middle]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    side = (PATCH_SIZE, PATCH_SIZE)
    patch = cv2.warpAffine(gray, crop_from_patch, side, flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(float)
    outline = np.linalg.solve(crop_from_patch[:, :2], (eye - crop_from_patch[:, 2]).T).T
    outline = outline.mean(axis=0) + LID_MARGIN * (outline - outline.mean(axis=0))
    between_lids = np.zeros(side, np.uint8)
    cv2.fillConvexPoly(between_lids, cv2.convexHull(np.round(16 * outline).astype(np.int32)), 1, cv2.LINE_8, 4)
    darkness = np.maximum(patch[between_lids > 0].mean() - patch, 0) * between_lids
    if darkness.sum() < 1e-6:
        return np.full(2, np.nan)
    positions = (np.arange(PATCH_SIZE) - middle) / (PATCH_SIZE / 2)
    return np.array([darkness.sum(axis=0) @ positions, darkness.sum(axis=1) @ positions]) / darkness.sum()
