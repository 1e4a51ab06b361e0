"""Steps between MTCNN's networks: image pyramid, bounding-box regression, NMS, square boxes, crops.

A row is one box: [image, left, top, right, bottom, score], in pixels; O-Net's rows are followed by [5 x, 5 y]. Every
step follows the package `mtcnn` 1.0.0, from which the weights come.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016.
"""

import cv2
import numpy as np

from faceswap_lib.faces.mtcnn_trace import P_NET_FACE, P_NET_STRIDE, P_NET_WINDOW, PYRAMID_STEP


def pyramid_scales(height: int, width: int) -> np.ndarray:
    """Computes the scales of the image pyramid, largest first; none for an image that is too small.

    Args:
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        (N,) pixels of each image of the pyramid per pixel of the original. In the first image, a face of `P_NET_FACE`
        pixels fills the window; the last image is hardly larger than a window.
    """
    count = round(np.log(min(height, width) / P_NET_WINDOW) / -np.log(PYRAMID_STEP) - 1)
    return P_NET_WINDOW / P_NET_FACE * PYRAMID_STEP ** np.arange(count)


def build_pyramid(pictures: np.ndarray, scales: np.ndarray) -> list[np.ndarray]:
    """Builds the image pyramid; each pixel is the mean of the area that it covers.

    Args:
        pictures: (B, h, w, 3) float32.
        scales: (N,) from `pyramid_scales`.

    Returns:
        One array per scale, (B, h * scale, w * scale, 3) float32, rounded down to whole pixels.
    """
    height, width = pictures.shape[1:3]
    sizes = [(int(width * scale), int(height * scale)) for scale in scales]
    return [
        np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]) for size in sizes
    ]


