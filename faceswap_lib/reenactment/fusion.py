"""Classical fusion of a photo with a generated picture of the same person: skin from one, hidden parts from the other.

A network that generates a face from a shape blurs wrinkles, freckles and beards. A warp of the photo keeps them, but
has no pixels for what the photo hides. So the skin comes from the warped photo; inner mouth, edges of the lids and
everything outside the face come from the generated picture.

Source: the released code of Zhang et al., "One-shot Face Reenactment", 2019, which fuses in this classical way; the
paper describes a network instead. The alpha of hidden parts, the gaze and the yaw are ours.
"""

import cv2
import numpy as np
import scipy.interpolate

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.conversion.color_transfer.registry import to_picture
from faceswap_lib.conversion.color_transfer.reinhard import apply_reinhard, fit_reinhard
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.reenactment.control_points import check_points, fill_polygons
from faceswap_lib.reenactment.eye_transfer import close_eyes, match_brightness, transfer_eyes
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.part_warp import LIPS, move_parts, part_map
from faceswap_lib.reenactment.skin_alpha import INNER_LIPS, skin_alpha, smooth_step, yaw_share
from faceswap_lib.reenactment.warping import NO_MAP, check_image, piecewise_affine_map, sample_image

COMPARED_SIDE = 48
"""Side in pixels of the images whose colors are compared: small enough that both have the same detail."""

CONTRASTS = (0.8, 1.25)
"""Smallest and largest factor of lightness and of both opponent colors. Skin has a small range of them, so a larger
factor would dye eyes, teeth and background."""

DARK = 0.7
"""Level relative to that of skin below which a pixel counts as dark, and its color changes less."""

LEAST_SKIN = 0.005
"""Fraction of the crop that must show trusted skin before colors are matched to it."""

DARK_MOUTH = 0.22
"""Brightness of an invented inner mouth, relative to the lips."""

DARK_LIPS = 0.55
"""The same for the line between lips that a warp has closed."""

LIP_EDGE = 0.018
"""Standard deviation of the blur of the border of a mouth, in eye distances."""


def fuse(photo: np.ndarray, photo_shape: FaceShape, generated: np.ndarray, target_shape: FaceShape) -> np.ndarray:
    """Fuses the skin of a photo with a generated picture of the same person.

    Args:
        photo: (S, S, 3) uint8 RGB, the aligned crop of the photo.
        photo_shape: The shape of the face in the photo.
        generated: (S, S, 3) uint8 RGB, the picture that a network generated for the target shape.
        target_shape: The shape that the generated picture shows.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        ValueError: If an image has a wrong shape or dtype, or the sides of both differ.
        InputError: If landmarks cannot be those of a face in the crop; see `control_points.check_points`.
    """
    _check(photo, photo_shape, target_shape)
    check_image(generated, "generated")
    if generated.shape != photo.shape:
        raise ValueError(f"generated: expected the photo's shape {photo.shape}, got {generated.shape}")
    source, target = photo_shape.points, target_shape.points
    source_pixels = part_map(source, target, len(photo))
    warped = sample_image(photo, source_pixels)
    alpha = skin_alpha(source, target, source_pixels)
    result = match_colors(generated, warped, alpha)
    result = match_brightness(result, photo, source, target)
    share = yaw_share(photo_shape.yaw, target_shape.yaw)
    result = alpha_blend(result, warped, share * alpha)
    eyes = transfer_eyes(photo, photo_shape, target_shape)
    return result if eyes is None else alpha_blend(result, eyes.image, share * eyes.weight * eyes.seen)


def fuse_without_network(photo: np.ndarray, photo_shape: FaceShape, target_shape: FaceShape) -> np.ndarray:
    """Moves a photo to another shape without any network: a warp, moved irises, and a dark inner mouth.

    Args:
        photo: (S, S, 3) uint8 RGB, the aligned crop of the photo.
        photo_shape: The shape of the face in the photo.
        target_shape: The wanted shape.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        ValueError: If the image has a wrong shape or dtype.
        InputError: If landmarks cannot be those of a face in the crop; see `control_points.check_points`.
    """
    _check(photo, photo_shape, target_shape)
    source, target = photo_shape.points, target_shape.points
    source_pixels = move_parts(piecewise_affine_map(source, target, len(photo)), source, target, LIPS)
    result = sample_image(photo, source_pixels)
    eyes = transfer_eyes(photo, photo_shape, target_shape)
    if eyes is not None:
        result = alpha_blend(result, eyes.image, eyes.weight)
    result = close_eyes(result, photo, source, target)
    return redraw_mouth(result, source_pixels, source, target)


