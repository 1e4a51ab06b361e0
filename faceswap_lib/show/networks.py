"""Visualization of networks: tables of numbers, feature channels, heatmaps on a face, and the architecture."""

import math
import typing

import cv2
import numpy as np
from matplotlib.axes import Axes

from faceswap_lib.networks import NetworkConfig
from faceswap_lib.show.images import WIDTH, Picture

SHORTEST_BAR, BAR_STEP = 0.35, 0.3
"""Height of the bar of a 4x4 layer in `plot_architecture`, and the increase for each doubling of the side."""

COLORS = {"image": "0.75", "encoder": "#7fb3d5", "code": "#c0392b", "places": "#e59866", "decoder": "#82c99d"}


def plot_matrices(
    arrays: typing.Sequence[np.ndarray],
    *,
    captions: typing.Sequence[str] | None = None,
    decimals: int = 2,
    cell: float = 0.5,
) -> Picture:
    """Shows small arrays side by side as tables; larger numbers have darker cells.

    Args:
        arrays: Arrays (H, W).
        captions: One text per array.
        decimals: Digits after the decimal point; integers have none.
        cell: Width of a cell in inches; smaller if the tables would be wider than the page.

    Returns:
        The figure, one axes per array.

    Raises:
        ValueError: If an array does not have two dimensions, or the number of captions is wrong.
    """
    arrays = [np.asarray(array) for array in arrays]
    for array in arrays:
        if array.ndim != 2:
            raise ValueError(f"expected arrays of shape (H, W), got {array.shape}; take one image and one channel")
    if captions is not None and len(captions) != len(arrays):
        raise ValueError(f"expected one caption per array ({len(arrays)}), got {len(captions)}")
    widths = [array.shape[1] for array in arrays]
    cell = min(cell, WIDTH / (sum(widths) + len(arrays)))
    tallest = max(array.shape[0] for array in arrays)
    size = (cell * (sum(widths) + 0.6 * len(arrays)), cell * tallest + 0.3)
    figure = Picture(figsize=size, dpi=100, layout="constrained")
    axes = figure.subplots(1, len(arrays), width_ratios=widths, squeeze=False)[0]
    for index, (place, array) in enumerate(zip(axes, arrays, strict=True)):
        _draw_table(place, array, decimals, fontsize=min(9, 17 * cell))
        place.set_title(captions[index] if captions else "", fontsize=9)
    return figure


def _draw_table(axes: Axes, array: np.ndarray, decimals: int, fontsize: float) -> None:
    """Draws an array as a table on axes."""
    # The factor 2.2 keeps the darkest cell at a medium tone, so that black numbers stay readable.
    low, high = float(array.min()), float(array.max())
    axes.imshow(array, cmap="Blues", vmin=low, vmax=low + 2.2 * max(high - low, 1e-9))
    digits = 0 if array.dtype.kind in "iub" else decimals
    for (row, column), value in np.ndenumerate(array):
        axes.text(column, row, f"{value:.{digits}f}", ha="center", va="center", fontsize=fontsize)
    axes.set_xticks(np.arange(-0.5, array.shape[1]), [])
    axes.set_yticks(np.arange(-0.5, array.shape[0]), [])
    axes.grid(color="white", lw=1)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def split_channels(features: np.ndarray, count: int = 8) -> list[np.ndarray]:
    """Selects the channels of a feature map with the largest standard deviation and scales each to [0, 1].

    Args:
        features: (h, w, C) feature map.
        count: Number of channels, at most C.

    Returns:
        Arrays (h, w) float32, where 0 is the minimum and 1 the maximum of the channel; in the order of the channels.
    """
    features = np.asarray(features, np.float32)
    spread = features.std(axis=(0, 1))
    chosen = np.sort(np.argsort(-spread)[:count])
    lowest, highest = features.min(axis=(0, 1)), features.max(axis=(0, 1))
    scaled = (features - lowest) / np.maximum(highest - lowest, 1e-9)
    return [scaled[..., index] for index in chosen]


