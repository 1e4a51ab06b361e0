"""Pictures in rows, and what a detector saw drawn on them."""

import io
import math
import typing

import cv2
import numpy as np
from matplotlib.figure import Figure

from faceswap_lib.faces import Face

WIDTH = 9.0
"""Width of a figure in inches; at 100 pixels per inch it fills the text column of a notebook."""

BOX_COLOR = (70, 200, 90)
POINT_COLOR = (255, 60, 60)


class Picture(Figure):
    """A figure that a notebook shows even where no plotting backend was chosen."""

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
    """Shows pictures and masks in rows.

    Args:
        images: RGB pictures (H, W, 3) uint8 and masks (H, W), uint8 or, standing for [0, 1], float or bool.
        captions: One text per picture.
        columns: Pictures per row; by default all in one row, up to six.
        width: Width of the figure in inches.

    Returns:
        The figure, one axes per picture.

    Raises:
        ValueError: If there are no pictures, one is no picture, or the captions do not match.
    """
    if isinstance(images, np.ndarray) and images.ndim < 4 and images.shape[-1] == 3:
        raise ValueError("expected a list of pictures, got a single one; write [picture]")
    images = list(images)
    if not images:
        raise ValueError("expected at least one picture, got none")
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"expected one caption per picture ({len(images)}), got {len(captions)}")
    columns = columns or min(len(images), 6)
    for image in images:
        _check_picture(image)
    rows = math.ceil(len(images) / columns)
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    row_height = width / columns * tallest + (0.25 if captions else 0.05)
    figure = Picture(figsize=(width, rows * row_height), dpi=100, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for index, image in enumerate(images):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
        axes.set_axis_off()
        if captions is not None:
            axes.set_title(captions[index], fontsize=9)
    return figure


def draw_face(frame: np.ndarray, *faces: Face) -> np.ndarray:
    """Draws boxes and landmarks on a copy of a frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        faces: In pixels of this frame.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = frame.copy()
    unit = max(1, round(min(frame.shape[:2]) / 300))
    for face in faces:
        left, top, right, bottom = (int(value) for value in np.round(face.box_xyxy))
        cv2.rectangle(drawn, (left, top), (right, bottom), BOX_COLOR, unit, cv2.LINE_AA)
        for x, y in np.round(face.landmarks * 16).astype(int).tolist():  # in sixteenths of a pixel
            cv2.circle(drawn, (x, y), 56 * unit, POINT_COLOR, cv2.FILLED, cv2.LINE_AA, 4)
    return drawn


def _check_picture(image: np.ndarray) -> None:
    is_picture = isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    is_mask = isinstance(image, np.ndarray) and image.ndim == 2 and image.dtype.kind in "fbu"
    if not (is_picture or is_mask):
        got = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"expected (H, W, 3) uint8 pictures or (H, W) masks, got {got}")
