"""Shape pictures: images of a face shape, which the networks read instead of the face itself.

Three kinds, one per system: dots at the keypoints (landmark GAN), heat maps of the boundaries of parts (one-shot face
reenactment), and a stick figure (bilayer avatars). The functions compute every pixel from its distance to the points or
lines. They use only operations that NumPy and `keras.ops` have in common, so the same lines run in a notebook and
inside a compiled training step.

Sources: the landmark GAN of the BIGO challenge of PRCV 2019; Zhang et al., "One-shot Face Reenactment", 2019; Zakharov
et al., "Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars", 2020.
"""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.reenactment.face_shape import AZIMUTHS, HIDDEN_FROM, FaceShape

DOT_RADIUS = 2 / 224
"""Radius of a keypoint's dot as a fraction of the side: 2 of 224 pixels, as in the original landmark GAN."""

LINE_WIDTH = 1.5 / 128
"""Width of the lines of a stick figure as a fraction of the side."""

HEAT_SIGMA = 1 / 64
"""Standard deviation of a boundary's heat map as a fraction of the side."""

KEYPOINT_CHANNELS, STICK_CHANNELS = 3, 3

Lines = tuple[tuple[int, ...], ...]
"""Polylines as indices of the 68 landmarks."""

BOUNDARIES: dict[str, Lines] = {
    "face": (tuple(range(17)),),
    "brows": (tuple(range(17, 22)), tuple(range(22, 27))),
    "eyes": ((*range(36, 42), 36), (*range(42, 48), 42)),
    "nose": (tuple(range(31, 36)),),
    "upper lip": ((*range(48, 55), 64, 63, 62, 61, 60, 48),),
    "lower lip": ((*range(54, 60), 48, 60, 67, 66, 65, 64, 54),),
    "teeth": ((*range(60, 68), 60),),
    "nose bridge": (tuple(range(27, 31)),),
}
"""Boundaries of the parts of a face; "teeth" is the border of the open mouth. The gaze is one more channel."""

BOUNDARY_CHANNELS = len(BOUNDARIES) + 1

STICK_COLORS: dict[str, tuple[float, float, float]] = {
    "face": (0.0, 1.0, 0.0),
    "brows": (1.0, 0.5, 0.0),
    "eyes": (1.0, 0.0, 0.0),
    "nose": (0.0, 0.0, 1.0),
    "upper lip": (1.0, 0.0, 1.0),
    "lower lip": (0.5, 0.0, 1.0),
    "nose bridge": (0.0, 0.5, 1.0),
}
"""Color of each part in a stick figure, red, green and blue."""

