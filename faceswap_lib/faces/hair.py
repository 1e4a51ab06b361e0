"""Hair in front of a face: the part of a face's outline that hair hides.

What lies around the upper half of the outline and is not of the skin's color is hair, or a cap. Inside the outline,
pixels that are more like it than like the skin, and hang together with it, are hair that falls over the face. Eyes and
brows, which may be of the same color and touch it, never are. Light hair on light skin is not told apart; it disturbs
least.
"""

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk
from faceswap_lib.faces.mesh import FaceMesh
from faceswap_lib.faces.mesh_topology import EYE_LEFT, EYE_RIGHT, IBUG_68, LIDS
from faceswap_lib.faces.outline import CHEEKS, LEAST_SPREAD, outline_mask

MIDDLE = (9, 8, 107, 336, 151, 195, 5, 4)
"""Vertices of the middle of forehead and nose, whose color is the skin's, with that of the cheeks."""

RING = (0.08, 0.3)
"""How far outside the outline hair is looked for, in eye distances, so that it is past the soft border."""

RING_BELOW = 0.3
"""How far below the eyes it is looked for, in eye distances; further down are neck and clothes."""

FEWEST = 0.05
"""Share of the ring that must be of another color than the skin; with less there is no hair to be seen."""

FOREIGN_AROUND, FOREIGN_INSIDE = 4.0, 3.0
"""How many standard deviations a color is off the skin's where it may be hair, around the face and in front of it."""

NEARER = 0.8
"""A pixel is hair if its color is this much nearer to hair's than to skin's."""

BRIGHTNESS_SHARE = 0.5
"""How much brightness counts against color in that comparison: shade is no hair."""

FEATURES_GROWN = 0.1
"""How far around eyes and brows no hair is looked for, in eye distances."""


def hair_mask(image: np.ndarray, mesh: FaceMesh, outline: np.ndarray) -> np.ndarray:
    """Finds the hair in front of a face.

    Args:
        image: (S, S, 3) uint8 RGB, the crop in which the mesh was found.
        mesh: The mesh, in its pixels.
        outline: (N, 2) x, y in its pixels, from `outline.face_outline`.

    Returns:
        (S, S) uint8, 255 where hair hides the face, 0 elsewhere, outside the outline too.
    """
    size = len(image)
    unit = EYE_DISTANCE * size
    inside = outline_mask(outline, size, softness=0.0) > 127
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 0.008 * size), cv2.COLOR_RGB2LAB).astype(np.float32)
    seeds = mesh.points[[*CHEEKS, *MIDDLE], :2].astype(np.float32)
    values = cv2.remap(lab, seeds[None, :, 0], seeds[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    skin = np.median(values, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(values - skin), axis=0), LEAST_SPREAD)
    off = np.linalg.norm((lab - skin) / spread, axis=-1)
    around = _ring(inside, mesh, unit)
    foreign = around & (off > FOREIGN_AROUND)
    if foreign.sum() < max(1.0, FEWEST * around.sum()):
        return np.zeros((size, size), np.uint8)
    hair = np.median(lab[foreign], axis=0)
    scale = np.array([BRIGHTNESS_SHARE, 1, 1], np.float32)
    to_hair, to_skin = (np.linalg.norm((lab - color) * scale, axis=-1) for color in (hair, skin))
    alike = ((to_hair < NEARER * to_skin) & (off > FOREIGN_INSIDE) & ~_features(mesh, size, unit)).astype(np.uint8)
    alike = cv2.morphologyEx(alike, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, pieces = cv2.connectedComponents(alike)
    hanging = np.unique(pieces[(alike > 0) & ~inside])
    return np.where(np.isin(pieces, hanging) & (alike > 0) & inside, 255, 0).astype(np.uint8)


def _ring(inside: np.ndarray, mesh: FaceMesh, unit: float) -> np.ndarray:
    """(S, S) bool, what lies around the upper half of the face."""
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    lowest = mesh.points[[*EYE_LEFT, *EYE_RIGHT], 1].mean() + RING_BELOW * unit
    return (away > RING[0] * unit) & (away < RING[1] * unit) & (np.arange(len(inside))[:, None] < lowest)


def _features(mesh: FaceMesh, size: int, unit: float) -> np.ndarray:
    """(S, S) bool, each eye with its brow, and a little around."""
    canvas = np.zeros((size, size), np.uint8)
    brows = IBUG_68[17:22].ravel(), IBUG_68[22:27].ravel()
    for eye, brow in zip((EYE_LEFT, EYE_RIGHT), brows, strict=True):
        points = mesh.points[[*eye[:LIDS], *brow], :2]
        cv2.fillConvexPoly(canvas, cv2.convexHull(np.round(points).astype(np.int32)), 255)
    return cv2.dilate(canvas, disk(max(1, round(FEATURES_GROWN * unit)))) > 0
