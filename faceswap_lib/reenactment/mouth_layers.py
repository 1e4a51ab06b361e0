"""The mouth of a photo in layers, so that it can open and close: both lips, and the inner mouth behind them."""

import cv2
import numpy as np
import scipy.interpolate

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, scale_points
from faceswap_lib.faces.landmarks_68 import OUTLINE
from faceswap_lib.reenactment.control_points import fill_polygons
from faceswap_lib.reenactment.expressions import measure_smile
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.skin_alpha import UNSEEN_GAP, smooth_step
from faceswap_lib.reenactment.warping import sample_image, thin_plate_map

LIPS = ((*range(48, 55), *range(64, 59, -1)), (*range(54, 60), 48, 60, 67, 66, 65, 64))
"""Landmarks of the outlines of the upper and of the lower lip."""

INNER_LIPS = slice(60, 68)

SMOOTHING = 1e-5
"""Smoothing of the spline of a lip."""

AROUND, BETWEEN = 5.0, 0.7
"""Distance from a lip at which its map and that of the skin count alike, and the width of the border between the lips,
in pixels of `CROP_SIZE`."""

DARKEST, TONGUE = 0.2, 0.55
"""Brightness of a drawn inner mouth at its upper edge, and of the tongue in it, relative to the lips."""

TONGUE_GAPS = (0.08, 0.2)
"""Distances of the inner lips, in eye distances, from which a tongue is seen, and from which all of it is."""

SMILING = (0.85, 0.98)
"""Smiles, see `expressions.measure_smile`, from which parted lips show the edge of the upper teeth, and all of it."""

TEETH, TEETH_LEVEL = 0.11, 1.15
"""Visible height of upper teeth in eye distances, and their level relative to well lit skin."""

SHOWN_TWICE = 1.4
"""How much more open than the photo's mouth another may be and still show the inside of the photo's mouth."""

CONTRASTS = (0.1, 0.18)
"""Standard deviation inside a generated mouth, relative to the level of its lips, up to which it is not shown, and from
which it is. In the widest mouths of five clips it is 0.11 to 0.29. One network made 0.08 to 0.23 after 540 steps,
another 0.20 to 0.25 after 2,000 steps."""

LIP_EDGE = 0.014
"""Standard deviation of the border of an inner mouth, in eye distances."""

LINE, LINE_ALPHA, LINE_WIDTH = 0.4, 0.25, 0.012
"""Brightness of the line between lips that have been closed, relative to the lips; its alpha; and its standard
deviation in eye distances."""

SLIT = (6.0, 10.0)
"""Distances of lips that have been closed, in pixels of `CROP_SIZE`, up to which nothing is seen between them, and from
which the photo's mouth is seen."""

TEETH_GAPS = (0.22, 0.4)
"""Distances of the inner lips, in eye distances, up to which a smile shows upper teeth, and from which it does not."""


def true_lips(points: np.ndarray) -> np.ndarray:
    """Moves the inner lips of 68 landmarks to where the lips end: detectors read wide gaps too narrow.

    Args:
        points: (68, 2) x, y.

    Returns:
        (68, 2); only 61 to 63 and 65 to 67 differ.
    """
    moved = points.copy()
    upper, lower = [61, 62, 63], [67, 66, 65]
    gap = UNSEEN_GAP * (points[lower] - points[upper])
    moved[upper] -= gap
    moved[lower] += gap
    return moved


