"""Full-reference image metrics (PSNR, SSIM, MS-SSIM) and sharpness.

Images are (H, W, 3) uint8 RGB, so the data range is 255 everywhere. PSNR, SSIM and MS-SSIM between a swapped face and
the original do not say how good the swap is, because a swap should differ. They say how much was changed. Use them
where nothing should change: in the background, or for a face that is converted to itself.
"""

import typing

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from faceswap_lib.facesets.crop_writer import SHARPNESS_SIZE

DATA_RANGE = 255
MAX_PSNR = 100.0
"""Upper limit of `psnr` in dB, which it returns for identical images."""

SSIM_SIGMA = 1.5
"""Standard deviation of the Gaussian window of SSIM in pixels."""

SSIM_RADIUS = 5
"""Radius of the SSIM window in pixels; an image therefore needs at least 11 pixels in each dimension."""

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponent of each scale in `ms_ssim`, the finest scale first; Wang et al. 2003."""


def check_pictures(a: np.ndarray, b: np.ndarray) -> None:
    """Raises `ValueError` unless both images are (H, W, 3) uint8 and have the same shape."""
    for image in (a, b):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"expected (H, W, 3) uint8, got {image.shape} {image.dtype}")
    if a.shape != b.shape:
        raise ValueError(f"expected two images of one shape, got {a.shape} and {b.shape}")


def check_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Checks a mask and converts it to booleans.

    Args:
        mask: (H, W) bool, or uint8 in which values of 128 and more are inside.
        shape: Shape of the image that the mask belongs to.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: If the shapes differ or the mask has another dtype.
    """
    if mask.shape != tuple(shape[:2]) or mask.dtype not in (np.bool_, np.uint8):
        raise ValueError(f"mask: expected {tuple(shape[:2])} bool or uint8, got {mask.shape} {mask.dtype}")
    return mask if mask.dtype == np.bool_ else mask >= 128


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Computes the peak signal-to-noise ratio (PSNR), 10 log10(255² / mean squared error), over pixels and channels.

    Args:
        a: (H, W, 3) uint8.
        b: Same shape and dtype as `a`.
        mask: (H, W) bool or uint8, the pixels to compare; None compares all pixels.

    Returns:
        dB, from 0 (black against white) to `MAX_PSNR` (identical); higher means more similar. NaN if the mask is empty.

    Raises:
        ValueError: If a shape or dtype is wrong.

    Example:
        >>> black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
        >>> psnr(black, white)
        0.0
        >>> psnr(black, black)
        100.0

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
    """Computes the structural similarity (SSIM) of luminance, contrast and structure in a Gaussian window.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, with its
    sigma of 1.5, K1 = 0.01 and K2 = 0.03; the mean over the three channels, by scikit-image.

    Args:
        a: (H, W, 3) uint8, at least 11 pixels in each dimension.
        b: Same shape and dtype as `a`.

    Returns:
        -1 to 1; higher means more similar, 1 means identical.

    Raises:
        ValueError: If a shape or dtype is wrong, or the images are too small.

    Example:
        >>> gray = np.full((64, 64, 3), 128, np.uint8)
        >>> round(ssim(gray, gray), 3)
        1.0
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
    return float(typing.cast(float, similarity))  # scikit-image returns a tuple only with `full` or `gradient`


def ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Computes the multi-scale SSIM: contrast and structure at five scales, luminance at the coarsest.

    Each scale has half the size of the previous one (mean of 2 x 2 pixels) and its own exponent. Small images use as
    many scales as fit: the coarsest needs 11 pixels, so five scales need 176 pixels. The exponents of the scales that
    are used are divided by their sum. A negative mean at a scale (an inverted image) counts as 0.

    Source: Wang, Simoncelli and Bovik, "Multi-scale Structural Similarity for Image Quality Assessment", 2003, with
    its weights; per channel, then the mean over the three.

    Args:
        a: (H, W, 3) uint8, at least 11 pixels in each dimension.
        b: Same shape and dtype as `a`.

    Returns:
        0 to 1; higher means more similar, 1 means identical.

    Raises:
        ValueError: If a shape or dtype is wrong, or the images are too small.
    """
    _check_size(a, b)
    a, b = a.astype(np.float32), b.astype(np.float32)
    count = 1
    while count < len(SCALE_WEIGHTS) and min(a.shape[:2]) >> count > 2 * SSIM_RADIUS:
        count += 1
    weights = np.array(SCALE_WEIGHTS[:count]) / sum(SCALE_WEIGHTS[:count])
    product = np.ones(3)
    for scale, weight in enumerate(weights):
        luminance, structure = _compare_windows(a, b)
        similarity = luminance * structure if scale == count - 1 else structure
        product *= np.maximum(similarity.mean(axis=(0, 1), dtype=np.float64), 0) ** weight
        a, b = _halve(a), _halve(b)
    return float(product.mean())


def sharpness(crop: np.ndarray, mask: np.ndarray) -> float:
    """Computes the variance of the Laplacian inside a mask, on the crop resized to 128 pixels.

    It works like `facesets.crop_writer.measure_sharpness`, which measures the central square of the crop: about 230 to
    700 for a crop in focus, 25 to 90 for a smeared one. Noise also raises the value, so a result far above the
    original's is no better than one far below. Source of the idea: Pech-Pacheco et al., "Diatom autofocusing in
    brightfield microscopy", 2000.

    Args:
        crop: (S, S, 3) uint8, aligned.
        mask: (S, S) bool or uint8.

    Returns:
        (Gray levels per squared pixel)², from 0 (flat); higher is sharper. NaN if no pixel of the mask remains at 128
        pixels.

    Raises:
        ValueError: If a shape or dtype is wrong.

    Taught in notebooks/07_evaluation.
    """
    check_pictures(crop, crop)
    inside = check_mask(mask, crop.shape).astype(np.uint8)
    side = (SHARPNESS_SIZE, SHARPNESS_SIZE)
    gray = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), side, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(inside * 255, side, interpolation=cv2.INTER_AREA) >= 128
    return float(cv2.Laplacian(gray, cv2.CV_64F)[inside].var()) if inside.any() else float("nan")


def _check_size(a: np.ndarray, b: np.ndarray) -> None:
    """Raises `ValueError` unless both images have the same valid shape and are as large as the SSIM window."""
    check_pictures(a, b)
    if min(a.shape[:2]) <= 2 * SSIM_RADIUS:
        raise ValueError(f"expected images of at least 11 x 11 pixels, got {a.shape[1]} x {a.shape[0]}")


def _compare_windows(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes SSIM's luminance term and its contrast-structure term for each pixel whose window is in the image."""
    side = 2 * SSIM_RADIUS + 1
    inner = slice(SSIM_RADIUS, -SSIM_RADIUS)
    local = [cv2.GaussianBlur(x, (side, side), SSIM_SIGMA)[inner, inner] for x in (a, b, a * a + b * b, a * b)]
    mean_a, mean_b, squares, products = local
    c1, c2 = (0.01 * DATA_RANGE) ** 2, (0.03 * DATA_RANGE) ** 2
    mean_product, mean_squares = mean_a * mean_b, mean_a**2 + mean_b**2
    structure = (2 * (products - mean_product) + c2) / (squares - mean_squares + c2)
    return (2 * mean_product + c1) / (mean_squares + c1), structure


def _halve(image: np.ndarray) -> np.ndarray:
    """Downsamples an image by 2 by averaging 2 x 2 pixels; an odd last row or column is dropped."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    return cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
