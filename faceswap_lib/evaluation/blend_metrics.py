"""Where a swap changed the frame: how much of the face, how much else, and whether the border shows.

Frames are (H, W, 3) uint8 RGB, areas (H, W) bool, or uint8 in which 128 and more is inside.
"""

import functools

import cv2
import numpy as np

from faceswap_lib.evaluation.image_metrics import check_mask, check_pictures, psnr
from faceswap_lib.faces.masks import disk
from faceswap_lib.provenance.visible_label import Label

CHANGE_SIGMA = 2.0
"""Pixels of blur under which a difference is judged."""

CHANGE_THRESHOLD = 6.0
"""Gray levels from which a blurred difference counts. Four real clips encoded once more by H.264 reach it nowhere that
is left after the opening at CRF 18 (0.001 % of the pixels at most), on 0.004 to 0.4 % of the pixels at CRF 23 and 0.5
to 5.6 % at CRF 28. Fine gold on blue is changed even at CRF 18, since of colors the codec keeps every other pixel."""

OPENING_RADIUS = 3
"""Blurred changes narrower than twice this many pixels are the codec's."""

CLOSING_RADIUS = 0.1
"""Gaps narrower than twice this are closed, as a share of the square root of the area: where the new skin has the old
one's color it was changed none the less."""

SEAM_RINGS = range(-5, 2)
"""Pixels from the border of the changed area, negative inside, in which the edge of what was pasted lies: blurring
moves the border outwards, by 0 to 4 pixels the further the larger the step is."""

INNER_RINGS, OUTER_RINGS = range(-16, -8), range(5, 11)
"""Where the gradient is compared."""

GRADIENT_FLOOR = 1.0
"""Added to every gradient in gray levels per pixel, so that flat pictures do not divide by nothing."""


