"""Sharpness and motion blur of a face.

Source: Narvekar and Karam, "A No-Reference Image Blur Metric Based on the Cumulative Probability of Blur Detection
(CPBD)", 2011; edge widths after Marziliano et al., "A No-Reference Perceptual Blur Metric", 2002.
"""

import cv2
import numpy as np

SIDE = 128
"""Side in pixels to which crops are resized before both measures: about the input size of the networks.

At the side of 256, soft but usable faces have hardly any edge as narrow as `JUST_NOTICEABLE`, and their score is 0."""

BLOCK = 32
"""Side in pixels of the blocks in which edges are counted, a quarter of `SIDE`. The authors' program has blocks of 64
pixels, in larger images."""

EDGE_FRACTION = 0.002
"""Fraction of edge pixels above which a block counts as an edge block."""

JUST_NOTICEABLE = (5.0, 3.0)
"""Width in pixels at which blur of an edge is just noticeable: in blocks of low and of high contrast."""

LOW_CONTRAST = 50
"""Largest range of gray levels in a block of low contrast."""

BETA = 3.6
"""Exponent of the probability with which a viewer notices blur."""

NOTICED = 1 - np.exp(-1.0)
"""Probability of noticing blur at an edge of just noticeable width, 0.63."""

WIDEST_EDGE = 100
"""Maximum width of an edge in pixels; a longer slope is shading."""

CANNY_HIGH, CANNY_LOW = 0.7, 0.4
"""Quantile of the gradient that is the upper threshold of the edge detector, and the lower as a fraction of it."""

WEAKEST_EDGE = 24
"""Smallest horizontal gradient of an edge, by the 3x3 Sobel kernel; 24 is a step of 6 gray levels. In dark images the
steps between two gray levels would count as sharp edges otherwise."""

APERTURE = 11
"""Side in pixels of the Laplacian kernel for motion blur."""


def measure_cpbd(gray: np.ndarray, mask: np.ndarray) -> float:
    """Computes the cumulative probability of blur detection (CPBD) inside a mask.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) uint8; edges where it is 0 are ignored.

    Returns:
        Fraction of vertical edges at which no blur is noticed, 0 to 1, higher is sharper. NaN if there is no edge.

    Taught in notebooks/09_facesets.
    """
    across, down = (cv2.Sobel(gray, cv2.CV_16S, *order, ksize=3) for order in ((1, 0), (0, 1)))
    wide = np.repeat(np.repeat(_edge_blocks(gray, across, down), BLOCK, 0), BLOCK, 1)
    height, width = gray.shape
    noticeable = wide[:height, :width]
    edges = _vertical_edges(across, down) & (mask > 0) & (noticeable > 0)
    if not edges.any():
        return float("nan")
    widths = edge_widths(gray, across)[edges]
    known = widths > 0
    if not known.any():
        return float("nan")
    noticed = 1 - np.exp(-((widths[known] / noticeable[edges][known]) ** BETA))
    return float(np.mean(noticed <= NOTICED + 1e-9))


def edge_widths(gray: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Measures the width of the monotonic slope through every pixel along its row.

    Args:
        gray: (H, W) uint8.
        across: (H, W) horizontal gradient; its sign selects rising or falling slopes.

    Returns:
        (H, W) int32 widths in pixels; 0 where no slope has the sign of the gradient, or it is wider than
        `WIDEST_EDGE`.
    """
    height, width = gray.shape
    steps = np.zeros((height, width + 1), np.int8)  # steps[:, x] is the step from x - 1 to x; 0 at both borders
    steps[:, 1:-1] = np.sign(np.diff(gray.astype(np.int16), axis=1))
    flat = steps.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=flat[0] + 1))
    lengths = np.diff(starts, append=len(flat))
    run = np.repeat(lengths, lengths).reshape(steps.shape)
    sign = np.sign(across)
    before = np.where((steps[:, :-1] == sign) & (sign != 0), run[:, :-1], 0)
    after = np.where((steps[:, 1:] == sign) & (sign != 0), run[:, 1:], 0)
    widths = np.maximum(before, after)  # if both steps have the sign, they belong to the same run
    return np.where(widths > WIDEST_EDGE, 0, widths).astype(np.int32)


def measure_motion_blur(gray: np.ndarray, mask: np.ndarray) -> float:
    """Computes the variance of the Laplacian inside a mask, which motion blur lowers.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) uint8; pixels where it is 0 do not count.

    Returns:
        The variance, higher is sharper. NaN if the mask is empty.
    """
    inside = cv2.Laplacian(gray, cv2.CV_64F, ksize=APERTURE)[mask > 0]
    return float(inside.var()) if len(inside) else float("nan")


def _vertical_edges(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Detects thin vertical edges: local maxima along a row of a strong horizontal gradient. Returns (H, W) bool."""
    strength = np.abs(across).astype(np.int32)
    threshold = max(WEAKEST_EDGE, 2 * np.sqrt(np.mean(strength.astype(np.float32) ** 2)))
    left = np.pad(strength, ((0, 0), (1, 0)))[:, :-1]
    right = np.pad(strength, ((0, 0), (0, 1)))[:, 1:]
    return (strength > threshold) & (strength > left) & (strength >= right) & (strength >= np.abs(down))


def _edge_blocks(gray: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Determines the just noticeable width of each block; 0 for blocks without edges.

    Returns:
        (ceil(H / BLOCK), ceil(W / BLOCK)) float64 in pixels.
    """
    strength = np.hypot(across.astype(np.float32), down.astype(np.float32))
    high = float(np.quantile(strength, CANNY_HIGH))
    edges = cv2.Canny(across, down, CANNY_LOW * high, high, L2gradient=True)
    height, width = gray.shape
    noticeable = np.zeros((-(-height // BLOCK), -(-width // BLOCK)))
    for row, column in np.ndindex(noticeable.shape):
        block = slice(row * BLOCK, (row + 1) * BLOCK), slice(column * BLOCK, (column + 1) * BLOCK)
        if np.count_nonzero(edges[block]) > EDGE_FRACTION * edges[block].size:
            contrast = int(gray[block].max()) - int(gray[block].min())
            noticeable[row, column] = JUST_NOTICEABLE[contrast > LOW_CONTRAST]
    return noticeable
