"""Drawing of synthetic occluders: antialiased masks, shading of round bodies, and layers with an alpha channel.

Positions are x, y in pixels of a square image of side S; pixel centers are whole numbers.
"""

import dataclasses
import functools
import typing

import cv2
import numpy as np

BITS = 4
"""OpenCV takes fixed-point coordinates with this many fractional bits."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Image with an alpha channel.

    Attributes:
        color: (S, S, 3) float32 RGB, 0 to 255; it has no meaning where alpha is 0.
        alpha: (S, S) float32 in [0, 1].
    """

    color: np.ndarray
    alpha: np.ndarray

    @classmethod
    def empty(cls, size: int) -> "Layer":
        """Creates a layer of side `size` that covers nothing."""
        return cls(color=np.zeros((size, size, 3), np.float32), alpha=np.zeros((size, size), np.float32))

    def paint(
        self, color: np.ndarray, alpha: np.ndarray, box: tuple[slice, slice] = (slice(None), slice(None))
    ) -> None:
        """Composites a color over a part of this layer, in place.

        Source: Porter and Duff, "Compositing Digital Images", 1984.

        Args:
            color: (3,) or (h, w, 3) RGB, 0 to 255.
            alpha: (h, w) float32 in [0, 1].
            box: Rows and columns of the part.
        """
        covered = alpha + self.alpha[box] * (1 - alpha)
        share = np.divide(alpha, covered, out=np.zeros_like(covered), where=covered > 0)
        self.color[box] += share[..., None] * (color - self.color[box])
        self.alpha[box] = covered


@functools.cache
def pixel_grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns x and y of every pixel, each (S, S) float32 and read-only."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    for grid in (x, y):
        grid.flags.writeable = False
    return x, y


def fill_polygon(points: np.ndarray, size: int) -> np.ndarray:
    """Draws a filled polygon with (N, 2) corners in pixels; returns an antialiased mask, (S, S) float32 in [0, 1]."""
    canvas = np.zeros((size, size), np.uint8)
    corners = np.round(np.clip(points, -8 * size, 8 * size) * 2**BITS).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, cv2.LINE_AA, BITS)
    return canvas.astype(np.float32) / 255


def draw_line(
    points: np.ndarray,
    width: float,
    size: int,
    *,
    closed: bool = False,
    box: tuple[slice, slice] = (slice(None), slice(None)),
) -> np.ndarray:
    """Draws an antialiased line through points (N, 2); returns the rows and columns of `box`, float32 in [0, 1].

    Lines of less than two pixels have a lower alpha, because OpenCV draws no thinner ones.
    """
    canvas = np.zeros((size, size), np.uint8)
    corners = np.round(np.clip(points, -8 * size, 8 * size) * 2**BITS).astype(np.int32)
    cv2.polylines(canvas, [corners], closed, 255, max(1, round(width)), cv2.LINE_AA, BITS)
    return canvas[box].astype(np.float32) * (min(1.0, max(width, 0.3)) / 255)


def ellipse_points(
    center: np.ndarray, half_axes: tuple[float, float], angle: float = 0.0, *, power: float = 2.0, count: int = 64
) -> np.ndarray:
    """Computes points on a superellipse.

    Args:
        center: (2,) x, y in pixels.
        half_axes: Half the width and half the height in pixels.
        angle: Rotation in radians.
        power: 2 for an ellipse; larger values approach a rectangle.
        count: Number N of points.

    Returns:
        (N, 2) float64 x, y in pixels.
    """
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    cos, sin = np.cos(turn), np.sin(turn)
    x = half_axes[0] * np.sign(cos) * np.abs(cos) ** (2 / power)
    y = half_axes[1] * np.sign(sin) * np.abs(sin) ** (2 / power)
    return np.asarray(center) + np.stack([x, y], axis=1) @ rotation(angle).T


def rotation(angle: float) -> np.ndarray:
    """Returns the (2, 2) matrix of a rotation by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


class Capsule(typing.NamedTuple):
    """Part of an image that contains a capsule: a line with round ends whose radius changes linearly.

    Attributes:
        box: Rows and columns of the part.
        alpha: (h, w) float32 in [0, 1].
        along: (h, w) position along the axis, 0 to 1.
        across: (h, w) signed distance from the axis in radii, -1 to 1.
    """

    box: tuple[slice, slice]
    alpha: np.ndarray
    along: np.ndarray
    across: np.ndarray


def draw_capsule(start: np.ndarray, stop: np.ndarray, radii: tuple[float, float], size: int) -> Capsule:
    """Draws a capsule.

    Args:
        start: (2,) x, y of one end of the axis.
        stop: (2,) x, y of the other end.
        radii: Radii at both ends in pixels.
        size: Side S of the image in pixels.
    """
    low = np.minimum(start, stop) - max(radii) - 2
    high = np.maximum(start, stop) + max(radii) + 3
    (left, top), (right, bottom) = (np.clip(edge, 0, size).astype(int) for edge in (low, high))
    box = (slice(top, bottom), slice(left, right))
    x, y = (grid[box] for grid in pixel_grid(size))
    axis = np.asarray(stop, np.float32) - np.asarray(start, np.float32)
    length = np.float32(np.hypot(*axis) + 1e-6)
    east, south = x - np.float32(start[0]), y - np.float32(start[1])
    along = np.clip((east * axis[0] + south * axis[1]) / length**2, 0, 1)
    radius = np.float32(radii[0]) + np.float32(radii[1] - radii[0]) * along
    distance = np.hypot(east - along * axis[0], south - along * axis[1])
    across = np.clip((east * axis[1] - south * axis[0]) / length / radius, -1, 1)
    return Capsule(box, np.clip(radius - distance + 0.5, 0, 1), along, across)


def shade_round(across: np.ndarray, light: float, *, ambient: float = 0.55) -> np.ndarray:
    """Computes the brightness of a cylinder by Lambert's cosine law.

    Args:
        across: Signed distance from the axis in radii, -1 to 1.
        light: Direction of the light across the axis, -1 to 1.
        ambient: Brightness of what the light does not reach.

    Returns:
        Brightness, the same shape, `ambient` to 1.
    """
    depth = np.sqrt(np.maximum(0, 1 - across**2))
    return ambient + (1 - ambient) * np.clip(light * across + np.sqrt(1 - light**2) * depth, 0, 1)


def smooth_noise(random: np.random.Generator, size: int, cells: int, *, octaves: int = 1) -> np.ndarray:
    """Creates smooth random values: random numbers on a coarse grid, enlarged; sums `octaves` finer grids.

    Returns:
        (S, S) float32, about -1 to 1.
    """
    total, weight = np.zeros((size, size), np.float32), 1.0
    for octave in range(octaves):
        side = min(size, cells * 2**octave)
        coarse = random.uniform(-1, 1, (side, side)).astype(np.float32)
        total += weight * cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        weight /= 2
    return total
