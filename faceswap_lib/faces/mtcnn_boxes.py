"""What happens between MTCNN's networks: image pyramid, bounding-box regression, NMS, square boxes, crops.

A row is one box: [picture, left, top, right, bottom, score], in pixels; O-Net's are followed by [5 x, 5 y]. Every rule
here is that of the package `mtcnn` 1.0.0, whose weights they go with.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016.
"""

import cv2
import numpy as np

from faceswap_lib.faces.mtcnn_trace import P_NET_FACE, P_NET_STRIDE, P_NET_WINDOW, PYRAMID_STEP


def pyramid_scales(height: int, width: int) -> np.ndarray:
    """Computes the scales of the image pyramid, largest first; none for a picture that is too small.

    Args:
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.

    Returns:
        (N,) pixels of each picture per pixel of the original: a face of `P_NET_FACE` pixels fills the window in the
        first, and in the last hardly more than a window fits.
    """
    count = round(np.log(min(height, width) / P_NET_WINDOW) / -np.log(PYRAMID_STEP) - 1)
    return P_NET_WINDOW / P_NET_FACE * PYRAMID_STEP ** np.arange(count)


def build_pyramid(pictures: np.ndarray, scales: np.ndarray) -> list[np.ndarray]:
    """Builds the image pyramid of (B, h, w, 3) float32 pictures, each pixel the mean of the area it covers."""
    height, width = pictures.shape[1:3]
    sizes = [(int(width * scale), int(height * scale)) for scale in scales]
    return [
        np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]) for size in sizes
    ]


def window_boxes(offsets: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Generates a box from each sliding window of P-Net that scores above a threshold.

    Args:
        offsets: (B, rows, columns, 4) how far left, top, right and bottom are from the window's, in windows.
        scores: (B, rows, columns) probabilities of a face.
        threshold: Score that must be exceeded.

    Returns:
        (N, 6) rows in pixels of that picture of the pyramid, best first.
    """
    picture, row, column = np.nonzero(scores > threshold)
    corner = P_NET_STRIDE * np.stack([column, row], axis=1) + 1.0  # windows begin at pixel 1, as in the authors' Matlab
    windows = np.concatenate([corner, corner + P_NET_WINDOW - 1], axis=1)
    boxes = windows + (P_NET_WINDOW - 1) * offsets[picture, row, column]
    return sort_by_score(np.column_stack([picture, boxes, scores[picture, row, column]]))


def regress_boxes(rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Applies bounding-box regression: (N, 4) offsets of left, top, right and bottom in widths and heights."""
    moved = rows.copy()
    moved[:, 1:5] += offsets * np.tile(_sizes(rows), 2)
    return moved


def place_landmarks(rows: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Takes (N, 10) landmarks, x then y as shares of each box, to pixels of the picture."""
    sizes, corners = _sizes(rows), rows[:, 1:3] - 1
    return landmarks * np.repeat(sizes, 5, axis=1) + np.repeat(corners, 5, axis=1)


def square_boxes(rows: np.ndarray) -> np.ndarray:
    """Widens boxes about their center to squares of their longer side."""
    low, high = rows[:, 1:3], rows[:, 3:5]
    side = (high - low).max(axis=1, keepdims=True)
    corner = (low + high - side) / 2
    return np.concatenate([rows[:, :1], corner, corner + side, rows[:, 5:]], axis=1)


def sort_by_score(rows: np.ndarray) -> np.ndarray:
    """Sorts rows by their score, best first.

    Several of P-Net's can be exactly 1. Which of them is first then depends on NumPy's sort, as it does in the package.
    """
    return rows[np.argsort(rows[:, 5])[::-1]]


def non_max_suppression(rows: np.ndarray, threshold: float, *, overlap: str = "union") -> np.ndarray:
    """Keeps of boxes that overlap only the best, picture by picture (non-maximum suppression).

    A box is dropped if any better one of its picture overlaps it, also one that is dropped itself ("Fast NMS" of Bolya
    et al., "YOLACT", 2019).

    Args:
        rows: (N, 6 or more), best first.
        threshold: Largest overlap of two boxes that are both kept.
        overlap: `union` for intersection over union, `min` for intersection over the smaller area.

    Returns:
        The kept rows, by picture, best first.
    """
    kept = []
    for picture in np.unique(rows[:, 0]):
        group = rows[rows[:, 0] == picture]
        better = np.triu(pairwise_overlaps(group[:, 1:5], overlap), k=1)
        kept.append(group[~(better > threshold).any(axis=0)])
    return np.concatenate(kept) if kept else rows


def pairwise_overlaps(boxes: np.ndarray, overlap: str) -> np.ndarray:
    """Computes how much each of (N, 4) boxes overlaps each, (N, N); `overlap` as in `non_max_suppression`."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    if overlap == "min":
        return shared / np.minimum(areas[:, None], areas)
    return shared / (areas[:, None] + areas - shared)


def crop_and_resize(pictures: np.ndarray, rows: np.ndarray, side: int) -> np.ndarray:
    """Crops boxes out of pictures and resizes them, bilinearly.

    The corners of a crop are samples at the corners of the box, where 0 and the full width stand for the centers of the
    first and last pixel. What lies outside is 0, the networks' gray.

    Args:
        pictures: (B, h, w, 3) float32.
        rows: (N, 6 or more), in their pixels.
        side: Of the crops.

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
    upper = _mix(pixels[top + left], pixels[top + right], along)
    lower = _mix(pixels[bottom + left], pixels[bottom + right], along)
    inside = in_y[:, :, None] & in_x[:, None]
    return _mix(upper, lower, down) * inside[..., None]


def _sizes(rows: np.ndarray) -> np.ndarray:
    """Width and height of boxes, (N, 2), as the networks learned them: the first and the last pixel both count."""
    return rows[:, 3:5] - rows[:, 1:3] + 1


def _sample_places(ends: np.ndarray, length: int, side: int) -> np.ndarray:
    """(N, side) places of the samples between two ends, (N, 2), along an axis of `length` pixels."""
    ends = (ends / length).astype(np.float32) * np.float32(length - 1)
    return ends[:, :1] + np.arange(side, dtype=np.float32) * ((ends[:, 1:] - ends[:, :1]) / np.float32(side - 1))


def _neighbors(places: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The pixels before and after each place, how far it is from the first to the second, and whether both exist."""
    inside = (places >= 0) & (places <= length - 1)
    before = np.floor(np.where(inside, places, 0)).astype(np.intp)
    return before, np.minimum(before + 1, length - 1), np.where(inside, places - before, 0).astype(np.float32), inside


def _mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share
