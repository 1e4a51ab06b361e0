"""What detectors, landmark networks and masks say about a face, drawn on its picture."""

import typing

import cv2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import withStroke

from faceswap_lib.faces.mtcnn_trace import P_NET_WINDOW, DetectionStages
from faceswap_lib.show.images import WIDTH, Picture, plot_images

GROUPS = {
    "outline": (0, 17, "tab:blue"),
    "brows": (17, 27, "tab:orange"),
    "nose": (27, 36, "tab:green"),
    "eyes": (36, 48, "tab:red"),
    "mouth": (48, 68, "tab:purple"),
}
"""Name, first landmark, the one after the last, and color of each group of the 68."""


def apply_colormap(values: np.ndarray, *, top: float | None = None) -> np.ndarray:
    """Makes a colored picture of numbers: black is 0, yellow and white are high.

    Args:
        values: (H, W), from 0.
        top: What is white; by default the largest value.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: If the numbers are not in two dimensions.
    """
    if values.ndim != 2:
        raise ValueError(f"expected numbers of shape (H, W), got {values.shape}")
    top = float(values.max()) if top is None else top
    share = np.clip(values / top, 0, 1) if top > 0 else np.zeros(values.shape)
    return (matplotlib.colormaps["inferno"](share)[..., :3] * 255).round().astype(np.uint8)


def overlay_mask(picture: np.ndarray, mask: np.ndarray, *, color: str = "tab:red", strength: float = 0.6) -> np.ndarray:
    """Lays a mask over a picture as a color one can see through.

    Args:
        picture: (H, W, 3) uint8 RGB.
        mask: (H, W), uint8 or, standing for [0, 1], float or bool.
        color: Any of matplotlib's color names.
        strength: How much of the color there is where the mask is full, 0 to 1.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: If the sizes differ.
    """
    if mask.shape != picture.shape[:2]:
        raise ValueError(f"expected a mask of the picture's size {picture.shape[:2]}, got {mask.shape}")
    share = strength * (mask / 255 if mask.dtype == np.uint8 else mask.astype(float))[..., None]
    painted = (1 - share) * picture + share * 255 * np.array(to_rgb(color))
    return painted.round().clip(0, 255).astype(np.uint8)


def draw_boxes(frame: np.ndarray, boxes: np.ndarray, *, finer: int = 1, line: int | None = None) -> np.ndarray:
    """Draws many boxes on a copy of a frame, purple to yellow.

    Args:
        frame: (H, W, 3) uint8 RGB.
        boxes: (N, 4) left, top, right, bottom in pixels, colored by their order, or (N, 5) with a score of 0 to 1 as
            well, colored by that; the yellow ones are drawn last.
        finer: The copy is so many times larger, so that boxes less than a pixel apart can be told apart.
        line: Width of the lines in pixels of the copy; by default 1, and more on large pictures.

    Returns:
        (finer H, finer W, 3) uint8 RGB.
    """
    height, width = frame.shape[:2]
    drawn = cv2.resize(frame, (finer * width, finer * height), interpolation=cv2.INTER_CUBIC)
    boxes = np.asarray(boxes, float)
    scores = boxes[:, 4] if boxes.shape[1] == 5 else np.linspace(0, 1, max(2, len(boxes)))[: len(boxes)]
    line = line or max(1, min(drawn.shape[:2]) // 400)
    bits = 4  # OpenCV draws at fractions of a pixel when coordinates come as integers shifted left
    for index in np.argsort(scores, kind="stable"):
        color = [int(255 * part) for part in matplotlib.colormaps["plasma"](0.15 + 0.8 * scores[index])[:3]]
        corners = ((boxes[index, :4] + 0.5) * finer - 0.5).reshape(2, 2)
        left, top, right, bottom = np.round(corners.ravel() * 2**bits).astype(int).tolist()
        outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int32)
        cv2.polylines(drawn, [outline], True, color, line, cv2.LINE_AA, bits)
    return drawn


