"""Checks of the exercises about expressions: each says "right", or what is off in one line.

A check tries the reader's code on small made-up arrays and compares it with numbers that are computed here in another
way. It does not raise for a wrong answer.
"""

from collections.abc import Callable

import numpy as np

from faceswap_lib.course.checks import RIGHT, report_errors


@report_errors
def check_level(level: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Checks a function that computes the similarity between two pairs of points.

    Args:
        level: Called with (2, 2) x, y of both eyes in the photo, and (2, 2) of their places in the crop; returns the
            (2, 3) matrix from the photo to the crop.

    Returns:
        "right", or what is off.
    """
    eyes, places = np.array([[210.0, 120.0], [260.0, 160.0]]), np.array([[60.0, 80.0], [140.0, 80.0]])
    matrix = np.asarray(level(eyes, places), float)
    if matrix.shape != (2, 3):
        return f"expected a matrix of shape (2, 3), got {matrix.shape}"
    moved = eyes @ matrix[:, :2].T + matrix[:, 2]
    if np.allclose(moved, places, atol=1e-6):
        x, y = matrix[:, 0], matrix[:, 1]
        if not np.allclose([x @ y, x @ x - y @ y], 0, atol=1e-9):
            return "both eyes are right, but the map is no similarity: it must not shear, stretch or mirror"
        if np.linalg.det(matrix[:, :2]) < 0:
            return "both eyes are right, but the face is mirrored"
        return RIGHT
    if np.allclose(places @ matrix[:, :2].T + matrix[:, 2], eyes, atol=1e-6):
        return "this is the matrix from the crop to the photo: exchange the two pairs"
    between, wanted = moved[1] - moved[0], places[1] - places[0]
    if np.allclose(between, wanted, atol=1e-6):
        return f"turn and scale are right, but the eyes are off by {np.round(moved[0] - places[0], 1)}: check the shift"
    if not np.isclose(np.linalg.norm(between), np.linalg.norm(wanted), rtol=1e-6):
        return f"the eyes are {np.linalg.norm(between):.1f} pixels apart, expected {np.linalg.norm(wanted):.1f}: scale"
    angle = np.degrees(np.arctan2(between[1], between[0]))
    return f"the eyes are tilted by {angle:.1f} degrees, expected 0: check the direction of the turn"


@report_errors
def check_split(split: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> str:
    """Checks a function that divides a picture into a low-frequency picture and a high-frequency texture.

    Args:
        split: Called with (H, W, 3) uint8; returns two arrays of this shape.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(3)
    image = random.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    image[:, 24:] //= 4
    low, high = (np.asarray(part) for part in split(image.copy()))
    if low.shape != image.shape or high.shape != image.shape:
        return f"expected two arrays of shape {image.shape}, got {low.shape} and {high.shape}"
    if high.dtype == np.uint8 or (high.min() >= 0 and low.min() >= 0):
        return "the texture has no negative values, but details are darker and brighter: compute with floats"
    if not np.allclose(low.astype(float) + high, image, atol=0.01):
        return "low + high is not the picture: the texture must be exactly what the blur removed"
    rough = np.abs(np.diff(low.astype(float), axis=1)).mean() / np.abs(np.diff(image.astype(float), axis=1)).mean()
    if rough > 0.4:
        return "the low-frequency picture still has most of the detail: blur it"
    if abs(float(high.mean())) > 2:
        return f"the mean of the texture is {high.mean():.1f}, expected about 0: the blur must keep the brightness"
    if np.ptp(low[..., 0].astype(float).mean(axis=0)) < 40:
        return "the low-frequency picture is the same everywhere: a mean color is too coarse"
    return RIGHT


@report_errors
def check_transfer(transfer: Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]) -> str:
    """Checks a function that applies the expression of another face, in coordinates of the faces.

    Args:
        transfer: Called with (N, 2) the own neutral face, (N, 2) the other neutral face, (N, 2) the other face with an
            expression, and the strength; returns (N, 2) the own face with it.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(4)
    own, other = random.normal(size=(2, 9, 2))
    smiling = other + random.normal(0, 0.1, (9, 2))
    found = [np.asarray(transfer(own.copy(), other.copy(), smiling.copy(), share), float) for share in (1.0, 0.5, 0.0)]
    if found[0].shape != own.shape:
        return f"expected an array of shape {own.shape}, got {found[0].shape}"
    if np.allclose(found[0], smiling):
        return "this is the other face itself: apply only what changed against its own neutral face"
    if np.allclose(found[0], other + (smiling - own)) or np.allclose(found[0], smiling - own):
        return "subtract the neutral face of the *other* person, and add the rest to your own"
    if np.allclose(found[0], own - (smiling - other)):
        return "the sign is wrong: a smile becomes its opposite"
    if not np.allclose(found[0], own + smiling - other):
        return "with strength 1, expected own + (other with expression - other neutral)"
    if np.allclose(found[1], found[0]):
        return "the strength has no effect: multiply the difference by it"
    if not (np.allclose(found[1], own + 0.5 * (smiling - other)) and np.allclose(found[2], own)):
        return "with strength 0.5, expected half of the difference; with 0, your own neutral face"
    return RIGHT
