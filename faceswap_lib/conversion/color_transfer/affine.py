"""Color transfer by an affine map of RGB: mean and standard deviation, PCA, optimal transport between two Gaussians.

Parameters are a (3, 4) float32 matrix that maps (r, g, b, 1), 0 to 255, to the matched color. If the brightness of both
images changes by the same factor, the first three columns stay the same and the fourth is scaled by it. If it changes
by the same addend, the first three columns stay the same as well.
"""

import cv2
import numpy as np

XYZ_FROM_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
"""Matrix from RGB to CIE XYZ, for the sRGB primaries and D65. It is applied to the stored, gamma-encoded values, as
OpenCV does."""

FLOOR = 1.0
"""Gray levels added to every standard deviation (squared: to every variance), so that flat images cause no division by
a small number."""


def fit_adain(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits each channel of `new` to the mean and standard deviation of `old`.

    Arguments and result are those of `registry.ColorMatch.fit`.
    Source: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", 2017, on
    pixels instead of features.
    """
    return _adain(new, old, weights, np.eye(3))


def fit_adain_xyz(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits X, Y and Z of CIE XYZ to their mean and standard deviation in `old`; see `fit_adain`."""
    return _adain(new, old, weights, XYZ_FROM_RGB)


def fit_linear(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits a map that whitens `new` along its principal components and scales it along those of `old`.

    Both matrix square roots are symmetric, so order and sign of the components have no influence. Arguments and result
    are those of `registry.ColorMatch.fit`.
    Source: Hertzmann et al., "Image Analogies", 2001, section 3.4.
    """
    (new_mean, new_spread), (old_mean, old_spread) = (_moments(image, weights) for image in (new, old))
    return _affine(_root(old_spread) @ _root(new_spread, inverse=True), new_mean, old_mean)


def fit_mkl(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits `new` to the mean and covariance of `old` by the linear map that changes colors least.

    Arguments and result are those of `registry.ColorMatch.fit`.
    Source: Pitie and Kokaram, "The Linear Monge-Kantorovitch Linear Color Mapping for Example-Based Color Transfer",
    2007.
    """
    (new_mean, new_spread), (old_mean, old_spread) = (_moments(image, weights) for image in (new, old))
    root, unroot = _root(new_spread), _root(new_spread, inverse=True)
    return _affine(unroot @ _root(root @ old_spread @ root) @ unroot, new_mean, old_mean)


def apply_affine(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Applies the affine map to an image, (S, S, 3) uint8 RGB; returns float32, neither rounded nor clipped."""
    return cv2.transform(new.astype(np.float32), parameters)


def _adain(new: np.ndarray, old: np.ndarray, weights: np.ndarray, channels_from_rgb: np.ndarray) -> np.ndarray:
    means, deviations = [], []
    for image in (new, old):
        mean, spread = _moments(image, weights)
        variances = np.einsum("ij,jk,ik->i", channels_from_rgb, spread, channels_from_rgb)
        means.append(mean)
        deviations.append(np.sqrt(np.maximum(variances, 0)) + FLOOR)
    gains = deviations[1] / deviations[0]
    return _affine(np.linalg.inv(channels_from_rgb) @ (gains[:, None] * channels_from_rgb), *means)


def _moments(image: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the weighted mean (3,) and covariance (3, 3) of an RGB image."""
    pixels = image.reshape(-1, 3).astype(np.float32) - 127.5  # centered, so that squares stay small
    weighted = pixels * weights.reshape(-1, 1)
    total = max(float(weights.sum()), 1e-6)
    mean = weighted.sum(axis=0, dtype=np.float64) / total
    return mean + 127.5, (weighted.T @ pixels).astype(np.float64) / total - np.outer(mean, mean)


def _root(spread: np.ndarray, *, inverse: bool = False) -> np.ndarray:
    """Computes the symmetric square root of a covariance matrix, or the inverse of that root."""
    values, vectors = np.linalg.eigh(spread)
    roots = np.sqrt(np.maximum(values, 0) + FLOOR**2)
    return (vectors * (1 / roots if inverse else roots)) @ vectors.T


def _affine(matrix: np.ndarray, new_mean: np.ndarray, old_mean: np.ndarray) -> np.ndarray:
    offset = old_mean - matrix @ new_mean
    return np.concatenate([matrix, offset[:, None]], axis=1).astype(np.float32)
