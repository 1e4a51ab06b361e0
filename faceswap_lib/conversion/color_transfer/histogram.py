"""Color matches that are tables: of each channel, or of projections onto directions of the color space.

A table is a one-dimensional optimal transport: the level below which a share of `new` lies goes to the level below
which the same share of `old` lies. Where `new` has (nearly) no pixels a table goes on in a straight line with the ratio
of the spreads, so that an averaged table still fits when the light changes.
"""

import functools

import cv2
import numpy as np

TAIL = 0.02
"""Share of the pixels at either end whose own quantiles are not trusted."""

SMOOTHNESS = 8.0
"""Gray levels over which shifts are averaged; a step in a table would show as the outline of a blotch."""

ROTATIONS = 8
"""Sets of three perpendicular directions that sliced transport goes through, one after the other."""

REACH = 221.0
"""Largest projection of a color onto a direction, counted from middle gray."""

KNOTS = 65
"""Points of a projection's table; 7 gray levels apart."""

BINS = 512
"""Levels a projection is sorted into."""

SAMPLES = 4096
"""Pixels that sliced transport is fitted to, about; all, if there are fewer."""


def fit_histogram(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gives each channel of `new` the distribution that `old` has.

    Arguments are those of `color.ColorMatch.fit`; parameters are (3, 256) float32, the level that each level of each
    channel goes to.
    """
    weights = weights.ravel()
    channels = zip(new.reshape(-1, 3).T, old.reshape(-1, 3).T, strict=True)
    shifts = [_shifts(*(_histogram(levels, weights, 256) for levels in pair), SMOOTHNESS) for pair in channels]
    return np.arange(256, dtype=np.float32) + np.stack(shifts).astype(np.float32)


def apply_histogram(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Looks every channel of an RGB uint8 picture up in its table; float32."""
    return cv2.LUT(new, np.ascontiguousarray(parameters.T)[:, None])


def fit_sot(new: np.ndarray, old: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gives `new` the distribution of colors that `old` has, by transport along many directions in turn.

    Arguments are those of `color.ColorMatch.fit`; parameters are (`ROTATIONS`, 3, `KNOTS`) float32, by how many levels
    a color moves along each direction, where its projection lies at each knot.
    Source: Pitie et al., "N-Dimensional Probability Density Function Transfer and its Application to Color Transfer",
    2005; Bonneel et al., "Sliced and Radon Wasserstein Barycenters of Measures", 2015.
    """
    step = max(1, int(np.sqrt(weights.size / SAMPLES)))
    share = weights[::step, ::step].ravel()
    moved, wanted = (_centerd(picture[::step, ::step]) for picture in (new, old))
    knots = np.linspace(0, BINS - 1, KNOTS)
    bins = np.arange(BINS)
    level = 2 * REACH / (BINS - 1)
    tables = np.empty((ROTATIONS, 3, KNOTS), np.float32)
    for table, directions in zip(tables, _directions(), strict=True):
        places = [_places(pixels, directions).astype(np.intp).T for pixels in (moved, wanted)]
        for direction, pair in enumerate(zip(*places, strict=True)):
            shifts = _shifts(*(_histogram(place, share, BINS) for place in pair), SMOOTHNESS / level)
            table[direction] = level * np.interp(knots, bins, shifts)
        moved = _move(moved, directions, table)
    return tables


def apply_sot(new: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Moves every pixel of an RGB uint8 picture along the directions; float32, neither rounded nor clipped."""
    pixels = _centerd(new)
    for directions, table in zip(_directions(), parameters, strict=True):
        pixels = _move(pixels, directions, table)
    return (pixels + np.float32(127.5)).reshape(new.shape)


def _histogram(levels: np.ndarray, weights: np.ndarray, bins: int) -> np.ndarray:
    return np.bincount(levels, weights=weights, minlength=bins)


def _shifts(new: np.ndarray, old: np.ndarray, smoothness: float) -> np.ndarray:
    """By how many bins the content of each bin of a histogram moves to become another histogram."""
    levels = np.arange(len(new))
    new_share, old_share = ((np.cumsum(count) - count / 2) / max(count.sum(), 1e-6) for count in (new, old))
    shifts = np.interp(new_share, old_share, levels) - levels
    first, last = np.searchsorted(new_share, [TAIL, 1 - TAIL])
    last = max(first, last - 1)
    known = np.clip(levels, first, last)
    shifts = shifts[known] + (_spread(old) / _spread(new) - 1) * (levels - known)
    return cv2.GaussianBlur(shifts[None], (0, 0), smoothness, borderType=cv2.BORDER_REPLICATE)[0]


def _spread(counts: np.ndarray) -> float:
    """Standard deviation of a histogram in bins, and one more, so that flat pictures divide by nothing small."""
    levels, total = np.arange(len(counts)), max(counts.sum(), 1e-6)
    mean = levels @ counts / total
    return 1 + float(np.sqrt(np.square(levels - mean) @ counts / total))


def _centerd(picture: np.ndarray) -> np.ndarray:
    return picture.reshape(-1, 3).astype(np.float32) - 127.5


def _places(pixels: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Projections of (N, 3) centerd colors in bins, (N, 3) float32; the nearest bin is their whole part."""
    return np.clip((pixels @ directions + REACH) * np.float32((BINS - 1) / (2 * REACH)) + 0.5, 0, BINS - 1)


def _move(pixels: np.ndarray, directions: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Moves (N, 3) centerd colors along three perpendicular directions by what their tables say."""
    fine = np.linspace(0, KNOTS - 1, BINS)
    places = _places(pixels, directions).astype(np.intp)
    shifts = [
        np.interp(fine, np.arange(KNOTS), row).astype(np.float32)[p] for row, p in zip(table, places.T, strict=True)
    ]
    return pixels + np.stack(shifts, axis=1) @ directions.T


@functools.cache
def _directions() -> np.ndarray:
    """(`ROTATIONS`, 3, 3) float32, each with three perpendicular unit columns; the same in every run."""
    rng = np.random.default_rng(0)
    return np.linalg.qr(rng.standard_normal((ROTATIONS, 3, 3)))[0].astype(np.float32)
