"""Alpha of the photo's skin over a generated picture: where the warped photo is trusted.

The photo gives the skin of the face. It has no pixels for what it does not show: an inner mouth behind closed lips, an
eye behind its lid, a cheek that was turned away. There the warp tears or smears, and the alpha is 0.
"""

import cv2
import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, OUTLINE, RIGHT_EYE
from faceswap_lib.reenactment.control_points import fill_polygons, forehead_arc
from faceswap_lib.reenactment.warping import NO_MAP

INNER_LIPS = slice(60, 68)

OPENINGS = (
    (LEFT_EYE, [37, 38], [41, 40]),
    (RIGHT_EYE, [43, 44], [47, 46]),
    (INNER_LIPS, [61, 62, 63], [67, 66, 65]),
)
"""Landmarks around each opening of a face, and opposite landmarks on its upper and lower edge."""

FACE_INSET, FACE_SOFTNESS = 0.06, 0.05
"""How far inside the outline of the face the alpha is one half, and the standard deviation of its border, in eye
distances."""

HOLE_SOFTNESS = 0.015
"""Standard deviation of the border of eyes and inner mouth, in eye distances."""

EYE_GROWTH, MOUTH_GROWTH = 0.8, 0.4
"""How far the photo's skin stays away from an opening that is wider in one shape than in the other, as a fraction of
the difference of their heights: the lids and the lips there look different as well."""

UNSEEN_GAP = 0.15
"""How far an open mouth extends beyond its landmarks, as a fraction of its height: the networks return about 0.7 of a
wide gap (see `faces.mesh_measures`)."""

FULL_YAW, NO_YAW = 18.0, 34.0
"""Difference of yaw, in degrees, up to which the photo's skin counts fully, and from which it does not count at all.
At 16 degrees, the largest difference within one of eight clips that was looked at, only the far cheek is torn, and
`trust_map` removes it; larger differences are a guess."""

SHARP, SMEARED = 0.6, 0.35
"""Sizes of a pixel of the result in the photo, along the direction in which it is shortest, at which the skin counts
fully and not at all: there one pixel of the photo becomes 1.7 and 2.9."""

ARC = np.radians(np.linspace(0, 180, 13))


def face_mask(points: np.ndarray, size: int) -> np.ndarray:
    """Draws the face without its border, from jaw to hairline, with a soft edge.

    Args:
        points: (68, 2) x, y in pixels of a crop of side `CROP_SIZE`.
        size: Side S of the mask in pixels.

    Returns:
        (S, S) float32, 0 to 1.
    """
    outline = np.concatenate([points[OUTLINE], forehead_arc(points, ARC)])
    filled = fill_polygons(size, cv2.convexHull(outline.astype(np.float32))[:, 0])
    unit = EYE_DISTANCE * size
    radius = max(1, round(FACE_INSET * unit))
    eroded = cv2.erode(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
    return cv2.GaussianBlur(eroded, (0, 0), FACE_SOFTNESS * unit)


def hole_mask(points: np.ndarray, other: np.ndarray, size: int) -> np.ndarray:
    """Draws the openings of a face, the eyes and the inner mouth, with a soft edge.

    Args:
        points: (68, 2) x, y in pixels of a crop of side `CROP_SIZE`.
        other: (68, 2), the shape from which or to which the photo is warped: the mask grows with the difference.
        size: Side S of the mask in pixels.

    Returns:
        (S, S) float32, 0 to 1.
    """
    mask = np.zeros((size, size), np.float32)
    for opening, upper, lower in OPENINGS:
        height, before = (float(np.linalg.norm(face[upper] - face[lower], axis=1).mean()) for face in (points, other))
        is_mouth = opening == INNER_LIPS
        growth = (MOUTH_GROWTH if is_mouth else EYE_GROWTH) * abs(height - before) + UNSEEN_GAP * height * is_mouth
        filled = fill_polygons(size, points[opening])
        radius = round(growth * size / CROP_SIZE)
        if radius > 0:
            filled = cv2.dilate(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
        mask = np.maximum(mask, filled)
    return cv2.GaussianBlur(mask, (0, 0), HOLE_SOFTNESS * EYE_DISTANCE * size)


def skin_alpha(source: np.ndarray, target: np.ndarray, source_pixels: np.ndarray) -> np.ndarray:
    """Computes where the skin of a warped photo may be shown.

    Args:
        source: (68, 2) x, y of the landmarks in the photo, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of their new positions.
        source_pixels: (S, S, 2) float32, the backward map of the warp.

    Returns:
        (S, S) float32 alpha, 0 to 1, which also falls to 0 where the map turns over or stretches the photo.
    """
    size = len(source_pixels)
    # Openings of the photo are no skin, wherever they are warped to: teeth must not appear on closed lips.
    hidden = cv2.remap(
        hole_mask(source, target, size), source_pixels, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    beyond = cv2.remap(
        face_mask(source, size), source_pixels, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    shown = face_mask(target, size) * (1 - hole_mask(target, source, size)) * (1 - hidden) * np.sqrt(beyond)
    return shown * trust_map(source_pixels)


def trust_map(source_pixels: np.ndarray) -> np.ndarray:
    """Computes how far a backward map keeps the detail of the image: 0 where it turns over or stretches strongly.

    Args:
        source_pixels: (S, S, 2) float32.

    Returns:
        (S, S) float32, 0 to 1.
    """
    size = len(source_pixels)
    border = cv2.BORDER_REPLICATE
    (a, b), (c, d) = (
        cv2.split(cv2.Sobel(source_pixels, cv2.CV_32F, *order, ksize=1, scale=0.5, borderType=border))
        for order in ((1, 0), (0, 1))
    )
    area, squares = a * d - b * c, a**2 + b**2 + c**2 + d**2
    # The smaller singular value s of a 2x2 matrix: s^2 + t^2 = squares, s t = area.
    largest = np.sqrt(0.5 * (squares + np.sqrt(np.maximum(squares**2 - 4 * area**2, 0))))
    smallest = area / np.maximum(largest, 1e-6)
    trusted = smooth_step((smallest - SMEARED) / (SHARP - SMEARED))
    return cv2.GaussianBlur(trusted, (0, 0), 0.015 * size)


def yaw_share(source_yaw: float, target_yaw: float) -> float:
    """Computes how far the skin of a photo counts for a head that is turned differently, 0 to 1."""
    difference = abs(source_yaw - target_yaw)
    return float(smooth_step(np.array((NO_YAW - difference) / (NO_YAW - FULL_YAW))))


def smooth_step(values: np.ndarray) -> np.ndarray:
    """Rises smoothly from 0 (for values up to 0) to 1 (from 1)."""
    clipped = np.clip(values, 0, 1)
    return clipped**2 * (3 - 2 * clipped)
