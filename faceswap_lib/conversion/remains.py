"""Remains of the target face beside the swapped face (brows, rims of glasses) are covered with skin.

Raised brows are higher than the brows of the swapped face. Where hair covers the wanted person's forehead or temples,
the swapped face is not shown at all. Without a cover, the brows of the target face would stay visible above those of
the swapped face, so there would be four brows, and the rims of glasses would end abruptly.

Brows and rims are narrow and have skin around them, so morphology removes them: a closing removes structures that are
darker than their surroundings, an opening those that are brighter. Hair is dark in a large area and stays. The mesh
only shows where to search; raised brows are above the brows of the mesh.
"""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remain:
    """Kind of narrow structure to cover; all lengths except `size` are in eye distances.

    Attributes:
        size: Side in pixels of the images in which the structure is detected.
        darker: Width of the widest dark structure that is removed.
        brighter: Width of the widest bright structure that is removed; 0 removes none.
        band: How far above and how far below the brows of the mesh the structure is searched for.
        along_brows: Whether it is searched for only directly above and below the brows; otherwise over the whole width
            of the face at that height.
        differs: Relative differences from the brightness of the skin at which a pixel starts to count, and from which
            it counts fully.
        like_skin: Range of the ratio between the drawn skin and the median color of the face, in every channel; outside
            this range it is hair.
        inset: Distance from the outline within which nothing is covered, because hair starts there.
        grown: How far around the structure skin is drawn.
        softness: Standard deviation of the soft border of the drawn skin.
        smooth: Standard deviation of the blur of the skin.
    """

    size: int
    darker: float
    brighter: float
    band: tuple[float, float]
    along_brows: bool
    differs: tuple[float, float]
    like_skin: tuple[float, float]
    inset: float
    grown: float
    softness: float
    smooth: float


BROW = Remain(
    size=64,
    darker=0.45,
    brighter=0,
    band=(0.5, 0.12),
    along_brows=True,
    differs=(0.06, 0.2),
    like_skin=(0.85, 1.45),
    inset=0.1,
    grown=0.1,
    softness=0.04,
    smooth=0.06,
)
"""Eyebrows; no brow is wider."""

RIM = Remain(
    size=128,
    darker=0.11,
    brighter=0.11,
    band=(0.15, 0.8),
    along_brows=False,
    differs=(0.03, 0.1),
    like_skin=(0.7, 1.45),
    inset=0.08,
    grown=0.04,
    softness=0.03,
    smooth=0.03,
)
"""Rims of glasses; with twice this width, sideburns were removed as well."""


def cover_remains(
    target: np.ndarray, brows: np.ndarray, outline: np.ndarray, coverage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Computes skin that covers the brows of a face and the rims of glasses, including rims in front of the eyes.

    Args:
        target: (R, R, 3) uint8 RGB view of the target face.
        brows: (2, N, 2) x, y in pixels of the view, a line along each brow.
        outline: (N, 2) x, y in pixels of the view, the outline of the face.
        coverage: Side of the view as a fraction of the crop's side.

    Returns:
        The skin, (S, S, 3) float32 RGB in [0, 255], and its alpha, (S, S) float32 in [0, 1]; S is the `size` of `RIM`.
    """
    parts = [part for kind in (BROW, RIM) for part in cover(target, kind, brows, outline, coverage)]
    brow_skin, brow, rim_skin, rim = (cv2.resize(part, (RIM.size, RIM.size)) for part in parts)
    zone = np.maximum(brow, rim)
    ratio = (brow / np.maximum(zone, 1e-6))[..., None]
    return rim_skin + ratio * (brow_skin.astype(np.float32) - rim_skin), zone


def cover(
    target: np.ndarray, kind: Remain, brows: np.ndarray, outline: np.ndarray, coverage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Computes skin that covers one kind of narrow structure.

    Args:
        target: (R, R, 3) uint8 RGB view of the target face.
        kind: The kind of structure.
        brows: (2, N, 2) x, y in pixels of the view, a line along each brow.
        outline: (N, 2) x, y in pixels of the view, the outline of the face.
        coverage: Side of the view as a fraction of the crop's side.

    Returns:
        The skin, (S, S, 3) uint8 RGB, and its alpha, (S, S) float32 in [0, 1]; S is the `size` of the kind.
    """
    size = kind.size
    unit = EYE_DISTANCE * size / coverage
    image = cv2.resize(target, (size, size), interpolation=cv2.INTER_AREA)
    lines, border = ((points + 0.5) * (size / len(target)) - 0.5 for points in (brows, outline))
    # 1. The skin without the structure, and how much the image differs from it.
    skin = cv2.morphologyEx(image, cv2.MORPH_CLOSE, disk(round(kind.darker * unit / 2)))
    if kind.brighter > 0:
        skin = cv2.morphologyEx(skin, cv2.MORPH_OPEN, disk(round(kind.brighter * unit / 2)))
    without, present = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (skin, image))
    least, most = kind.differs
    found = np.clip((np.abs(1 - present / np.maximum(without, 1)) - least) / (most - least), 0, 1)
    # 2. Only in its band, inside the face, and where the result has the color of skin.
    inside = _fill(size, border)
    inside = cv2.erode(inside, disk(round(kind.inset * unit)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    plain = image[(inside > 0) & (np.arange(size)[:, None] > lines[..., 1].mean())]
    if not len(plain):
        return skin, np.zeros((size, size), np.float32)
    ratio = skin / np.maximum(np.median(plain, axis=0), 1).astype(np.float32)
    is_skin = ((ratio > kind.like_skin[0]) & (ratio < kind.like_skin[1])).all(axis=-1)
    found *= _band(kind, lines, unit) & inside & is_skin
    # 3. Dilation and soft borders.
    zone = cv2.dilate(found, disk(round(kind.grown * unit)))
    return cv2.GaussianBlur(skin, (0, 0), kind.smooth * unit), cv2.GaussianBlur(zone, (0, 0), kind.softness * unit)


def _band(kind: Remain, lines: np.ndarray, unit: float) -> np.ndarray:
    """Draws the area in which a structure is searched for, (S, S) uint8, 1 inside.

    Args:
        kind: The kind of structure.
        lines: (2, N, 2) x, y in pixels of an image of side S, a line along each brow.
        unit: The eye distance in pixels of that image.
    """
    above, below = (distance * unit for distance in kind.band)
    if kind.along_brows:
        parts = [np.concatenate([line + [0, below], line[::-1] - [0, above]]) for line in lines]
        return _fill(kind.size, *parts)
    rows = np.arange(kind.size)[:, None] - lines[..., 1].mean()
    return np.broadcast_to((rows >= -above) & (rows <= below), (kind.size, kind.size)).astype(np.uint8)


def _fill(size: int, *polygons: np.ndarray) -> np.ndarray:
    """Fills polygons, (S, S) uint8, 1 inside any of them."""
    filled = np.zeros((size, size), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(filled, [np.round(polygon).astype(np.int32)], 1)
    return filled
