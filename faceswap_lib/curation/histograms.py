"""Color and gray histograms of faces, and their Bhattacharyya distances."""

import cv2
import numpy as np

BINS = 256

ROWS = 1024
"""Number of histograms that are compared with all others at a time; limits the memory."""


def color_histogram(image: np.ndarray) -> np.ndarray:
    """Computes the square roots of the normalized histograms of the three channels.

    The inner product of two such rows is the Bhattacharyya coefficient.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        (3, 256) float32.
    """
    return np.stack([_root_histogram(image, None, channel) for channel in range(3)])


def face_histogram(gray: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Computes the square roots of the normalized gray histogram inside a mask, (256,) float32.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) uint8; pixels where it is 0 do not count.
    """
    return _root_histogram(gray, mask, 0)


def bhattacharyya(coefficients: np.ndarray) -> np.ndarray:
    """Computes Bhattacharyya distances, 0 to 1, from coefficients of any shape: sqrt(1 - coefficient)."""
    return np.sqrt(np.clip(1 - coefficients, 0, 1))


def sum_distances(histograms: np.ndarray) -> np.ndarray:
    """Computes the sum of the Bhattacharyya distances of each histogram to all others.

    Args:
        histograms: (N, 256) from `face_histogram`.

    Returns:
        (N,) float64; the higher, the more a face differs from the rest.
    """
    sums = np.empty(len(histograms))
    for start in range(0, len(histograms), ROWS):
        block = bhattacharyya(histograms[start : start + ROWS] @ histograms.T)
        rows = np.arange(len(block))
        block[rows, start + rows] = 0  # rounding leaves a small distance of a histogram to itself
        sums[start : start + ROWS] = block.sum(axis=1, dtype=np.float64)
    return sums


def _root_histogram(image: np.ndarray, mask: np.ndarray | None, channel: int) -> np.ndarray:
    """Computes the square roots of one channel's normalized histogram, (256,) float32."""
    counts = cv2.calcHist([image], [channel], mask, [BINS], [0, BINS]).ravel()
    return np.sqrt(counts / max(1.0, counts.sum()))