def zoom_box_corners(frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Draws the bottom left corners of nearly equal boxes, enlarged until their differences can be seen.

    Args:
        frame: (H, W, 3) uint8 RGB.
        boxes: (N, 4) left, top, right, bottom in pixels of the frame, purple to yellow in their order.

    Returns:
        (S, S, 3) uint8 RGB, S about 512, or a little less where the frame ends.
    """
    boxes = np.asarray(boxes, float)
    side = max(4, round(0.2 * float(np.median(boxes[:, 2] - boxes[:, 0]))))
    left, top = np.maximum(0, boxes[:, [0, 3]].mean(axis=0) - [0.4 * side, 0.6 * side]).astype(int)
    piece = frame[top : top + side, left : left + side]
    return draw_boxes(piece, boxes - [left, top, left, top], finer=max(1, 512 // side), line=2)


def plot_image_pyramid(stages: DetectionStages) -> Picture:
    """Draws the pictures that MTCNN's first network reads, with its window, and below what it says of each.

    Args:
        stages: What `MTCNN.detect_with_trace` gives.

    Returns:
        The figure, two axes per picture of the pyramid.
    """
    half = P_NET_WINDOW / 2
    windows = []
    for picture in stages.pyramid:
        x, y = picture.shape[1] / 2, picture.shape[0] / 2
        finer = max(1, 480 // max(picture.shape))
        window = np.array([[x - half, y - half, x + half, y + half, 1.0]])
        windows.append(draw_boxes(picture, window, finer=finer, line=6))
    captions = [f"{picture.shape[1]} x {picture.shape[0]} pixels" for picture in stages.pyramid]
    captions += [f"up to {values.max():.3f}" for values in stages.heat]
    maps = [apply_colormap(values, top=1) for values in stages.heat]
    return plot_images([*windows, *maps], captions=captions, columns=len(windows))


def plot_landmarks(
    images: typing.Sequence[np.ndarray],
    points: typing.Sequence[np.ndarray],
    *,
    captions: typing.Sequence[str] | None = None,
    zooms: typing.Sequence[tuple[int, int] | None] | None = None,
    width: float = WIDTH,
) -> Picture:
    """Draws landmarks with their numbers, each group of the 68 in its own color.

    Eyes and mouth are too small for numbers unless a zoom enlarges them.

    Args:
        images: RGB pictures (H, W, 3) uint8.
        points: Per picture (68, 2) or (5, 2) x, y in its pixels.
        captions: One text per picture.
        zooms: Per picture the first and the last landmark of what fills it, as (36, 41); None for the whole face.
        width: Width of the figure in inches.

    Returns:
        The figure, one axes per picture.

    Raises:
        ValueError: If there are not as many sets of points as pictures.
    """
    if len(images) != len(points):
        raise ValueError(f"expected points for each of {len(images)} pictures, got {len(points)}")
    figure = Picture(figsize=(width, width / len(images) + 0.3), dpi=100, layout="constrained")
    for index, (image, marks) in enumerate(zip(images, points, strict=True)):
        axes = figure.add_subplot(1, len(images), index + 1)
        axes.imshow(image)
        axes.set_axis_off()
        _number(axes, marks, zooms[index] if zooms else None)
        if captions is not None:
            axes.set_title(captions[index], fontsize=9)
    return figure


def _number(axes: Axes, marks: np.ndarray, zoom: tuple[int, int] | None) -> None:
    groups = GROUPS if len(marks) == 68 else {"five points": (0, 5, "tab:red")}
    shown = range(zoom[0], zoom[1] + 1) if zoom else range(len(marks))
    middle = marks.mean(0)
    for first, stop, color in groups.values():
        group = [number for number in shown if first <= number < stop]
        axes.scatter(*marks[group].T, s=30 if zoom else 7, color=color)
        if not group or not (zoom or stop <= 36):
            continue
        center = marks[group].mean(0) if zoom or first == 0 else middle
        for number in group:
            away = marks[number] - center
            away = away / (np.hypot(*away) or 1.0) * (11 if zoom else 8)
            axes.annotate(
                str(number),
                marks[number],
                xytext=(away[0], -away[1]),
                textcoords="offset points",
                color=color,
                fontsize=9 if zoom else 7,
                path_effects=[withStroke(linewidth=2, foreground="white")],
                ha="center",
                va="center",
            )
    if len(marks) == 68:
        low, high = marks[list(shown)].min(0), marks[list(shown)].max(0)
        half = (0.75 if zoom else 0.62) * (high - low).max()
        axes.set_xlim((low + high)[0] / 2 - half, (low + high)[0] / 2 + half)
        axes.set_ylim((low + high)[1] / 2 + half, (low + high)[1] / 2 - half)


def plot_mean_std(named: typing.Mapping[str, typing.Sequence[np.ndarray]]) -> Picture:
    """Draws the average of several pictures, and below how much each of its pixels varies from picture to picture.

    Args:
        named: (H, W, 3) uint8 RGB pictures of one size, by the name of what was averaged.

    Returns:
        The figure, two axes per name; black is a pixel that never changes, and all names share one scale.
    """
    means = [np.mean(images, axis=0).round().astype(np.uint8) for images in named.values()]
    spreads = [np.std(images, axis=0).mean(axis=2) for images in named.values()]
    top = max(float(spread.max()) for spread in spreads)
    maps = [apply_colormap(spread, top=top) for spread in spreads]
    captions = [f"average of {name}" for name in named] + ["how much each pixel varies"] * len(named)
    return plot_images([*means, *maps], captions=captions, columns=len(named), width=WIDTH * min(1, 0.36 * len(named)))
