"""How a new face gets into its frame: where it shows, and what its colors are before and after a match."""

import math
import typing

import cv2
import numpy as np

from faceswap_lib.conversion.compositor import CompositeResult
from faceswap_lib.show.images import WIDTH, Picture

WEIGHT_COLOR = (70, 200, 90)
"""What is laid over a frame where the new face shows alone."""

WEIGHT_OPACITY = 0.55

CLOUD_POINTS = 1500
"""Colors of a cloud that are drawn, at most."""

RING_DEVIATIONS = 2.0
"""Half axes of a cloud's ring in standard deviations: 86 % of a normal distribution lie inside."""


def draw_weight(frame: np.ndarray, painted: CompositeResult) -> np.ndarray:
    """Shows where and how far a painted face shows: green over the frame, whose own colors are taken out.

    Args:
        frame: (H, W, 3) uint8 RGB, the frame that was painted on.
        painted: What `Compositor.paint` gave for it.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    drawn = np.repeat(gray[..., None], 3, axis=2)
    (x, y), (height, width) = painted.corner, painted.weight.shape
    region = drawn[y : y + height, x : x + width]
    region += WEIGHT_OPACITY * painted.weight[..., None] * (np.array(WEIGHT_COLOR, np.float32) - region)
    return np.clip(np.round(drawn), 0, 255).astype(np.uint8)


def plot_color_clusters(
    clouds: typing.Mapping[str, np.ndarray], wanted: np.ndarray, *, columns: int = 4, width: float = WIDTH
) -> Picture:
    """Draws sets of colors as clouds of points, each in its own color, against a wanted set's middle and spread.

    A point's place is its yellowness (b* of CIELAB, to the right) and its lightness (L*, upwards). The ring is drawn
    around the wanted set, two standard deviations wide along its principal axes.

    Args:
        clouds: By name (N, 3) uint8 RGB colors.
        wanted: (M, 3) uint8 RGB, the set whose ring is drawn in every chart.
        columns: Charts per row.
        width: Width of the figure in inches.

    Returns:
        The figure, one axes per cloud.

    Raises:
        ValueError: If there is no cloud, or one is of another shape or type.
    """
    if not clouds:
        raise ValueError("expected at least one cloud, got none")
    for name, colors in {**clouds, "wanted": wanted}.items():
        if colors.ndim != 2 or colors.shape[1] != 3 or colors.dtype != np.uint8 or len(colors) < 2:
            raise ValueError(f"{name}: expected (N, 3) uint8 with 2 colors or more, got {colors.shape} {colors.dtype}")
    places = {name: _places(colors) for name, colors in clouds.items()}
    ring = _ring(_places(wanted))
    everything = np.concatenate([ring, *places.values()])
    low, high = np.percentile(everything, 0.5, axis=0) - 4, np.percentile(everything, 99.5, axis=0) + 4
    columns = min(columns, len(clouds))
    rows = math.ceil(len(clouds) / columns)
    figure = Picture(figsize=(width, rows * (width / columns + 0.1)), dpi=100, layout="constrained")
    for index, (name, colors) in enumerate(clouds.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        step = math.ceil(len(colors) / CLOUD_POINTS)
        axes.scatter(*places[name][::step].T, c=colors[::step] / 255, s=4, linewidths=0)
        axes.plot(*ring.T, color="black", lw=1.2)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.locator_params(nbins=4)
        axes.spines[["top", "right"]].set_visible(False)
        if index % columns == 0:
            axes.set_ylabel("dark to light", fontsize=8)
        if index + columns >= len(clouds):
            axes.set_xlabel("blue to yellow", fontsize=8)
    return figure


def _places(colors: np.ndarray) -> np.ndarray:
    """(N, 2) b* and L* of (N, 3) uint8 colors."""
    lab = cv2.cvtColor(colors[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    return lab[:, [2, 0]]


def _ring(places: np.ndarray) -> np.ndarray:
    """(73, 2) a closed line around points, `RING_DEVIATIONS` from their mean along their principal axes."""
    values, vectors = np.linalg.eigh(np.cov(places.T))
    angles = np.linspace(0, 2 * np.pi, 73)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return places.mean(axis=0) + RING_DEVIATIONS * (circle * np.sqrt(np.maximum(values, 0))) @ vectors.T
