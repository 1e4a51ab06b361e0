"""Random views of stored crops, made on the device for a whole batch at once.

Rotation, zoom, shift, flip, a smooth change of shape and the 5x5 grid warp are one map from output pixel to crop pixel,
sampled once. Two views of the same crop come out: the warped one, which the encoder reads, and the plain one, which a
decoder must give back; they differ by the grid warp, and by motion blur, alone. The change of shape is in both: it
takes faces beyond what their clip shows, so that decoders learn to follow a mouth that opens wider than they saw.
"""

import dataclasses
import functools

import cv2
import keras
import numpy as np
import scipy.special
from keras import ops

from faceswap_lib import devices
from faceswap_lib.faces.color_normalization import color_statistics
from faceswap_lib.facesets import FacesetArrays
from faceswap_lib.training.config import TrainConfig

GRID = 5
"""Control points of the warp along each side."""

SHAPE_GRID = 4
"""Control points of the change of shape along each side."""

BLUR_LENGTHS = (5, 7, 9, 11)
"""Lengths in pixels that motion blur has at 64 pixels, as in faceswap-GAN v2.2; longer at higher resolutions."""

BETA = 0.2
"""Both parameters of the beta distribution that shares of mixtures are drawn from, as in faceswap-GAN v2.2."""

BETA_TABLE = 4096
"""Intervals of the table of its quantiles."""

