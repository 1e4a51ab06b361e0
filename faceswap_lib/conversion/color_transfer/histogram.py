"""Color transfer by lookup tables: for each channel, or for projections onto directions of the color space.

A table is a one-dimensional optimal transport: each quantile of `new` is mapped to the same quantile of `old`. Where
`new` has (nearly) no pixels, the table is extrapolated linearly with the ratio of the standard deviations, so that a
table averaged over time still fits when the light changes.
"""

import functools

import cv2
import numpy as np

TAIL = 0.02
"""Fraction of the pixels at each end of the distribution whose quantiles are replaced by extrapolation."""

SMOOTHNESS = 8.0
"""Sigma in gray levels by which shifts are smoothed; a step in a table would be visible as a contour."""

ROTATIONS = 8
"""Number of sets of three perpendicular directions that sliced transport uses one after the other."""

REACH = 221.0
"""Largest projection of a color onto a direction, relative to middle gray."""

KNOTS = 65
"""Number of points in the table of a projection; they are 7 gray levels apart."""

BINS = 512
"""Number of bins of the histogram of a projection."""

SAMPLES = 4096
"""Approximate number of pixels to which sliced transport is fitted; smaller images use all pixels."""


def fit_histogram(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits each channel of `new` to the distribution of `old` (histogram matching).

    Arguments are those of `registry.ColorMatch.fit`; parameters are (3, 256) float32, the new value of each level of
    each channel.
    """
    weights = weights.ravel()
    channels = zip(new.reshape(-1, 3).T, old.reshape(-1, 3).T, strict=True)
    shifts = [
        _shifts(_histogram(levels, weights, 256), _histogram(others, weights, 256), SMOOTHNESS)
        for levels, others in channels
    ]
    return np.arange(256, dtype=np.float32) + np.stack(shifts).astype(np.float32)


def apply_histogram(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Applies the table of each channel to an image, (S, S, 3) uint8 RGB; returns float32, not rounded."""
    return cv2.LUT(new, np.ascontiguousarray(parameters.T)[:, None])


def fit_sot(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits `new` to the color distribution of `old` by sliced optimal transport: along many directions, one by one.

    Arguments are those of `registry.ColorMatch.fit`; parameters are (`ROTATIONS`, 3, `KNOTS`) float32, the shift in
    gray levels along each direction of a color whose projection is at each knot.
    Source: Pitie et al., "N-Dimensional Probability Density Function Transfer and its Application to Color Transfer",
    2005; Bonneel et al., "Sliced and Radon Wasserstein Barycenters of Measures", 2015.
    """
    step = max(1, int(np.sqrt(weights.size / SAMPLES)))
    sampled = weights[::step, ::step].ravel()
    moved, wanted = (_centered(image[::step, ::step]) for image in (new, old))
    knots = np.linspace(0, BINS - 1, KNOTS)
    bins = np.arange(BINS)
    level = 2 * REACH / (BINS - 1)
    tables = np.empty((ROTATIONS, 3, KNOTS), np.float32)
    for table, directions in zip(tables, _directions(), strict=True):
        places = [_places(pixels, directions).astype(np.intp).T for pixels in (moved, wanted)]
        for direction, pair in enumerate(zip(*places, strict=True)):
            before, after = (_histogram(bins_of_pixels, sampled, BINS) for bins_of_pixels in pair)
            shifts = _shifts(before, after, SMOOTHNESS / level)
            table[direction] = level * np.interp(knots, bins, shifts)
        moved = _move(moved, directions, table)
    return tables


def apply_sot(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Applies the shifts of all directions to an image, (S, S, 3) uint8 RGB; returns unrounded, unclipped float32."""
    pixels = _centered(new)
    for directions, table in zip(_directions(), parameters, strict=True):
        pixels = _move(pixels, directions, table)
    return (pixels + np.float32(127.5)).reshape(new.shape)


def _histogram(levels: np.ndarray, weights: np.ndarray, bins: int) -> np.ndarray:
    return np.bincount(levels, weights=weights, minlength=bins)


def _shifts(new: np.ndarray, old: np.ndarray, smoothness: float) -> np.ndarray:
    """Computes by how many bins the content of each bin of a histogram must move to give another histogram."""
    levels = np.arange(len(new))
    new_quantiles, old_quantiles = ((np.cumsum(count) - count / 2) / max(count.sum(), 1e-6) for count in (new, old))
    shifts = np.interp(new_quantiles, old_quantiles, levels) - levels
    first, last = np.searchsorted(new_quantiles, [TAIL, 1 - TAIL])
    last = max(first, last - 1)
    known = np.clip(levels, first, last)
    shifts = shifts[known] + (_spread(old) / _spread(new) - 1) * (levels - known)
    return cv2.GaussianBlur(shifts[None], (0, 0), smoothness, borderType=cv2.BORDER_REPLICATE)[0]


def _spread(counts: np.ndarray) -> float:
    """Computes the standard deviation of a histogram in bins, plus 1, so that no division by a small number occurs."""
    levels, total = np.arange(len(counts)), max(counts.sum(), 1e-6)
    mean = levels @ counts / total
    return 1 + float(np.sqrt(np.square(levels - mean) @ counts / total))


def _centered(image: np.ndarray) -> np.ndarray:
    return image.reshape(-1, 3).astype(np.float32) - 127.5


def _places(pixels: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Projects (N, 3) centered colors; returns (N, 3) float32 in bins, whose integer part is the nearest bin."""
    return np.clip((pixels @ directions + REACH) * np.float32((BINS - 1) / (2 * REACH)) + 0.5, 0, BINS - 1)


def _move(pixels: np.ndarray, directions: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Shifts (N, 3) centered colors along three perpendicular directions by their tables."""
    fine = np.linspace(0, KNOTS - 1, BINS)
    places = _places(pixels, directions).astype(np.intp)
    shifts = [
        np.interp(fine, np.arange(KNOTS), row).astype(np.float32)[p] for row, p in zip(table, places.T, strict=True)
    ]
    return pixels + np.stack(shifts, axis=1) @ directions.T


@functools.cache
def _directions() -> np.ndarray:
    """Returns (`ROTATIONS`, 3, 3) float32 matrices with perpendicular unit columns; the same in every run."""
    rng = np.random.default_rng(0)
    return np.linalg.qr(rng.standard_normal((ROTATIONS, 3, 3)))[0].astype(np.float32)
