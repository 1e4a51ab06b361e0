"""How well scores tell two kinds apart, whatever line is drawn between them."""

import numpy as np


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowers the line above which a score counts as found, and says at each place what is found and what is blamed.

    Source: Fawcett, "An introduction to ROC analysis", 2006.

    Args:
        labels: (N,) 1 for what is to be found, 0 for the rest; at least one of either.
        scores: (N,) floats, higher for what is more likely 1.

    Returns:
        False alarms (M,), the share of zeros at or above the line, and hits (M,), that of ones; both rise from 0 to 1.

    Raises:
        ValueError: If the shapes differ, a label is neither, a score is no number, or a kind is missing.
    """
    labels, scores = _check(labels, scores)
    lines = np.concatenate([[np.inf], np.unique(scores)[::-1]])
    above = scores[None] >= lines[:, None]  # (lines, N)
    return above[:, labels == 0].mean(axis=1), above[:, labels == 1].mean(axis=1)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: how often a one scores higher than a zero, ties counting half.

    Args:
        labels: As for `roc_curve`.
        scores: As for `roc_curve`.

    Returns:
        1 for perfect order, 0.5 for chance, 0 for the order turned round. It does not say where to draw the line.

    Raises:
        ValueError: As `roc_curve` does.

    Taught in notebooks/08_responsible_use.
    """
    false_alarms, hits = roc_curve(labels, scores)
    widths = np.diff(false_alarms)
    return float((widths * (hits[1:] + hits[:-1]) / 2).sum())


def _check(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"expected (N,) labels and as many scores, got {labels.shape} and {scores.shape}")
    if set(np.unique(labels).tolist()) != {0, 1}:
        raise ValueError(f"expected labels 0 and 1, both of them, got {np.unique(labels).tolist()}")
    if not np.isfinite(scores).all():
        raise ValueError(f"expected scores that are numbers, got {np.count_nonzero(~np.isfinite(scores))} that are not")
    return labels, scores
