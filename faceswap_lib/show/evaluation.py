"""Reports in a notebook: a table of metrics of several results, and the worst frames of a result."""

import html
import typing

import numpy as np

from faceswap_lib.config_fields import nearest
from faceswap_lib.evaluation.html_report import BETTER, format_number, mark_best
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.report import Report
from faceswap_lib.show.images import Picture, plot_images
from faceswap_lib.show.notebook import ipython_display

APART = 0.4
"""Minimum time in seconds between two shown frames, because neighboring frames look alike."""

_STYLE = (
    ".faceswap-metrics { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }"
    ".faceswap-metrics th, .faceswap-metrics td { padding: 3px 12px 3px 0; text-align: left !important; }"
    ".faceswap-metrics tbody tr { border-top: 1px solid #8884; }"
)


def tabulate_metrics(
    results: typing.Mapping[str, typing.Mapping[str, float | None]], names: typing.Sequence[str] | None = None
) -> typing.Any:
    """Builds a table of metrics, one column per result; the best value of a metric is bold.

    Args:
        results: Metrics of a report or of a baseline, by the name of the result.
        names: Metrics in the order of the rows; None shows all metrics that any result has.

    Returns:
        A table that a notebook shows. A metric whose `Metric.better` is "none" has no bold value.

    Raises:
        ImportError: If IPython is missing.
        ValueError: If there is no result, or a metric is unknown.
    """
    if not results:
        raise ValueError("expected at least one result, got none")
    _check_names(names or ())
    if names is None:
        names = [name for name in METRICS if any(values.get(name) is not None for values in results.values())]
    head = "".join(f"<th>{html.escape(text)}</th>" for text in ("", *results, "better", "description"))
    rows = []
    for name in names:
        metric = METRICS[name]
        cells = mark_best([values.get(name) for values in results.values()], metric.better)
        shown = [f"<b>{cell}</b>" if type(cell) is not str else cell for cell in cells]
        text = f"{metric.text} ({metric.unit})" if metric.unit else metric.text
        row = [f"<code>{name}</code>", *shown, BETTER[metric.better], html.escape(text)]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>")
    table = f'<table class="faceswap-metrics"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return ipython_display().HTML(f"<style>{_STYLE}</style>{table}")


def plot_worst_frames(
    report: Report, shown: typing.Sequence[np.ndarray], names: typing.Sequence[str], *, count: int = 3
) -> Picture:
    """Shows the worst frames of a result, one row per metric.

    Args:
        report: The report, with values per frame for each metric.
        shown: One (H, W, 3) uint8 RGB image for every frame of the report, for instance the face before and after side
            by side.
        names: Metrics that have a better direction.
        count: Number of frames per metric, the worst first, at least `APART` seconds apart.

    Returns:
        The figure: `count` images per row, each with the metric, its value and the frame index above it.

    Raises:
        ValueError: If there is not one image per frame, or if a metric is unknown, has no better direction, or was not
            measured in any frame.
    """
    if len(shown) != report.frames:
        raise ValueError(f"expected an image for each of the report's {report.frames} frames, got {len(shown)}")
    _check_names(names)
    chosen, captions = [], []
    for name in names:
        numbers = np.asarray(report.series.get(name, []), float)
        if METRICS[name].better == "none" or not np.isfinite(numbers).any():
            raise ValueError(f"expected measured metrics with a better direction, got '{name}'")
        worst = pick_worst(numbers, METRICS[name].better, count, max(1, round(APART * report.fps)))
        chosen += [shown[index] for index in worst] + [np.full_like(shown[0], 255)] * (count - len(worst))
        captions += [f"{name} {format_number(numbers[index])}, frame {index}" for index in worst]
        captions += [""] * (count - len(worst))
    return plot_images(chosen, captions=captions, columns=count)


def pick_worst(numbers: np.ndarray, better: str, count: int, apart: int) -> list[int]:
    """Selects the worst frames that have a minimum distance from each other.

    Args:
        numbers: (T,) values per frame; NaN where a frame has no value.
        better: As in `evaluation.metrics.Metric`, but not "none".
        count: Maximum number of frames.
        apart: Minimum distance of two frames, in frames.

    Returns:
        Frame indices, the worst first.

    Example:
        >>> pick_worst(np.array([0.1, 0.9, 0.8, 0.2]), "lower", 2, 1)
        [1, 2]
    """
    cost = {"lower": numbers, "higher": -numbers, "one": np.abs(np.log(np.maximum(numbers, 1e-6)))}[better]
    order = [int(index) for index in np.argsort(-cost, kind="stable") if np.isfinite(cost[index])]
    worst: list[int] = []
    for index in order:
        if len(worst) < count and all(abs(index - other) >= apart for other in worst):
            worst.append(index)
    return worst


def _check_names(names: typing.Iterable[str]) -> None:
    """Raises `ValueError` if a metric is unknown."""
    for name in names:
        if name not in METRICS:
            raise ValueError(f"no metric '{name}'{nearest(name, METRICS)}")