def window_boxes(offsets: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Generates a box from each sliding window of P-Net with a score above a threshold.

    Args:
        offsets: (B, rows, columns, 4) offsets of left, top, right and bottom as fractions of the window's side.
        scores: (B, rows, columns) face probabilities.
        threshold: Score that must be exceeded.

    Returns:
        (N, 6) rows [image, left, top, right, bottom, score] in pixels of this pyramid level, best first.
    """
    picture, row, column = np.nonzero(scores > threshold)
    corner = P_NET_STRIDE * np.stack([column, row], axis=1) + 1.0  # windows begin at pixel 1, as in the authors' code
    windows = np.concatenate([corner, corner + P_NET_WINDOW - 1], axis=1)
    boxes = windows + (P_NET_WINDOW - 1) * offsets[picture, row, column]
    return sort_by_score(np.column_stack([picture, boxes, scores[picture, row, column]]))


def regress_boxes(rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Applies bounding-box regression.

    Args:
        rows: (N, 6 or more) boxes.
        offsets: (N, 4) offsets of left, top, right and bottom as fractions of the box's width and height.

    Returns:
        The rows with corrected boxes.
    """
    moved = rows.copy()
    moved[:, 1:5] += offsets * np.tile(_sizes(rows), 2)
    return moved


def place_landmarks(rows: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Converts landmarks from fractions of their boxes to pixels of the image.

    Args:
        rows: (N, 6 or more) boxes.
        landmarks: (N, 10), five x and then five y, as fractions of the box's width and height.

    Returns:
        (N, 10) in the same order, in pixels.
    """
    sizes, corners = _sizes(rows), rows[:, 1:3] - 1
    return landmarks * np.repeat(sizes, 5, axis=1) + np.repeat(corners, 5, axis=1)


def square_boxes(rows: np.ndarray) -> np.ndarray:
    """Extends each box of (N, 6 or more) rows around its center to a square whose side is the box's longer side."""
    low, high = rows[:, 1:3], rows[:, 3:5]
    side = (high - low).max(axis=1, keepdims=True)
    corner = (low + high - side) / 2
    return np.concatenate([rows[:, :1], corner, corner + side, rows[:, 5:]], axis=1)


def sort_by_score(rows: np.ndarray) -> np.ndarray:
    """Sorts (N, 6 or more) rows by their score, best first.

    Several scores of P-Net can be exactly 1. Their order then depends on NumPy's sort, as in the package.
    """
    return rows[np.argsort(rows[:, 5])[::-1]]


def non_max_suppression(rows: np.ndarray, threshold: float, *, overlap: str = "union") -> np.ndarray:
    """Applies non-maximum suppression (NMS) per image.

    A box is dropped if any better box of its image overlaps it, even one that is dropped itself ("Fast NMS" of Bolya et
    al., "YOLACT", 2019).

    Args:
        rows: (N, 6 or more), best first.
        threshold: Largest overlap of two boxes that are both kept.
        overlap: `union` for intersection over union, `min` for intersection over the smaller area.

    Returns:
        The kept rows, grouped by image, best first.
    """
    kept = []
    for picture in np.unique(rows[:, 0]):
        group = rows[rows[:, 0] == picture]
        better = np.triu(pairwise_overlaps(group[:, 1:5], overlap), k=1)
        kept.append(group[~(better > threshold).any(axis=0)])
    return np.concatenate(kept) if kept else rows


def pairwise_overlaps(boxes: np.ndarray, overlap: str) -> np.ndarray:
    """Computes the overlap of each pair of (N, 4) boxes, (N, N); `overlap` as in `non_max_suppression`."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    intersection = np.prod(np.maximum(high - low, 0), axis=2)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    if overlap == "min":
        return intersection / np.minimum(areas[:, None], areas)
    return intersection / (areas[:, None] + areas - intersection)


def crop_and_resize(pictures: np.ndarray, rows: np.ndarray, side: int) -> np.ndarray:
    """Crops boxes out of images and resizes them with bilinear interpolation.

    The corner samples of a crop are at the corners of the box. Coordinates 0 and `w` of a box are the centers of the
    image's first and last column, and 0 and `h` those of its first and last row. Samples outside the image are 0, which
    is gray for the networks.

    Args:
        pictures: (B, h, w, 3) float32.
        rows: (N, 6 or more), in pixels of the images.
        side: Side of the crops in pixels.

    Returns:
        (N, side, side, 3) float32.
    """
    batch, height, width, channels = pictures.shape
    x, y = _sample_places(rows[:, [1, 3]], width, side), _sample_places(rows[:, [2, 4]], height, side)
    left, right, along, in_x = _neighbors(x, width)
    top, bottom, down, in_y = _neighbors(y, height)
    pixels = pictures.reshape(-1, channels)
    start = rows[:, 0].astype(np.intp)[:, None] * height
    top, bottom = ((start + line)[:, :, None] * width for line in (top, bottom))
    left, right, along, down = left[:, None], right[:, None], along[:, None, :, None], down[:, :, None, None]
    upper = _interpolate(pixels[top + left], pixels[top + right], along)
    lower = _interpolate(pixels[bottom + left], pixels[bottom + right], along)
    inside = in_y[:, :, None] & in_x[:, None]
    return _interpolate(upper, lower, down) * inside[..., None]


def _sizes(rows: np.ndarray) -> np.ndarray:
    """Computes width and height of boxes, (N, 2), as in the networks' training: first and last pixel both count."""
    return rows[:, 3:5] - rows[:, 1:3] + 1


def _sample_places(ends: np.ndarray, length: int, side: int) -> np.ndarray:
    """Computes (N, side) sample positions between two ends, (N, 2), along an axis of `length` pixels."""
    ends = (ends / length).astype(np.float32) * np.float32(length - 1)
    return ends[:, :1] + np.arange(side, dtype=np.float32) * ((ends[:, 1:] - ends[:, :1]) / np.float32(side - 1))


def _neighbors(places: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Computes the neighbors of each sample position for linear interpolation.

    Returns:
        The pixels before and after each position, the fraction of the way from the first to the second, and whether the
        position is inside the image.
    """
    inside = (places >= 0) & (places <= length - 1)
    before = np.floor(np.where(inside, places, 0)).astype(np.intp)
    return before, np.minimum(before + 1, length - 1), np.where(inside, places - before, 0).astype(np.float32), inside


def _interpolate(first: np.ndarray, second: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Interpolates linearly: `first` at `alpha` 0, `second` at 1."""
    return first + (second - first) * alpha
