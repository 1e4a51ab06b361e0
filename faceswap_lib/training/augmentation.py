"""Data augmentation: random views of stored crops, computed on the device for a whole batch.

Rotation, zoom, shift, flip, elastic deformation and the 5x5 grid warp are combined to one coordinate map from output
pixels to crop pixels, so each view is sampled only once. Each crop produces two views: the warped view is the input of
the encoder, the plain view is the target of the decoder. They differ only by the grid warp and by motion blur. The
elastic deformation is in both views. It creates face shapes that the video does not contain, so that decoders learn to
reproduce, for example, a mouth that is open wider than in the video.
"""

import dataclasses
import functools
import typing

import cv2
import keras
import numpy as np
import scipy.special

from faceswap_lib import devices
from faceswap_lib.faces.color_normalization import color_statistics
from faceswap_lib.facesets import FacesetArrays
from faceswap_lib.facesets.crop_cache import CropRows
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.training.config import TrainConfig

GRID = 5
"""Number of control points of the warp along each side."""

SHAPE_GRID = 4
"""Number of control points of the elastic deformation along each side."""

BLUR_LENGTHS = (5, 7, 9, 11)
"""Lengths of motion blur in pixels at a resolution of 64, as in faceswap-GAN v2.2; longer at higher resolutions."""

BETA = 0.2
"""Both parameters of the beta distribution of mixup ratios, as in faceswap-GAN v2.2."""

BETA_TABLE = 4096
"""Number of intervals in the table of quantiles of the beta distribution."""

INDEX_TYPE = {"tensorflow": "int64", "jax": "int32", "torch": "int64"}
"""Dtype of pixel indices by backend. Without XLA, TensorFlow runs int32 operations on the CPU even if it has a GPU."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DeviceFaceset:
    """Crops of one person on the device, as input of the training step.

    Attributes:
        images: (N, S, S, 3) uint8 tensor, RGB.
        masks: Three (N, S, S) uint8 tensors: eyes, mouth, face; with occlusion masks a fourth, visible.
        tones: (N, 2, 3) float32 tensor: mean and standard deviation of the colors inside the face, 0 to 255.
        rarity: (N,) float64 array in main memory, mean 1: rarity of the pose and expression of each crop.
        size: S, the side of the stored crops in pixels.
        count: N, the number of crops.
        rows: The crops in a file, if they are not on the device; `images` is then None, `masks` is empty, and every
            batch contains its crops.
    """

    images: typing.Any
    masks: tuple[typing.Any, ...]
    tones: typing.Any
    rarity: np.ndarray
    size: int
    count: int
    rows: CropRows | None = None

    def take(self, index):
        """Gathers the crops of a batch.

        Args:
            index: (B,) int32, indices of the crops.

        Returns:
            (B, S, S, 6) uint8: red, green, blue, eyes, mouth, face; with occlusion masks (B, S, S, 7): visible.
        """
        masks = [ops.take(mask, index, axis=0)[..., None] for mask in self.masks]
        return ops.concatenate([ops.take(self.images, index, axis=0), *masks], axis=-1)


def to_device(arrays: FacesetArrays) -> DeviceFaceset:
    """Copies a faceset to the device.

    On a CPU the tensors may share the memory of the arrays, so the arrays must not be changed afterwards.
    """
    count, size = arrays.images.shape[:2]
    tones = [color_statistics(image, face) for image, face in zip(arrays.images, arrays.face, strict=True)]
    return DeviceFaceset(
        images=devices.to_device(arrays.images),
        masks=tuple(
            devices.to_device(mask)
            for mask in (arrays.eyes, arrays.mouth, arrays.face, arrays.visible)
            if mask is not None
        ),
        tones=ops.convert_to_tensor(np.stack(tones)),
        rarity=arrays.rarity,
        size=size,
        count=count,
    )


def to_streamed(rows: CropRows) -> DeviceFaceset:
    """Builds the faceset of a training step whose crops stay in a file; only their tones are on the device."""
    return DeviceFaceset(
        images=None,
        masks=(),
        tones=ops.convert_to_tensor(rows.tones),
        rarity=rows.rarity,
        size=rows.shape[0],
        count=len(rows),
        rows=rows,
    )


def random_warp_grid(config: TrainConfig, resolution: int, size: int, seed: keras.random.SeedGenerator):
    """Draws the random coordinate maps of a batch.

    Args:
        config: The batch size, and the ranges of rotation, zoom, shift, deformation and warp.
        resolution: R, side of the views in pixels.
        size: S, side of the stored crops in pixels; pixels of the crop and of the view have the same size.
        seed: Random seed generator.

    Returns:
        Plain and warped coordinate map, each (B, R, R, 2) float32: x, y in pixels of the stored crop.
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
    """Draws the target color statistics (tones) of the images in a batch.

    With probability `color_augmentation_prob`, an image gets the tones of a random crop of the same person; otherwise
    it keeps its own tones.

    Args:
        tones: (N, 2, 3) float32, mean and standard deviation of the colors of each crop, 0 to 255.
        config: The batch size B, and `color_augmentation_prob`.
        index: (B,) int32, indices of the crops in the batch.
        count: N, the number of crops.
        seed: Random seed generator.

    Returns:
        (B, 2, 3) float32 tones.
    """
    batch = config.batch_size
    other = ops.cast(keras.random.uniform((batch,), 0, count, seed=seed), "int32")
    other = ops.minimum(other, count - 1)
    matched = keras.random.uniform((batch,), seed=seed) < config.color_augmentation_prob
    return ops.take(tones, ops.where(matched, other, index), axis=0)


