"""Thin-plate spline warps of a batch of pictures, computed on the device in a training step or while rendering.

The control points and the spline are those of `warping.warp_thin_plate_spline`, here for whole batches and without
OpenCV. The functions use only operations that NumPy and `keras.ops` have in common, apart from the sampling.

Source: Bookstein, "Principal Warps: Thin-Plate Splines and the Decomposition of Deformations", 1989.
"""

import functools
import typing

import cv2
import keras
import numpy as np

from faceswap_lib.devices import has_accelerator
from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, OUTLINE, RIGHT_EYE
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.control_points import (
    CROWN,
    FOREHEAD,
    FOREHEAD_ANGLES,
    JAW_STEP,
    WIDENED,
    fixed_frame,
)
from faceswap_lib.training.augmentation import grid_sample

GRID = 32
"""Side of the grid on which a spline is evaluated; in between it is interpolated with cubic polynomials."""

SMOOTHING = 1e-3
"""Weight of the smoothness. Landmarks may be missed by half a pixel of 256, which keeps the spline stable where two of
them coincide, such as those of closed lips."""

MARGIN = 2.0
"""Smallest distance of the points of the head from the fixed frame, in pixels of `CROP_SIZE`."""


def extend_batch(points: typing.Any, *, ops: typing.Any = ops) -> typing.Any:
    """Adds the points of the head and of the fixed frame to the landmarks of a batch; see `extend_points`.

    Args:
        points: (B, 68, 2) float32 x, y in pixels of a crop of side `CROP_SIZE`.
        ops: The module of array operations: `numpy` or `keras.ops`.

    Returns:
        (B, N, 2) float32, in the order of `control_points.extend_points`.
    """
    around = (_points(points, [NOSE_TIP], ops) + _points(points, [27], ops)) / 2  # (B, 1, 2)
    jaw = around + WIDENED * (_points(points, range(68)[OUTLINE][::JAW_STEP], ops) - around)
    corners = _points(points, [LEFT_EYE.start, LEFT_EYE.start + 3, RIGHT_EYE.start, RIGHT_EYE.start + 3], ops)
    eyes = ops.mean(ops.reshape(corners, (-1, 2, 2, 2)), axis=2)  # (B, 2, 2): the middle of the corners of each eye
    middle = ops.mean(eyes, axis=1, keepdims=True)
    hairline = _hairline(points, eyes, middle, ops)
    hair = middle + CROWN * (hairline - middle)
    frame = fixed_frame().astype(np.float32)
    low, high = float(frame.min()) + MARGIN, float(frame.max()) - MARGIN
    head = ops.clip(ops.concatenate([points, hairline, hair, jaw], axis=1), low, high)
    return ops.concatenate([head, _constant(frame, ops) + ops.zeros_like(middle)], axis=1)


def warp_fields(sources: typing.Any, targets: typing.Any, size: int, *, ops: typing.Any = ops) -> typing.Any:
    """Computes how far from each pixel of the result its color comes, for warps that move landmarks to others.

    Args:
        sources: (B, 68, 2) float32 landmarks in the pictures, x, y in pixels of a crop of side `CROP_SIZE`.
        targets: (B, 68, 2) float32, their new positions.
        size: Side R of the pictures in pixels.
        ops: The module of array operations: `numpy` or `keras.ops`.

    Returns:
        (B, R, R, 2) float32 x, y in pixels of the pictures: a pixel shows the picture at its own position plus this.
    """
    centers = extend_batch(targets, ops=ops) / CROP_SIZE
    offsets = extend_batch(sources, ops=ops) / CROP_SIZE - centers
    x, y = ops.split(centers, 2, axis=-1)  # each (B, N, 1)
    ones = ops.ones_like(x)
    plane = ops.concatenate([x, y, ones], axis=-1)  # (B, N, 3)
    swapped = ops.transpose(plane, (0, 2, 1))
    count = centers.shape[1]
    kernel = _kernel((x - ops.transpose(x, (0, 2, 1))) ** 2 + (y - ops.transpose(y, (0, 2, 1))) ** 2, ops)
    kernel = kernel + _constant(SMOOTHING * np.eye(count), ops)
    nothing = ops.matmul(swapped, plane) * 0.0
    system = ops.concatenate(
        [ops.concatenate([kernel, plane], axis=2), ops.concatenate([swapped, nothing], axis=2)], axis=1
    )
    _, zeros = ops.split(ops.concatenate([offsets, offsets * 0.0], axis=1), [2 * count - 3], axis=1)
    solution = _solve(system, ops.concatenate([offsets, zeros], axis=1), ops)
    weights, affine = ops.split(solution, [count], axis=1)

    nodes = (np.arange(GRID) + 0.5) / GRID - 0.5 / CROP_SIZE
    line = _constant(nodes, ops)
    across = (line - x) ** 2  # (B, N, G)
    down = (line - y) ** 2
    heights = _kernel(across[:, :, None, :] + down[:, :, :, None], ops)  # (B, N, G, G)
    places = _constant(np.stack([np.tile(nodes, GRID), np.repeat(nodes, GRID), np.ones(GRID**2)], axis=1), ops)
    bent = ops.matmul(ops.transpose(ops.reshape(heights, (-1, count, GRID**2)), (0, 2, 1)), weights)
    field = ops.reshape(bent + ops.matmul(places, affine), (-1, GRID, GRID, 2)) * float(size)
    spread = _constant(_spread_matrix(size), ops)
    rows = ops.matmul(spread, ops.reshape(field, (-1, GRID, GRID * 2)))
    return ops.matmul(spread, ops.reshape(rows, (-1, size, GRID, 2)))


