"""Classical fusion of a photo with a generated picture of the same person: skin from one, hidden parts from the other.

A network that generates a face from a shape blurs wrinkles, freckles and beards. A warp of the photo keeps them, but
has no pixels for what the photo hides. So the skin comes from the warped photo; inner mouth, edges of the lids and
everything outside the face come from the generated picture.

Source: the released code of Zhang et al., "One-shot Face Reenactment", 2019, which fuses in this classical way; the
paper describes a network instead. The alpha of hidden parts, the gaze and the yaw are ours.
"""

import cv2
import numpy as np

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.conversion.color_transfer.reinhard import apply_reinhard, fit_reinhard
from faceswap_lib.reenactment.control_points import check_points
from faceswap_lib.reenactment.eye_layers import move_eyes
from faceswap_lib.reenactment.eye_transfer import close_eyes, match_brightness
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.mouth_layers import move_lips, redraw_inner_mouth
from faceswap_lib.reenactment.part_warp import part_map
from faceswap_lib.reenactment.skin_alpha import skin_alpha, yaw_share
from faceswap_lib.reenactment.warping import check_image, piecewise_affine_map, sample_image

COMPARED_SIDE = 48
"""Side in pixels of the images whose colors are compared: small enough that both have the same detail."""

CONTRASTS = (0.8, 1.25)
"""Smallest and largest factor of lightness and of both opponent colors. Skin has a small range of them, so a larger
factor would dye eyes, teeth and background."""

DARK = 0.7
"""Level relative to that of skin below which a pixel counts as dark, and its color changes less."""

LEAST_SKIN = 0.005
"""Fraction of the crop that must show trusted skin before colors are matched to it."""


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
    eyes = move_eyes(photo, photo_shape, target_shape)
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
    source_pixels = move_lips(piecewise_affine_map(source, target, len(photo)), source, target)
    result = sample_image(photo, source_pixels)
    eyes = move_eyes(photo, photo_shape, target_shape)
    if eyes is not None:
        result = alpha_blend(result, eyes.image, eyes.weight)
    result = close_eyes(result, photo, source, target)
    return redraw_inner_mouth(result, photo, source, target, None)


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


def _check(photo: np.ndarray, photo_shape: FaceShape, target_shape: FaceShape) -> None:
    check_image(photo, "photo")
    check_points(photo_shape.points, "photo_shape")
    check_points(target_shape.points, "target_shape")
