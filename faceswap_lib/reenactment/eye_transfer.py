"""Eyes in a crop: how open they are, where the eyeball is seen, and corrections of eyes that a warp or network made."""

import cv2
import numpy as np

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, RIGHT_EYE
from faceswap_lib.reenactment.control_points import fill_polygons
from faceswap_lib.reenactment.skin_alpha import smooth_step

EYES = (LEFT_EYE, RIGHT_EYE)

CLOSED, OPEN = 0.14, 0.22
"""Openness of an eye (height over width) up to which nothing is transferred, and from which everything is. Irises
behind closed lids are guesses of their network; see `faces.mesh_measures.CLOSED_EYE`."""

IRIS_EXTENT = 1.25
"""Radius of the part of an eye that moves with the iris, relative to the detected radius, which is about 0.8 of the
true one in two clips in which it was measured by eye."""

LID_INSET = 0.012
"""Distance from the lids within which the photo's pixels are not used, in eye distances: lashes and shadows."""

LID_SOFTNESS = 0.012
"""Standard deviation of the border of an eye's opening, in eye distances."""

BRIGHTNESS = (0.75, 1.3)
"""Smallest and largest factor by which the brightness of generated eyes is corrected."""


def eye_openness(points: np.ndarray) -> np.ndarray:
    """Measures the height of both eyes over their width, (2,), from (68, 2) landmarks."""
    eyes = np.stack([points[eye] for eye in EYES])
    heights = np.linalg.norm(eyes[:, [1, 2]] - eyes[:, [5, 4]], axis=-1).mean(axis=1)
    return heights / np.maximum(np.linalg.norm(eyes[:, 3] - eyes[:, 0], axis=1), 1e-6)


def opening_mask(eye: np.ndarray, size: int, *, inset: float = 0.0) -> np.ndarray:
    """Draws the opening of one eye with a soft edge.

    Args:
        eye: (6, 2) x, y of its landmarks, in pixels of a crop of side `CROP_SIZE`.
        size: Side S of the mask in pixels.
        inset: How much smaller the mask is, in eye distances.

    Returns:
        (S, S) float32, 0 to 1.
    """
    unit = EYE_DISTANCE * size
    filled = fill_polygons(size, eye)
    radius = round(inset * unit)
    if radius > 0:
        filled = cv2.erode(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2))
    return cv2.GaussianBlur(filled, (0, 0), LID_SOFTNESS * unit)


def match_brightness(generated: np.ndarray, photo: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scales the brightness of the eyes in a generated picture to that of the photo's eyes.

    Args:
        generated: (S, S, 3) uint8 RGB, the picture with the target's shape.
        photo: (S, S, 3) uint8 RGB.
        source: (68, 2) x, y of the photo's landmarks, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of the target's landmarks.

    Returns:
        (S, S, 3) uint8 RGB; only the eyes change, and nothing changes if an eye is closed.
    """
    size = len(photo)
    if min(eye_openness(source).min(), eye_openness(target).min()) < CLOSED:
        return generated
    old, new = (np.maximum(*(opening_mask(points[eye], size) for eye in EYES)) for points in (source, target))
    levels = [
        float((cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) * mask).sum() / max(float(mask.sum()), 1e-6))
        for image, mask in ((photo, old), (generated, new))
    ]
    factor = np.clip((levels[0] + 1) / (levels[1] + 1), *BRIGHTNESS)
    gain = 1 + (np.float32(factor) - 1) * new
    return cv2.multiply(generated, cv2.merge([gain] * 3), dtype=cv2.CV_8U)


def close_eyes(warped: np.ndarray, photo: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Draws closed lids as dark lines where a warp has squeezed open eyes.

    Args:
        warped: (S, S, 3) uint8 RGB, the warped photo.
        photo: (S, S, 3) uint8 RGB.
        source: (68, 2) x, y of the photo's landmarks, in pixels of a crop of side `CROP_SIZE`.
        target: (68, 2) x, y of the target's landmarks.

    Returns:
        (S, S, 3) uint8 RGB; only eyes that are open in the photo and closed in the target change.
    """
    size = len(photo)
    before, after = eye_openness(source), eye_openness(target)
    shares = smooth_step((before - CLOSED) / (OPEN - CLOSED)) * smooth_step((OPEN - after) / (OPEN - CLOSED))
    for eye, share in zip(EYES, shares, strict=True):
        if share > 0:
            open_eye = photo[opening_mask(source[eye], size) > 0.5]
            lashes = np.percentile(open_eye, 10, axis=0) if len(open_eye) else np.zeros(3)
            line = np.broadcast_to(lashes.astype(np.uint8), warped.shape)
            closed = cv2.dilate(fill_polygons(size, target[eye]), np.ones((3, 3), np.uint8))
            closed = cv2.GaussianBlur(closed, (0, 0), LID_SOFTNESS * EYE_DISTANCE * size)
            warped = alpha_blend(warped, line, np.float32(share) * closed)
    return warped
