"""Giving the new face the colors of the old one.

Every way of doing so has two halves: `fit` looks at both pictures and gives parameters, `apply` maps the new one with
them. Parameters are plain arrays of one shape, so they can be averaged over time (see `steady`).
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
    """One way of matching colors.

    Attributes:
        fit: Takes new and old, (S, S, 3) uint8 RGB pictures of the same view, and weights (S, S) float32, 0 and more,
            how much each pixel counts; gives float32 parameters, whose shape does not depend on the pictures.
        apply: Takes a (S, S, 3) uint8 RGB picture and such parameters; gives the matched picture, float32 and not
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
    """Gives a color match by its name.

    Raises:
        InputError: For a name that is none; the message names the nearest.
    """
    if mode not in MATCHES:
        raise InputError(f"unknown color match '{mode}'{nearest(mode, MATCHES)}")
    return MATCHES[mode]


def transfer_color(mode: str, new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gives one picture the colors of another.

    Args:
        mode: One of `MATCHES`.
        new: (S, S, 3) uint8 RGB, the picture to change.
        old: (S, S, 3) uint8 RGB, the picture whose colors are wanted.
        weights: (S, S) float32, how much each pixel counts; where all are 0, nothing is changed.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        InputError: For an unknown mode.
    """
    match = find_match(mode)
    return to_picture(match.apply(new, match.fit(new, old, weights))) if weights.any() else new


def to_picture(values: np.ndarray) -> np.ndarray:
    """Rounds to uint8 and clips to 0 to 255."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
