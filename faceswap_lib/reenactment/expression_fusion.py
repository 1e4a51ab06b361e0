"""Moves the face of a photo to another expression; what the photo hides is generated or drawn.

The head does not turn, so the photo itself shows almost everything: skin, hair, clothes and background come from it, in
one warp. Eyes and mouth are made of layers, so that they can open and close. Only an inner mouth behind closed lips,
and eyes behind closed lids, are unknown.
"""

import dataclasses

import numpy as np

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.reenactment.control_points import HEAD_POINTS, JAW_STEP, check_points, extend_points
from faceswap_lib.reenactment.eye_layers import move_eyes
from faceswap_lib.reenactment.eye_transfer import CLOSED, EYES, OPEN, eye_openness, opening_mask
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.fusion import match_colors
from faceswap_lib.reenactment.lid_layers import close_lids, closing_shares, draw_lashes, keep_closed
from faceswap_lib.reenactment.mouth_layers import move_lips, redraw_inner_mouth
from faceswap_lib.reenactment.skin_alpha import skin_alpha, smooth_step
from faceswap_lib.reenactment.warping import check_image, sample_image, thin_plate_map

SMOOTHING = 1e-4
"""Smoothing of the spline of skin and surroundings."""

BELOW_JAW = slice(HEAD_POINTS - len(range(0, 17, JAW_STEP)), HEAD_POINTS)
"""Points outside of the jaw among the control points."""

NECK_FOLLOWS = 0.6
"""Share by which neck and collar follow the jaw."""

UPPER_LIDS = ((37, 38), (43, 44))
"""Landmarks of both upper lids. Those of an eye that closes would meet the lower ones, and the spline would tear."""


def fuse_expression(
    photo: np.ndarray, photo_shape: FaceShape, target_shape: FaceShape, generated: np.ndarray | None = None
) -> np.ndarray:
    """Moves a photo to a shape with another expression.

    Args:
        photo: (S, S, 3) uint8 RGB, the aligned crop of the photo.
        photo_shape: The shape of the face in the photo.
        target_shape: The wanted shape, with about the same yaw.
        generated: (S, S, 3) uint8 RGB, the picture that a network generated for the target shape: the inner mouth and
            opened eyes come from it. None draws a plain inner mouth, and leaves closed eyes closed.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        ValueError: If an image has a wrong shape or dtype, or the sides of both differ.
        InputError: If landmarks cannot be those of a face in the crop; see `control_points.check_points`.
    """
    check_image(photo, "photo")
    source, target = check_points(photo_shape.points, "photo_shape"), check_points(target_shape.points, "target_shape")
    if generated is None:
        target = keep_closed(source, target)
        target_shape = dataclasses.replace(target_shape, points=target)
    source_pixels = expression_map(source, target, len(photo))
    result = close_lids(sample_image(photo, source_pixels), photo, source_pixels, source, target)
    hidden = None
    if generated is not None:
        check_image(generated, "generated")
        if generated.shape != photo.shape:
            raise ValueError(f"generated: expected the photo's shape {photo.shape}, got {generated.shape}")
        hidden = match_colors(generated, result, skin_alpha(source, target, source_pixels))
        result = _open_eyes(result, hidden, source, target)
    eyes = move_eyes(photo, photo_shape, target_shape)
    if eyes is not None:
        result = alpha_blend(result, eyes.image, eyes.weight * eyes.seen)
    result = draw_lashes(result, photo, source, target)
    return redraw_inner_mouth(result, photo, source, target, hidden)


def expression_map(source: np.ndarray, target: np.ndarray, size: int) -> np.ndarray:
    """Computes the backward map of skin, lips and surroundings.

    Args:
        source: (68, 2) x, y of the landmarks in the image, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of their new positions.
        size: Side S of the image in pixels.

    Returns:
        (S, S, 2) float32 x, y in pixels of the image.
    """
    left_out = [*range(60, 68)]
    for lid, share in zip(UPPER_LIDS, closing_shares(source, target), strict=True):
        left_out += lid if share > 0.5 else ()
    before, after = (extend_points(points) for points in (source, target))
    after[BELOW_JAW] = before[BELOW_JAW] + NECK_FOLLOWS * (after[BELOW_JAW] - before[BELOW_JAW])
    before, after = (np.delete(points, left_out, axis=0) for points in (before, after))
    skin = thin_plate_map(before, after, size, smoothing=SMOOTHING)
    return move_lips(skin, source, target)


def _open_eyes(image: np.ndarray, generated: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shows generated eyes where the photo's eyes are closed and the target's are open."""
    before, after = eye_openness(source), eye_openness(target)
    shares = smooth_step((OPEN - before) / (OPEN - CLOSED)) * smooth_step((after - CLOSED) / (OPEN - CLOSED))
    for eye, share in zip(EYES, shares, strict=True):
        if share > 0:
            image = alpha_blend(image, generated, np.float32(share) * opening_mask(target[eye], len(image)))
    return image
