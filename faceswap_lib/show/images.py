"""Images in a grid, and detected faces drawn on a frame."""

import io
import math
import typing

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from faceswap_lib.faces import Face

WIDTH = 9.0
"""Width of a figure in inches; at 100 pixels per inch it fills the text column of a notebook."""

BOX_COLOR = (70, 200, 90)
POINT_COLOR = (255, 60, 60)


class Picture(Figure):
    """Figure that a notebook shows even if no plotting backend is selected."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", bbox_inches="tight")
        return file.getvalue()


def plot_images(
    images: typing.Sequence[np.ndarray],
    *,
    captions: typing.Sequence[str] | None = None,
    columns: int | None = None,
    width: float = WIDTH,
) -> Picture:
    """Shows images and masks in a grid.

    Args:
        images: RGB images (H, W, 3) uint8, and masks (H, W): uint8 in 0 to 255, or float or bool in [0, 1].
        captions: One text per image.
        columns: Images per row; by default all in one row, up to six.
        width: Width of the figure in inches.

    Returns:
        The figure, one axes per image.

    Raises:
        ValueError: If there are no images, one is not an image or a mask, or the number of captions is wrong.
    """
    if isinstance(images, np.ndarray) and images.ndim < 4 and images.shape[-1] == 3:
        raise ValueError("expected a list of images, got a single one; write [image]")
    images = list(images)
    if not images:
        raise ValueError("expected at least one image, got none")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"expected one caption per image ({len(images)}), got {len(captions)}")
    columns = columns or min(len(images), 6)
    for image in images:
        _check_image(image)
    rows = math.ceil(len(images) / columns)
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    row_height = width / columns * tallest + (0.25 if captions else 0.05)
    figure = Picture(figsize=(width, rows * row_height), dpi=100, layout="constrained")
    engine = typing.cast(ConstrainedLayoutEngine, figure.get_layout_engine())
    engine.set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for index, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
        axes.set_axis_off()
        if captions is not None:
            axes.set_title(captions[index], fontsize=9)
    return figure


def draw_face(frame: np.ndarray, *faces: Face) -> np.ndarray:
    """Draws bounding boxes and landmarks on a copy of a frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        *faces: Faces in pixels of this frame.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = frame.copy()
    unit = max(1, round(min(frame.shape[:2]) / 300))
    for face in faces:
        left, top, right, bottom = (int(value) for value in np.round(face.box_xyxy))
        cv2.rectangle(drawn, (left, top), (right, bottom), BOX_COLOR, unit, cv2.LINE_AA)
        for x, y in np.round(face.landmarks * 16).astype(int).tolist():  # 4 fractional bits, in 1/16 pixels
            cv2.circle(drawn, (x, y), 56 * unit, POINT_COLOR, cv2.FILLED, cv2.LINE_AA, 4)
    return drawn


def _check_image(image: np.ndarray) -> None:
    """Raises `ValueError` unless an array is an RGB image or a mask."""
    is_image = isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    is_mask = isinstance(image, np.ndarray) and image.ndim == 2 and image.dtype.kind in "fbu"
    if not (is_image or is_mask):
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"expected (H, W, 3) uint8 images or (H, W) masks, got {got}")
