"""Rotates a portrait's head in front of its background, as if the head had depth.

The image is split into two layers along the annotated outline: the head, and the background. The area of the background
behind the head is filled from its surroundings. Only the head layer rotates, so the background is not distorted; only
its lower part, with the shoulders, rises and falls with the breath.
"""

import cv2
import numpy as np

from faceswap_lib.demo.motion import Pose, smooth_step
from faceswap_lib.demo.points import Portrait
from faceswap_lib.faces.masks import disk

_GRID_STEP = 4


class HeadMover:
    """Renderer of the head layer in any pose over the filled background."""

    def __init__(self, portrait: Portrait):
        """Separates the layers and builds the depth model at the size of the portrait's image."""
        self._portrait, self._unit = portrait, portrait.eye_distance
        size = portrait.image.shape[0]
        self._size = size
        mask = _outline_mask(portrait)
        self._alpha = cv2.GaussianBlur(mask, (0, 0), 0.014 * self._unit)
        self._rest = fill_behind(portrait, mask > 0, margin=max(2, round(0.045 * self._unit)))
        cells = -(-size // _GRID_STEP) + 1
        nodes = np.arange(cells, dtype=np.float32) * _GRID_STEP
        self._nodes_x, self._nodes_y = np.meshgrid(nodes, nodes)
        self._depth = _depth(portrait, self._nodes_x, self._nodes_y)
        self._follows = _follows_head(portrait, self._nodes_y)
        pixels = np.arange(size, dtype=np.float32)
        self._pixels_x, self._pixels_y = np.meshgrid(pixels, pixels)
        self._breath_rows = smooth_step((self._pixels_y - 0.6 * size) / (0.4 * size)) * (0.018 * self._unit)

    def render(self, image: np.ndarray, pose: Pose) -> np.ndarray:
        """Renders one frame.

        Args:
            image: (size, size, 3) RGB uint8 portrait in which the face has already moved.
            pose: The pose of the head.

        Returns:
            (size, size, 3) RGB uint8.
        """
        map_x, map_y = self._sources(pose)
        head = cv2.remap(image, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.remap(self._alpha, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        rows = self._pixels_y + pose.breath * self._breath_rows
        rest = cv2.remap(self._rest, self._pixels_x, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return cv2.blendLinear(head, rest, alpha, 1 - alpha)

    def _sources(self, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """Inverts the motion: computes for each output pixel the point x, y of the portrait that moves there."""
        shift = np.dstack(self._shifts(pose))
        x, y = self._nodes_x, self._nodes_y
        for _ in range(4):
            moved = cv2.remap(shift, x / _GRID_STEP, y / _GRID_STEP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            x, y = self._nodes_x - moved[..., 0], self._nodes_y - moved[..., 1]
        fine = cv2.remap(
            np.dstack([x - self._nodes_x, y - self._nodes_y]),
            self._pixels_x / _GRID_STEP,
            self._pixels_y / _GRID_STEP,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return self._pixels_x + fine[..., 0], self._pixels_y + fine[..., 1]

    def _shifts(self, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """Computes the shift of every grid node by yaw, pitch, roll, zoom and translation, in pixels (right, down)."""
        (cx, cy), (nx, ny) = self._portrait.head_center, self._portrait.neck_base
        x, y, z = self._nodes_x - cx, self._nodes_y - cy, self._depth
        x, z = x * np.cos(pose.yaw) + z * np.sin(pose.yaw), z * np.cos(pose.yaw) - x * np.sin(pose.yaw)
        y = y * np.cos(pose.pitch) - z * np.sin(pose.pitch)
        x, y = pose.zoom * (x + cx - nx), pose.zoom * (y + cy - ny)
        cosine, sine = np.cos(pose.roll), np.sin(pose.roll)
        x, y = x * cosine - y * sine + nx, x * sine + y * cosine + ny
        moved_x = self._follows * (x - self._nodes_x + pose.shift_x * self._unit)
        moved_y = self._follows * (y - self._nodes_y + pose.shift_y * self._unit)
        return moved_x.astype(np.float32), moved_y.astype(np.float32)


def fill_behind(portrait: Portrait, hidden: np.ndarray, *, margin: int) -> np.ndarray:
    """Fills a region of a portrait by extending its surroundings horizontally.

    Args:
        portrait: The portrait; if its backdrop has a period, the left side is continued periodically.
        hidden: (H, W) bool, True for pixels to fill; every row has other pixels on the left and on the right.
        margin: Pixels around `hidden` that are filled too, because they show its edge.

    Returns:
        (H, W, 3) RGB uint8.
    """
    image, unit = portrait.image.astype(np.float32), portrait.eye_distance
    grown = cv2.dilate(hidden.astype(np.uint8), disk(margin))
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None]
    falls = smooth_step((rows - portrait.chin[1] + 0.9 * unit) / (0.4 * unit)) * (2 * portrait.shoulder_slopes)
    reach = 0.3 * unit
    left, from_left = _mirrored(image, grown > 0, reach, falls[:, :1])
    flipped = _mirrored(image[:, ::-1], grown[:, ::-1] > 0, reach, falls[:, 1:])
    right, from_right = (part[:, ::-1] for part in flipped)
    alpha = smooth_step(2.5 * from_right / np.maximum(from_left + from_right, 1) - 0.75)
    if portrait.backdrop_period:
        # Near the edge, mirrored pixels continue the image without a seam; further inside, the pattern is repeated.
        weight = smooth_step(from_left / (0.06 * unit))
        weight[round(float(portrait.chin[1] - 0.45 * unit)) :] = 0
        left = left + (_repeated(image, from_left, portrait.backdrop_period) - left) * weight[..., None]
        alpha = np.broadcast_to(np.arange(alpha.shape[1]) < portrait.head_center[0] - 0.5 * unit, alpha.shape)
    filled = right + (left - right) * alpha[..., None]
    filled = cv2.GaussianBlur(filled.astype(np.float32), (0, 0), 0.014 * unit)
    blend = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 1.0)[..., None] * (grown[..., None] > 0)
    return np.round(image + (filled - image) * blend).astype(np.uint8)


def _mirrored(image: np.ndarray, hidden: np.ndarray, reach: float, falls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fills every hidden pixel with a pixel from the left of the hidden region, mirrored repeatedly at its edge.

    Args:
        image: (H, W, 3) image.
        hidden: (H, W) bool, True for pixels to fill.
        reach: Largest distance in pixels, to the left of the edge, of the pixels that are copied.
        falls: (H, 1) slope for each row: for every pixel of distance from the edge, the source pixel is this many rows
            lower, so that slanted lines such as shoulders continue.

    Returns:
        The image with its hidden region filled, and the (H, W) distance of every pixel to the edge on its left.
    """
    height, width = hidden.shape
    columns = np.broadcast_to(np.arange(width), hidden.shape)
    edge = np.maximum.accumulate(np.where(hidden, 0, columns), axis=1)
    distance = columns - edge
    away = np.round(reach - np.abs(reach - distance % (2 * reach))).astype(int)
    source_x = np.maximum(edge - away, 0)
    rows = np.arange(height)[:, None]
    lower = np.clip(np.round(rows + falls * away), 0, height - 1).astype(int)
    source_y = np.where(hidden[lower, source_x], rows, lower)
    return np.where(hidden[..., None], image[source_y, source_x], image), distance


def _repeated(image: np.ndarray, inside: np.ndarray, period: float) -> np.ndarray:
    """Continues the pattern of each row periodically to the right.

    Args:
        image: (H, W, 3) image.
        inside: (H, W) distance of every pixel to the edge on its left, as returned by `_mirrored`.
        period: Period of the pattern in pixels.

    Returns:
        (H, W, 3), each pixel copied from a whole number of periods to its left.
    """
    step = round(period)
    source = np.arange(image.shape[1]) - step * -(-inside // step)
    return image[np.arange(image.shape[0])[:, None], np.maximum(source, 0)]


def _outline_mask(portrait: Portrait) -> np.ndarray:
    """Draws the outline of the head as a filled (size, size) float32 mask in [0, 1]."""
    fixed = np.round(portrait.head_outline * 16).astype(np.int32)
    mask = np.zeros(portrait.image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def _depth(portrait: Portrait, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Computes the depth of a rounded head with a nose, in pixels toward the viewer; 0 at its outline and beyond."""
    unit, (cx, cy), (rx, ry) = portrait.eye_distance, portrait.head_center, portrait.head_radii
    across = np.clip(1 - ((x - cx) / rx) ** 2, 0, 1)
    along = np.clip(1 - np.abs((y - cy) / ry) ** 3, 0, 1)
    nose_x, nose_y = portrait.nose_tip
    above = np.where(y < nose_y, 0.36, 0.15) * unit
    nose = np.exp(-(((x - nose_x) / (0.19 * unit)) ** 2) - ((y - nose_y) / above) ** 2)
    return (1.1 * unit * across * along + 0.2 * unit * nose).astype(np.float32)


def _follows_head(portrait: Portrait, y: np.ndarray) -> np.ndarray:
    """Computes how much a row moves with the head: 1 on the head, decreasing to 0 down the neck."""
    start = portrait.chin[1] - 0.2 * portrait.eye_distance
    return 1 - smooth_step((y - start) / (0.95 * portrait.eye_distance))
