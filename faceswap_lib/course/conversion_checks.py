"""Checks of the exercises about conversion: each says "right", or what is off in one line.

A check tries the reader's code on small made-up arrays and compares it with numbers that are computed here in another
way. It does not raise for a wrong answer.
"""

from collections.abc import Callable

import numpy as np

from faceswap_lib.course.checks import RIGHT, report_errors

QUANTILES = np.linspace(0.05, 0.95, 19)
"""Where two distributions are compared."""

NEAR = 6.0
"""Largest mean difference of quantiles, in gray levels, of distributions that are equal for the check."""


@report_errors
def check_histogram_match(fit: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Checks a function that fits a histogram match.

    Args:
        fit: Called with the new and the old face, (S, S, 3) uint8 RGB, and weights of the pixels, (S, S); returns
            (3, 256), for each channel the new value of each of its 256 levels.

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(2)
    lit = random.uniform(size=(48, 48, 1)) < 0.6  # the old face has a bright and a shaded side
    old = np.where(lit, random.normal([180, 150, 120], 14, (48, 48, 3)), random.normal([100, 80, 75], 14, (48, 48, 3)))
    old = old.clip(0, 255).astype(np.uint8)
    new = (60 + 120 * random.beta([3, 2, 6], [3, 4, 2], (48, 48, 3)) ** 0.7).astype(np.uint8)
    weights = np.ones((48, 48), np.float32)
    weights[:, 30:], old[:, 30:] = 0, [20, 230, 240]  # a glove before the old face
    table = np.asarray(fit(new.copy(), old.copy(), weights.copy()), float)
    if table.shape != (3, 256):
        return f"expected a table of shape (3, 256), one row per channel, got {table.shape}"
    if not np.isfinite(table).all():
        return "the table has values that are not finite: divide by the sum of the weights, which is not 0"
    if (np.diff(table, axis=1) < -1e-3).any():
        return "the table falls somewhere: a brighter level must stay at least as bright; use cumulative histograms"

    def distance(changed: np.ndarray, wanted: np.ndarray, wanted_weights: np.ndarray) -> float:
        pairs = zip(changed.reshape(-1, 3).T, wanted.reshape(-1, 3).T, strict=True)
        return max(
            float(np.abs(_quantiles(one, weights) - _quantiles(other, wanted_weights)).mean()) for one, other in pairs
        )

    changed = np.stack([table[channel][new[..., channel]] for channel in range(3)], axis=-1)
    if distance(changed, old, weights) < NEAR:
        return RIGHT
    if np.abs(changed - new).mean() < 1:
        return "the colors stay what they are: each level of the new face must move to a level of the old face"
    if np.ptp(table, axis=0).max() < 1e-3:
        return "all three channels have the same table: compute one per channel"
    if distance(changed, old, np.ones_like(weights)) < NEAR:
        return "the weights are ignored: the glove before the old face, whose weight is 0, changes the skin"
    backwards = np.stack([table[channel][old[..., channel]] for channel in range(3)], axis=-1)
    if distance(backwards, new, weights) < NEAR:
        return "this table gives the old face the colors of the new one: exchange the two"
    if np.abs(np.diff(table, n=2, axis=1)[:, 2:-2]).max() < 0.05:
        return "the table is a straight line: it matches mean and spread only, not the shape of the histogram"
    return f"the quantiles are off by {distance(changed, old, weights):.0f} gray levels: map each to the same quantile"


@report_errors
def check_soft_border(soften: Callable[[np.ndarray, float], np.ndarray]) -> str:
    """Checks a function that gives a region a soft border, inside the region.

    Args:
        soften: Called with (H, W) bool, the region, and the width of the border in pixels; returns (H, W) weights: 0
            outside, rising from the border inward to 1 at `width` pixels from it.

    Returns:
        "right", or what is off.
    """
    inside = np.zeros((64, 80), bool)
    inside[8:56, 10:70] = True
    weight = np.asarray(soften(inside.copy(), 10.0), float)
    if weight.shape != inside.shape:
        return f"expected weights of shape {inside.shape}, got {weight.shape}"
    row = weight[32, 10:40]  # from the border to the middle
    if weight.max() > 1.01:
        return f"the largest weight is {weight.max():.1f}: from `width` pixels on it is 1; limit it with np.clip"
    if row[0] > 0.8 and row[-1] < 0.1:
        return "the weight is 1 at the border and 0 in the middle: it is the wrong way round"
    if np.abs(weight[~inside]).max() > 0.01:
        return "there is weight outside the region: the background would be painted; a blur alone reaches both sides"
    if row[0] > 0.9:
        return "the border is hard: the weight must rise from 0 to 1"
    if row[14:].min() < 0.99:
        return "the middle is not 1: divide the distance by `width`, not by the largest distance"
    ideal = np.clip((np.arange(len(row)) + 0.5) / 10, 0, 1)
    if np.abs(row - ideal).max() > 0.12:
        worst = int(np.abs(row - ideal).argmax())
        return f"{worst + 1} pixels inside the border of width 10, expected {ideal[worst]:.1f}, got {row[worst]:.1f}"
    other = np.asarray(soften(inside.copy(), 4.0), float)
    if np.allclose(other, weight):
        return "`width` has no effect"
    return RIGHT


@report_errors
def check_poisson_blend(blend: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> str:
    """Checks a function that blends the gradients of one image into another.

    Args:
        blend: Called with the background and the foreground, (H, W, 3) float64, and (H, W) bool, the pixels that are
            blended, none of them at the edge of the image; returns (H, W, 3).

    Returns:
        "right", or what is off.
    """
    random = np.random.default_rng(6)
    rows, columns = np.mgrid[0:14, 0:16]
    background = np.stack([60 + 0.6 * columns**2, 90 + 0.8 * rows**2, 120 + rows * columns / 2 + rows**2], axis=-1)
    foreground = 150 + 12 * random.normal(size=background.shape) + np.stack([4 * rows] * 3, axis=-1)
    inside = (rows - 6.5) ** 2 / 20 + (columns - 7.5) ** 2 / 30 < 1
    found = np.asarray(blend(background.copy(), foreground.copy(), inside.copy()), float)
    if found.shape != background.shape:
        return f"expected an image of shape {background.shape}, got {found.shape}"
    if np.abs(found - background)[~inside].max() > 0.5:
        return "pixels outside the mask changed: they are the border condition and stay those of the background"
    laplacian = _laplacian(foreground)
    right, smooth, negative = (_solve(background, inside, sign * laplacian) for sign in (1, 0, -1))
    if np.abs(found - right).max() < 1.0:
        return RIGHT
    answers = {
        "this pastes the foreground: keep its gradients, and let the border give the colors": foreground,
        "nothing was blended: the result is the background": background,
        "this only spreads the colors of the border inward: add the Laplacian of the foreground": smooth,
        "the sign of the Laplacian is wrong: bright details became dark": negative,
    }
    for text, answer in answers.items():
        if np.abs(found - answer)[inside].max() < 2.0:
            return text
    worst = np.abs(found - right).max()
    return (
        f"off by up to {worst:.0f} gray levels: at every pixel inside, four times the value minus its neighbors must "
        "equal that of the foreground; iterate until nothing changes"
    )


def _quantiles(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Computes weighted quantiles of (N,) values."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights.ravel()[order])
    return values[order][np.searchsorted(share, QUANTILES * share[-1])]


def _laplacian(image: np.ndarray) -> np.ndarray:
    """Computes four times a pixel minus its neighbors, (H, W, 3); the edge of the image is 0."""
    result = np.zeros_like(image)
    center = image[1:-1, 1:-1]
    result[1:-1, 1:-1] = 4 * center - image[:-2, 1:-1] - image[2:, 1:-1] - image[1:-1, :-2] - image[1:-1, 2:]
    return result


def _solve(background: np.ndarray, inside: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Solves for the pixels inside whose Laplacian is the wanted one, with the background around them."""
    numbers = np.full(inside.shape, -1)
    numbers[inside] = np.arange(inside.sum())
    matrix, right = np.zeros((inside.sum(), inside.sum())), wanted[inside].copy()
    for (y, x), own in zip(np.argwhere(inside), numbers[inside], strict=True):
        matrix[own, own] = 4
        for neighbor in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if inside[neighbor]:
                matrix[own, numbers[neighbor]] = -1
            else:
                right[own] += background[neighbor]
    result = background.copy()
    result[inside] = np.linalg.solve(matrix, right)
    return result
