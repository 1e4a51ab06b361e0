"""Giving the new face the colours of the old one.

Every function takes RGB uint8 pictures (S, S, 3) of the same view and a mask (S, S) in [0, 1]; only what lies under
the mask counts, so hair and background do not colour the skin.
"""

import typing

import numpy as np


def match_mean(new: np.ndarray, old: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Gives each channel of `new` the mean and standard deviation `old` has under the mask.

    Source: Reinhard et al., "Color Transfer between Images", 2001, in RGB.
    """
    weights = mask[..., None] / max(float(mask.sum()), 1e-6)
    new, old = new.astype(np.float32), old.astype(np.float32)
    new_mean, old_mean = (new * weights).sum((0, 1)), (old * weights).sum((0, 1))
    new_spread = np.sqrt((np.square(new - new_mean) * weights).sum((0, 1))) + 1
    old_spread = np.sqrt((np.square(old - old_mean) * weights).sum((0, 1))) + 1
    matched = (new - new_mean) * (old_spread / new_spread) + old_mean
    return np.clip(np.round(matched), 0, 255).astype(np.uint8)


def match_histogram(new: np.ndarray, old: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Gives each channel of `new` the distribution `old` has under the mask."""
    levels = np.arange(256)
    matched = np.empty_like(new)
    for channel in range(3):
        counts = [
            np.bincount(picture[..., channel].ravel(), weights=mask.ravel(), minlength=256) for picture in (new, old)
        ]
        shares = [(np.cumsum(count) - count / 2) / max(count.sum(), 1e-6) for count in counts]
        table = np.interp(shares[0], shares[1], levels)
        matched[..., channel] = np.round(table).astype(np.uint8)[new[..., channel]]
    return matched


def keep_colours(new: np.ndarray, old: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Leaves `new` as it is."""
    return new


COLOUR_MATCHES: dict[str, typing.Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "none": keep_colours,
    "mean": match_mean,
    "histogram": match_histogram,
}
