"""Soft views, as networks generate them, normalized for comparison: in a standard tone, weighted by region."""

import functools

import cv2
import numpy as np

from faceswap_lib.conversion.contrast import MIDDLE
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, map_points, template_points, view_matrix
from faceswap_lib.faces.color_normalization import color_statistics
from faceswap_lib.faces.masks import middle_of_face

FLOW_SIZE = 128
"""Side in pixels of the gray images between which optical flow is computed."""

THUMBNAIL = 32
"""Side in pixels of the thumbnails by which the most similar crop is selected."""

GRAY_SPREAD = 40.0
"""Standard deviation of a face, in gray levels, in the images between which optical flow is computed."""

DETAIL_SIGMA = 0.047
"""Sigma of the blur that keeps what networks generate, in sides of the view: 6 pixels of 128, 0.14 eye distances."""

EYES_BELOW, EYES_HALF_AXES = -0.12, (1.0, 0.42)
"""Region of the eyes: distance of its center below the center of the eyes, and its half axes, in eye distances."""

MOUTH_BELOW, MOUTH_HALF_AXES = 0.05, (0.65, 0.42)
"""Region of the mouth: distance of its center below the center of its corners, and its half axes, in eye distances."""

SOFTNESS = 0.35
"""Width of the soft border of a region, as a fraction of its half axes."""


def view_tone(picture: np.ndarray, coverage: float) -> np.ndarray:
    """Measures the tone of a face in a view, (S, S, 3): mean and standard deviation of its channels, (2, 3) float32."""
    small = cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return color_statistics(small, average_face(THUMBNAIL, coverage))


def standardize(picture: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Standardizes the channels of a view.

    Args:
        picture: (S, S, 3) of any dtype.
        coverage: Side of the view as a fraction of the crop's side.

    Returns:
        The view, (FLOW_SIZE, FLOW_SIZE, 3) float32, whose channels have mean 0 and standard deviation 1 over the face;
        and the original standard deviations, (3,) float32.
    """
    mean, spread = view_tone(picture, coverage)
    if len(picture) != FLOW_SIZE:
        picture = cv2.resize(picture, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA)
    return (picture - mean) / spread, spread


def to_gray(standard: np.ndarray) -> np.ndarray:
    """Converts a standardized view, (S, S, 3) float32, to gray, (S, S) uint8 with mean 128, for optical flow."""
    gray = cv2.cvtColor(standard, cv2.COLOR_RGB2GRAY)
    return np.clip(np.round(128 + GRAY_SPREAD * gray), 0, 255).astype(np.uint8)


def to_thumbnail(standard: np.ndarray) -> np.ndarray:
    """Shrinks a standardized view, (S, S, 3) float32, to a flat thumbnail, (THUMBNAIL * THUMBNAIL * 3,) float32."""
    return cv2.resize(standard, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).reshape(-1)


def keep_large(picture: np.ndarray) -> np.ndarray:
    """Removes all detail of an image, (S, S, 3), that is finer than a network can generate; returns it as float32."""
    sigma = DETAIL_SIGMA * FLOW_SIZE / 2  # at half of `FLOW_SIZE`, which is large enough for this blur
    small = cv2.resize(picture, (FLOW_SIZE // 2, FLOW_SIZE // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    size = (len(picture), len(picture))
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma), size, interpolation=cv2.INTER_LINEAR)


@functools.cache
def pixel_grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the x and the y coordinate of every pixel, (size, size) float32 each."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    return x, y


@functools.cache
def average_face(size: int, coverage: float) -> np.ndarray:
    """Draws the middle of an average face in a view, where hair is unlikely: (size, size) uint8, 255 inside."""
    return np.where(middle_of_face(size, MIDDLE, coverage=coverage), 255, 0).astype(np.uint8)


@functools.cache
def region_weights(size: int, coverage: float) -> np.ndarray:
    """Computes the weights of eyes with brows, mouth, and rest at each pixel: (3, size, size) float32, sum 1."""
    points, unit = average_points(size, coverage), EYE_DISTANCE * size / coverage
    x, y = pixel_grid(size)
    eyes, mouth = (
        np.clip((1 - np.hypot((x - center[0]) / (wide * unit), (y - center[1]) / (high * unit))) / SOFTNESS + 0.5, 0, 1)
        for center, (wide, high) in (
            (points[:2].mean(axis=0) + [0, EYES_BELOW * unit], EYES_HALF_AXES),
            (points[3:].mean(axis=0) + [0, MOUTH_BELOW * unit], MOUTH_HALF_AXES),
        )
    )
    return np.stack([eyes, mouth, np.clip(1 - eyes - mouth, 0, 1)]).astype(np.float32)


def average_points(size: int, coverage: float) -> np.ndarray:
    """Returns the five landmarks of an average face in a view: (5, 2) x, y in pixels."""
    return map_points(view_matrix(np.eye(2, 3), CROP_SIZE, size, coverage), template_points(CROP_SIZE))


@functools.cache
def cost_weights(coverage: float) -> np.ndarray:
    """Computes the weight of each value of a thumbnail in each region: (3, THUMBNAIL * THUMBNAIL * 3), row sums 1."""
    inside = average_face(FLOW_SIZE, coverage) / np.float32(255)
    regions = region_weights(FLOW_SIZE, coverage) * np.stack([np.ones_like(inside), np.ones_like(inside), inside])
    rows = np.stack([to_thumbnail(cv2.merge([region] * 3)) for region in regions])
    return rows / rows.sum(axis=1, keepdims=True)
