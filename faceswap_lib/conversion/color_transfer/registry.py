"""Registry of color transfer methods, which match the colors of the swapped face to those of the target face.

Every method has two functions: `fit` computes parameters from both images, `apply` maps the swapped face with them.
Parameters are plain arrays of a fixed shape, so they can be averaged over time (see `temporal`).
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.config_fields import nearest
from faceswap_lib.conversion.color_transfer.affine import apply_affine, fit_adain, fit_adain_xyz, fit_linear, fit_mkl
from faceswap_lib.conversion.color_transfer.histogram import apply_histogram, apply_sot, fit_histogram, fit_sot
from faceswap_lib.conversion.color_transfer.reinhard import apply_reinhard, fit_reinhard
from faceswap_lib.errors import InputError


@dataclasses.dataclass(frozen=True)
class ColorMatch:
    """One method of color transfer.

    Attributes:
        fit: Takes `new` (the swapped face) and `old` (the target face), (S, S, 3) uint8 RGB images of the same view,
            and weights of the pixels, (S, S) float32, not negative. Returns float32 parameters, whose shape does not
            depend on the images.
        apply: Takes an image, (S, S, 3) uint8 RGB, and these parameters. Returns the matched image, float32 and not
            clipped to 0 to 255.
    """

    fit: typing.Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    apply: typing.Callable[[np.ndarray, np.ndarray], np.ndarray]


def _fit_nothing(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.empty(0, np.float32)


def _apply_nothing(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    return new.astype(np.float32)


MATCHES = {
    "none": ColorMatch(_fit_nothing, _apply_nothing),
    "adain": ColorMatch(fit_adain, apply_affine),
    "adain-xyz": ColorMatch(fit_adain_xyz, apply_affine),
    "histogram": ColorMatch(fit_histogram, apply_histogram),
    "reinhard": ColorMatch(fit_reinhard, apply_reinhard),
    "linear": ColorMatch(fit_linear, apply_affine),
    "mkl": ColorMatch(fit_mkl, apply_affine),
    "sot": ColorMatch(fit_sot, apply_sot),
}


def find_match(mode: str) -> ColorMatch:
    """Returns the color transfer method with the given name.

    Raises:
        InputError: If the name is unknown; the message suggests the most similar one.
    """
    if mode not in MATCHES:
        raise InputError(f"unknown color transfer '{mode}'{nearest(mode, MATCHES)}")
    return MATCHES[mode]


def transfer_color(mode: str, new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Transfers the colors of one image to another.

    Args:
        mode: A key of `MATCHES`.
        new: (S, S, 3) uint8 RGB, the image to change.
        old: (S, S, 3) uint8 RGB, the image whose colors are transferred.
        weights: (S, S) float32, weights of the pixels; if all are 0, the image is not changed.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        InputError: If the mode is unknown.

    Example:
        >>> new, old = np.full((8, 8, 3), 90, np.uint8), np.full((8, 8, 3), 120, np.uint8)
        >>> transfer_color("adain", new, old, np.ones((8, 8), np.float32))[0, 0].tolist()
        [120, 120, 120]
    """
    match = find_match(mode)
    return to_picture(match.apply(new, match.fit(new, old, weights))) if weights.any() else new


def to_picture(values: np.ndarray) -> np.ndarray:
    """Rounds values, an array of any shape, clips them to 0 to 255, and converts them to uint8."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
