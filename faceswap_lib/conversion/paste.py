"""Putting a new face into its frame: colours, detail, soft border, back to where it came from."""

import cv2
import numpy as np

from faceswap_lib.conversion.colour import COLOUR_MATCHES
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.faces.align import invert_affine, map_points, resize_matrix
from faceswap_lib.faces.masks import face_mask

PASTE_SIZE = 256
"""Side in pixels at which a view is corrected before it goes back into the frame."""


DETAIL_SIGMAS = (0.8, 2.5)
"""The two blurs, in pixels at `PASTE_SIZE`, between which detail is lifted."""

TEXTURE_LIMIT = 20.0
"""Largest step, of 255, that is taken for texture: skin and grain stay below it, the edges of a face do not."""


def paste_face(
    frame: np.ndarray,
    old: np.ndarray,
    new: np.ndarray,
    mask: np.ndarray,
    landmarks: np.ndarray,
    view_from_frame: np.ndarray,
    coverage: float,
    config: ConvertConfig,
) -> np.ndarray:
    """Paints a swapped face over the face it was made from.

    Args:
        frame: (H, W, 3) uint8 RGB.
        old: (R, R, 3) uint8 RGB, the view of this frame that the network read.
        new: (R, R, 3) uint8 RGB, the face it wrote.
        mask: (R, R) float32 attention mask in [0, 1].
        landmarks: (5, 2) x, y in pixels of the view.
        view_from_frame: (2, 3) matrix for views of side R.
        coverage: Side of the views as a share of the crop's.
        config: Options.

    Returns:
        A new (H, W, 3) uint8 frame; pixels outside the view are the input's own.
    """
    size = new.shape[0]
    larger = PASTE_SIZE / size
    # 1. How far the new face shows: where the network wants it, within the face, softly ended.
    points = (landmarks + 0.5) * larger - 0.5
    inside = face_mask(points, PASTE_SIZE, coverage=coverage, softness=config.feather)
    mask = cv2.resize(mask, (PASTE_SIZE, PASTE_SIZE), interpolation=cv2.INTER_LINEAR)
    weight = np.clip(mask, 0, 1) * _fade_border(inside.astype(np.float32) / 255)
    # 2. The old face's colours, at the size at which both have the same detail.
    new = COLOUR_MATCHES[config.colour](new, old, cv2.resize(weight, (size, size), interpolation=cv2.INTER_AREA))
    # 3. Back to the frame, only where the view lies in it.
    new = sharpen(cv2.resize(new, (PASTE_SIZE, PASTE_SIZE), interpolation=cv2.INTER_CUBIC), config.sharpen)
    old = cv2.resize(old, (PASTE_SIZE, PASTE_SIZE), interpolation=cv2.INTER_CUBIC)
    frame_from_paste = invert_affine(resize_matrix(view_from_frame, larger))
    return _blend_into(frame, old, new, weight, frame_from_paste, config.texture)


def sharpen(picture: np.ndarray, amount: float) -> np.ndarray:
    """Lifts the middle frequencies, which enlarging a network's small picture leaves weak; uint8 in and out.

    Adds `amount` times the difference of two blurs. A plain unsharp mask would lift the pixel grid of the enlarged
    picture with it.
    """
    if amount == 0:
        return picture
    fine, coarse = (cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.float32) for sigma in DETAIL_SIGMAS)
    return np.clip(np.round(picture + amount * (fine - coarse)), 0, 255).astype(np.uint8)


def _fade_border(weight: np.ndarray) -> np.ndarray:
    """Takes a mask to 0 at the border of the view, so that the view's square never shows."""
    ramp = np.clip((np.arange(PASTE_SIZE) + 0.5) / 8, 0, 1)
    ramp = np.minimum(ramp, ramp[::-1]).astype(np.float32)
    return weight * ramp[:, None] * ramp


def _blend_into(
    frame: np.ndarray,
    old: np.ndarray,
    new: np.ndarray,
    weight: np.ndarray,
    frame_from_paste: np.ndarray,
    texture: float,
) -> np.ndarray:
    """Blends `new` into the frame under `weight`, with what of the frame's detail `old` is too small to show."""
    height, width = frame.shape[:2]
    corners = np.array([[0, 0], [PASTE_SIZE, 0], [0, PASTE_SIZE], [PASTE_SIZE, PASTE_SIZE]], np.float64)
    corners = map_points(frame_from_paste, corners)
    left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, [width, height])
    right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, [width, height])
    result = frame.copy()
    if right <= left or bottom <= top:
        return result
    matrix = frame_from_paste - np.array([[0, 0, left], [0, 0, top]])
    size = (int(right - left), int(bottom - top))

    def place(picture: np.ndarray) -> np.ndarray:
        placed = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return placed.astype(np.float32)

    share = cv2.warpAffine(weight, matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    region = frame[top:bottom, left:right].astype(np.float32)
    painted = place(new)
    if texture:
        painted += texture * np.clip(region - place(old), -TEXTURE_LIMIT, TEXTURE_LIMIT)
    mixed = region + share * (painted - region)
    result[top:bottom, left:right] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
    return result
