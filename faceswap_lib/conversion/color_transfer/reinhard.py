"""Reinhard's color match: mean and spread of lightness and of two opponent colors.

Parameters are (2, 3) float32: gain and offset of L*, a* and b*. The space is CIELAB (D65, from gamma-encoded sRGB), not
the l-alpha-beta of the paper, whose logarithms tear the darkest pixels apart.
"""

import cv2
import numpy as np

FLOOR = 0.4
"""Added to every standard deviation, in units of CIELAB; about one gray level."""


def fit_reinhard(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gives L*, a* and b* of `new` the mean and standard deviation that they have in `old`.

    Arguments and result are those of `color.ColorMatch.fit`.
    Source: Reinhard et al., "Color Transfer between Images", 2001.

    Taught in notebooks/06_video_conversion.
    """
    share = weights.reshape(-1, 1) / max(float(weights.sum()), 1e-6)
    means, deviations = [], []
    for picture in (new, old):
        pixels = _lab(picture).reshape(-1, 3)
        means.append((pixels * share).sum(axis=0))
        deviations.append(np.sqrt((np.square(pixels - means[-1]) * share).sum(axis=0)) + FLOOR)
    gain = deviations[1] / deviations[0]
    return np.stack([gain, means[1] - gain * means[0]]).astype(np.float32)


def apply_reinhard(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Maps every pixel of an RGB uint8 picture; float32, not rounded."""
    gain, offset = parameters
    return cv2.cvtColor(_lab(new) * gain + offset, cv2.COLOR_Lab2RGB) * np.float32(255)


def _lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
