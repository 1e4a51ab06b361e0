"""Charts drawn as RGB images without a display."""

import typing

import matplotlib.backends.backend_agg
import matplotlib.figure
import matplotlib.ticker
import numpy as np

PANELS = (
    ("reconstruction", "pixel error of the face"),
    ("dssim", "structural dissimilarity"),
    ("edges", "error of the edges"),
    ("mask_mean", "attention mask inside the face, 1 = only new face"),
)
"""Loss terms that `draw_losses` draws, with their description."""

COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive")
"""Colors of the series of a chart, in order."""

LEVEL_COLORS = ("tab:gray", "black")
"""Colors of the reference lines, in order."""

LINES = (("-", ".", 2), (":", "x", 4), ("-.", "+", 5))
"""Line style, marker and size of the marker of series; where the colors are used up, they begin again with the next."""

LEVEL_LINES = ("--", (0, (1, 1)), (0, (6, 2, 1, 2)))
"""Line styles of reference lines, as `LINES`."""

PEOPLE = {"a": "tab:blue", "b": "tab:orange"}
"""Color of each person's curve, by the suffix of the term."""


def draw_losses(history: list[dict[str, float]]) -> np.ndarray:
    """Draws the main loss terms of both people over the training steps.

    Args:
        history: Lines of `history.jsonl`, each with `step` and named terms that end in `_a` or `_b`.

    Returns:
        (H, W, 3) uint8 RGB image.

    Raises:
        ValueError: If the history is empty.
    """
    if not history:
        raise ValueError("expected at least one line of history, got none; train first")
    figure = matplotlib.figure.Figure(figsize=(10, 5.2), dpi=100, layout="constrained")
    for axes, (term, meaning) in zip(figure.subplots(2, 2).ravel(), PANELS, strict=True):
        for side, color in PEOPLE.items():
            steps, values = read_term(history, f"{term}_{side}")
            if not steps:  # a loss of weight 0 is not computed
                continue
            axes.plot(steps, values, color=color, alpha=0.3, linewidth=0.8)
            axes.plot(steps, _smooth(values), color=color, label=side.upper())
        axes.set_title(f"{term}: {meaning}", fontsize=9)
        axes.set_ylim(0, 1.05 if term == "mask_mean" else None)
        axes.tick_params(labelsize=8)
        if axes.lines:
            axes.legend(fontsize=8, frameon=False)
        else:
            axes.text(0.5, 0.5, "not computed", ha="center", va="center", transform=axes.transAxes)
    return render_figure(figure)


def read_term(
    history: typing.Iterable[typing.Mapping[str, float]], name: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the steps at which a loss term was logged, and its values; both empty if it never was."""
    points = [(line["step"], line[name]) for line in history if name in line]
    return tuple(step for step, _ in points), tuple(value for _, value in points)


def draw_series(
    series: dict[str, np.ndarray], fps: float, *, title: str, unit: str, levels: dict[str, float] | None = None
) -> np.ndarray:
    """Draws values over time, with a histogram beside the curves.

    Args:
        series: Values (T,) per frame, by name; NaN where a frame has no value. Each series needs at least one value.
        fps: Frames per second.
        title: Title above the chart.
        unit: Label of the y-axis.
        levels: Reference values by name, drawn as dashed lines.

    Returns:
        (H, W, 3) uint8 RGB with two image pixels per page pixel, so that it is sharp on any screen.

    Raises:
        ValueError: If there is no series, a series has no value, or there are more series or levels than can be told
            apart by colors and line styles.
    """
    for names, most in ((series, len(COLORS) * len(LINES)), (levels or {}, len(LEVEL_COLORS) * len(LEVEL_LINES))):
        if len(names) > most:
            raise ValueError(f"expected at most {most} curves of a kind in a chart, got {len(names)}; draw several")
    figure = matplotlib.figure.Figure(figsize=(5.2, 2.6), dpi=200, layout="constrained")
    curves, counts = figure.subplots(1, 2, sharey=True, width_ratios=[4, 1])
    known = {name: values[np.isfinite(values)] for name, values in series.items()}
    empty = [name for name, values in known.items() if not len(values)]
    if empty or not known:
        raise ValueError(f"expected a number in every series, got none in {', '.join(empty) or 'no series'}")
    bounds = _widen(min(values.min() for values in known.values()), max(values.max() for values in known.values()))
    for number, (name, values) in enumerate(series.items()):
        color, (line, marker, size) = _choose_style(number, COLORS, LINES)
        style = {"color": color, "linestyle": line, "linewidth": 1, "marker": marker, "markersize": size}
        curves.plot(*_join(values, fps), label=name, **style)
        counts.hist(known[name], bins=24, range=bounds, orientation="horizontal", color=color, alpha=0.6)
    for number, (name, level) in enumerate((levels or {}).items()):
        color, line = _choose_style(number, LEVEL_COLORS, LEVEL_LINES)
        curves.axhline(level, color=color, linestyle=line, linewidth=1, label=name)
        counts.axhline(level, color=color, linestyle=line, linewidth=1)
    curves.set_title(title, fontsize=10, loc="left")
    curves.set_ylabel(unit, fontsize=9)
    curves.set_xlabel("seconds", fontsize=9)
    counts.set_xlabel("frames", fontsize=9)
    for axes, ticks in ((curves, 5), (counts, 2)):
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(ticks))
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    curves.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
    curves.ticklabel_format(useOffset=False)
    if len(series) + len(levels or {}) > 1:
        figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=4)
    return render_figure(figure)


def render_figure(figure: matplotlib.figure.Figure) -> np.ndarray:
    """Renders a figure as an (H, W, 3) uint8 RGB image."""
    canvas = matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _choose_style(number: int, colors: typing.Sequence[str], lines: typing.Sequence) -> tuple[str, typing.Any]:
    """Returns the color and the line style of a curve."""
    return colors[number % len(colors)], lines[number // len(colors)]


def _widen(low: float, high: float) -> tuple[float, float]:
    """Returns the bounds of the histogram; widens them if they are almost equal."""
    return (low, high) if high - low > 1e-6 else (low - 0.5, high + 0.5)


def _join(values: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Computes the times in seconds and the values of a curve; bridges regular sampling gaps but not longer gaps."""
    (indices,) = np.isfinite(values).nonzero()
    steps = np.diff(indices)
    gaps = (steps > 2 * np.median(steps)).nonzero()[0] + 1 if len(steps) else []
    return np.insert(indices / fps, gaps, np.nan), np.insert(values[indices].astype(float), gaps, np.nan)


def _smooth(values: tuple[float, ...], reach: int = 3) -> list[float]:
    """Smooths values with a moving average over `reach` neighbors on each side."""
    windows = (values[max(0, index - reach) : index + reach + 1] for index in range(len(values)))
    return [sum(window) / len(window) for window in windows]
