"""ROC curves and scores of a detector."""

import typing

import numpy as np

from faceswap_lib.evaluation.roc import auc, roc_curve
from faceswap_lib.show.images import WIDTH, Picture

REAL, SWAPPED = "tab:blue", "tab:orange"
"""Colors of the scores of recordings and of swaps."""


def plot_roc(truth: np.ndarray, answers: typing.Mapping[str, np.ndarray]) -> Picture:
    """Draws the ROC curve and all scores of each experiment, with the threshold at 0.

    Args:
        truth: (N,) 1 for a swap, 0 for a recording; the same for every experiment.
        answers: Scores (N,) by name of the experiment.

    Returns:
        The figure: curves on the left, scores on the right.

    Raises:
        ValueError: If there are no scores, or as `roc_curve` does.
    """
    if not answers:
        raise ValueError("expected scores of at least one experiment, got none")
    figure = Picture(figsize=(WIDTH, 1.8 + 0.4 * len(answers)), dpi=100, layout="constrained")
    curves, places = figure.subplots(1, 2)
    height = np.linspace(-0.12, 0.12, len(truth))
    for place, (name, scores) in enumerate(answers.items()):
        width = 1.5 * (len(answers) - place)  # thinner curves on top, so that equal curves all stay visible
        curves.plot(*roc_curve(truth, scores), lw=width, label=f"{name}, AUC {auc(truth, scores):.2f}")
        for kind, color, offset in ((0, REAL, 0.18), (1, SWAPPED, -0.18)):
            chosen = truth == kind
            label = ("real", "swapped")[kind] if place == 0 else None
            places.scatter(scores[chosen], place + offset + height[chosen], s=5, c=color, linewidths=0, label=label)
    curves.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC curves")
    curves.legend(frameon=False, fontsize=8, loc="center")
    places.axvline(0, color="0.6", lw=1)
    places.set(yticks=range(len(answers)), yticklabels=list(answers), xlabel="score", title="scores, threshold at 0")
    places.set_ylim(len(answers) - 0.5, -0.5)
    places.legend(frameon=False, fontsize=8)
    return figure
