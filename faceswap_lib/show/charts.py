"""Charts of numbers: how steady a coordinate is, opinions with their doubt, what a whole is made of."""

import math
import typing

import numpy as np

from faceswap_lib.show.images import WIDTH, Picture

CURVE_COLORS = ("0.6", "tab:blue", "tab:red", "tab:green", "tab:orange")


def plot_series(
    named: typing.Mapping[str, np.ndarray],
    *,
    unit: str,
    zoom: tuple[int, int] | None = None,
    caption: str = "",
) -> Picture:
    """Draws a coordinate over time as several filters give it, a piece of it enlarged, and how much each shakes.

    Args:
        named: (N,) per frame, by the name of what made it; the first is drawn in gray.
        unit: What they are measured in.
        zoom: First frame of the enlarged piece and the one after its last; by default the middle fifth.
        caption: A text over the figure.

    Returns:
        The figure, with three axes: all frames, the piece, the shake as a share of the first curve's.

    Raises:
        ValueError: If a curve is too short to shake.
    """
    lengths = {len(values) for values in named.values()}
    if len(lengths) != 1 or min(lengths) < 3:
        raise ValueError(f"expected curves of one length, at least 3, got {sorted(lengths)}")
    (length,) = lengths
    start, stop = zoom or (length * 2 // 5, max(length * 3 // 5, length * 2 // 5 + 3))
    figure = Picture(figsize=(WIDTH, 2.9), dpi=100, layout="constrained")
    whole, piece, shake = figure.subplots(1, 3, width_ratios=[4, 3, 2])
    for number, (name, values) in enumerate(named.items()):
        color = CURVE_COLORS[number % len(CURVE_COLORS)]
        whole.plot(values, lw=1, color=color, label=name)
        piece.plot(range(start, stop), values[start:stop], lw=1.4, color=color, marker="." if number == 0 else None)
    whole.axvspan(start, stop - 1, color="0.93", zorder=0)
    whole.set(xlabel="frame", ylabel=unit)
    piece.set(xlabel="frame", title="the gray piece, enlarged")
    shakes = np.array([np.abs(np.diff(values, 2)).mean() for values in named.values()])
    shares = shakes / shakes[0] if shakes[0] > 0 else np.ones(len(shakes))
    colors = [CURVE_COLORS[number % len(CURVE_COLORS)] for number in range(len(named))]
    bars = shake.barh(range(len(named)), 100 * shares, color=colors)
    shake.bar_label(bars, fmt="%.0f %%", fontsize=8, padding=2)
    shake.set_yticks(range(len(named)), list(named), fontsize=8)
    shake.set(title="shake", xlim=(0, 130 * max(1.0, shares.max())))
    shake.invert_yaxis()
    shake.set_xticks([])
    for axes in (whole, piece, shake):
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    whole.set_title(caption, fontsize=9)
    return figure


def plot_gaussians(named: typing.Mapping[str, tuple[float, float]], *, unit: str, caption: str = "") -> Picture:
    """Draws opinions about one number as bell curves: the narrower, the surer.

    Args:
        named: Mean and variance, above 0, by the name of who says so.
        unit: What the number is measured in.
        caption: A text over the figure.

    Returns:
        The figure.

    Raises:
        ValueError: If a variance is not above 0.
    """
    if any(not variance > 0 for _, variance in named.values()):
        raise ValueError(f"expected means with variances above 0, got {dict(named)}")
    reach = 3.5 * max(variance for _, variance in named.values()) ** 0.5
    means = [mean for mean, _ in named.values()]
    x = np.linspace(min(means) - reach, max(means) + reach, 400)
    figure = Picture(figsize=(0.75 * WIDTH, 2.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name, (mean, variance) in named.items():
        axes.plot(x, np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance), label=name)
    axes.set(xlabel=unit, yticks=[], ylim=(0, None))
    axes.set_title(caption, fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    return figure


def plot_stacked_bars(named: typing.Mapping[str, typing.Mapping[str, float]]) -> Picture:
    """Draws what a whole is made of, one bar per whole.

    Args:
        named: Per whole its parts' amounts; the same parts everywhere. Parts that are 0 are left out.

    Returns:
        The figure.

    Raises:
        ValueError: If a whole is nothing.
    """
    for name, parts in named.items():
        if not sum(parts.values()) > 0 or not all(math.isfinite(value) for value in parts.values()):
            raise ValueError(f"expected amounts with a sum above 0 for '{name}', got {dict(parts)}")
    figure = Picture(figsize=(WIDTH, 0.5 + 0.42 * len(named)), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    names = list(next(iter(named.values())))
    start = np.zeros(len(named))
    for number, part in enumerate(names):
        values = np.array([100 * parts[part] / sum(parts.values()) for parts in named.values()])
        bars = axes.barh(range(len(named)), values, left=start, label=part, color=f"C{number}", height=0.7)
        labels = [f"{value:.0f} %" if value >= 4 else "" for value in values]
        axes.bar_label(bars, labels, label_type="center", fontsize=8, color="white")
        start += values
    axes.set_yticks(range(len(named)), list(named), fontsize=9)
    axes.set(xlim=(0, 100), xticks=[])
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.legend(fontsize=8, frameon=False, ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure
