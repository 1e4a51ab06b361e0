"""Selection of the best faces: sharp, different, and evenly spread over the head poses.

Source: the modes "best faces" and "best faces faster" of DeepFaceLab, as described in its documentation; a face that is
not selected stays in the faceset.
"""

import numpy as np

YAW_BINS, YAW_RANGE = 128, 1.2
"""Number of bins of the yaw, and its range in radians to both sides; poses beyond it are in the outermost bins."""

CANDIDATES = 10
"""How many times the quota of a bin its sharpest faces are examined."""


def select_best(
    yaw: np.ndarray, pitch: np.ndarray, quality: np.ndarray, difference: np.ndarray, count: int
) -> np.ndarray:
    """Selects faces evenly over yaw and pitch.

    Each yaw bin has the same quota. If a bin has fewer faces, the rest of its quota is shared among the other bins. In
    each yaw bin, the faces of highest quality are the candidates, `CANDIDATES` times as many as the quota. They are
    divided into bins of the pitch, and the faces that differ most from all others are taken from these bins in turn.

    Args:
        yaw: (N,) float, in degrees; NaN counts as 0.
        pitch: (N,) float, in degrees; NaN counts as 0.
        quality: (N,) float, higher is better: the sharpness, or the size of the face; NaN is the lowest.
        difference: (N,) float, sums of distances to all other faces, higher is more different.
        count: Number of faces to select.

    Returns:
        Indices of the selected faces, by yaw bin; at most `count`, fewer if there are fewer faces.
    """
    bins = _to_bins(np.nan_to_num(yaw), YAW_RANGE, YAW_BINS)
    members = [np.flatnonzero(bins == index) for index in range(YAW_BINS)]
    quotas = _share_quota(np.array([len(inside) for inside in members]), count)
    order = np.where(np.isfinite(quality), quality, -np.inf)
    selected = []
    for inside, quota in zip(members, quotas, strict=True):
        if quota:
            best = inside[np.argsort(-order[inside], kind="stable")][: CANDIDATES * quota]
            selected.append(best[_take_in_turn(np.nan_to_num(pitch[best]), difference[best], quota)])
    return np.concatenate(selected) if selected else np.empty(0, int)


def _share_quota(available: np.ndarray, count: int) -> np.ndarray:
    """Distributes `count` over bins as evenly as their numbers of faces allow.

    Args:
        available: (B,) number of faces in each bin.
        count: Number of faces to take.

    Returns:
        (B,) int, at most `available`; the sum is `count`, or all faces if there are fewer.
    """
    count = min(count, int(available.sum()))
    low, high = 0, int(available.max(initial=0))
    while low < high:  # the largest quota per bin that does not exceed the count
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(available, middle).sum() <= count else (low, middle - 1)
    quotas = np.minimum(available, low)
    larger = np.flatnonzero(available > low)
    rest = count - int(quotas.sum())
    quotas[larger[np.linspace(0, len(larger) - 1, rest).round().astype(int)] if rest else []] += 1
    return quotas


def _take_in_turn(pitch: np.ndarray, difference: np.ndarray, quota: int) -> np.ndarray:
    """Takes faces from bins of the pitch in turn, in each bin the most different first; returns their indices."""
    bins = _to_bins(pitch, np.pi / 2, quota)
    order = np.argsort(-difference, kind="stable")
    rank = np.empty(len(pitch), int)
    for index in np.unique(bins):
        inside = order[bins[order] == index]
        rank[inside] = np.arange(len(inside))
    return np.lexsort((bins, rank))[:quota]


def _to_bins(degrees: np.ndarray, reach: float, count: int) -> np.ndarray:
    """Computes the bin of each angle in a range of ±`reach` radians, 0 to `count` - 1."""
    places = (np.radians(degrees) + reach) / (2 * reach) * count
    return np.clip(places.astype(int), 0, count - 1)
