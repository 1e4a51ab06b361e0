"""Warp of a face part by part: brows, eyes, nose and lips move by affine maps, the skin between them by a spline.

An affine map keeps the texture of a part: lips stay as thick as they are, and a brow is not stretched where its points
move apart by errors of the detector. The skin between the parts follows all landmarks smoothly.
Source: the released code of Zhang et al., "One-shot Face Reenactment", 2019, warps each part by an affine map.
"""

import cv2
import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE, similarity_transform
from faceswap_lib.faces.landmarks_68 import LEFT_BROW, LEFT_EYE, NOSE, RIGHT_BROW, RIGHT_EYE
from faceswap_lib.reenactment.control_points import extend_points
from faceswap_lib.reenactment.warping import thin_plate_map

PARTS = (
    *(tuple(range(68)[part]) for part in (LEFT_BROW, RIGHT_BROW, LEFT_EYE, RIGHT_EYE, NOSE)),
    (*range(48, 55), *range(60, 65)),
    (48, *range(54, 61), *range(64, 68)),
)
"""Indices of the landmarks of each part: both brows, both eyes, the nose, the upper lip and the lower lip."""

RIDGE = 3.0
"""Spread of a part's landmarks, in pixels of `CROP_SIZE`, below which its affine map is drawn toward a similarity. A
brow or a closed eye is a line, which does not determine how far things above and below it are stretched."""

SKIN_SMOOTHING = 1e-3
"""Smoothing of the spline of the skin; its landmarks may be missed by about half a pixel of 256."""

AROUND = 5.0
"""Distance from a part, in pixels of `CROP_SIZE`, at which its map and that of the skin count alike."""

BETWEEN = 1.0
"""Width of the border between two parts that touch, such as closed lips, in the same pixels."""

WORK_SIZE = 128
"""Side at which the weights of the parts are computed; the maps have the side of the image."""


def part_map(source: np.ndarray, target: np.ndarray, size: int) -> np.ndarray:
    """Computes the backward map of a warp part by part, with a thin-plate spline between the parts.

    Args:
        source: (68, 2) x, y of the landmarks in the image, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of their new positions.
        size: Side S of the image in pixels.

    Returns:
        (S, S, 2) float32 x, y in pixels of the image.
    """
    skin = thin_plate_map(extend_points(source), extend_points(target), size, smoothing=SKIN_SMOOTHING)
    return move_parts(skin, source, target, PARTS)


def move_parts(
    skin: np.ndarray, source: np.ndarray, target: np.ndarray, parts: tuple[tuple[int, ...], ...]
) -> np.ndarray:
    """Replaces a backward map inside parts of the face by an affine map per part.

    Args:
        skin: (S, S, 2) float32 x, y in pixels of the image, the map of everything else.
        source: (68, 2) x, y of the landmarks in the image, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of their new positions.
        parts: Indices of the landmarks of each part.

    Returns:
        (S, S, 2) float32.
    """
    size = len(skin)
    shares, cover = _part_weights([target[list(part)] for part in parts], size)
    maps = (_to_size(fit_affine(target[list(part)], source[list(part)]), size) for part in parts)
    matrices = np.array([matrix.ravel() for matrix in maps], np.float32)  # (P, 6)
    mixed = np.einsum("pyx,pm->myx", shares, matrices)  # the map of each pixel
    columns, rows = np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32)[:, None]
    moved = np.stack([mixed[row] * columns + mixed[row + 1] * rows + mixed[row + 2] for row in (0, 3)], axis=-1)
    return skin + cover[..., None] * (moved - skin)


def fit_affine(points_a: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Fits the affine map from points of `a` to points of `b`, with as little shear as the points demand.

    It is a ridge regression around the best similarity: across the direction in which the points of `a` are spread by
    less than `RIDGE`, the map is almost that similarity.

    Args:
        points_a: (N, 2) x, y, not all the same.
        points_b: (N, 2) x, y.

    Returns:
        (2, 3) matrix `b_from_a`. If all points of `a` coincide, a shift.
    """
    center_a, center_b = points_a.mean(axis=0), points_b.mean(axis=0)
    a, b = points_a - center_a, points_b - center_b
    linear = np.eye(2) if np.abs(a).max() < 1e-6 else similarity_transform(points_a, points_b)[:, :2]
    spread = a.T @ a + len(a) * RIDGE**2 * np.eye(2)
    linear = linear + (b - a @ linear.T).T @ a @ np.linalg.inv(spread)
    return np.column_stack([linear, center_b - linear @ center_a])


def _part_weights(parts: list[np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Computes which part a pixel belongs to.

    Args:
        parts: (N, 2) x, y of the target's landmarks of each part, in pixels of a crop of side `CROP_SIZE`.
        size: Side S of the result.

    Returns:
        (P, S, S) float32 shares of the parts, whose sum is 1, and (S, S) float32 share of all parts against the skin.
    """
    scale = WORK_SIZE / CROP_SIZE
    distances = []
    for part in parts:
        outside = np.full((WORK_SIZE, WORK_SIZE), 255, np.uint8)
        hull = cv2.convexHull(((part + 0.5) * scale - 0.5).astype(np.float32))
        cv2.fillConvexPoly(outside, np.round(16 * hull).astype(np.int32), 0, cv2.LINE_8, 4)
        distance = np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5), np.float32) / np.float32(scale)
        distances.append(cv2.resize(distance, (size, size), interpolation=cv2.INTER_LINEAR))
    distance = np.stack(distances)
    nearest = distance.min(axis=0)
    shares = np.exp(-((distance - nearest) ** 2) / (2 * BETWEEN**2))
    return shares / shares.sum(axis=0), np.exp(-(nearest**2) / (1.44 * AROUND**2))


def _to_size(matrix: np.ndarray, size: int) -> np.ndarray:
    """Converts a (2, 3) matrix between pixels of crops of side `CROP_SIZE` to one between pixels of side `size`."""
    factor = size / CROP_SIZE
    scaled = matrix.copy()
    shift = matrix[:, 2] + 0.5 - matrix[:, :2].sum(axis=1) / 2
    scaled[:, 2] = factor * shift - 0.5 + matrix[:, :2].sum(axis=1) / 2
    return scaled