def motion_blur(pictures, config: TrainConfig, seed: keras.random.SeedGenerator):
    """Applies motion blur of a random length along x or y to randomly chosen images of a batch.

    Args:
        pictures: (B, R, R, C) float32.
        config: `motion_blur_prob` is the probability that an image is blurred.
        seed: Random seed generator.

    Returns:
        (B, R, R, C) float32.

    Source: the augmentation of faceswap-GAN v2.2, which blurs a quarter of the images when it is enabled.
    """
    batch, side, channels = config.batch_size, pictures.shape[1], pictures.shape[3]
    scale = side // 64
    lengths = np.array([[1, 1], *([n, 1] for n in BLUR_LENGTHS), *([1, n] for n in BLUR_LENGTHS)], np.float32)
    reach = ops.convert_to_tensor((lengths * np.where(lengths > 1, scale, 1) - 1) / 2)  # (K, 2) radius along x and y
    drawn = 1 + ops.cast(keras.random.uniform((batch,), 0, len(lengths) - 1, seed=seed), "int32")
    blurred = keras.random.uniform((batch,), seed=seed) < config.motion_blur_prob
    reach = ops.take(reach, ops.where(blurred, ops.minimum(drawn, len(lengths) - 1), 0), axis=0)
    apart = np.abs(np.arange(side)[:, None] - np.arange(side)).astype(np.float32)
    near = ops.cast(apart <= reach[:, :, None, None], "float32")  # (B, 2, R, R)
    along_x, along_y = ops.unstack(near / ops.sum(near, axis=-1, keepdims=True), 2, axis=1)
    blurred = ops.matmul(along_y, ops.reshape(pictures, (-1, side, side * channels)))
    return ops.matmul(along_x[:, None], ops.reshape(blurred, (-1, side, side, channels)))


def _bend_matrix(resolution: int) -> np.ndarray:
    """Computes the (R, SHAPE_GRID) weights that interpolate control points along a line, with cubic interpolation."""
    return cv2.resize(np.eye(SHAPE_GRID, dtype=np.float32), (SHAPE_GRID, resolution), interpolation=cv2.INTER_CUBIC)


def _spread_matrix(resolution: int) -> np.ndarray:
    """Computes the (R, GRID) weights that interpolate control points along a line, with linear interpolation."""
    at = np.linspace(0, GRID - 1, resolution, dtype=np.float32)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(GRID, dtype=np.float32)))


def grid_sample(pictures, coordinates):
    """Samples images at the coordinates of a map with bilinear interpolation; coordinates are clipped to the image.

    Args:
        pictures: (B, S, S, C) uint8 tensor.
        coordinates: (B, R, R, 2) float32 x, y in pixels of the image.

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
    # Pixel indices count within the batch; within a whole faceset they would exceed 2^31.
    first = ops.convert_to_tensor(np.arange(count)[:, None, None] * (size * size), x.dtype)
    start = first + y * size + x
    pixels = ops.reshape(pictures, (count * size * size, channels))

    def corner(offset: int):
        return ops.cast(ops.take(pixels, start + offset, axis=0), "float32")

    top = corner(0) * (1 - x_part) + corner(1) * x_part
    bottom = corner(size) * (1 - x_part) + corner(size + 1) * x_part
    return top * (1 - y_part) + bottom * y_part


def sample(faces: DeviceFaceset, index, coordinates):
    """Samples stored crops at the coordinates of a map; see `grid_sample`.

    Args:
        faces: The stored crops.
        index: (B,) int32, the index of the crop of each image.
        coordinates: (B, R, R, 2) float32 x, y in pixels of the crop.

    Returns:
        (B, R, R, 6) float32, 0 to 255: red, green, blue, eyes, mouth, face; with occlusion masks 7.
    """
    return grid_sample(faces.take(index), coordinates)


def draw_beta(shape: tuple[int, ...], seed: keras.random.SeedGenerator):
    """Draws from the beta distribution Beta(0.2, 0.2) by inverse transform sampling: most values are near 0 or near 1.

    A uniform number is the position in a table of quantiles. `keras.random.beta` needs a gamma distribution, which XLA
    under TensorFlow and PyTorch on Apple GPUs do not support.

    Args:
        shape: Shape of the result.
        seed: Random seed generator.

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
    """Computes the (BETA_TABLE + 1,) float32 quantiles of Beta(0.2, 0.2), evenly spaced in probability."""
    return scipy.special.betaincinv(BETA, BETA, np.linspace(0, 1, BETA_TABLE + 1)).astype(np.float32)