def changed_area(swapped: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Finds where a frame was changed, as a solid area.

    The absolute difference, averaged over the channels and blurred by `CHANGE_SIGMA`, is compared with
    `CHANGE_THRESHOLD`; then specks are dropped, gaps closed and holes filled.

    Args:
        swapped: (H, W, 3) uint8.
        original: Like `swapped`.

    Returns:
        (H, W) bool; all False for identical frames.

    Raises:
        ValueError: If shapes or types are others.
    """
    check_pictures(swapped, original)
    difference = cv2.absdiff(swapped, original).astype(np.float32) @ np.full(3, 1 / 3, np.float32)
    changed = (cv2.GaussianBlur(difference, (0, 0), CHANGE_SIGMA) > CHANGE_THRESHOLD).astype(np.uint8)
    changed = cv2.morphologyEx(changed, cv2.MORPH_OPEN, disk(OPENING_RADIUS))
    count = cv2.countNonZero(changed)
    if count == 0:
        return changed.astype(bool)
    radius = max(1, round(CLOSING_RADIUS * count**0.5))
    unchanged = cv2.copyMakeBorder(1 - changed, radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=1)
    grown = (_distance(unchanged) <= radius).astype(np.uint8)
    changed = (_distance(grown) > radius)[radius:-radius, radius:-radius].astype(np.uint8)
    outlines, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros_like(changed), outlines, -1, 1, cv2.FILLED).astype(bool)


def coverage(changed: np.ndarray, face_hull: np.ndarray) -> float:
    """Share of the face that was changed.

    Args:
        changed: (H, W) from `changed_area`.
        face_hull: (H, W), the original's face.

    Returns:
        0 (untouched) to 1 (all of it); neither is better by itself, but near 0 nothing was swapped. NaN for an empty
        hull.

    Raises:
        ValueError: If shapes or types are others.
    """
    changed, face_hull = check_mask(changed, changed.shape), check_mask(face_hull, changed.shape)
    return float(changed[face_hull].mean()) if face_hull.any() else float("nan")


def outside_face_ratio(changed: np.ndarray, face_hull: np.ndarray) -> float:
    """Share of the changed pixels that lie outside the face.

    Args:
        changed: (H, W) from `changed_area`.
        face_hull: (H, W), the original's face.

    Returns:
        0 (none) to 1 (all of them); lower is better. NaN where nothing was changed.

    Raises:
        ValueError: If shapes or types are others.
    """
    changed, face_hull = check_mask(changed, changed.shape), check_mask(face_hull, changed.shape)
    return float(1 - face_hull[changed].mean()) if changed.any() else float("nan")


def seam(swapped: np.ndarray, original: np.ndarray, changed: np.ndarray) -> float:
    """How much the border of the changed area stands out, against the same place of the original.

    The geometric mean of the gradient is taken along rings of equal distance from the border. A ring's prominence is
    its gradient over that a little inside and outside (`INNER_RINGS`, `OUTER_RINGS`); the result is the largest ratio
    of the swapped frame's prominence to the original's over `SEAM_RINGS`. On real clips a face 15 levels brighter gives
    2.2 to 2.6 with a hard border and 1.0 to 1.1 with one softened over 8 pixels. The idea is that of blocking measures,
    for instance Wang, Sheikh and Bovik, "No-reference perceptual quality assessment of JPEG compressed images", 2002.

    Args:
        swapped: (H, W, 3) uint8.
        original: Like `swapped`.
        changed: (H, W) from `changed_area`.

    Returns:
        From 0; 0.9 to 1.2 means no seam, a hard edge is well above; lower is better. NaN where nothing was changed, or
        too little or too close to the frame's border for rings on both sides.

    Raises:
        ValueError: If shapes or types are others.
    """
    check_pictures(swapped, original)
    changed = check_mask(changed, original.shape)
    if not changed.any() or changed.all():
        return float("nan")
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    reach = OUTER_RINGS.stop + 2
    box = tuple(slice(max(0, line[0] - reach), line[-1] + reach + 1) for line in (rows, columns))
    inside = changed[box]
    outside_by, inside_by = (_distance(area.astype(np.uint8)) for area in (~inside, inside))
    ring = np.where(inside, 1 - np.ceil(inside_by), np.ceil(outside_by)).astype(np.int16)
    ratio = _prominence(swapped[box], ring) / _prominence(original[box], ring)
    return float(np.nanmax(ratio)) if np.isfinite(ratio).any() else float("nan")


def background_psnr(swapped: np.ndarray, original: np.ndarray, face_hull_dilated: np.ndarray) -> float:
    """Peak signal-to-noise ratio away from the face: what was changed there by mistake or lost to the codec.

    Args:
        swapped: (H, W, 3) uint8.
        original: Like `swapped`.
        face_hull_dilated: (H, W), where the swap may change something.

    Returns:
        dB as in `image_metrics.psnr`, 0 to 100 (untouched); higher is better. NaN if the hull fills the frame.

    Raises:
        ValueError: If shapes or types are others.
    """
    check_pictures(swapped, original)
    return psnr(swapped, original, ~check_mask(face_hull_dilated, original.shape))


@functools.lru_cache(maxsize=4)
def label_area(width: int, height: int) -> np.ndarray:
    """Where a conversion writes its visible label, (H, W) bool; what it covers is no mistake."""
    left, top, right, bottom = Label(width, height).box_xyxy
    area = np.zeros((height, width), bool)
    area[top:bottom, left:right] = True
    return area


def _distance(area: np.ndarray) -> np.ndarray:
    """Pixels to the nearest one outside the area, 0 there."""
    return cv2.distanceTransform(area, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _prominence(picture: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Gradient of each of `SEAM_RINGS` over that of the rings beside them; NaN for rings that are not there."""
    smooth = picture.astype(np.float32)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    gradient = cv2.magnitude(across.reshape(-1), down.reshape(-1)).reshape(-1, 3).mean(axis=1)
    first, last = INNER_RINGS.start, OUTER_RINGS.stop
    index = np.clip(ring.ravel(), first - 1, last) - first + 1
    counts = np.bincount(index, minlength=last - first + 2)
    sums = np.bincount(index, np.log(gradient + GRADIENT_FLOOR), last - first + 2)
    inner, border, outer = (
        slice(rings.start - first + 1, rings.stop - first + 1) for rings in (INNER_RINGS, SEAM_RINGS, OUTER_RINGS)
    )
    with np.errstate(invalid="ignore"):
        beside = [sums[part].sum() / counts[part].sum() for part in (inner, outer)]
        return np.exp(sums[border] / counts[border] - np.mean(beside))
