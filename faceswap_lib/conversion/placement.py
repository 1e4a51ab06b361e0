"""Where a new face lies: moved and scaled, so that its features come to lie on the original's.

A decoder draws its person as that person's own faces were aligned, by five landmarks. Nobody's five are found quite
alike, and brows, lids and lips lie elsewhere between them, so the new face sits a little too high, too low or aside, by
the same amount in every frame. That amount is measured on a sample and taken off.
"""

import typing

import numpy as np

from faceswap_lib.faces.align import EYE_DISTANCE, view_matrix

INNER_FEATURES = slice(17, 68)
"""The brows, nose, eyes and mouth of 68 landmarks; how far the jaw reaches is the original's."""

FEWEST = 6
"""Faces with landmarks in both pictures, below which nothing is measured."""

FURTHEST = 0.1
"""Most by which a face is moved, in eye distances; more is no matter of alignment."""

SIZES = (0.94, 1.06)
"""Smallest and largest factor by which a face is scaled."""


def fit_placement(
    old: typing.Sequence[np.ndarray | None], new: typing.Sequence[np.ndarray | None], size: int
) -> np.ndarray:
    """Fits the shift and scale that bring the features of new faces onto those of the old ones.

    Args:
        old: Landmarks of each original face in its crop, (68, 2) or (5, 2) x, y in pixels; None where none were found.
        new: The same of the new faces.
        size: Side of the crops in pixels.

    Returns:
        (2, 3) matrix from pixels of a crop as it was written to those of the crop; the identity for too few faces.
    """
    features = [
        (one[INNER_FEATURES], other[INNER_FEATURES]) if len(one) == 68 else (one, other)
        for one, other in zip(old, new, strict=True)
        if one is not None and other is not None and one.shape == other.shape
    ]
    if len(features) < FEWEST or len({one.shape for one, _ in features}) > 1:
        return np.eye(2, 3)
    # Of single faces some are misread, so each landmark counts by its median over all.
    target, source = (np.stack(side) for side in zip(*features, strict=True))
    offsets = np.median(target - source, axis=0)
    points = np.median(source, axis=0)
    middle = points.mean(axis=0)
    spread = points - middle
    scale = float(np.clip(1 + np.sum(spread * offsets) / np.sum(spread**2), *SIZES))
    shift = offsets.mean(axis=0)
    furthest = FURTHEST * EYE_DISTANCE * size
    shift *= min(1.0, furthest / max(float(np.linalg.norm(shift)), 1e-6))
    return np.column_stack([scale * np.eye(2), middle + shift - scale * middle])


def placement_in_view(crop_from_new: np.ndarray, crop_size: int, view_size: int, coverage: float) -> np.ndarray:
    """Turns a placement in pixels of a crop into one in pixels of the networks' view.

    Args:
        crop_from_new: (2, 3), from `fit_placement`.
        crop_size: Side of the crop in pixels.
        view_size: Side of the view in pixels.
        coverage: Side of the view as a share of the crop's.

    Returns:
        (2, 3) matrix from pixels of a view as it was written to those of the view.
    """
    view_from_crop = np.vstack([view_matrix(np.eye(2, 3), crop_size, view_size, coverage), [0, 0, 1]])
    crop_from_crop = np.vstack([crop_from_new, [0, 0, 1]])
    return (view_from_crop @ crop_from_crop @ np.linalg.inv(view_from_crop))[:2]
