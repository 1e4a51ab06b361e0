"""How much two pictures differ, and how sharp one is.

Pictures are (H, W, 3) uint8 RGB, so the data range is 255 everywhere. Between a swapped face and the original none of
the first three says how good the swap is: a swap is meant to differ. They say how much was changed, and serve where
nothing should be (the background, a face converted to itself).
"""

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from faceswap_lib.facesets.crop_writer import SHARPNESS_SIZE

DATA_RANGE = 255
MAX_PSNR = 100.0
"""What `psnr` gives for identical pictures, and never exceeds, in dB."""

SSIM_SIGMA = 1.5
"""Standard deviation of the window of the structural similarity in pixels."""

SSIM_RADIUS = 5
"""The window ends this many pixels from its center, so a picture needs 11 pixels each way."""

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""How much each scale counts in `ms_ssim`, the finest first; Wang et al. 2003."""


def check_pictures(a: np.ndarray, b: np.ndarray) -> None:
    """Raises `ValueError` unless both are (H, W, 3) uint8 of one shape."""
    for picture in (a, b):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"expected (H, W, 3) uint8, got {picture.shape} {picture.dtype}")
    if a.shape != b.shape:
        raise ValueError(f"expected two pictures of one shape, got {a.shape} and {b.shape}")


def check_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reads a mask as booleans.

    Args:
        mask: (H, W) bool, or uint8 in which 128 and more is inside.
        shape: Of the picture that the mask belongs to.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: If the shapes differ or the mask is of another type.
    """
    if mask.shape != tuple(shape[:2]) or mask.dtype not in (np.bool_, np.uint8):
        raise ValueError(f"mask: expected {tuple(shape[:2])} bool or uint8, got {mask.shape} {mask.dtype}")
    return mask if mask.dtype == np.bool_ else mask >= 128


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio, 10 log10(255² / mean squared error), over all pixels and channels.

    Args:
        a: (H, W, 3) uint8.
        b: Like `a`.
        mask: (H, W) bool or uint8, where to compare; None for everywhere.

    Returns:
        dB, 0 (black against white) to `MAX_PSNR` (identical); higher is more alike. NaN if the mask is empty.

    Raises:
        ValueError: If shapes or types are others.

    Taught in notebooks/07_evaluation.
    """
    check_pictures(a, b)
    difference = cv2.absdiff(a, b)
    if mask is not None:
        difference = difference[check_mask(mask, a.shape)]
    if difference.size == 0:
        return float("nan")
    error = float(np.square(difference, dtype=np.float32).mean(dtype=np.float64))
    return min(MAX_PSNR, 10 * float(np.log10(DATA_RANGE**2 / error))) if error > 0 else MAX_PSNR


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity: likeness of local means, contrasts and patterns under a Gaussian window.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, with its
    sigma of 1.5, K1 = 0.01 and K2 = 0.03; the mean over the three channels, by scikit-image.

    Args:
        a: (H, W, 3) uint8, at least 11 pixels each way.
        b: Like `a`.

    Returns:
        -1 to 1; higher is more alike, 1 means identical.

    Raises:
        ValueError: If shapes or types are others, or the pictures are too small.
    """
    _check_size(a, b)
    similarity = structural_similarity(
        a.astype(np.float32),
        b.astype(np.float32),
        gaussian_weights=True,
        sigma=SSIM_SIGMA,
        use_sample_covariance=False,
        data_range=DATA_RANGE,
        channel_axis=-1,
    )
    return float(similarity)


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Multi-scale structural similarity: contrasts and patterns at five scales, means at the coarsest.

    Every scale is half as large as the one before, by averaging 2 x 2 pixels, and enters with its own exponent. Smaller
    pictures use as many scales as fit (11 pixels at the coarsest, so five from 176 on), and the weights of
    those are divided by their sum. A negative mean at some scale (an inverted picture) counts as 0.

    Source: Wang, Simoncelli and Bovik, "Multi-scale Structural Similarity for Image Quality Assessment", 2003, with
    its weights; per channel, then the mean over the three.

    Args:
        a: (H, W, 3) uint8, at least 11 pixels each way.
        b: Like `a`.

    Returns:
        0 to 1; higher is more alike, 1 means identical.

    Raises:
        ValueError: If shapes or types are others, or the pictures are too small.
    """
    _check_size(a, b)
    a, b = a.astype(np.float32), b.astype(np.float32)
    count = 1
    while count < len(SCALE_WEIGHTS) and min(a.shape[:2]) >> count > 2 * SSIM_RADIUS:
        count += 1
    weights = np.array(SCALE_WEIGHTS[:count]) / sum(SCALE_WEIGHTS[:count])
    product = np.ones(3)
    for scale, weight in enumerate(weights):
        means, patterns = _likeness(a, b)
        likeness = means * patterns if scale == count - 1 else patterns
        product *= np.maximum(likeness.mean(axis=(0, 1), dtype=np.float64), 0) ** weight
        a, b = _halve(a), _halve(b)
    return float(product.mean())


def sharpness(crop: np.ndarray, mask: np.ndarray) -> float:
    """Variance of the Laplacian inside a mask, on the crop at 128 pixels.

    As `facesets.crop_writer.measure_sharpness`, which looks at the central square of the crop: about 230 to 700 in
    focus, 25 to 90 smeared. Noise is sharp too, so a result far above the original's is no better than one far below.
    Source of the idea: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000.

    Args:
        crop: (S, S, 3) uint8, aligned.
        mask: (S, S) bool or uint8.

    Returns:
        Squared gray levels per squared pixel, from 0 (flat), higher is sharper. NaN if the mask has no pixel left at
        128 pixels.

    Raises:
        ValueError: If shapes or types are others.

    Taught in notebooks/07_evaluation.
    """
    check_pictures(crop, crop)
    inside = check_mask(mask, crop.shape).astype(np.uint8)
    side = (SHARPNESS_SIZE, SHARPNESS_SIZE)
    gray = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), side, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(inside * 255, side, interpolation=cv2.INTER_AREA) >= 128
    return float(cv2.Laplacian(gray, cv2.CV_64F)[inside].var()) if inside.any() else float("nan")


def _check_size(a: np.ndarray, b: np.ndarray) -> None:
    check_pictures(a, b)
    if min(a.shape[:2]) <= 2 * SSIM_RADIUS:
        raise ValueError(f"expected pictures of at least 11 x 11 pixels, got {a.shape[1]} x {a.shape[0]}")


def _likeness(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Likeness of the local means and of contrasts and patterns, per pixel whose window lies inside the picture."""
    side = 2 * SSIM_RADIUS + 1
    inner = slice(SSIM_RADIUS, -SSIM_RADIUS)
    local = [cv2.GaussianBlur(x, (side, side), SSIM_SIGMA)[inner, inner] for x in (a, b, a * a + b * b, a * b)]
    mean_a, mean_b, squares, products = local
    steady_mean, steady_contrast = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2
    mean_product, mean_squares = mean_a * mean_b, mean_a**2 + mean_b**2
    patterns = (2 * (products - mean_product) + steady_contrast) / (squares - mean_squares + steady_contrast)
    return (2 * mean_product + steady_mean) / (mean_squares + steady_mean), patterns


def _halve(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    return cv2.resize(picture[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
