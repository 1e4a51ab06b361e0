"""Brightness, hue, black pixels and exposure of a crop."""

import typing

import cv2
import numpy as np

HUES = 180
"""Number of hues in OpenCV's 8-bit HSV; one is two degrees."""

DARK, BRIGHT = 30, 250
"""Gray levels up to which a pixel counts as underexposed, and from which it counts as overexposed."""


class Exposure(typing.NamedTuple):
    """Exposure of a face.

    Attributes:
        dark: Fraction of underexposed pixels, 0 to 1.
        bright: Fraction of overexposed pixels, 0 to 1.
        level: Median gray level, 0 to 255.
        contrast: Distance between the 5th and the 95th percentile, in gray levels.
    """

    dark: float
    bright: float
    level: float
    contrast: float


def measure_brightness(image: np.ndarray) -> float:
    """Computes the mean value (V of HSV) of an (H, W, 3) uint8 RGB image, 0 to 255."""
    red, green, blue = cv2.split(image)
    return float(cv2.max(cv2.max(red, green), blue).mean())


def measure_hue(image: np.ndarray) -> float:
    """Computes the circular mean of the hue, weighted by the saturation.

    Gray pixels have no hue and no weight. The mean of 350 and 10 degrees is 0 degrees, where the arithmetic mean is
    180.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        The hue in degrees, 0 to below 360: 0 is red, 120 green, 240 blue. NaN if all pixels are gray.

    Taught in notebooks/09_facesets.
    """
    hue, saturation, _ = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    weights = np.bincount(hue.ravel(), saturation.ravel(), HUES)
    direction = weights @ np.exp(2j * np.pi * np.arange(HUES) / HUES)
    if abs(direction) < 1e-6 * max(1.0, weights.sum()):
        return float("nan")
    return float(np.degrees(np.angle(direction)) % 360)


def hue_offsets(hues: np.ndarray) -> np.ndarray:
    """Computes the distances of hues from their circular mean, so that neighbors on the circle stay neighbors.

    Args:
        hues: (N,) in degrees; NaN where there is none.

    Returns:
        (N,) in degrees, -180 to 180; NaN where there is no hue.
    """
    known = hues[np.isfinite(hues)]
    middle = np.degrees(np.angle(np.exp(1j * np.radians(known)).mean())) if len(known) else 0.0
    return (hues - middle + 180) % 360 - 180


def count_black(image: np.ndarray) -> int:
    """Counts the zeros in all three channels of an (H, W, 3) uint8 image."""
    return int(image.size - np.count_nonzero(image))


def measure_exposure(gray: np.ndarray, mask: np.ndarray) -> Exposure:
    """Measures the exposure inside a mask.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) uint8; pixels where it is 0 do not count.

    Returns:
        The exposure; NaN if the mask is empty.
    """
    levels = np.bincount(gray[mask > 0], minlength=256).cumsum() / max(1, np.count_nonzero(mask))
    if not levels[-1]:
        return Exposure(*[float("nan")] * 4)
    low, middle, high = (float(np.searchsorted(levels, fraction)) for fraction in (0.05, 0.5, 0.95))
    return Exposure(float(levels[DARK]), float(1 - levels[BRIGHT - 1]), middle, high - low)