def overlay_heatmap(picture: np.ndarray, values: np.ndarray, *, place: tuple[int, int] | None = None) -> np.ndarray:
    """Overlays a heatmap on a darkened image; large values are bright.

    Args:
        picture: (H, W, 3) uint8 RGB image.
        values: (h, w) non-negative numbers, resized to the image without interpolation; the maximum is brightest.
        place: Row and column of a cell of the map to outline; None outlines no cell.

    Returns:
        (n H, n W, 3) uint8 RGB, enlarged by the smallest integer n for a height of at least 256 pixels.

    Raises:
        ValueError: If a value is negative.
    """
    if values.min() < 0:
        raise ValueError(f"expected values from 0, got {values.min():.3g}")
    factor = math.ceil(256 / picture.shape[0])
    side = (picture.shape[1] * factor, picture.shape[0] * factor)
    alpha = (values / max(float(values.max()), 1e-12)).astype(np.float32)
    alpha = cv2.resize(alpha, side, interpolation=cv2.INTER_NEAREST)[..., None]
    large = cv2.resize(picture, side, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    drawn = large * (0.4 * (1 - alpha)) + alpha * (0.3 * large + 0.7 * np.array([255, 200, 40]))
    drawn = np.ascontiguousarray(drawn.round().clip(0, 255).astype(np.uint8))
    if place is not None:
        height, width = side[1] / values.shape[0], side[0] / values.shape[1]
        top_left = (round(place[1] * width), round(place[0] * height))
        bottom_right = (round((place[1] + 1) * width) - 1, round((place[0] + 1) * height) - 1)
        cv2.rectangle(drawn, top_left, bottom_right, (60, 220, 90), 2)
    return drawn


def plot_architecture(config: NetworkConfig) -> Picture:
    """Draws encoder, latent code and both decoders of the "skip" architecture, one bar per layer.

    The height of a bar grows with the side of the layer's feature map, its width with the number of channels.

    Args:
        config: Options of the networks.

    Returns:
        The figure; each bar is labeled with its side in pixels above and its number of channels below.

    Raises:
        ValueError: If the architecture is not "skip".
    """
    if config.architecture != "skip":
        raise ValueError(f"expected architecture skip, got {config.architecture}; print its layers instead")
    down, code, up, decoder = _stages(config)
    figure = Picture(figsize=(WIDTH, 4.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    x = _draw_bars(axes, down, 0.0, 0.0, "encoder")
    eight = [at for (side, _), at in zip(down, x, strict=True) if side == 8][0]
    code_at = x[-1] + 0.62
    axes.bar(code_at, 0.9, 0.12, bottom=-0.45, color=COLORS["code"])
    axes.annotate(f"code\n{code}", (code_at, -0.5), ha="center", va="top", fontsize=8)
    x = _draw_bars(axes, up, code_at + 0.62, 0.0, "encoder")
    bow = {"arrowstyle": "->", "color": COLORS["places"], "lw": 2, "connectionstyle": "arc3,rad=-0.45"}
    top = _height(8) / 2 + 0.05
    axes.annotate("", (x[-1], top), (eight, top), arrowprops=bow)
    axes.annotate(f"{config.widths.places} skip channels", (code_at, 1.5), ha="center", fontsize=8)
    for name, level in (("A", 1.45), ("B", -1.45)):
        ends = _draw_bars(axes, decoder, x[-1] + 1.1, level, "decoder")
        arrow = {"arrowstyle": "->", "color": "0.4"}
        axes.annotate("", (ends[0] - 0.3, level), (x[-1] + 0.3, 0), arrowprops=arrow)
        text = f"decoder {name}: mask and face of {name}"
        above = 1 if name == "A" else -1
        at = (ends[1], level + above * (_height(config.resolution) / 2 + 0.3))
        axes.annotate(text, at, ha="center", va="bottom" if above > 0 else "top", fontsize=9)
    axes.annotate("encoder, reads both", (1.2, -_height(config.resolution) / 2 - 0.75), ha="center", fontsize=9)
    axes.set_xlim(-0.4, ends[-1] + 0.5)
    axes.set_ylim(-3.1, 3.1)
    axes.set_axis_off()
    return figure


def _stages(config: NetworkConfig):
    """Returns side and channels of the encoder down to 4x4, the code length, the stages up to 8x8, and one decoder."""
    widths, side = config.widths, config.resolution
    down = [(side, 3), *((side >> index + 1, width) for index, width in enumerate(widths.encoder))]
    up = [(4, widths.encoder[-1]), (8, widths.decoder[0] + widths.places)]
    decoder = [(16 << index, width) for index, width in enumerate(widths.decoder[1:])]
    return down, widths.code, up, [*decoder, (side, 4)]


def _height(side: int) -> float:
    """Computes the height of the bar of a layer."""
    return SHORTEST_BAR + BAR_STEP * math.log2(side / 4)


def _draw_bars(axes: Axes, stages: list[tuple[int, int]], start: float, level: float, kind: str) -> list[float]:
    """Draws one bar per stage and returns their x positions."""
    positions = [start + 0.62 * index for index in range(len(stages))]
    for at, (side, width) in zip(positions, stages, strict=True):
        height = _height(side)
        color = COLORS["image" if width <= 4 else kind]
        axes.bar(at, height, 0.1 + 0.36 * math.sqrt(width / 400), bottom=level - height / 2, color=color)
        axes.annotate(f"{side}", (at, level + height / 2), ha="center", va="bottom", fontsize=8)
        axes.annotate(f"{width}", (at, level - height / 2), ha="center", va="top", fontsize=8, color="0.35")
    return positions
