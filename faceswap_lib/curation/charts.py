"""Histograms of the columns of a faceset."""

import matplotlib.figure
import matplotlib.ticker
import numpy as np

from faceswap_lib.curation.columns import Column
from faceswap_lib.curation.rejects import KEEP_COLOR, KINDS
from faceswap_lib.evaluation.charts import render_figure

BINS = 40


def draw_histogram(column: Column, values: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Draws the histogram of a column, with the proposed rejects in their colors.

    Args:
        column: The column.
        values: (N,) float; NaN is left out.
        kinds: (N,) names of `rejects.KINDS`, "" for crops to keep.

    Returns:
        (H, W, 3) uint8 RGB with two image pixels per page pixel, so that it is sharp on any screen.

    Raises:
        ValueError: If all values are NaN.
    """
    known = np.isfinite(values)
    if not known.any():
        raise ValueError(f"{column.name}: expected a number, got none")
    groups = [("", KEEP_COLOR), *((name, kind.color) for name, kind in KINDS.items())]
    parts = [(values[known & (kinds == name)], color) for name, color in groups]
    parts = [(part, color) for part, color in parts if len(part)]
    figure = matplotlib.figure.Figure(figsize=(4.4, 2.1), dpi=200, layout="constrained")
    axes = figure.subplots()
    low, high = values[known].min(), values[known].max()
    limits = (low, high) if high > low else (low - 0.5, high + 0.5)
    axes.hist([part for part, _ in parts], bins=BINS, range=limits, stacked=True, color=[color for _, color in parts])
    axes.set_title(f"{column.name}: {column.text}", fontsize=8, loc="left", wrap=True)
    axes.set_xlabel(column.unit, fontsize=8)
    axes.set_ylabel("crops", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(3, integer=True))
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    return render_figure(figure)
