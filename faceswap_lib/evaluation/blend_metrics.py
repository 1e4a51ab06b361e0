"""Blend metrics: the changed area of a frame, its overlap with the face, and the visibility of its border.

Frames are (H, W, 3) uint8 RGB. Masks are (H, W) bool, or uint8 in which values of 128 and more are inside.
"""

import functools

import cv2
import numpy as np

from faceswap_lib.evaluation.image_metrics import check_mask, check_pictures, psnr
from faceswap_lib.faces.masks import disk
from faceswap_lib.provenance.visible_label import Label

CHANGE_SIGMA = 2.0
"""Standard deviation in pixels of the blur that is applied to the difference of two frames."""

CHANGE_THRESHOLD = 6.0
"""Gray levels above which a blurred difference counts as a change. When four real clips are encoded again with H.264,
after the opening at most 0.001 % of the pixels count as changed at CRF 18, 0.004 to 0.4 % at CRF 23, and 0.5 to 5.6 %
at CRF 28. A fine gold pattern on blue counts as changed even at CRF 18, because the codec stores color at half the
resolution."""

OPENING_RADIUS = 3
"""Radius of the morphological opening in pixels; changes narrower than twice this value come from the codec."""

CLOSING_RADIUS = 0.1
"""Radius of the morphological closing, as a fraction of the square root of the changed area. It closes gaps where the
new skin has the same color as the old skin: the swap changed those pixels too."""

SEAM_RINGS = range(-5, 2)
"""Distances in pixels from the border of the changed area (negative inside) that contain the edge of the pasted area.
The blur moves the detected border outward by 0 to 4 pixels, further for a larger difference of the two frames."""

INNER_RINGS, OUTER_RINGS = range(-16, -8), range(5, 11)
"""Distances at which the reference gradient is measured, inside and outside."""

GRADIENT_FLOOR = 1.0
"""Gray levels per pixel that are added to every gradient, to avoid a division by zero in flat images."""


def changed_area(swapped: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Detects the changed pixels of a frame, as solid areas.

    The absolute difference is averaged over the channels, blurred by `CHANGE_SIGMA` and compared with
    `CHANGE_THRESHOLD`. Then small spots are removed, gaps are closed and holes are filled.

    Args:
        swapped: (H, W, 3) uint8.
        original: Same shape and dtype as `swapped`.

    Returns:
        (H, W) bool; all False for identical frames.

    Raises:
        ValueError: If a shape or dtype is wrong.
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
    """Computes the fraction of the face that was changed.

    Args:
        changed: (H, W) mask from `changed_area`.
        face_hull: (H, W) mask of the original's face.

    Returns:
        0 (unchanged) to 1 (completely changed). Neither direction is better, but near 0 nothing was swapped. NaN for an
        empty hull.

    Raises:
        ValueError: If a shape or dtype is wrong.
    """
    changed, face_hull = check_mask(changed, changed.shape), check_mask(face_hull, changed.shape)
    return float(changed[face_hull].mean()) if face_hull.any() else float("nan")


def outside_face_ratio(changed: np.ndarray, face_hull: np.ndarray) -> float:
    """Computes the fraction of the changed pixels that are outside the face.

    Args:
        changed: (H, W) mask from `changed_area`.
        face_hull: (H, W) mask of the original's face.

    Returns:
        0 (none) to 1 (all of them); lower is better. NaN if nothing was changed.

    Raises:
        ValueError: If a shape or dtype is wrong.
    """
    changed, face_hull = check_mask(changed, changed.shape), check_mask(face_hull, changed.shape)
    return float(1 - face_hull[changed].mean()) if changed.any() else float("nan")


def seam(swapped: np.ndarray, original: np.ndarray, changed: np.ndarray) -> float:
    """Computes how visible the border of the changed area is, relative to the same pixels of the original.

    The geometric mean of the gradient is computed on rings of equal distance from the border. The prominence of a ring
    is its gradient divided by the gradient a little further inside and outside (`INNER_RINGS`, `OUTER_RINGS`). The
    result is the maximum over `SEAM_RINGS` of the swapped frame's prominence divided by the original's. On real clips,
    the result for a face that is 15 gray levels brighter is 2.2 to 2.6 with a hard border, and 1.0 to 1.1 with a border
    blended over 8 pixels. The idea is that of blocking measures, for instance Wang, Sheikh and Bovik, "No-reference
    perceptual quality assessment of JPEG compressed images", 2002.

    Args:
        swapped: (H, W, 3) uint8.
        original: Same shape and dtype as `swapped`.
        changed: (H, W) mask from `changed_area`.

    Returns:
        Ratio of 0 or more, best near 1: 0.9 to 1.2 means no visible seam, and a hard edge has a clearly higher ratio.
        NaN if nothing was changed, or if the area is too small or too near the border of the frame for rings on both
        sides.

    Raises:
        ValueError: If a shape or dtype is wrong.
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
    """Computes the peak signal-to-noise ratio (PSNR) of the background, which only mistakes and the codec change.

    Args:
        swapped: (H, W, 3) uint8.
        original: Same shape and dtype as `swapped`.
        face_hull_dilated: (H, W) mask of the pixels that the swap may change.

    Returns:
        dB as in `image_metrics.psnr`, 0 to 100 (unchanged); higher is better. NaN if the mask covers the whole frame.

    Raises:
        ValueError: If a shape or dtype is wrong.
    """
    check_pictures(swapped, original)
    return psnr(swapped, original, ~check_mask(face_hull_dilated, original.shape))


@functools.lru_cache(maxsize=4)
def label_area(width: int, height: int) -> np.ndarray:
    """Returns the (H, W) bool mask of the visible label, whose pixels a conversion changes on purpose."""
    left, top, right, bottom = Label(width, height).box_xyxy
    area = np.zeros((height, width), bool)
    area[top:bottom, left:right] = True
    return area


def _distance(area: np.ndarray) -> np.ndarray:
    """Computes the distance in pixels to the nearest pixel outside the area; 0 outside."""
    return cv2.distanceTransform(area, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _prominence(image: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Computes the prominence of each of `SEAM_RINGS`, as explained in `seam`; NaN for rings without pixels."""
    values = image.astype(np.float32)
    across, down = (cv2.Sobel(values, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
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
