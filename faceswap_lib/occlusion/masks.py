"""From predictions of an occlusion network to masks: certain values, no specks, a soft border outside the object."""

import cv2
import numpy as np

from faceswap_lib.faces.masks import disk

LOW, HIGH = 0.5, 0.8
"""Predictions below and above which a pixel counts as covered or as visible.

In doubt it is covered: a rest of the old face is less conspicuous than a hand that is half painted over.
"""

NEAR, NEAR_LOW, NEAR_HIGH = 8, 0.7, 0.9
"""Distance in pixels of a crop from a covered pixel, and the predictions that count within it.

Beside an object there is more doubt, because the network is least certain at the border of an object.
"""

SPECK = 60
"""Area in pixels of a crop below which a covered or visible spot counts as an error of the network."""

GROWTH = 3
"""Pixels of a crop by which covered areas grow, so that the soft border of an object belongs to it."""

BORDER_SIGMA = 1.0
"""Standard deviation of the border of covered areas, in pixels of a crop."""


def clean_mask(predicted: np.ndarray) -> np.ndarray:
    """Removes doubt and specks from a prediction.

    Args:
        predicted: (S, S) float32 in [0, 1], 1 where the face is visible.

    Returns:
        (S, S) float32 in [0, 1].
    """
    covered = cv2.morphologyEx((predicted < LOW).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    is_near = cv2.dilate(covered, disk(NEAR)) > 0
    low, high = np.where(is_near, NEAR_LOW, LOW), np.where(is_near, NEAR_HIGH, HIGH)
    mask = np.clip((predicted - low) / (high - low), 0, 1).astype(np.float32)
    mask = np.where(_find_specks(mask < 0.5), np.float32(1), mask)
    return np.where(_find_specks(mask > 0.5), np.float32(0), mask)


def _find_specks(area: np.ndarray) -> np.ndarray:
    """Finds the parts of an area (S, S) bool that are smaller than `SPECK`, with two pixels around them."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(area.astype(np.uint8), connectivity=8)
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < SPECK)
    return cv2.dilate(np.isin(labels, small[small > 0]).astype(np.uint8), disk(2)) > 0


def soften_mask(mask: np.ndarray) -> np.ndarray:
    """Lets covered areas grow and gives them a soft border, which is outside of what was covered.

    Args:
        mask: (S, S) float32 in [0, 1], 1 where the face is visible.

    Returns:
        (S, S) float32 in [0, 1].
    """
    return cv2.GaussianBlur(cv2.erode(mask, disk(GROWTH)), (0, 0), BORDER_SIGMA)