def warp_pictures(pictures: typing.Any, fields: typing.Any) -> typing.Any:
    """Samples pictures at the positions of fields, with bilinear interpolation; the border is repeated outside.

    Args:
        pictures: (B, R, R, C), a tensor of the Keras backend with a known B.
        fields: (B, R, R, 2) float32 from `warp_fields`.

    Returns:
        (B, R, R, C) float32.
    """
    steps = np.arange(pictures.shape[1], dtype=np.float32)
    return grid_sample(pictures, fields + _constant(np.stack(np.meshgrid(steps, steps), axis=-1), ops))


def _hairline(points: typing.Any, eyes: typing.Any, middle: typing.Any, ops: typing.Any) -> typing.Any:
    """Computes the points of the hairline, (B, K, 2); see `control_points.forehead_arc`."""
    left, right = ops.split(eyes, 2, axis=1)  # each (B, 1, 2)
    along = right - left
    along = along / ops.maximum(ops.sqrt(ops.sum(along**2, axis=-1, keepdims=True)), 1e-6)
    x, y = ops.split(along, 2, axis=-1)
    up = ops.concatenate([y, -x], axis=-1)
    five = [ops.mean(_points(points, range(68)[eye], ops), axis=1, keepdims=True) for eye in (LEFT_EYE, RIGHT_EYE)]
    five = ops.concatenate([*five, _points(points, [NOSE_TIP, *MOUTH_CORNERS], ops)], axis=1)
    spread = ops.sum((five - ops.mean(five, axis=1, keepdims=True)) ** 2, axis=(1, 2), keepdims=True)
    height = FOREHEAD * ops.sqrt(spread)  # (B, 1, 1)
    temples = ops.sum((_points(points, [0, 16], ops) - middle) * along, axis=-1, keepdims=True)  # (B, 2, 1)
    left_reach, right_reach = ops.split(temples, 2, axis=1)
    cosine, sine = (f(FOREHEAD_ANGLES)[:, None] for f in (np.cos, np.sin))
    toward = [_constant(np.maximum(sign * cosine, 0), ops) for sign in (1, -1)]
    reach = right_reach * toward[0] + left_reach * toward[1]
    return middle + reach * along + height * _constant(sine, ops) * up


def _solve(systems: typing.Any, right: typing.Any, ops: typing.Any) -> typing.Any:
    """Solves a batch of linear systems, (B, N, N) and (B, N, K).

    JAX solves them one after the other on a CPU. JAX 0.10.0 to 0.10.2 divide a batch among the threads of XLA, from one
    of these threads, which then waits for the others. Two batches in one program wait for each other for ever on two
    cores. A batch of one is not divided.
    """
    if ops is np:
        return np.linalg.solve(systems, right)
    if keras.backend.backend() == "jax" and not has_accelerator():
        return ops.map(lambda system: ops.solve(*system), (systems, right))
    return ops.solve(systems, right)


def _constant(array: np.ndarray, ops: typing.Any) -> typing.Any:
    """Converts an array to float32, of NumPy or of the Keras backend."""
    array = np.asarray(array, np.float32)
    return array if ops is np else ops.convert_to_tensor(array)


def _points(points: typing.Any, indices: typing.Iterable[int], ops: typing.Any) -> typing.Any:
    """Gathers some landmarks of a batch, (B, K, 2)."""
    return ops.take(points, np.array(list(indices), np.int32), axis=1)


def _kernel(squared: typing.Any, ops: typing.Any) -> typing.Any:
    """Computes the radial function r^2 log r of a thin-plate spline from squared distances."""
    return 0.5 * squared * ops.log(ops.maximum(squared, 1e-12))


@functools.cache
def _spread_matrix(size: int) -> np.ndarray:
    """Computes the (R, GRID) weights that interpolate a line of nodes with cubic polynomials."""
    return cv2.resize(np.eye(GRID, dtype=np.float32), (GRID, size), interpolation=cv2.INTER_CUBIC)
