"""Results that need no training, so that a report's numbers have something to stand beside."""

import typing

import cv2
import numpy as np

from faceswap_lib.conversion.color_transfer.registry import augment_colors
from faceswap_lib.faces import CROP_SIZE, Face, Part, align_face, crop_from_frame, part_mask
from faceswap_lib.faces.alignment import invert_affine
from faceswap_lib.faces.landmarks import LandmarkDetector

Crops = list[tuple[np.ndarray, np.ndarray]]
"""The wanted person's crops, (S, S, 3) uint8 RGB, each with its (N, 2) landmarks in pixels of the crop."""

Baseline = typing.Callable[[np.ndarray, Face, LandmarkDetector, Crops], np.ndarray]
"""Takes a frame, its face, what finds landmarks, and the wanted person's crops to a result."""

MARGIN = 2
"""Pixels by which a pasted face must stay inside the frame."""


def copy_input(frame: np.ndarray, face: Face, finder: LandmarkDetector, crops: Crops) -> np.ndarray:
    """The input itself: what a failed training gives."""
    return frame


def transfer_colors(frame: np.ndarray, face: Face, finder: LandmarkDetector, crops: Crops) -> np.ndarray:
    """The original face in the wanted person's colors: what a color match alone gives."""
    own = align_face(frame, face)
    (landmarks,) = finder.detect([own])
    inside = part_mask(landmarks, CROP_SIZE, Part.FACE).astype(np.float32) / 255
    return _lay_over(frame, augment_colors("adain", own.image, _nearest(landmarks, crops), inside), inside, face)


def paste_nearest(frame: np.ndarray, face: Face, finder: LandmarkDetector, crops: Crops) -> np.ndarray:
    """The wanted person's crop with the most similar landmarks, cloned in without a seam.

    Source: Perez et al., "Poisson Image Editing", 2003, as OpenCV's `seamlessClone`. Where the face reaches the frame's
    border there is nothing to clone against, and the crop is laid over softly.
    """
    (landmarks,) = finder.detect([align_face(frame, face)])
    picture = _nearest(landmarks, crops)
    inside = part_mask(landmarks, CROP_SIZE, Part.FACE, feather=0)
    frame_from_crop = invert_affine(crop_from_frame(face))
    height, width = frame.shape[:2]
    placed = cv2.warpAffine(picture, frame_from_crop, (width, height), borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(inside, frame_from_crop, (width, height), flags=cv2.INTER_NEAREST)
    x, y, w, h = cv2.boundingRect(mask)
    if min(x, y, width - x - w, height - y - h) < MARGIN or not mask.any():
        return _lay_over(frame, picture, cv2.GaussianBlur(inside, (0, 0), 6).astype(np.float32) / 255, face)
    return cv2.seamlessClone(placed, frame, mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)


BASELINES: dict[str, Baseline] = {
    "input copied": copy_input,
    "colors only": transfer_colors,
    "nearest crop pasted": paste_nearest,
}


def _nearest(landmarks: np.ndarray, crops: Crops) -> np.ndarray:
    """The crop whose landmarks lie nearest; both are aligned, so what differs is pose and expression."""
    return min(crops, key=lambda crop: float(np.abs(crop[1] - landmarks).sum()))[0]


def _lay_over(frame: np.ndarray, crop: np.ndarray, weight: np.ndarray, face: Face) -> np.ndarray:
    frame_from_crop = invert_affine(crop_from_frame(face))
    size = (frame.shape[1], frame.shape[0])
    placed = cv2.warpAffine(crop, frame_from_crop, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    share = cv2.warpAffine(weight, frame_from_crop, size)[..., None]
    return np.clip(np.round(frame + share * (placed - frame)), 0, 255).astype(np.uint8)