IRIS_COLOR = (1.0, 1.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ShapeBatch:
    """Shapes of B faces as arrays of NumPy or of the Keras backend.

    Attributes:
        points: (B, 68, 2) float32 x, y in pixels of a crop of side `CROP_SIZE`.
        irises: (B, 2, 3) float32 x, y and radius of the irises in the same pixels; radius 0 if they are unknown.
        yaw: (B,) float32 yaw of the heads in degrees, positive to the right of the image.
    """

    points: typing.Any
    irises: typing.Any
    yaw: typing.Any

    def __len__(self) -> int:
        return self.points.shape[0]

    def take(self, index: typing.Any, *, ops: typing.Any = np) -> "ShapeBatch":
        """Gathers some shapes.

        Args:
            index: (K,) indices.
            ops: The module of array operations: `numpy` or `keras.ops`.
        """
        return ShapeBatch(**{name: ops.take(value, index, axis=0) for name, value in vars(self).items()})

    def shape(self, index: int) -> FaceShape:
        """Returns one shape of a batch of NumPy arrays."""
        irises = self.irises[index]
        return FaceShape(
            points=self.points[index],
            irises=irises if (irises[:, 2] > 0).all() else None,
            yaw=float(self.yaw[index]),
        )


def stack_shapes(shapes: Sequence[FaceShape]) -> ShapeBatch:
    """Stacks face shapes to a batch of NumPy arrays."""
    unknown = np.zeros((2, 3))
    return ShapeBatch(
        points=np.stack([shape.points for shape in shapes]).astype(np.float32),
        irises=np.stack([unknown if shape.irises is None else shape.irises for shape in shapes]).astype(np.float32),
        yaw=np.array([shape.yaw for shape in shapes], np.float32),
    )


def keypoint_picture(shapes: ShapeBatch, size: int, *, ops: typing.Any = np) -> typing.Any:
    """Draws a dot at every keypoint, green if it is visible and red if it is hidden, on black.

    Source: the landmark GAN of the BIGO challenge of PRCV 2019; see `systems.landmark_gan`.
    Taught in notebooks/10_landmark_gan.

    Args:
        shapes: The shapes.
        size: Side S of the pictures in pixels.
        ops: The module of array operations: `numpy` or `keras.ops`.

    Returns:
        (B, S, S, 3) float32, 0 to 1.
    """
    distance = _distance_to_points(_scale(shapes.points, size), size, ops)
    dots = ops.clip(DOT_RADIUS * size + 0.5 - distance, 0.0, 1.0)  # (B, 68, S, S)
    turned = ops.abs(shapes.yaw[:, None] + _constant(AZIMUTHS, ops)) < HIDDEN_FROM
    visible = _to_float(turned, ops)[:, :, None, None]
    red, green = ops.max(dots * (1 - visible), axis=1), ops.max(dots * visible, axis=1)
    return ops.stack([red, green, ops.zeros_like(red)], axis=-1)


def boundary_maps(shapes: ShapeBatch, size: int, *, ops: typing.Any = np) -> typing.Any:
    """Draws the boundary of each part as a heat map, one channel per part of `BOUNDARIES`; the last is the gaze.

    A boundary's heat falls with the distance to it like a normal distribution. The gaze is one such spot per iris, as
    wide as the iris; it is empty if the irises are unknown.
    Source: Zhang et al., 2019, section 3.1.
    Taught in notebooks/11_one_shot.

    Args:
        shapes: The shapes.
        size: Side S of the pictures in pixels.
        ops: The module of array operations: `numpy` or `keras.ops`.

    Returns:
        (B, S, S, 9) float32, 0 to 1.
    """
    points, sigma = _scale(shapes.points, size), HEAT_SIGMA * size
    channels = [
        ops.exp(-_squared_distance_to_lines(points, lines, size, ops) / (2 * sigma**2)) for lines in BOUNDARIES.values()
    ]
    distance = _distance_to_points(_scale(shapes.irises[..., :2], size), size, ops)
    radius = (shapes.irises[..., 2] * (size / CROP_SIZE))[:, :, None, None]
    heat = ops.exp(-((distance / ops.maximum(radius, 1e-3)) ** 2) / 2)
    known = _to_float(radius > 0, ops)
    return ops.stack([*channels, ops.max(heat * known, axis=1)], axis=-1)


def stick_figure(shapes: ShapeBatch, size: int, *, ops: typing.Any = np) -> typing.Any:
    """Draws the boundaries of the parts as thin lines, each part in its color of `STICK_COLORS`, and white irises.

    Source: Zakharov et al., 2020, section 3.1; the irises are ours.

    Args:
        shapes: The shapes.
        size: Side S of the pictures in pixels.
        ops: The module of array operations: `numpy` or `keras.ops`.

    Returns:
        (B, S, S, 3) float32, 0 to 1; the lines are on black.
    """
    points, half = _scale(shapes.points, size), LINE_WIDTH * size / 2
    picture = _constant(0.0, ops)
    for name, color in STICK_COLORS.items():
        squared = _squared_distance_to_lines(points, BOUNDARIES[name], size, ops)
        line = ops.clip(half + 0.5 - ops.sqrt(squared + 1e-6), 0.0, 1.0)[..., None]
        picture = ops.maximum(picture, line * _constant(color, ops))
    distance = _distance_to_points(_scale(shapes.irises[..., :2], size), size, ops)
    radius = (shapes.irises[..., 2] * (size / CROP_SIZE))[:, :, None, None]
    irises = ops.max(ops.clip(radius / 2 + 0.5 - distance, 0.0, 1.0) * ops.clip(radius, 0.0, 1.0), axis=1)[..., None]
    return ops.maximum(picture, irises * _constant(IRIS_COLOR, ops))


def _constant(values: typing.Any, ops: typing.Any) -> typing.Any:
    """Converts numbers to float32 of NumPy or of the Keras backend; PyTorch does not compute with both."""
    array = np.asarray(values, np.float32)
    return array if ops is np else ops.convert_to_tensor(array)


def _to_float(values: typing.Any, ops: typing.Any) -> typing.Any:
    """Converts an array of bool to float32."""
    return values.astype(np.float32) if ops is np else ops.cast(values, "float32")


def _scale(points: typing.Any, size: int) -> typing.Any:
    """Scales points of a crop of side `CROP_SIZE` to pixels of a picture of side `size`."""
    return (points + 0.5) * (size / CROP_SIZE) - 0.5


def _distance_to_points(points: typing.Any, size: int, ops: typing.Any) -> typing.Any:
    """Computes the distance of every pixel to every point.

    Args:
        points: (B, N, 2) x, y in pixels.
        size: Side S of the picture.
        ops: The module of array operations.

    Returns:
        (B, N, S, S), in pixels.
    """
    grid = _constant(np.arange(size), ops)
    across = (grid - points[..., 0:1]) ** 2  # (B, N, S)
    down = (grid - points[..., 1:2]) ** 2
    return ops.sqrt(across[:, :, None, :] + down[:, :, :, None] + 1e-6)


def _squared_distance_to_lines(points: typing.Any, lines: Lines, size: int, ops: typing.Any) -> typing.Any:
    """Computes the squared distance of every pixel to the nearest of some polylines.

    Args:
        points: (B, 68, 2) x, y in pixels.
        lines: The polylines.
        size: Side S of the picture.
        ops: The module of array operations.

    Returns:
        (B, S, S), in squared pixels.
    """
    begins = np.concatenate([line[:-1] for line in lines])
    ends = np.concatenate([line[1:] for line in lines])
    start, end = ops.take(points, begins, axis=1), ops.take(points, ends, axis=1)  # (B, K, 2)
    along = end - start
    length = ops.sum(along**2, axis=-1) + 1e-6  # (B, K)
    grid = _constant(np.arange(size), ops)
    across = (grid - start[..., 0:1])[:, :, None, :]  # (B, K, 1, S)
    down = (grid - start[..., 1:2])[:, :, :, None]  # (B, K, S, 1)
    x, y = along[..., 0][:, :, None, None], along[..., 1][:, :, None, None]
    share = ops.clip((across * x + down * y) / length[:, :, None, None], 0.0, 1.0)
    return ops.min((across - share * x) ** 2 + (down - share * y) ** 2, axis=1)
