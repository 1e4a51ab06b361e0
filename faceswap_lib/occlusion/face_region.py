"""The region that counts as face when nothing covers it: the face's outline or ellipse with a margin around it.

With the margin, the border of a predicted mask is outside the face. So a mask without an occluder does not change where
a face is trained or shown.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk
from faceswap_lib.faces.region import OutlineDetector, region_mask
from faceswap_lib.faces.types import FaceCrop

MARGIN = 0.18
"""Width of the margin in eye distances."""

SOFTNESS = 0.03
"""Standard deviation of its border in eye distances."""


def widened_region(crop: FaceCrop, outline: np.ndarray | None) -> np.ndarray:
    """Draws the region of a face with the margin.

    Args:
        crop: The aligned crop of side S.
        outline: (N, 2) x, y in pixels of the crop; None draws the ellipse.

    Returns:
        (S, S) uint8, 255 inside.
    """
    size = len(crop.image)
    tight = region_mask(crop.landmarks, outline, size, softness=SOFTNESS)
    return cv2.dilate(tight, disk(round(MARGIN * EYE_DISTANCE * size)))


def widened_regions(crops: Sequence[FaceCrop], detector: OutlineDetector | None) -> list[np.ndarray]:
    """Draws the regions of faces with the margin; see `widened_region`; without a detector they are ellipses."""
    outlines = [None] * len(crops) if detector is None else detector.detect(crops)
    return [widened_region(crop, outline) for crop, outline in zip(crops, outlines, strict=True)]
