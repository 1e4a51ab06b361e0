"""Baselines without training, with which a report compares the metrics of a result."""

import typing

import cv2
import numpy as np

from faceswap_lib.conversion.color_transfer.registry import transfer_color
from faceswap_lib.faces import CROP_SIZE, Face, Part, align_face, crop_from_frame, part_mask
from faceswap_lib.faces.alignment import invert_affine
from faceswap_lib.faces.landmarks import LandmarkDetector

Crops = list[tuple[np.ndarray, np.ndarray]]
"""Crops of the wanted person, (S, S, 3) uint8 RGB, each with its (N, 2) landmarks in pixels of the crop."""

Baseline = typing.Callable[[np.ndarray, Face, LandmarkDetector, Crops], np.ndarray]
"""Maps a frame (H, W, 3) uint8 RGB, its face, a landmark detector and the wanted person's crops to a result frame of
the same shape and dtype."""

MARGIN = 2
"""Minimum distance in pixels between a pasted face and the border of the frame."""


def copy_input(frame: np.ndarray, face: Face, finder: LandmarkDetector, crops: Crops) -> np.ndarray:
    """Returns the input frame unchanged, like a failed training; see `Baseline`."""
    return frame


def transfer_colors(frame: np.ndarray, face: Face, finder: LandmarkDetector, crops: Crops) -> np.ndarray:
    """Transfers the wanted person's colors to the original face, like color matching without a swap; see `Baseline`."""
    own = align_face(frame, face)
    (landmarks,) = finder.detect([own])
    inside = part_mask(landmarks, CROP_SIZE, Part.FACE).astype(np.float32) / 255
    return _blend(frame, transfer_color("adain", own.image, _nearest(landmarks, crops), inside), inside, face)


def paste_nearest(frame: np.ndarray, face: Face, finder: LandmarkDetector, crops: Crops) -> np.ndarray:
    """Pastes the wanted person's crop with the most similar landmarks by Poisson blending.

    Source: Perez et al., "Poisson Image Editing", 2003, as OpenCV's `seamlessClone`. Near the border of the frame
    Poisson blending is not possible, so the crop is alpha-blended with a soft mask.

    Args:
        frame: (H, W, 3) uint8 RGB.
        face: The face in the frame.
        finder: Detects the landmarks.
        crops: Crops of the wanted person.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    (landmarks,) = finder.detect([align_face(frame, face)])
    nearest = _nearest(landmarks, crops)
    inside = part_mask(landmarks, CROP_SIZE, Part.FACE, feather=0)
    frame_from_crop = invert_affine(crop_from_frame(face))
    height, width = frame.shape[:2]
    placed = cv2.warpAffine(nearest, frame_from_crop, (width, height), borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(inside, frame_from_crop, (width, height), flags=cv2.INTER_NEAREST)
    x, y, w, h = cv2.boundingRect(mask)
    if min(x, y, width - x - w, height - y - h) < MARGIN or not mask.any():
        return _blend(frame, nearest, cv2.GaussianBlur(inside, (0, 0), 6).astype(np.float32) / 255, face)
    return cv2.seamlessClone(placed, frame, mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)


BASELINES: dict[str, Baseline] = {
    "input copied": copy_input,
    "colors only": transfer_colors,
    "nearest crop pasted": paste_nearest,
}


def _nearest(landmarks: np.ndarray, crops: Crops) -> np.ndarray:
    """Finds the crop with the nearest landmarks; crops are aligned, so only pose and expression differ."""
    return min(crops, key=lambda crop: float(np.abs(crop[1] - landmarks).sum()))[0]


def _blend(frame: np.ndarray, crop: np.ndarray, weight: np.ndarray, face: Face) -> np.ndarray:
    """Warps a crop and its weight (S, S) in [0, 1] into a frame and alpha-blends it there."""
    frame_from_crop = invert_affine(crop_from_frame(face))
    size = (frame.shape[1], frame.shape[0])
    placed = cv2.warpAffine(crop, frame_from_crop, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    alpha = cv2.warpAffine(weight, frame_from_crop, size)[..., None]
    return np.clip(np.round(frame + alpha * (placed - frame)), 0, 255).astype(np.uint8)
