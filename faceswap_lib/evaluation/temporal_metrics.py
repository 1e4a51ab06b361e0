"""How much a video trembles and flickers. Of interest is the ratio of the result's number to the original's."""

import typing

import cv2
import numpy as np
import scipy.spatial.distance

from faceswap_lib.evaluation.image_metrics import check_mask, check_pictures

FLICKER_SIZE = 64
"""Side to which crops are shrunk before their colors are compared."""

FLICKER_SIGMA = 2.0
"""Pixels of blur at that side, 0.11 eye distances of an aligned crop. On four clips talking gives 0.3 to 1.5 gray
levels; a still face whose crop trembles by half a pixel of 256 gives 0.08, without taking out motion 0.7 to 1.3."""


LEAST_MOMENTS, MOST_MOMENTS = 8, 300
"""Frames between which motion is compared; of more, some spread evenly."""


def jitter(landmarks_series: typing.Sequence[np.ndarray], unit: float | np.ndarray) -> float:
    """Mean length of the landmarks' second difference over time: trembling, and sudden motion.

    Steady motion counts nothing, evenly accelerated motion its acceleration. Source: ours; the field's tools measure
    nothing over time.

    Args:
        landmarks_series: (T, N, 2) x, y of consecutive frames; NaN where a face was not found, which breaks the series.
        unit: The inter-ocular distance in the same pixels, one number or (T,), above 0.

    Returns:
        Inter-ocular distances per frame², from 0 (steady); lower is steadier. NaN without three frames in a row.

    Raises:
        ValueError: If the shapes are others or the unit is not above 0.

    Taught in notebooks/07_evaluation.
    """
    series, units = np.asarray(landmarks_series, float), np.asarray(unit, float)
    if series.ndim != 3 or series.shape[2] != 2 or units.shape not in ((), series.shape[:1]):
        raise ValueError(f"expected (T, N, 2) landmarks and one unit or (T,), got {series.shape} and {units.shape}")
    if (units <= 0).any():
        raise ValueError(f"unit: expected above 0, got {units.min()}")
    lengths = np.linalg.norm(np.diff(series, n=2, axis=0), axis=2) / np.broadcast_to(units, len(series))[1:-1, None]
    known = np.isfinite(lengths)
    return float(lengths[known].mean()) if known.any() else float("nan")


def flicker(previous: np.ndarray, current: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute change of the face's colors from one aligned crop to the next.

    Aligning takes out the motion of the head. What is left of it, and the trembling of the alignment, is taken out
    here: both crops are blurred by `FLICKER_SIGMA`, and what a small shift, turn or growth of the whole crop explains
    of the change is subtracted (least squares over the mask, beside a constant per channel, which stays). The rest is
    brightness and color that come and go, and expressions, which the original has too: divide by its mean over
    the same frames. Source: ours.

    Args:
        previous: (S, S, 3) uint8.
        current: The next frame's crop, of the same shape.
        mask: (S, S) bool or uint8, the face in either.

    Returns:
        Gray levels of 255, from 0 (still) to 255; lower is steadier. NaN if the mask has no pixel left at
        `FLICKER_SIZE`.

    Raises:
        ValueError: If shapes or types are others.
    """
    check_pictures(previous, current)
    weight = _shrink(check_mask(mask, current.shape).astype(np.float32))
    inside = weight >= 0.5
    if not inside.any():
        return float("nan")
    previous, current = (_shrink(picture.astype(np.float32)) for picture in (previous, current))
    change = _blur_inside(current - previous, inside)
    moves = np.stack([_blur_inside(move, inside).ravel() for move in _small_moves((previous + current) / 2)], axis=1)
    tints = np.tile(np.eye(3, dtype=np.float32), (len(change), 1))  # beside the moves, so that they explain none of it
    motion = np.linalg.lstsq(np.hstack([moves, tints]), change.ravel(), rcond=None)[0][: moves.shape[1]]
    return float(np.abs(change.ravel() - moves @ motion).mean())


def motion_agreement(swapped: np.ndarray, original: np.ndarray) -> float:
    """Correlates which moments look alike in two videos: does the new face move when the original's does?

    For each video the distances between all pairs of its frames are computed; the result is the correlation of the two
    lists of distances. It needs no landmarks of its own, and two differently built faces have it in common that they
    return to a look when the original does. A still picture has the same distance everywhere but for noise. Source:
    the comparison of distance matrices of Mantel, "The Detection of Disease Clustering and a Generalized Regression
    Approach", 1967, as representational similarity analysis uses it.

    Args:
        swapped: (T, H, W) pictures of eyes and mouth as from `faces.likeness.expression_view`, in any order of time.
        original: Of the same moments.

    Returns:
        -1 over 0 (nothing in common) to 1 (the same motion); higher is better. NaN for fewer than `LEAST_MOMENTS`
        moments or without any motion.

    Raises:
        ValueError: If the shapes differ or are others.
    """
    new, old = np.asarray(swapped, float), np.asarray(original, float)
    if new.shape != old.shape or new.ndim != 3:
        raise ValueError(f"expected two series of shape (T, H, W), got {new.shape} and {old.shape}")
    if len(new) < LEAST_MOMENTS:
        return float("nan")
    chosen = np.linspace(0, len(new) - 1, min(len(new), MOST_MOMENTS)).astype(int)
    distances = [scipy.spatial.distance.pdist(series[chosen].reshape(len(chosen), -1)) for series in (new, old)]
    if min(one.std() for one in distances) < 1e-9:
        return float("nan") if distances[1].std() < 1e-9 else 0.0
    return float(np.corrcoef(*distances)[0, 1])


def _small_moves(picture: np.ndarray) -> list[np.ndarray]:
    """How a square picture changes when it is shifted by a pixel right or down, turned or enlarged a little."""
    across, down = (cv2.Sobel(picture, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    places = (np.arange(len(picture), dtype=np.float32) / (len(picture) - 1) * 2 - 1)[:, None]
    x, y = places, places[:, None]
    return [across, down, y * across - x * down, x * across + y * down]


def _blur_inside(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(N, 3) the pixels inside, blurred; what lies outside does not enter."""
    weight = inside.astype(np.float32)
    blurred, total = (cv2.GaussianBlur(x, (0, 0), FLICKER_SIGMA) for x in (picture * weight[..., None], weight))
    return blurred[inside] / total[inside, None]


def _shrink(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (FLICKER_SIZE, FLICKER_SIZE), interpolation=cv2.INTER_AREA)
