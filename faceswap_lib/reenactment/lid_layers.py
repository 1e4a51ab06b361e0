"""Upper lids of a photo that close: skin over the eye, and the edge of the lid with its lashes.

A warp squeezes an open eye into a dark smear when it closes, because the photo has no pixels of the lid that unfolds.
So the eye is replaced by the skin around it, and a line of the lashes' color is drawn where the lid ends.
"""

import cv2
import numpy as np

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE
from faceswap_lib.faces.landmarks_68 import LEFT_BROW, RIGHT_BROW
from faceswap_lib.reenactment.control_points import fill_polygons
from faceswap_lib.reenactment.eye_layers import fill_from, slit_shares
from faceswap_lib.reenactment.eye_transfer import CLOSED, EYES, OPEN, eye_openness
from faceswap_lib.reenactment.skin_alpha import smooth_step
from faceswap_lib.reenactment.warping import NO_MAP

BROWS = (LEFT_BROW, RIGHT_BROW)

KEPT, REPLACED = 0.25, 0.55
"""Share by which an eye closes, up to which the photo's lid is only warped, and from which it is replaced."""

LASHES = (0.1, 0.05)
"""How far lashes reach above and below an open eye, in eye distances."""

BROW_MARGIN = 0.05
"""How far a brow reaches around its landmarks, in eye distances."""

SOFTNESS = 0.04
"""Standard deviation of the border of the new lid, in eye distances."""

LINE = 0.014
"""Standard deviation of the line of the lashes, in eye distances."""

LINE_ALPHA = 0.9
"""Largest alpha of this line."""

DARK_COUNTS = 0.15
"""Weight of dark pixels around an eye in the color of its lid. Lashes should not count, shadows should."""