def move_lips(skin: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Replaces a backward map on and near the lips by one smooth map per lip.

    Lips that touch in one of the shapes have different maps there, which one smooth map for both cannot have.

    Args:
        skin: (S, S, 2) float32 x, y in pixels of the image, the map of everything else.
        source: (68, 2) x, y of the landmarks in the image, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of their new positions.

    Returns:
        (S, S, 2) float32.
    """
    size = len(skin)
    source, target = true_lips(source), true_lips(target)
    maps, distances = [], []
    for lip in LIPS:
        own = list(lip)
        maps.append(thin_plate_map(source[own], target[own], size, smoothing=SMOOTHING))
        outside = (fill_polygons(size, target[own]) < 0.5).astype(np.uint8)
        distances.append(np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, 5)) * (CROP_SIZE / size))
    upper, lower = distances
    share = smooth_step((lower - upper) / (2 * BETWEEN) + 0.5)[..., None]
    cover = np.exp(-(np.minimum(upper, lower) ** 2) / (1.44 * AROUND**2))[..., None]
    moved = maps[1] + share * (maps[0] - maps[1])
    return (skin + cover * (moved - skin)).astype(np.float32)


def redraw_inner_mouth(
    warped: np.ndarray, photo: np.ndarray, source: np.ndarray, target: np.ndarray, hidden: np.ndarray | None
) -> np.ndarray:
    """Draws what is between the lips: the inside of the photo's mouth, or if it is hidden there, another picture of it.

    Args:
        warped: (S, S, 3) uint8 RGB, the photo with moved lips.
        photo: (S, S, 3) uint8 RGB.
        source: (68, 2) x, y of the photo's landmarks, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of the target's landmarks.
        hidden: (S, S, 3) uint8 RGB, a picture of the target's inner mouth; None draws a plain one.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    size, unit = len(photo), EYE_DISTANCE * len(photo)
    source, target = true_lips(source), true_lips(target)
    before, after = (_lip_gap(points) for points in (source, target))
    lips = fill_polygons(size, *(source[list(lip)] for lip in LIPS)) * (1 - fill_polygons(size, source[INNER_LIPS]))
    color = np.average(photo, axis=(0, 1), weights=lips + 1e-6)
    dark = np.broadcast_to(to_picture(LINE * color * [1.0, 0.8, 0.8]), photo.shape)
    inner = sample_image(photo, thin_plate_map(source[INNER_LIPS], target[INNER_LIPS], size, smoothing=SMOOTHING))
    if opened := float(smooth_step(np.array((after - SHOWN_TWICE * before - 2) / 4))):
        plain = draw_inner_mouth(color, measure_teeth(photo, source), target, size)
        if hidden is not None:
            plain = alpha_blend(plain, hidden, np.full((size, size), mouth_share(hidden, target), np.float32))
        inner = alpha_blend(inner, plain, np.full((size, size), opened, np.float32))
    closed = float(smooth_step(np.array((before - SHOWN_TWICE * after - 2) / 4)))
    if shut := closed * float(smooth_step(np.array((SLIT[1] - after) / (SLIT[1] - SLIT[0])))):
        inner = alpha_blend(inner, dark, np.full((size, size), shut, np.float32))  # no squeezed teeth in a slit
    alpha = cv2.GaussianBlur(fill_polygons(size, _round(target[INNER_LIPS])), (0, 0), LIP_EDGE * unit)
    result = alpha_blend(warped, inner, (alpha * smooth_step(np.array(after / 3.0))).astype(np.float32))
    return alpha_blend(result, dark, LINE_ALPHA * closed * _between_lips(target, size)) if closed else result


def _between_lips(points: np.ndarray, size: int) -> np.ndarray:
    """Draws a soft line between the lips, (S, S) float32, 0 to 1."""
    line = np.zeros((size, size), np.float32)
    middle = scale_points((points[[60, 61, 62, 63, 64]] + points[[60, 67, 66, 65, 64]]) / 2, size / CROP_SIZE)
    corners = [np.round(middle * 16).astype(np.int32)]
    cv2.polylines(line, corners, isClosed=False, color=1.0, thickness=1, lineType=cv2.LINE_AA, shift=4)
    line = cv2.GaussianBlur(line, (0, 0), LINE_WIDTH * EYE_DISTANCE * size)
    return np.clip(line / max(float(line.max()), 1e-6), 0, 1).astype(np.float32)


def measure_teeth(photo: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Estimates the color of teeth from well lit skin inside the outline of a face, (3,) 0 to 255."""
    inside = photo[fill_polygons(len(photo), points[OUTLINE]) > 0.5]
    if not len(inside):
        return np.full(3, 200.0)
    levels = inside.mean(axis=1)
    skin = inside[levels >= np.percentile(levels, 80)].mean(axis=0)
    white = np.mean(skin) * np.array([1.0, 0.96, 0.9])
    return TEETH_LEVEL * (white + 0.3 * (skin - white))


def draw_inner_mouth(color: np.ndarray, teeth_color: np.ndarray, target: np.ndarray, size: int) -> np.ndarray:
    """Draws a plain inner mouth: dark, with a tongue below if it is wide open, and upper teeth if it smiles.

    Args:
        color: (3,) mean color of the lips.
        teeth_color: (3,) color of the teeth.
        target: (68, 2) x, y of the landmarks, in pixels of a crop of side `CROP_SIZE`.
        size: Side S of the image in pixels.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    unit, gap = EYE_DISTANCE * size, _lip_gap(target) * size / CROP_SIZE
    points = scale_points(target[INNER_LIPS], size / CROP_SIZE)
    width = max(float(points[4, 0] - points[0, 0]), 1.0)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    lowest = points[5:8].mean(axis=0)
    x, y = (columns - lowest[0]) / (0.36 * width), (rows - lowest[1] - 0.05 * gap) / max(0.55 * gap, 1.0)
    wide = smooth_step(np.array((gap / unit - TONGUE_GAPS[0]) / (TONGUE_GAPS[1] - TONGUE_GAPS[0])))
    tongue = (wide * smooth_step((1.15 - np.sqrt(x**2 + y**2)) / 0.6))[..., None]
    dark, pink = DARKEST * color * [1.0, 0.75, 0.75], TONGUE * color * [1.0, 0.8, 0.85]
    inner = dark + tongue * (pink - dark)
    smile = measure_smile(FaceShape(points=target))
    shown = float(smooth_step(np.array((smile - SMILING[0]) / (SMILING[1] - SMILING[0]))))
    shown *= float(smooth_step(np.array((TEETH_GAPS[1] - gap / unit) / (TEETH_GAPS[1] - TEETH_GAPS[0]))))
    # Their edge is flatter than the lip.
    edge = 0.4 * np.interp(columns[0], points[:5, 0], points[:5, 1]) + 0.6 * points[2, 1]
    below = (rows - edge) / max(min(TEETH * unit, 0.7 * gap) * shown, 1.0)
    aside = np.abs(2 * (columns - points[0, 0]) / width - 1)
    teeth = smooth_step(np.array(10 * shown)) * smooth_step((1.1 - below) / 0.2) * smooth_step((1.0 - aside) / 0.4)
    return to_picture(inner + teeth[..., None] * (teeth_color - inner))


def mouth_share(picture: np.ndarray, points: np.ndarray) -> float:
    """Computes how far a generated inner mouth can be shown, 0 to 1: one that was not learned yet has no contrast.

    Args:
        picture: (S, S, 3) uint8 RGB.
        points: (68, 2) x, y of its landmarks, in pixels of a crop of side `CROP_SIZE`.
    """
    size = len(picture)
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    opening = fill_polygons(size, points[INNER_LIPS])
    lips = fill_polygons(size, *(points[list(lip)] for lip in LIPS)) * (1 - opening) > 0.5
    inside = opening > 0.9
    if not (inside.any() and lips.any()):
        return 0.0
    contrast = float(gray[inside].std()) / max(float(gray[lips].mean()), 1.0)
    return float(smooth_step(np.array((contrast - CONTRASTS[0]) / (CONTRASTS[1] - CONTRASTS[0]))))


def _round(polygon: np.ndarray) -> np.ndarray:
    """Rounds the corners of a closed polygon, (N, 2): the smooth closed curve near its corners, (8 N, 2)."""
    corners = np.concatenate([polygon, polygon[:1]])
    smooth = scipy.interpolate.make_interp_spline(np.arange(len(corners)), corners, k=3, bc_type="periodic")
    return smooth(np.arange(0, len(polygon), 1 / 8))


def _lip_gap(points: np.ndarray) -> float:
    """Measures the mean distance between the inner lips in pixels."""
    return float(np.linalg.norm(points[61:64] - points[[67, 66, 65]], axis=1).mean())
