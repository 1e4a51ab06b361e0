"""Detection of hair in front of a face: the part inside the face's outline that is covered by hair.

Pixels around the upper half of the outline that do not have the skin's color are hair or a cap. Pixels inside the
outline are hair over the face if their color is closer to the hair's than to the skin's, and if they are connected to
hair outside. Eyes and brows may have the same color and touch the hair; they are always excluded. Light hair on light
skin is not detected, but it disturbs least.
"""

import cv2
import numpy as np

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.masks import disk
from faceswap_lib.faces.mesh import FaceMesh
from faceswap_lib.faces.mesh_topology import EYE_LEFT, EYE_RIGHT, IBUG_68, LIDS
from faceswap_lib.faces.outline import CHEEKS, LEAST_SPREAD, outline_mask

MIDDLE = (9, 8, 107, 336, 151, 195, 5, 4)
"""Vertices on the midline of forehead and nose. Together with those of the cheeks they give the color of the skin."""

RING = (0.08, 0.3)
"""Range of distances outside the outline that is searched for hair, in eye distances; it excludes the soft border."""

RING_BELOW = 0.3
"""How far below the eyes the search for hair extends, in eye distances; further down are neck and clothes."""

FEWEST = 0.05
"""Fraction of the ring that must have another color than the skin; below it, no hair is visible."""

FOREIGN_AROUND, FOREIGN_INSIDE = 4.0, 3.0
"""Distance from the skin's color, in standard deviations, above which a pixel may be hair: around the face and inside
it."""

NEARER = 0.8
"""A pixel is hair if its color distance to hair is less than this fraction of its color distance to skin."""

BRIGHTNESS_SHARE = 0.5
"""Weight of brightness relative to color in this comparison. It is below 1 because shadow is not hair."""

FEATURES_GROWN = 0.1
"""Margin around eyes and brows that is excluded from the search for hair, in eye distances."""


def hair_mask(image: np.ndarray, mesh: FaceMesh, outline: np.ndarray) -> np.ndarray:
    """Segments the hair in front of a face.

    Args:
        image: (S, S, 3) uint8 RGB, the crop in which the mesh was found.
        mesh: The mesh, in pixels of the crop.
        outline: (N, 2) x, y in pixels of the crop, from `outline.face_outline`.

    Returns:
        (S, S) uint8, 255 where hair covers the face, 0 elsewhere, also outside the outline.
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
    _, components = cv2.connectedComponents(alike)
    connected = np.unique(components[(alike > 0) & ~inside])
    return np.where(np.isin(components, connected) & (alike > 0) & inside, 255, 0).astype(np.uint8)


def _ring(inside: np.ndarray, mesh: FaceMesh, unit: float) -> np.ndarray:
    """Computes the ring around the upper half of the face that is searched for hair, (S, S) bool."""
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    lowest = mesh.points[[*EYE_LEFT, *EYE_RIGHT], 1].mean() + RING_BELOW * unit
    return (away > RING[0] * unit) & (away < RING[1] * unit) & (np.arange(len(inside))[:, None] < lowest)


def _features(mesh: FaceMesh, size: int, unit: float) -> np.ndarray:
    """Draws each eye together with its brow and a margin, (S, S) bool."""
    canvas = np.zeros((size, size), np.uint8)
    brows = IBUG_68[17:22].ravel(), IBUG_68[22:27].ravel()
    for eye, brow in zip((EYE_LEFT, EYE_RIGHT), brows, strict=True):
        points = mesh.points[[*eye[:LIDS], *brow], :2]
        cv2.fillConvexPoly(canvas, cv2.convexHull(np.round(points).astype(np.int32)), 255)
    return cv2.dilate(canvas, disk(max(1, round(FEATURES_GROWN * unit)))) > 0
