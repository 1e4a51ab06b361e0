"""Draws the pictures of the documentation: tiles with captions, in grids, as small files."""

import pathlib
import typing

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "docs" / "pictures"
LARGEST_FILE = 150_000
"""Largest size of a picture in bytes; pages must load quickly on a phone."""

TEXT = 17
"""Height of the letters in pixels."""

GAP = 4
"""Space between tiles in pixels."""

FONT = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def draw_caption(text: str, width: int, *, size: int = TEXT) -> np.ndarray:
    """Draws one or more lines of text, black on white, (H, width, 3) RGB uint8."""
    lines = text.split("\n")
    paper = Image.new("RGB", (width, (size + 6) * len(lines) + 4), "white")
    font = ImageFont.truetype(str(FONT), size)
    for index, line in enumerate(lines):
        ImageDraw.Draw(paper).text((2, 2 + (size + 6) * index), line, fill="black", font=font)
    return np.asarray(paper)


def draw_tile(title: str, image: np.ndarray, side: int, *, height: int | None = None, size: int = TEXT) -> np.ndarray:
    """Draws an image of the given width (and height) with a title above it; without a title, the image alone."""
    shape = (side, height or round(side * image.shape[0] / image.shape[1]))
    shrinks = shape[0] < image.shape[1]
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.vstack([draw_caption(title, side, size=size), small]) if title else small


def join(tiles: typing.Sequence[np.ndarray], *, down: bool = False) -> np.ndarray:
    """Joins tiles beside each other, or below each other, with a white gap."""
    axis, parts = (0 if down else 1), []
    longest = max(tile.shape[1 - axis] for tile in tiles)
    for tile in tiles:
        missing = longest - tile.shape[1 - axis]
        padding = ((0, 0), (0, missing), (0, 0)) if down else ((missing, 0), (0, 0), (0, 0))
        parts += [np.pad(tile, padding, constant_values=255)]
        parts += [np.full((GAP, longest, 3) if down else (longest, GAP, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], axis=axis)


def join_rows(tiles: typing.Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Joins tiles in rows of equal length; the last row may be shorter."""
    rows = [join(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return join(rows, down=True)


def save(name: str, image: np.ndarray, folder: pathlib.Path = FOLDER) -> pathlib.Path:
    """Writes a JPEG file with the best quality that makes it smaller than `LARGEST_FILE`."""
    for quality in range(93, 40, -3):
        done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and len(data) <= LARGEST_FILE:
            break
    else:
        raise ValueError(
            f"{name}: expected a picture of at most {LARGEST_FILE} bytes, got {len(data)}; make it smaller"
        )
    path = folder / f"{name}.jpg"
    path.write_bytes(data.tobytes())
    return path
