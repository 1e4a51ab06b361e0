"""Charts: time series of a coordinate, Gaussian distributions, and stacked bars."""

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
    """Draws a coordinate over time for several filters, an enlarged section of it, and the jitter of each curve.

    Args:
        named: Values (N,) per frame by the name of the filter; the first curve is gray.
        unit: Unit of the values.
        zoom: First frame of the enlarged section and its last frame plus 1; by default the middle fifth.
        caption: Text above the figure.

    Returns:
        The figure with three axes: all frames, the section, and the jitter (mean absolute second difference) relative
        to the first curve.

    Raises:
        ValueError: If the curves differ in length or have fewer than 3 values.
    """
    lengths = {len(values) for values in named.values()}
    if len(lengths) != 1 or min(lengths) < 3:
        raise ValueError(f"expected curves of one length, at least 3, got {sorted(lengths)}")
    (length,) = lengths
    start, stop = zoom or (length * 2 // 5, max(length * 3 // 5, length * 2 // 5 + 3))
    figure = Picture(figsize=(WIDTH, 2.9), dpi=100, layout="constrained")
    whole, section, jitter = figure.subplots(1, 3, width_ratios=[4, 3, 2])
    for number, (name, values) in enumerate(named.items()):
        color = CURVE_COLORS[number % len(CURVE_COLORS)]
        whole.plot(values, lw=1, color=color, label=name)
        section.plot(range(start, stop), values[start:stop], lw=1.4, color=color, marker="." if number == 0 else None)
    whole.axvspan(start, stop - 1, color="0.93", zorder=0)
    whole.set(xlabel="frame", ylabel=unit)
    section.set(xlabel="frame", title="gray section, enlarged")
    jitters = np.array([np.abs(np.diff(values, 2)).mean() for values in named.values()])
    ratios = jitters / jitters[0] if jitters[0] > 0 else np.ones(len(jitters))
    colors = [CURVE_COLORS[number % len(CURVE_COLORS)] for number in range(len(named))]
    bars = jitter.barh(range(len(named)), 100 * ratios, color=colors)
    jitter.bar_label(bars, fmt="%.0f %%", fontsize=8, padding=2)
    jitter.set_yticks(range(len(named)), list(named), fontsize=8)
    jitter.set(title="jitter", xlim=(0, 130 * max(1.0, ratios.max())))
    jitter.invert_yaxis()
    jitter.set_xticks([])
    for axes in (whole, section, jitter):
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    whole.set_title(caption, fontsize=9)
    return figure


def plot_gaussians(named: typing.Mapping[str, tuple[float, float]], *, unit: str, caption: str = "") -> Picture:
    """Draws several Gaussian distributions of one quantity; a narrower curve means a more certain estimate.

    Args:
        named: Mean and variance (above 0) of each distribution, by name.
        unit: Label of the x-axis with the unit.
        caption: Text above the figure.

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
    """Draws the composition of several totals in percent, one stacked bar per total.

    Args:
        named: Amounts by part for each total; all totals have the same parts. Parts below 4 % have no label.

    Returns:
        The figure.

    Raises:
        ValueError: If the amounts of a total are not finite or do not sum to more than 0.
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
