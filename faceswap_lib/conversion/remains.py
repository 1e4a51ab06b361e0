"""What is left of the original's face beside the new one, brows and rims of glasses: skin is drawn over it.

Raised brows stand higher than the new face's, and where the wanted person's forehead or temples are under hair there is
nothing of them to show there. The original's brows would look out above the new ones, a face with four, and glasses
would end in the middle of the rims.

Both are narrow things with skin around them, which morphology takes away: a closing fills what is darker than its
surroundings on both sides, an opening what is brighter. Hair, dark all over, stays. The mesh only says where to look;
raised brows stand above its own.
"""

import dataclasses

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remain:
    """A kind of narrow thing; all lengths but `size` are in eye distances.

    Attributes:
        size: Side in pixels of the pictures in which it is looked for.
        darker: Width of the widest dark thing that is taken away.
        brighter: Width of the widest bright one, 0 for none.
        band: From how far above the mesh's brows to how far below them it is looked for.
        along_brows: Whether only above and below the brows themselves, or all over the face at their height.
        differs: By which share of the skin's brightness a pixel must differ to begin to count, and to count in full.
        like_skin: Between which shares of the face's own median color the skin that is drawn lies in every channel;
            else it is hair.
        inset: How far from the outline it is let be: there hair begins.
        grown: How far around it skin is drawn.
        softness: How softly that ends.
        smooth: Standard deviation by which the skin is smoothed.
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
"""Eyebrows: none is wider."""

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
"""Rims of glasses: looked for twice as wide, sideburns went, too."""


def cover_remains(
    old: np.ndarray, brows: np.ndarray, outline: np.ndarray, coverage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws skin over the brows of a face and over rims of glasses; over rims also those in front of the eyes.

    Args:
        old: (R, R, 3) uint8 RGB view of the face.
        brows: (2, N, 2) x, y in pixels of the view, a line along either brow.
        outline: (N, 2) like them, the face's outline.
        coverage: Side of the view as a share of the crop's.

    Returns:
        (S, S, 3) float32 RGB in [0, 255] with S the `size` of `RIM`, the skin, and (S, S) float32 in [0, 1], where it
        is wanted.
    """
    parts = [part for kind in (BROW, RIM) for part in cover(old, kind, brows, outline, coverage)]
    brow_skin, brow, rim_skin, rim = (cv2.resize(part, (RIM.size, RIM.size)) for part in parts)
    zone = np.maximum(brow, rim)
    share = (brow / np.maximum(zone, 1e-6))[..., None]
    return rim_skin + share * (brow_skin.astype(np.float32) - rim_skin), zone


def cover(
    old: np.ndarray, kind: Remain, brows: np.ndarray, outline: np.ndarray, coverage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws skin over one kind of things.

    Args:
        old, brows, outline, coverage: As in `cover_remains`.
        kind: What to look for.

    Returns:
        (S, S, 3) uint8 RGB with S the kind's `size`, the skin, and (S, S) float32 in [0, 1], where it is wanted.
    """
    size = kind.size
    unit = EYE_DISTANCE * size / coverage
    picture = cv2.resize(old, (size, size), interpolation=cv2.INTER_AREA)
    lines, border = ((points + 0.5) * (size / len(old)) - 0.5 for points in (brows, outline))
    # 1. What there would be without it, and how far the picture is from that.
    skin = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, disk(round(kind.darker * unit / 2)))
    if kind.brighter > 0:
        skin = cv2.morphologyEx(skin, cv2.MORPH_OPEN, disk(round(kind.brighter * unit / 2)))
    without, there = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (skin, picture))
    least, most = kind.differs
    found = np.clip((np.abs(1 - there / np.maximum(without, 1)) - least) / (most - least), 0, 1)
    # 2. At the height where it may be, inside the face, and only where the color is that of the skin.
    inside = _fill(size, border)
    inside = cv2.erode(inside, disk(round(kind.inset * unit)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    plain = picture[(inside > 0) & (np.arange(size)[:, None] > lines[..., 1].mean())]
    if not len(plain):
        return skin, np.zeros((size, size), np.float32)
    ratio = skin / np.maximum(np.median(plain, axis=0), 1).astype(np.float32)
    is_skin = ((ratio > kind.like_skin[0]) & (ratio < kind.like_skin[1])).all(axis=-1)
    found *= _band(kind, lines, unit) & inside & is_skin
    # 3. Softly.
    zone = cv2.dilate(found, disk(round(kind.grown * unit)))
    return cv2.GaussianBlur(skin, (0, 0), kind.smooth * unit), cv2.GaussianBlur(zone, (0, 0), kind.softness * unit)


def _band(kind: Remain, lines: np.ndarray, unit: float) -> np.ndarray:
    """(S, S) uint8, 1 where a kind of things is looked for; `lines` and `unit` in pixels of its pictures."""
    above, below = (share * unit for share in kind.band)
    if kind.along_brows:
        parts = [np.concatenate([line + [0, below], line[::-1] - [0, above]]) for line in lines]
        return _fill(kind.size, *parts)
    rows = np.arange(kind.size)[:, None] - lines[..., 1].mean()
    return np.broadcast_to((rows >= -above) & (rows <= below), (kind.size, kind.size)).astype(np.uint8)


def _fill(size: int, *polygons: np.ndarray) -> np.ndarray:
    """(S, S) uint8, 1 inside of any of the polygons."""
    picture = np.zeros((size, size), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(picture, [np.round(polygon).astype(np.int32)], 1)
    return picture
