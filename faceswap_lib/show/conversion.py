"""Visualization of the conversion: the blend weight in the frame, and colors before and after a color match."""

import math
import typing

import cv2
import numpy as np

from faceswap_lib.conversion.compositor import CompositeResult
from faceswap_lib.show.images import WIDTH, Picture

WEIGHT_COLOR = (70, 200, 90)
"""Color of the overlay on a frame where the new face replaces the old one completely."""

WEIGHT_OPACITY = 0.55
"""Opacity of this overlay."""

CLOUD_POINTS = 1500
"""Maximum number of points that are drawn per cloud."""

RING_DEVIATIONS = 2.0
"""Half axes of the ellipse around a cloud in standard deviations; 86 % of a normal distribution are inside."""


def draw_weight(frame: np.ndarray, painted: CompositeResult) -> np.ndarray:
    """Draws the blend weight of a composited face as a green overlay on the gray frame.

    Args:
        frame: (H, W, 3) uint8 RGB, the frame before the face was composited.
        painted: Result of the compositor for this frame.

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
    """Draws sets of colors as point clouds, and in each chart the mean and spread of a reference set as an ellipse.

    The position of a point is its yellowness (b* of CIELAB, to the right) and its lightness (L*, upward). The half
    axes of the ellipse are two standard deviations along the principal axes of the reference set.

    Args:
        clouds: (N, 3) uint8 RGB colors, by name.
        wanted: (M, 3) uint8 RGB colors of the reference set.
        columns: Charts per row.
        width: Width of the figure in inches.

    Returns:
        The figure, one axes per cloud.

    Raises:
        ValueError: If there is no cloud, or the shape or dtype of one is wrong.
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
    """Converts (N, 3) uint8 RGB colors to (N, 2) b* and L* of CIELAB."""
    lab = cv2.cvtColor(colors[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0]
    return lab[:, [2, 0]]


def _ring(places: np.ndarray) -> np.ndarray:
    """Computes an ellipse around (N, 2) points, as a closed curve of (73, 2) points.

    The half axes are `RING_DEVIATIONS` standard deviations of the points along their principal axes.
    """
    values, vectors = np.linalg.eigh(np.cov(places.T))
    angles = np.linspace(0, 2 * np.pi, 73)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return places.mean(axis=0) + RING_DEVIATIONS * (circle * np.sqrt(np.maximum(values, 0))) @ vectors.T
