"""ROC curve and area under it: how well scores separate two classes, over all thresholds."""

import numpy as np


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the receiver operating characteristic (ROC) curve: both rates at every threshold.

    Source: Fawcett, "An introduction to ROC analysis", 2006.

    Args:
        labels: (N,) 1 for positives, 0 for negatives; at least one of each.
        scores: (N,) floats; a higher score means more likely positive.

    Returns:
        False positive rate (M,), the fraction of negatives at or above the threshold, and true positive rate (M,), the
        same fraction of positives. Both rise from 0 to 1.

    Raises:
        ValueError: If the shapes differ, a label is neither 0 nor 1, a score is NaN or infinite, or a class is missing.
    """
    labels, scores = _check(labels, scores)
    thresholds = np.concatenate([[np.inf], np.unique(scores)[::-1]])
    above = scores[None] >= thresholds[:, None]  # (M, N)
    return above[:, labels == 0].mean(axis=1), above[:, labels == 1].mean(axis=1)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Computes the area under the ROC curve (AUC): how often a positive scores higher than a negative; ties count half.

    Args:
        labels: As for `roc_curve`.
        scores: As for `roc_curve`.

    Returns:
        1 for a perfect ranking, 0.5 for chance, 0 for a reversed ranking. It does not say which threshold to use.

    Raises:
        ValueError: As `roc_curve` does.

    Example:
        >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.6, 0.9]))
        1.0

    Taught in notebooks/08b_deepfake_detector.
    """
    false_positive_rate, true_positive_rate = roc_curve(labels, scores)
    widths = np.diff(false_positive_rate)
    return float((widths * (true_positive_rate[1:] + true_positive_rate[:-1]) / 2).sum())


def _check(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Converts both to arrays and raises `ValueError` as `roc_curve` describes."""
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"expected labels and scores of one shape (N,), got {labels.shape} and {scores.shape}")
    if set(np.unique(labels).tolist()) != {0, 1}:
        raise ValueError(f"expected both labels 0 and 1, and no others, got {np.unique(labels).tolist()}")
    if not np.isfinite(scores).all():
        raise ValueError(f"expected finite scores, got {np.count_nonzero(~np.isfinite(scores))} NaN or infinite ones")
    return labels, scores