INDEX_TYPE = {"tensorflow": "int64", "jax": "int32", "torch": "int64"}
"""Integers that pixels are numbered with: on a GPU TensorFlow computes with int32 on the CPU unless XLA compiles."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DeviceFaceset:
    """One person's crops as the training step reads them.

    Attributes:
        images: (N, S, S, 3) uint8 tensor: red, green, blue.
        masks: Three (N, S, S) uint8 tensors: eyes, mouth, face.
        tones: (N, 2, 3) float32 tensor: mean and standard deviation of the colors inside the face, 0 to 255.
        rarity: (N,) float64, 1 on average, not on the device: how rare pose and expression of each crop are.
        size: S, the stored side in pixels.
        count: N.
    """

    images: object
    masks: tuple[object, object, object]
    tones: object
    rarity: np.ndarray
    size: int
    count: int

    def take(self, index):
        """Takes crops of a batch.

        Args:
            index: (B,) int32.

        Returns:
            (B, S, S, 6) uint8: red, green, blue, eyes, mouth, face.
        """
        masks = [ops.take(mask, index, axis=0)[..., None] for mask in self.masks]
        return ops.concatenate([ops.take(self.images, index, axis=0), *masks], axis=-1)


def to_device(arrays: FacesetArrays) -> DeviceFaceset:
    """Puts a faceset on the device; on a CPU its arrays may become the tensors, so they must not change afterwards."""
    count, size = arrays.images.shape[:2]
    tones = [color_statistics(image, face) for image, face in zip(arrays.images, arrays.face, strict=True)]
    return DeviceFaceset(
        images=devices.to_device(arrays.images),
        masks=tuple(devices.to_device(mask) for mask in (arrays.eyes, arrays.mouth, arrays.face)),
        tones=ops.convert_to_tensor(np.stack(tones)),
        rarity=arrays.rarity,
        size=size,
        count=count,
    )


def random_warp_grid(config: TrainConfig, resolution: int, size: int, seed: keras.random.SeedGenerator):
    """Draws the coordinate maps of a batch.

    Args:
        config: How many, and how far they are turned, zoomed, shifted and warped.
        resolution: R, side of the views in pixels.
        size: S, side of the stored crops in pixels, each as large as one of the view.
        seed: Source of randomness.

    Returns:
        Plain and warped map, each (B, R, R, 2) float32: x, y in pixels of the stored crop.
    """
    batch = config.batch_size
    line = (2 * np.arange(resolution, dtype=np.float32) + 1) / resolution - 1
    grid = ops.convert_to_tensor(np.stack(np.meshgrid(line, line), axis=-1))  # (R, R, 2): x, y in [-1, 1]
    offsets = keras.random.normal((batch, GRID, GRID, 2), stddev=2 * config.random_warp, seed=seed)
    spread = ops.convert_to_tensor(_spread_matrix(resolution))  # (R, GRID)
    smooth = ops.einsum("ri,bijc,sj->brsc", spread, offsets, spread)  # (B, R, R, 2)

    shape = keras.random.normal((batch, SHAPE_GRID, SHAPE_GRID, 2), stddev=2 * config.elastic_deformation, seed=seed)
    bend = ops.convert_to_tensor(_bend_matrix(resolution))  # (R, SHAPE_GRID)
    shape = ops.einsum("ri,bijc,sj->brsc", bend, shape, bend)

    turn, shift = np.radians(config.rotation_range), 2 * config.shift_range
    angle = keras.random.uniform((batch, 1, 1), -turn, turn, seed=seed)
    zoom = keras.random.uniform((batch, 1, 1), 1 - config.zoom_range, 1 + config.zoom_range, seed=seed)
    shift = keras.random.uniform((batch, 1, 1, 2), -shift, shift, seed=seed)
    flip = ops.where(keras.random.uniform((batch, 1, 1), seed=seed) < 0.5, 1.0, -1.0)
    cos, sin = zoom * ops.cos(angle), zoom * ops.sin(angle)

    def place(points):
        x, y = points[..., 0] * flip, points[..., 1]
        turned = ops.stack([cos * x - sin * y, sin * x + cos * y], axis=-1) + shift
        return (size - 1) / 2 + turned * (resolution / 2)

    plain = ops.broadcast_to(grid[None], (batch, resolution, resolution, 2))
    return place(plain + shape), place(plain + shape + smooth)


def augment_colors(tones, config: TrainConfig, index, count: int, seed: keras.random.SeedGenerator):
    """Draws the tones that pictures take on: their own, or, for a share of them, those of another crop of that person.

    Args:
        tones: (N, 2, 3) tones of all crops.
        config: `color_augmentation_prob` is that share.
        index: (B,) crops of the batch.
        count: N.
        seed: Source of randomness.

    Returns:
        (B, 2, 3) tones.
    """
    batch = config.batch_size
    other = ops.cast(keras.random.uniform((batch,), 0, count, seed=seed), "int32")
    other = ops.minimum(other, count - 1)
    matched = keras.random.uniform((batch,), seed=seed) < config.color_augmentation_prob
    return ops.take(tones, ops.where(matched, other, index), axis=0)


def motion_blur(pictures, config: TrainConfig, seed: keras.random.SeedGenerator):
    """Blurs a share of the pictures (B, R, R, C) along x or y over a random length.

    Source: the augmentation of faceswap-GAN v2.2, which blurs a quarter of the pictures where it is on.
    """
    batch, side, channels = config.batch_size, pictures.shape[1], pictures.shape[3]
    scale = side // 64
    lengths = np.array([[1, 1], *([n, 1] for n in BLUR_LENGTHS), *([1, n] for n in BLUR_LENGTHS)], np.float32)
    reach = ops.convert_to_tensor((lengths * np.where(lengths > 1, scale, 1) - 1) / 2)  # (K, 2) pixels either way: x, y
    drawn = 1 + ops.cast(keras.random.uniform((batch,), 0, len(lengths) - 1, seed=seed), "int32")
    blurred = keras.random.uniform((batch,), seed=seed) < config.motion_blur_prob
    reach = ops.take(reach, ops.where(blurred, ops.minimum(drawn, len(lengths) - 1), 0), axis=0)
    apart = np.abs(np.arange(side)[:, None] - np.arange(side)).astype(np.float32)
    near = ops.cast(apart <= reach[:, :, None, None], "float32")  # (B, 2, R, R)
    along_x, along_y = ops.unstack(near / ops.sum(near, axis=-1, keepdims=True), 2, axis=1)
    blurred = ops.matmul(along_y, ops.reshape(pictures, (-1, side, side * channels)))
    return ops.matmul(along_x[:, None], ops.reshape(blurred, (-1, side, side, channels)))


def _bend_matrix(resolution: int) -> np.ndarray:
    """(R, SHAPE_GRID) weights that spread control points over a line smoothly, by cubic interpolation."""
    return cv2.resize(np.eye(SHAPE_GRID, dtype=np.float32), (SHAPE_GRID, resolution), interpolation=cv2.INTER_CUBIC)


def _spread_matrix(resolution: int) -> np.ndarray:
    """(R, GRID) weights that spread control points over a line, linearly between neighbors."""
    at = np.linspace(0, GRID - 1, resolution, dtype=np.float32)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(GRID, dtype=np.float32)))


def grid_sample(pictures, coordinates):
    """Reads pictures at a coordinate map, bilinearly; outside a picture its border repeats.

    Args:
        pictures: (B, S, S, C) uint8 tensor.
        coordinates: (B, R, R, 2) float32 x, y in pixels of the picture.

    Returns:
        (B, R, R, C) float32, 0 to 255.

    Taught in notebooks/05_faceswap_train.
    """
    count, size, channels = pictures.shape[0], pictures.shape[1], pictures.shape[3]
    limit = float(size - 1)
    coordinates = ops.clip(coordinates, 0.0, limit)
    low = ops.minimum(ops.floor(coordinates), limit - 1)
    x_part, y_part = ops.split(coordinates - low, 2, axis=-1)  # each (B, R, R, 1)
    x, y = ops.unstack(ops.cast(low, INDEX_TYPE[keras.backend.backend()]), 2, axis=-1)
    # Pixels are numbered within the batch: within a whole faceset their numbers would pass 2^31.
    first = ops.convert_to_tensor(np.arange(count)[:, None, None] * (size * size), x.dtype)
    start = first + y * size + x
    pixels = ops.reshape(pictures, (count * size * size, channels))

    def corner(offset: int):
        return ops.cast(ops.take(pixels, start + offset, axis=0), "float32")

    top = corner(0) * (1 - x_part) + corner(1) * x_part
    bottom = corner(size) * (1 - x_part) + corner(size + 1) * x_part
    return top * (1 - y_part) + bottom * y_part


def sample(faces: DeviceFaceset, index, coordinates):
    """Reads stored crops at a coordinate map; see `grid_sample`.

    Args:
        faces: The stored crops.
        index: (B,) int32, which crop each picture is read from.
        coordinates: (B, R, R, 2) float32 x, y in pixels of the crop.

    Returns:
        (B, R, R, 6) float32, 0 to 255: red, green, blue, eyes, mouth, face.
    """
    return grid_sample(faces.take(index), coordinates)


def draw_beta(shape: tuple[int, ...], seed: keras.random.SeedGenerator):
    """Draws from the beta distribution Beta(0.2, 0.2) by inverse transform sampling: most values are near 0 or near 1.

    A uniform number is looked up in a table of quantiles. `keras.random.beta` rests on a gamma distribution, for which
    XLA has no kernel under TensorFlow, nor has PyTorch on Apple's GPUs.

    Args:
        shape: Of the result.
        seed: Source of randomness.

    Returns:
        float32 in [0, 1].
    """
    table = ops.convert_to_tensor(_beta_quantiles())
    place = keras.random.uniform(shape, 0.0, float(BETA_TABLE), seed=seed)
    low = ops.minimum(ops.floor(place), BETA_TABLE - 1.0)
    part, index = place - low, ops.cast(low, INDEX_TYPE[keras.backend.backend()])
    return ops.take(table, index, axis=0) * (1 - part) + ops.take(table, index + 1, axis=0) * part


@functools.cache
def _beta_quantiles() -> np.ndarray:
    """(BETA_TABLE + 1,) float32 quantiles of Beta(0.2, 0.2), evenly spaced in probability."""
    return scipy.special.betaincinv(BETA, BETA, np.linspace(0, 1, BETA_TABLE + 1)).astype(np.float32)
