"""Draws the visible label of a swap: a few words in the lower left corner of every frame."""

import pathlib

import cv2
import numpy as np

TEXT = "AI face swap"

_HEIGHT = 1 / 26  # of the frame's shorter side
_SMALLEST = 10  # font size in pixels; smaller letters become illegible after H.264 compression
_WIDEST = 0.9  # of the frame
_PLATE, _INK = (0.62, 16), (1.0, 240)  # opacity, gray


class Label:
    """Text on a dark background plate, drawn once and blended into each frame.

    Args:
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        text: Text of the label, one line.

    Attributes:
        box_xyxy: Bounding box of the label in the frame: left, top, right, bottom in pixels.

    Raises:
        ValueError: If the size is smaller than 1x1, or the text is empty or has several lines.
    """

    def __init__(self, width: int, height: int, text: str = TEXT):
        if width < 1 or height < 1:
            raise ValueError(f"expected a size of at least 1x1, got {width}x{height}")
        if not text.strip() or "\n" in text:
            raise ValueError(f"expected one line of text, got {text!r}")
        self._shape = (height, width, 3)
        size = max(_SMALLEST, round(min(width, height) * _HEIGHT))
        ink, plate = _draw(text, size)
        while size > 2 and ink.shape[1] > _WIDEST * width:
            size -= 1
            ink, plate = _draw(text, size)
        ink, plate = ink[:height, :width], plate[:height, :width]
        margin = round(0.6 * size)
        rows, columns = ink.shape
        left, bottom = min(margin, width - columns), height - min(margin, height - rows)
        self.box_xyxy = (left, bottom - rows, left + columns, bottom)
        # frame * keep + add blends the plate onto the frame, and then the text onto both.
        keep = (1 - _PLATE[0] * plate) * (1 - _INK[0] * ink)
        add = _PLATE[0] * plate * _PLATE[1] * (1 - _INK[0] * ink) + _INK[0] * ink * _INK[1]
        self._keep = np.repeat(np.round(keep * 255).astype(np.uint8)[..., None], 3, axis=2)
        self._add = np.repeat(np.round(add).astype(np.uint8)[..., None], 3, axis=2)

    def draw(self, frame: np.ndarray) -> None:
        """Blends the label into a frame, in place.

        Args:
            frame: (height, width, 3) uint8 RGB, writable.

        Raises:
            ValueError: If the frame has another shape or dtype.

        Taught in notebooks/08_responsible_use.
        """
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"expected a frame of shape {self._shape} uint8, got {frame.shape} {frame.dtype}")
        left, top, right, bottom = self.box_xyxy
        corner = frame[top:bottom, left:right]
        blended = cv2.add(cv2.multiply(corner, self._keep, scale=1 / 255), self._add)
        corner[:] = blended


def _draw(text: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws text and plate with a font of `size` pixels; returns both alpha masks, (h, w) float64 in [0, 1]."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    path = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    font = ImageFont.truetype(str(path), size)
    left, _, right, _ = font.getbbox(text)
    ascent, descent = font.getmetrics()
    pad = max(2, round(0.45 * size))
    width, height = int(right - left) + 2 * pad, ascent + descent + 2 * max(1, pad // 3)
    ink, plate = Image.new("L", (width, height)), Image.new("L", (4 * width, 4 * height))
    ImageDraw.Draw(ink).text((pad - left, max(1, pad // 3)), text, font=font, fill=255)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, 4 * width - 1, 4 * height - 1), radius=4 * size * 0.35, fill=255)
    plate = plate.resize((width, height), Image.Resampling.BOX)
    return np.asarray(ink, np.float64) / 255, np.asarray(plate, np.float64) / 255
