"""Color transfer of Reinhard et al.: mean and standard deviation of lightness and of two opponent colors.

Parameters are (2, 3) float32: gain and offset of L*, a* and b*. The color space is CIELAB (D65, from gamma-encoded
sRGB), not the l-alpha-beta space of the paper, whose logarithms amplify differences between the darkest pixels.
"""

import cv2
import numpy as np

FLOOR = 0.4
"""Value added to every standard deviation, in units of CIELAB; about one gray level."""


def fit_reinhard(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits L*, a* and b* of `new` to their mean and standard deviation in `old`.

    Arguments and result are those of `registry.ColorMatch.fit`.
    Source: Reinhard et al., "Color Transfer between Images", 2001.

    Taught in notebooks/06_video_conversion.
    """
    normalized = weights.reshape(-1, 1) / max(float(weights.sum()), 1e-6)
    means, deviations = [], []
    for image in (new, old):
        pixels = _lab(image).reshape(-1, 3)
        means.append((pixels * normalized).sum(axis=0))
        deviations.append(np.sqrt((np.square(pixels - means[-1]) * normalized).sum(axis=0)) + FLOOR)
    gain = deviations[1] / deviations[0]
    return np.stack([gain, means[1] - gain * means[0]]).astype(np.float32)


def apply_reinhard(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Applies gain and offset in CIELAB to an image, (S, S, 3) uint8 RGB; returns float32, not rounded."""
    gain, offset = parameters
    return cv2.cvtColor(_lab(new) * gain + offset, cv2.COLOR_Lab2RGB) * np.float32(255)


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
