"""The original's brows where the new face leaves them uncovered: skin is drawn over them.

Raised brows stand higher than the new face's, and where the wanted person's forehead is under hair there is nothing of
it to show there. The original's brows would look out above the new ones, a face with four.

A brow is a narrow dark thing with brighter skin around it, which a morphological closing takes away: it leaves of the
forehead what the brow hides, and of hair, which is dark all over, what it was. The mesh only says where to look; raised
brows stand above its own.
"""

import cv2
import numpy as np

from faceswap_lib.faces.align import EYE_DISTANCE
from faceswap_lib.faces.masks import disk

BROW_SIZE = 64
"""Side of the pictures that are looked at."""

WIDEST = 0.45
"""Width of the thing that the closing takes away, in eye distances: more than any brow has."""

BAND = (-0.12, 0.5)
"""From how far below the mesh's brow to how far above it brows are looked for, in eye distances."""

DARKER_FROM, DARKER_TO = 0.06, 0.2
"""By which share of the skin's brightness a pixel must be darker to begin to count as brow, and to count in full."""

LIKE_SKIN = (0.85, 1.45)
"""Between which shares of the face's own median color the skin over a brow lies in every channel; else it is hair."""

INSET = 0.1
"""How far from the outline brows end, in eye distances: there hair begins."""

GROWN, SOFTNESS = 0.1, 0.04
"""How far beyond these pixels skin is drawn, and how softly that ends, in eye distances."""

SMOOTH = 0.06
"""Standard deviation by which the skin is smoothed, in eye distances."""


def cover_brows(
    old: np.ndarray, brows: np.ndarray, outline: np.ndarray, coverage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws skin over the brows of a face.

    Args:
        old: (R, R, 3) uint8 RGB view of the face.
        brows: (2, N, 2) x, y in pixels of the view, a line along either brow.
        outline: (N, 2) like them, the face's outline.
        coverage: Side of the view as a share of the crop's.

    Returns:
        (S, S, 3) uint8 RGB at `BROW_SIZE`, the skin, and (S, S) float32 in [0, 1], where it is wanted.
    """
    unit = EYE_DISTANCE * BROW_SIZE / coverage
    picture = cv2.resize(old, (BROW_SIZE, BROW_SIZE), interpolation=cv2.INTER_AREA)
    skin = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, disk(round(WIDEST * unit / 2)))
    bright, dark = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (skin, picture))
    darker = (1 - dark / np.maximum(bright, 1) - DARKER_FROM) / (DARKER_TO - DARKER_FROM)
    lines = _to_pixels(brows, old)
    band = np.zeros((BROW_SIZE, BROW_SIZE), np.uint8)
    for brow in lines:
        lower, upper = brow - [0, BAND[0] * unit], brow - [0, BAND[1] * unit]
        cv2.fillPoly(band, [np.round(np.concatenate([lower, upper[::-1]])).astype(np.int32)], 1)
    # Inside the face, and only where what the closing leaves is of the color of the skin.
    inside = np.zeros_like(band)
    cv2.fillPoly(inside, [np.round(_to_pixels(outline, old)).astype(np.int32)], 1)
    inside = cv2.erode(inside, disk(round(INSET * unit)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    plain = picture[(inside > 0) & (np.arange(BROW_SIZE)[:, None] > lines[..., 1].mean())]
    if not len(plain):
        return skin, np.zeros((BROW_SIZE, BROW_SIZE), np.float32)
    ratio = skin / np.maximum(np.median(plain, axis=0), 1).astype(np.float32)
    inside &= ((ratio > LIKE_SKIN[0]) & (ratio < LIKE_SKIN[1])).all(axis=-1)
    zone = cv2.dilate(np.clip(darker, 0, 1) * (band & inside), disk(round(GROWN * unit)))
    return cv2.GaussianBlur(skin, (0, 0), SMOOTH * unit), cv2.GaussianBlur(zone, (0, 0), SOFTNESS * unit)


def _to_pixels(points: np.ndarray, view: np.ndarray) -> np.ndarray:
    """Points in pixels of a view as pixels of pictures of side `BROW_SIZE`."""
    return (points + 0.5) * (BROW_SIZE / len(view)) - 0.5