def closing_shares(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Computes how much of each lid must be redrawn, (2,), 0 to 1, from (68, 2) landmarks of photo and target."""
    before, after = eye_openness(source), eye_openness(target)
    closing = 1 - after / np.maximum(before, 1e-6)
    was_open = smooth_step((before - CLOSED) / (OPEN - CLOSED))
    return was_open * smooth_step((closing - KEPT) / (REPLACED - KEPT))


def keep_closed(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the target, (68, 2), with those eyes closed that are closed in the photo: what they hide is unknown."""
    points = target.copy()
    before, after = eye_openness(source), eye_openness(target)
    shares = smooth_step((OPEN - before) / (OPEN - CLOSED))
    for eye, share, old, new in zip(EYES, shares, before, after, strict=True):
        if share > 0 and new > old:
            upper, lower = np.arange(68)[eye][[1, 2]], np.arange(68)[eye][[5, 4]]
            gap = (1 - old / new) * share * (points[lower] - points[upper])
            points[upper] += 0.8 * gap
            points[lower] -= 0.2 * gap
    return points


def close_lids(
    warped: np.ndarray, photo: np.ndarray, source_pixels: np.ndarray, source: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Draws the lids of closing eyes.

    Args:
        warped: (S, S, 3) uint8 RGB, the warped photo.
        photo: (S, S, 3) uint8 RGB.
        source_pixels: (S, S, 2) float32, the backward map of the warp.
        source: (68, 2) x, y of the photo's landmarks, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of the target's landmarks.

    Returns:
        (S, S, 3) uint8 RGB; only eyes that close change.
    """
    shares = closing_shares(source, target)
    if not shares.any():
        return warped
    size = len(photo)
    unit = EYE_DISTANCE * size
    known = 1 - np.maximum(*(_around_eye(source[eye], size) for eye in EYES))
    brows = np.maximum(*(_grow(_line(source[brow], size, 1), BROW_MARGIN * unit) for brow in BROWS))
    skin = fill_from(photo.astype(np.float32), _bright(photo, known * (1 - brows), unit), unit)
    lids = to_picture(_move(skin, source_pixels))
    for eye, share in zip(EYES, shares, strict=True):
        if share == 0:
            continue
        old = _move(_around_eye(source[eye], size), source_pixels)
        cover = np.maximum(old, _around_eye(target[eye], size)) * (1 - brows)
        cover = cv2.GaussianBlur(cover.astype(np.float32), (0, 0), SOFTNESS * unit)
        warped = alpha_blend(warped, lids, np.clip(1.2 * cover, 0, 1) * np.float32(share))
    return warped


def draw_lashes(image: np.ndarray, photo: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Draws the edges of the upper lids of closing eyes; see `close_lids`."""
    size = len(photo)
    unit = EYE_DISTANCE * size
    for eye, share, seen in zip(EYES, closing_shares(source, target), slit_shares(target), strict=True):
        if share == 0:
            continue
        edge = _grow(_line(source[eye][:4], size, 1), 0.03 * unit) > 0
        pixels = photo[edge].astype(np.float32)
        color = pixels[pixels.sum(axis=1) <= np.percentile(pixels.sum(axis=1), 10)].mean(axis=0)
        line = cv2.GaussianBlur(_line(_smooth(target[eye][:4]), size, 1), (0, 0), LINE * unit)
        slit = cv2.GaussianBlur(fill_polygons(size, target[eye]), (0, 0), 0.4 * LINE * unit)
        alpha = np.maximum(line / max(float(line.max()), 1e-6), np.float32(1 - seen) * slit) * LINE_ALPHA * share
        image = alpha_blend(image, np.broadcast_to(to_picture(color), image.shape), alpha.astype(np.float32))
    return image


def _move(image: np.ndarray, source_pixels: np.ndarray) -> np.ndarray:
    """Samples a smooth image by a backward map."""
    return cv2.remap(image, source_pixels, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _bright(photo: np.ndarray, known: np.ndarray, unit: float) -> np.ndarray:
    """Reduces the weight of what is darker than the skin around it: loose lashes, frames of glasses and brows."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sums = (cv2.GaussianBlur(values.astype(np.float32), (0, 0), 0.3 * unit) for values in (gray * known, known))
    total, weight = sums
    bright = smooth_step((gray * weight / np.maximum(total, 1e-3) - 0.75) / 0.2)
    return (known * (DARK_COUNTS + (1 - DARK_COUNTS) * bright)).astype(np.float32)


def _around_eye(eye: np.ndarray, size: int) -> np.ndarray:
    """Draws an eye with its lashes, (S, S) float32."""
    unit = EYE_DISTANCE * CROP_SIZE
    middle = eye[[0, 3]].mean(axis=0)
    wider = middle + 1.15 * (eye - middle)
    wider[[1, 2], 1] -= LASHES[0] * unit
    wider[[4, 5], 1] += LASHES[1] * unit
    wider[[0, 3], 1] -= 0.3 * LASHES[0] * unit
    return fill_polygons(size, cv2.convexHull(wider.astype(np.float32))[:, 0])


def _smooth(line: np.ndarray) -> np.ndarray:
    """Rounds a line of four points, (N, 2)."""
    steps = np.linspace(0, 3, 25)
    return np.stack([np.polyval(np.polyfit(np.arange(4), line[:, axis], 3), steps) for axis in (0, 1)], axis=1)


def _line(points: np.ndarray, size: int, thickness: int) -> np.ndarray:
    """Draws a line through points, (N, 2) in pixels of `CROP_SIZE`; (S, S) float32."""
    canvas = np.zeros((size, size), np.uint8)
    corners = np.round(((points + 0.5) * (size / CROP_SIZE) - 0.5) * 16).astype(np.int32)
    cv2.polylines(canvas, [corners], isClosed=False, color=255, thickness=thickness, lineType=cv2.LINE_AA, shift=4)
    return canvas.astype(np.float32) / 255


def _grow(mask: np.ndarray, radius: float) -> np.ndarray:
    """Dilates a mask by a radius in pixels."""
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(radius)) + 1,) * 2))
