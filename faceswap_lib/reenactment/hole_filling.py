"""Fills holes of a background by the nearest known pixels, from coarse to fine.

Source: the landmark GAN of the BIGO challenge, see `systems.landmark_gan`, fills the place of a cut-out person by
k nearest neighbors, because inpainting fails on such a large hole.
"""

import cv2
import numpy as np
import scipy.spatial

from faceswap_lib.conversion.color_transfer.registry import to_picture

NEIGHBORS = 16
"""Number of known pixels whose weighted mean fills a pixel."""

COARSEST = 48
"""Longer side of the coarsest image, in which the whole hole is filled."""

SEAM = 5.0
"""Distance from the known pixels, in pixels of each level, at which the fill of that level and the coarser one count
alike."""

SMOOTHNESS = (3.0, 1.0)
"""Standard deviations of the blur of a fill, in pixels of the coarsest level and of the others; it removes the borders
between the areas of different neighbors."""


def fill_hole(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Fills a hole in an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        hole: (H, W) bool, True where the image is unknown.

    Returns:
        (H, W, 3) uint8 RGB; known pixels are unchanged. Without any known pixel the image itself.
    """
    if not hole.any() or hole.all():
        return image.copy()
    height, width = hole.shape
    scales = [1.0]
    while scales[-1] * max(height, width) > 2 * COARSEST:
        scales.append(scales[-1] / 2)
    filled: np.ndarray | None = None
    for scale in reversed(scales):
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        known = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        colors = cv2.resize(image.astype(np.float32) * ~hole[..., None], size, interpolation=cv2.INTER_AREA)
        level = colors / np.maximum(known, 1e-6)[..., None]
        coarse = None if filled is None else cv2.resize(filled, size, interpolation=cv2.INTER_CUBIC)
        filled = _fill_level(level, known > 0.5, coarse)
    return image if filled is None else np.where(hole[..., None], to_picture(filled), image)


def _fill_level(image: np.ndarray, known: np.ndarray, coarse: np.ndarray | None) -> np.ndarray:
    """Fills the hole at one level of the pyramid.

    Args:
        image: (h, w, 3) float32, correct where `known` is True.
        known: (h, w) bool.
        coarse: (h, w, 3) float32, the enlarged result of the coarser level; None for the coarsest one.

    Returns:
        (h, w, 3) float32.
    """
    if known.all() or not known.any():
        return image if known.any() or coarse is None else coarse
    distance = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 5)
    wanted = ~known if coarse is None else ~known & (distance < 3 * SEAM)
    border = known & (cv2.dilate((~known).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    places, unknown = np.argwhere(border), np.argwhere(wanted)
    found = scipy.spatial.KDTree(places).query(unknown, k=min(NEIGHBORS, len(places)))
    distances, nearest = (np.asarray(values).reshape(len(unknown), -1) for values in found)
    weights = 1 / np.maximum(distances, 0.5) ** 2
    means = (image[border][nearest] * (weights / weights.sum(axis=1, keepdims=True))[..., None]).sum(axis=1)
    result = image.copy() if coarse is None else np.where(known[..., None], image, coarse)
    base = result.copy()
    result[wanted] = means
    blurred = cv2.GaussianBlur(result, (0, 0), SMOOTHNESS[coarse is not None], borderType=cv2.BORDER_REPLICATE)
    result = np.where(known[..., None], image, blurred)
    if coarse is None:
        return result
    share = np.exp(-np.square(distance / SEAM))[..., None]
    return base + share * (result - base)