def match_colors(generated: np.ndarray, warped: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Transfers the colors of a warped photo's skin to a whole generated picture, as Reinhard et al. do.

    Contrast is compared between small images, because that of a generated picture is low where it lacks detail. Dark
    pixels change less than skin does: a color cast is a factor of the light, so it leaves black hair black.

    Args:
        generated: (S, S, 3) uint8 RGB.
        warped: (S, S, 3) uint8 RGB.
        weights: (S, S) float32, 0 to 1: where both show the same skin.

    Returns:
        (S, S, 3) uint8 RGB; the generated picture itself if hardly any skin is trusted.
    """
    if weights.mean() < LEAST_SKIN:
        return generated
    side = (COMPARED_SIDE, COMPARED_SIDE)
    new, old, small = (cv2.resize(image, side, interpolation=cv2.INTER_AREA) for image in (generated, warped, weights))
    gain, offset = fit_reinhard(new, old, small)
    limited = np.clip(gain, *CONTRASTS)
    lab = cv2.cvtColor(new.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    mean = np.average(lab, axis=(0, 1), weights=small)  # stays where the fit puts it
    matched = apply_reinhard(generated, np.stack([limited, offset + (gain - limited) * mean]).astype(np.float32))
    levels = cv2.GaussianBlur(generated, (0, 0), 1).max(axis=2).astype(np.float32)
    share = np.clip(levels / max(DARK * float(np.average(levels, weights=weights)), 1.0), 0, 1)
    return alpha_blend(generated, matched, share)


def redraw_mouth(warped: np.ndarray, source_pixels: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Draws a plain dark inner mouth where a warp has opened closed lips, and covers teeth where it has closed them.

    Args:
        warped: (S, S, 3) uint8 RGB, the warped photo.
        source_pixels: (S, S, 2) float32, the backward map of the warp.
        source: (68, 2) x, y of the photo's landmarks, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of the target's landmarks.

    Returns:
        (S, S, 3) uint8 RGB. An inner mouth that is about as open in the photo is kept.
    """
    size = len(warped)
    unit = EYE_DISTANCE * size
    before, after = (_lip_gap(points) for points in (source, target))
    opened, closed = (smooth_step(np.array((a - 1.4 * b - 2) / 4)) for a, b in ((after, before), (before, after)))
    if not (opened or closed):
        return warped
    inner = fill_polygons(size, target[INNER_LIPS])
    opening = cv2.GaussianBlur(fill_polygons(size, _round(target[INNER_LIPS])), (0, 0), LIP_EDGE * unit)
    lips = fill_polygons(size, target[48:60]) * (1 - inner)
    color = np.average(warped, axis=(0, 1), weights=lips + 1e-6)
    if closed:
        mouth = fill_polygons(size, source[INNER_LIPS])
        shown = cv2.remap(mouth, source_pixels, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shown = cv2.GaussianBlur(shown, (0, 0), LIP_EDGE * unit)
        warped = alpha_blend(warped, _fill(color, warped), (closed * shown).astype(np.float32))
    dark = _fill((DARK_MOUTH if opened else DARK_LIPS) * color * [1.0, 0.8, 0.8], warped)
    return alpha_blend(warped, dark, (max(opened, closed) * opening).astype(np.float32))


def _round(polygon: np.ndarray) -> np.ndarray:
    """Rounds the corners of a closed polygon, (N, 2): the smooth closed curve near its corners, (8 N, 2)."""
    corners = np.concatenate([polygon, polygon[:1]])
    smooth = scipy.interpolate.make_interp_spline(np.arange(len(corners)), corners, k=3, bc_type="periodic")
    return smooth(np.arange(0, len(polygon), 1 / 8))


def _fill(color: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns an image of one color, as large as another image."""
    return np.broadcast_to(to_picture(color), image.shape)


def _lip_gap(points: np.ndarray) -> float:
    """Measures the mean distance between the inner lips in pixels."""
    return float(np.linalg.norm(points[61:64] - points[[67, 66, 65]], axis=1).mean())


def _check(photo: np.ndarray, photo_shape: FaceShape, target_shape: FaceShape) -> None:
    check_image(photo, "photo")
    check_points(photo_shape.points, "photo_shape")
    check_points(target_shape.points, "target_shape")
