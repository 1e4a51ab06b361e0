"""Random changes of a face and its mask in the training of an occlusion network: geometry, colors and quality."""

import typing

import cv2
import numpy as np

from faceswap_lib.occlusion.shapes import pixel_grid
from faceswap_lib.occlusion.textures import random_texture

ROTATION, ZOOM, SHIFT = 15.0, 0.15, 0.06
"""Largest rotation in degrees, zoom as a fraction, and shift as a fraction of the side, in both directions."""


def replace_background(random: np.random.Generator, image: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Replaces what is around the face by a random texture, with a soft border at a random distance.

    Args:
        random: Random number generator.
        image: (S, S, 3) uint8 RGB.
        region: (S, S) float32 in [0, 1], the face.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    size = len(image)
    distance = int(random.integers(1, size // 8))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * distance + 1, 2 * distance + 1))
    kept = cv2.GaussianBlur(cv2.dilate(region, kernel), (0, 0), random.uniform(0.5, 3))[..., None]
    background = random_texture(random, image)
    return np.round(background + kept * (image - background)).astype(np.uint8)


def augment(
    random: np.random.Generator, image: np.ndarray, visible: np.ndarray, region: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Changes an image and its masks at random.

    Args:
        random: Random number generator.
        image: (S, S, 3) uint8 RGB.
        visible: (S, S) float32 in [0, 1], where nothing covers the picture; continued by reflection at its border.
        region: (S, S) float32 in [0, 1], the face; 0 beyond the border of the picture.

    Returns:
        The image, uint8, and both masks, float32, of the same shapes.
    """
    image, visible, region = _move(random, image, visible, region)
    values = image.astype(np.float32)
    values = _change_colors(random, values)
    if random.random() < 0.4:
        values = _lower_quality(random, values)
    return np.clip(np.round(values), 0, 255).astype(np.uint8), visible, region


def _move(
    random: np.random.Generator, image: np.ndarray, visible: np.ndarray, region: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotates, zooms, shifts and mirrors all three."""
    size = len(image)
    middle = (size - 1) / 2
    angle, zoom = random.uniform(-ROTATION, ROTATION), random.uniform(1 - ZOOM, 1 + ZOOM)
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, zoom)
    matrix[:, 2] += random.uniform(-SHIFT, SHIFT, 2) * size
    if random.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1.0]])
    image, visible = (
        cv2.warpAffine(one, matrix, (size, size), borderMode=cv2.BORDER_REFLECT) for one in (image, visible)
    )
    return image, visible, cv2.warpAffine(region, matrix, (size, size))


def _change_colors(random: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Changes brightness, contrast, gamma, saturation and the balance of the channels."""
    gray = values.mean(axis=2, keepdims=True)
    values = gray + (values - gray) * random.uniform(0.3, 1.5)
    mean = values.mean()
    values = mean + (values - mean) * random.uniform(0.6, 1.3)
    values = values * (random.uniform(0.7, 1.3) * random.normal(1, 0.08, 3)).astype(np.float32)
    values += random.uniform(-20, 20)
    if random.random() < 0.3:  # light from one side
        x, y = pixel_grid(len(values))
        angle = random.uniform(0, 2 * np.pi)
        across = x * np.float32(np.cos(angle) / len(values)) + y * np.float32(np.sin(angle) / len(values))
        values = values * (1 + random.uniform(0, 0.8) * (across - across.mean()))[..., None]
    return 255 * cv2.pow(np.clip(values, 0, 255) / 255, random.uniform(0.7, 1.5))


def _lower_quality(random: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Blurs, adds noise, or compresses as JPEG."""
    choice = random.integers(3)
    if choice == 0:
        return cv2.GaussianBlur(values, (0, 0), random.uniform(0.5, 2.5))
    if choice == 1:
        return values + random.uniform(1, 12) * random.standard_normal(values.shape, np.float32)
    image = np.clip(np.round(values), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(20, 80))])
    return typing.cast(np.ndarray, cv2.imdecode(data, cv2.IMREAD_COLOR)).astype(np.float32)
