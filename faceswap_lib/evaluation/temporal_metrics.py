"""Temporal metrics: jitter, flicker and agreement of motion.

Reports contain jitter and flicker as the ratio of the result's value to the original's.
"""

import typing

import cv2
import numpy as np
import scipy.spatial.distance

from faceswap_lib.evaluation.image_metrics import check_mask, check_pictures

FLICKER_SIZE = 64
"""Side in pixels to which crops are resized before their colors are compared."""

FLICKER_SIGMA = 2.0
"""Standard deviation of the blur in pixels at `FLICKER_SIZE`, 0.11 inter-ocular distances of an aligned crop. On four
clips, talking faces have a flicker of 0.3 to 1.5 gray levels. A still face whose crop jitters by half a pixel (of 256)
has 0.08; without motion compensation it would have 0.7 to 1.3."""

LEAST_MOMENTS, MOST_MOMENTS = 8, 300
"""Minimum and maximum number of frames for `motion_agreement`; longer series are sampled evenly."""


def jitter(landmarks_series: typing.Sequence[np.ndarray] | np.ndarray, unit: float | np.ndarray) -> float:
    """Computes the mean length of the landmarks' second difference over time, which measures jitter and sudden motion.

    Motion at constant velocity has a jitter of 0; motion at constant acceleration has that acceleration. Source: ours;
    the field's tools measure nothing over time.

    Args:
        landmarks_series: (T, N, 2) x, y of consecutive frames; NaN where no face was found, which interrupts the
            series.
        unit: The inter-ocular distance in the same pixels, one number or (T,), above 0.

    Returns:
        Inter-ocular distances per frame², from 0 (no jitter); lower is better. NaN without three consecutive frames.

    Raises:
        ValueError: If a shape is wrong or the unit is not above 0.

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
    """Computes the mean absolute change of the face's colors between two aligned crops of consecutive frames.

    The alignment compensates the motion of the head. This function also compensates the remaining motion and the jitter
    of the alignment: it blurs both crops with `FLICKER_SIGMA` and subtracts the part of the change that a small
    translation, rotation or scaling of the whole crop explains. That part is fitted by least squares over the mask,
    together with a constant per channel that is not subtracted. Changes of brightness, color and expression remain. The
    expression of the original changes too, so divide by the original's mean flicker over the same frames. Source: ours.

    Args:
        previous: (S, S, 3) uint8.
        current: Crop of the next frame, of the same shape.
        mask: (S, S) bool or uint8, the face in both crops.

    Returns:
        Gray levels, from 0 (no change) to 255; lower is better. NaN if no pixel of the mask remains at `FLICKER_SIZE`.

    Raises:
        ValueError: If a shape or dtype is wrong.
    """
    check_pictures(previous, current)
    weight = _shrink(check_mask(mask, current.shape).astype(np.float32))
    inside = weight >= 0.5
    if not inside.any():
        return float("nan")
    previous, current = (_shrink(crop.astype(np.float32)) for crop in (previous, current))
    change = _blur_inside(current - previous, inside)
    moves = np.stack([_blur_inside(move, inside).ravel() for move in _small_moves((previous + current) / 2)], axis=1)
    tints = np.tile(np.eye(3, dtype=np.float32), (len(change), 1))  # keeps a constant color change out of the motion
    motion = np.linalg.lstsq(np.hstack([moves, tints]), change.ravel(), rcond=None)[0][: moves.shape[1]]
    return float(np.abs(change.ravel() - moves @ motion).mean())


def motion_agreement(swapped: np.ndarray, original: np.ndarray) -> float:
    """Computes the correlation of the distance matrices of two videos: whether both faces move at the same times.

    For each video the distances between all pairs of its frames are computed; the result is the correlation of the two
    lists of distances. It needs no landmarks and does not depend on the shape of the face: when the original returns
    to an earlier expression, the swapped face should return to it too. A still image has the same distances everywhere
    except for noise. Source: the comparison of distance matrices of Mantel, "The Detection of Disease Clustering and a
    Generalized Regression Approach", 1967, as representational similarity analysis uses it.

    Args:
        swapped: (T, H, W) images of eyes and mouth, from `faces.likeness.expression_view`, in any order.
        original: (T, H, W) images of the same frames of the original.

    Returns:
        -1 to 1: 1 for the same motion, 0 for unrelated motion or a still swapped face; higher is better. NaN for fewer
        than `LEAST_MOMENTS` frames, or if the original does not move.

    Raises:
        ValueError: If the shapes differ or are not (T, H, W).
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
    return float(np.corrcoef(distances[0], distances[1])[0, 1])


def _small_moves(image: np.ndarray) -> list[np.ndarray]:
    """Computes the change of a square image for a small translation in x and in y, a rotation and a scaling."""
    across, down = (cv2.Sobel(image, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    positions = (np.arange(len(image), dtype=np.float32) / (len(image) - 1) * 2 - 1)[:, None]
    x, y = positions, positions[:, None]
    return [across, down, y * across - x * down, x * across + y * down]


def _blur_inside(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Blurs an image inside a mask without using pixels outside; returns the (N, 3) pixels inside."""
    weight = inside.astype(np.float32)
    blurred, total = (cv2.GaussianBlur(x, (0, 0), FLICKER_SIGMA) for x in (image * weight[..., None], weight))
    return blurred[inside] / total[inside, None]


def _shrink(image: np.ndarray) -> np.ndarray:
    """Resizes an image to `FLICKER_SIZE` pixels."""
    return cv2.resize(image, (FLICKER_SIZE, FLICKER_SIZE), interpolation=cv2.INTER_AREA)
