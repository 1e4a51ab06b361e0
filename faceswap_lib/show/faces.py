"""Visualization of detections, landmarks and masks on images of faces."""

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
"""First landmark, last landmark plus 1, and color of each group of the 68 landmarks, by name."""


def apply_colormap(values: np.ndarray, *, top: float | None = None) -> np.ndarray:
    """Applies a colormap to an array: 0 is black, high values are yellow to white.

    Args:
        values: (H, W) non-negative numbers.
        top: Value that is shown as white; by default the maximum.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: If the array does not have two dimensions.
    """
    if values.ndim != 2:
        raise ValueError(f"expected numbers of shape (H, W), got {values.shape}")
    top = float(values.max()) if top is None else top
    scaled = np.clip(values / top, 0, 1) if top > 0 else np.zeros(values.shape)
    return (matplotlib.colormaps["inferno"](scaled)[..., :3] * 255).round().astype(np.uint8)


def overlay_mask(picture: np.ndarray, mask: np.ndarray, *, color: str = "tab:red", strength: float = 0.6) -> np.ndarray:
    """Overlays a mask on an image as a semi-transparent color.

    Args:
        picture: (H, W, 3) uint8 RGB image.
        mask: (H, W) uint8 in 0 to 255, or float or bool in [0, 1].
        color: Any color name of matplotlib.
        strength: Opacity of the color where the mask is full, 0 to 1.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: If the sizes differ.
    """
    if mask.shape != picture.shape[:2]:
        raise ValueError(f"expected a mask of the image's size {picture.shape[:2]}, got {mask.shape}")
    alpha = strength * (mask / 255 if mask.dtype == np.uint8 else mask.astype(float))[..., None]
    painted = (1 - alpha) * picture + alpha * 255 * np.array(to_rgb(color))
    return painted.round().clip(0, 255).astype(np.uint8)


def draw_boxes(frame: np.ndarray, boxes: np.ndarray, *, finer: int = 1, line: int | None = None) -> np.ndarray:
    """Draws bounding boxes on a copy of a frame, in colors from purple to yellow.

    Args:
        frame: (H, W, 3) uint8 RGB.
        boxes: (N, 4) left, top, right, bottom in pixels, colored by their order, or (N, 5) with a score of 0 to 1,
            colored by the score. Yellow boxes are drawn last.
        finer: Scale factor of the copy, which makes boxes visible that differ by less than a pixel.
        line: Line width in pixels of the copy; by default 1, and more on large images.

    Returns:
        (finer H, finer W, 3) uint8 RGB.
    """
    height, width = frame.shape[:2]
    drawn = cv2.resize(frame, (finer * width, finer * height), interpolation=cv2.INTER_CUBIC)
    boxes = np.asarray(boxes, float)
    scores = boxes[:, 4] if boxes.shape[1] == 5 else np.linspace(0, 1, max(2, len(boxes)))[: len(boxes)]
    line = line or max(1, min(drawn.shape[:2]) // 400)
    bits = 4  # OpenCV draws with subpixel precision if coordinates are integers with this number of fractional bits
    for index in np.argsort(scores, kind="stable"):
        color = [int(255 * part) for part in matplotlib.colormaps["plasma"](0.15 + 0.8 * scores[index])[:3]]
        corners = ((boxes[index, :4] + 0.5) * finer - 0.5).reshape(2, 2)
        left, top, right, bottom = np.round(corners.ravel() * 2**bits).astype(int).tolist()
        outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int32)
        cv2.polylines(drawn, [outline], True, color, line, cv2.LINE_AA, bits)
    return drawn


def zoom_box_corners(frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Draws the bottom left corners of almost equal boxes, enlarged so that their differences are visible.

    Args:
        frame: (H, W, 3) uint8 RGB.
        boxes: (N, 4) left, top, right, bottom in pixels of the frame, colored from purple to yellow in their order.

    Returns:
        (S, S, 3) uint8 RGB, S about 512; smaller at the border of the frame.
    """
    boxes = np.asarray(boxes, float)
    side = max(4, round(0.2 * float(np.median(boxes[:, 2] - boxes[:, 0]))))
    left, top = np.maximum(0, boxes[:, [0, 3]].mean(axis=0) - [0.4 * side, 0.6 * side]).astype(int)
    piece = frame[top : top + side, left : left + side]
    return draw_boxes(piece, boxes - [left, top, left, top], finer=max(1, 512 // side), line=2)


def plot_image_pyramid(stages: DetectionStages) -> Picture:
    """Draws the image pyramid of MTCNN's first network with its window, and the score maps below.

    Args:
        stages: Trace from `MTCNN.detect_with_trace`.

    Returns:
        The figure, two axes per level of the pyramid.
    """
    half = P_NET_WINDOW / 2
    windows = []
    for image in stages.pyramid:
        x, y = image.shape[1] / 2, image.shape[0] / 2
        finer = max(1, 480 // max(image.shape))
        window = np.array([[x - half, y - half, x + half, y + half, 1.0]])
        windows.append(draw_boxes(image, window, finer=finer, line=6))
    captions = [f"{image.shape[1]} x {image.shape[0]} pixels" for image in stages.pyramid]
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
    """Draws landmarks with their numbers; each group of the 68 landmarks has its own color.

    Eyes and mouth are too small for numbers unless a zoom enlarges them.

    Args:
        images: RGB images (H, W, 3) uint8.
        points: Per image (68, 2) or (5, 2) x, y in pixels of the image.
        captions: One text per image.
        zooms: Per image the first and the last landmark of the area to show, for example (36, 41); None shows the whole
            face.
        width: Width of the figure in inches.

    Returns:
        The figure, one axes per image.

    Raises:
        ValueError: If the numbers of images and of sets of points differ.
    """
    if len(images) != len(points):
        raise ValueError(f"expected points for each of {len(images)} images, got {len(points)}")
    figure = Picture(figsize=(width, width / len(images) + 0.3), dpi=100, layout="constrained")
    for index, (image, marks) in enumerate(zip(images, points, strict=True)):
        axes = figure.add_subplot(1, len(images), index + 1)
        axes.imshow(image)
        axes.set_axis_off()
        _draw_numbered(axes, marks, zooms[index] if zooms else None)
        if captions is not None:
            axes.set_title(captions[index], fontsize=9)
    return figure


def _draw_numbered(axes: Axes, marks: np.ndarray, zoom: tuple[int, int] | None) -> None:
    """Draws landmarks with their numbers on axes, and limits the axes to the shown landmarks."""
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
    """Draws the mean of several images, and below it the standard deviation of each pixel.

    Args:
        named: (H, W, 3) uint8 RGB images of one size, by the name of the group that is averaged.

    Returns:
        The figure, two axes per group. Black pixels have a standard deviation of 0, and all groups share one scale.
    """
    means = [np.mean(images, axis=0).round().astype(np.uint8) for images in named.values()]
    spreads = [np.std(images, axis=0).mean(axis=2) for images in named.values()]
    top = max(float(spread.max()) for spread in spreads)
    maps = [apply_colormap(spread, top=top) for spread in spreads]
    captions = [f"mean of {name}" for name in named] + ["standard deviation"] * len(named)
    return plot_images([*means, *maps], captions=captions, columns=len(named), width=WIDTH * min(1, 0.36 * len(named)))
