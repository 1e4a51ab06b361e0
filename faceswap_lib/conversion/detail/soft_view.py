"""Views as networks draw them, which is softly, made ready to be compared: in a standard tone, region by region."""

import functools

import cv2
import numpy as np

from faceswap_lib.conversion.contrast import MIDDLE
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, map_points, template_points, view_matrix
from faceswap_lib.faces.color_normalization import color_statistics
from faceswap_lib.faces.masks import middle_of_face

FLOW_SIZE = 128
"""Side in pixels of the gray pictures between which flow is looked for."""

THUMBNAIL = 32
"""Side of the pictures by which the most similar crop is looked up."""

GRAY_SPREAD = 40.0
"""Gray levels of a face's standard deviation in the pictures between which flow is looked for."""

DETAIL_SIGMA = 0.047
"""Blur that leaves what a network draws, as a share of the view: 6 pixels of 128, 0.14 eye distances."""

EYES_BELOW, EYES_HALF_AXES = -0.12, (1.0, 0.42)
"""Where the region of the eyes lies: its middle below that of the eyes, its half axes, in eye distances."""

MOUTH_BELOW, MOUTH_HALF_AXES = 0.05, (0.65, 0.42)
"""The same of the mouth, from the middle of its corners."""

SOFTNESS = 0.35
"""Over which share of its half axes a region fades."""


def view_tone(picture: np.ndarray, coverage: float) -> np.ndarray:
    """Measures the tone of a view's face: (2, 3) float32, mean and standard deviation of its channels."""
    small = cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return color_statistics(small, average_face(THUMBNAIL, coverage))


def standardize(picture: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Standardizes a view.

    Args:
        picture: (S, S, 3) of any type.
        coverage: Side of the view as a share of the crop's.

    Returns:
        (FLOW_SIZE, FLOW_SIZE, 3) float32, each channel with mean 0 and deviation 1 over the face, and the deviations,
        (3,) float32.
    """
    mean, spread = view_tone(picture, coverage)
    if len(picture) != FLOW_SIZE:
        picture = cv2.resize(picture, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA)
    return (picture - mean) / spread, spread


def to_gray(standard: np.ndarray) -> np.ndarray:
    """Gives a standardized view in gray, uint8 about 128, as optical flow reads it."""
    gray = cv2.cvtColor(standard, cv2.COLOR_RGB2GRAY)
    return np.clip(np.round(128 + GRAY_SPREAD * gray), 0, 255).astype(np.uint8)


def to_thumbnail(standard: np.ndarray) -> np.ndarray:
    """Shrinks a standardized view: (THUMBNAIL * THUMBNAIL * 3,) float32."""
    return cv2.resize(standard, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).reshape(-1)


def keep_large(picture: np.ndarray) -> np.ndarray:
    """Keeps of a view what a network draws of it: (S, S, 3) float32 without what is finer."""
    sigma = DETAIL_SIGMA * FLOW_SIZE / 2  # at half the flow's size, where nothing of it is lost
    small = cv2.resize(picture, (FLOW_SIZE // 2, FLOW_SIZE // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma), picture.shape[:2], interpolation=cv2.INTER_LINEAR)


@functools.cache
def pixel_grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Gives the x and the y of every pixel, (size, size) float32 each."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return x, y


@functools.cache
def average_face(size: int, coverage: float) -> np.ndarray:
    """Draws the middle of an average face in a view, where no hair hangs: (size, size) uint8, 255 inside."""
    return np.where(middle_of_face(size, MIDDLE, coverage=coverage), 255, 0).astype(np.uint8)


@functools.cache
def region_weights(size: int, coverage: float) -> np.ndarray:
    """Says how much eyes with brows, mouth, and all else count at each pixel of a view: (3, size, size), sum 1."""
    points, unit = average_points(size, coverage), EYE_DISTANCE * size / coverage
    x, y = pixel_grid(size)
    eyes, mouth = (
        np.clip((1 - np.hypot((x - middle[0]) / (wide * unit), (y - middle[1]) / (high * unit))) / SOFTNESS + 0.5, 0, 1)
        for middle, (wide, high) in (
            (points[:2].mean(axis=0) + [0, EYES_BELOW * unit], EYES_HALF_AXES),
            (points[3:].mean(axis=0) + [0, MOUTH_BELOW * unit], MOUTH_HALF_AXES),
        )
    )
    return np.stack([eyes, mouth, np.clip(1 - eyes - mouth, 0, 1)]).astype(np.float32)


def average_points(size: int, coverage: float) -> np.ndarray:
    """Says where an average face has its landmarks in a view: (5, 2) x, y in pixels."""
    return map_points(view_matrix(np.eye(2, 3), CROP_SIZE, size, coverage), template_points(CROP_SIZE))


@functools.cache
def cost_weights(coverage: float) -> np.ndarray:
    """Says how much each number of a thumbnail counts in each region: (3, THUMBNAIL * THUMBNAIL * 3), rows of sum 1."""
    inside = average_face(FLOW_SIZE, coverage) / np.float32(255)
    regions = region_weights(FLOW_SIZE, coverage) * np.stack([np.ones_like(inside), np.ones_like(inside), inside])
    rows = np.stack([to_thumbnail(cv2.merge([region] * 3)) for region in regions])
    return rows / rows.sum(axis=1, keepdims=True)
