"""The texture of an avatar: where each pixel of a picture lies in it, and what a photo adds to it.

Everything runs on the device, for whole batches.

Source: Zakharov et al., "Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars", 2020.
"""

import typing

import keras
import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.control_points import mean_points
from faceswap_lib.reenactment.device_warp import warp_fields
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, boundary_maps
from faceswap_lib.reenactment.systems.avatar_networks import AvatarChannels
from faceswap_lib.training.augmentation import INDEX_TYPE, grid_sample
from faceswap_lib.training.perceptual import resize

GUIDED_RANGE = 1 / 8
"""Largest offset of the flow from the map between landmarks and texture, in sides."""

FREE_RANGE = 1.0
"""Largest offset of the flow from the identity, in sides; as in the paper."""

DAMPING = 0.03
"""Coverage, in pixels of the photo per pixel of the texture, at which half of the detail is used."""


class Layers(typing.NamedTuple):
    """What the inference generator makes of a shape, at the resolution R of the pictures.

    Attributes:
        places: (B, R, R, 2) float32 x, y: the pixel of the texture that each pixel of the picture shows.
        low: (B, R, R, 3) float32, the low-frequency picture.
        segmentation: (B, R, R, 1) float32, logit of the head.
    """

    places: typing.Any
    low: typing.Any
    segmentation: typing.Any


def shape_numbers(shapes: ShapeBatch) -> typing.Any:
    """Computes the numbers that describe a shape to the inference generator, (B, NUMBERS), about -1 to 1.

    Landmarks come first, then x, y and radius of the irises; those are 0 if they are unknown.
    """
    scale = 2 / CROP_SIZE
    known = ops.cast(shapes.irises[..., 2:] > 0, "float32")
    places = (shapes.irises[..., :2] * scale - 1) * known
    irises = ops.concatenate([places, shapes.irises[..., 2:] * (8 * scale)], axis=-1)
    return ops.concatenate([ops.reshape(shapes.points * scale - 1, (-1, 136)), ops.reshape(irises, (-1, 6))], axis=-1)


def infer_layers(
    network: typing.Any,
    widths: AvatarChannels,
    shapes: ShapeBatch,
    embedding: typing.Any,
    resolution: int,
    *,
    training: bool,
) -> Layers:
    """Runs the inference generator.

    Args:
        network: The inference generator.
        widths: The channels it was built with.
        shapes: B shapes.
        embedding: (B, E), embeddings of the identities.
        resolution: Side R of the pictures.
        training: Whether it runs in a training step.
    """
    places = pixel_places(resolution)
    inputs = [shape_numbers(shapes), embedding]
    if widths.is_guided:
        side = resolution // widths.shrink
        field = field_to_texture(shapes.points, resolution)
        places = places + field
        guide = ops.concatenate(
            [boundary_maps(shapes, side, ops=ops), resize(field, side) * (8 / resolution)],
            axis=-1,
        )
        inputs.append(guide)
    flow, low, segmentation = (ops.cast(x, "float32") for x in network(inputs, training=training))
    offset = resize(flow, resolution) * ((GUIDED_RANGE if widths.is_guided else FREE_RANGE) * resolution)
    return Layers(places + offset, resize(low, resolution), resize(segmentation, resolution))


def field_to_texture(points: typing.Any, resolution: int) -> typing.Any:
    """Computes how far from each pixel its place in the texture lies, as the landmarks say.

    The landmarks of the average face are fixed in the texture, and a thin-plate spline interpolates between them.

    Args:
        points: (B, 68, 2) landmarks in pixels of a crop of side `CROP_SIZE`.
        resolution: Side R of pictures and texture.

    Returns:
        (B, R, R, 2) float32 x, y in pixels of R.
    """
    texture_points = ops.convert_to_tensor(mean_points().astype(np.float32)[None]) + ops.zeros_like(points)
    return warp_fields(texture_points, points, resolution)


class Detail(typing.NamedTuple):
    """The detail of a photo that the generated texture lacks, and where in the texture it belongs.

    Attributes:
        residual: (B, R, R, 3) float32, the photo minus what the networks make of its shape, in pixels of the photo.
        offsets: (B, R, R, 2) float32, for each pixel of the texture the sum of the offsets x, y to the pixels of the
            photo that show it.
        coverage: (B, R, R, 1) float32, number of these pixels.
    """

    residual: typing.Any
    offsets: typing.Any
    coverage: typing.Any


class Composed(typing.NamedTuple):
    """A picture of the head, and where it comes from.

    Attributes:
        picture: (B, R, R, 3) float32, not clipped.
        base: (B, R, R, 3) float32, the picture without the detail of the photo.
        sources: (B, R, R, 2) float32 x, y: the pixel of the photo that each pixel shows.
    """

    picture: typing.Any
    base: typing.Any
    sources: typing.Any


def read_detail(texture: typing.Any, photo: typing.Any, layers: Layers) -> Detail:
    """Reads the detail of a photo: the texture enhancer.

    The paper's enhancer is a network that learns to change the texture down the gradient of the photo's error. This
    gradient is the residual, carried into the texture by the flow. One step that is divided by the diagonal of the
    Hessian, the coverage, makes the photo's own picture nearly exact, and needs no network. The residual is not
    resampled into the texture, but stays in the photo, and `compose` fetches it from there: colors that are
    interpolated twice are blurred.

    Args:
        texture: (B, R, R, 3) float32, from the texture generator.
        photo: (B, R, R, 3) in [-1, 1].
        layers: The layers of the shape of the photo.
    """
    residual = photo - layers.low - grid_sample(texture, layers.places)
    offsets = pixel_places(photo.shape[1]) - layers.places
    sums = splat(ops.concatenate([offsets, ops.ones_like(offsets[..., :1])], axis=-1), layers.places)
    offsets, coverage = ops.split(sums, [2], axis=-1)
    return Detail(residual, offsets, coverage)


def compose(texture: typing.Any, detail: Detail, layers: Layers, share: typing.Any = 1.0) -> Composed:
    """Composes the picture of a shape: the low-frequency picture, the texture, and the detail of the photo.

    Where the photo shows nothing of the texture, such as teeth behind closed lips, there is no detail.

    Args:
        texture: (B, R, R, 3) float32, from the texture generator.
        detail: The detail of the photo.
        layers: The layers of the wanted shape.
        share: Share of the detail, 0 to 1.
    """
    fetched = grid_sample(ops.concatenate([texture, detail.offsets, detail.coverage], axis=-1), layers.places)
    generated, offsets, coverage = ops.split(fetched, [3, 5], axis=-1)
    sources = layers.places + offsets / (coverage + 1e-3)
    known = share * coverage / (coverage + DAMPING)
    base = layers.low + generated
    return Composed(base + known * grid_sample(detail.residual, sources), base, sources)


def pixel_places(size: int) -> typing.Any:
    """Returns the position of every pixel, (1, size, size, 2) float32 x, y."""
    steps = np.arange(size, dtype=np.float32)
    return ops.convert_to_tensor(np.stack(np.meshgrid(steps, steps), axis=-1)[None])


def splat(values: typing.Any, places: typing.Any) -> typing.Any:
    """Adds values at places between pixels, with bilinear weights: the transpose of `grid_sample`.

    Args:
        values: (B, R, R, C) float32, B and R known.
        places: (B, R, R, 2) float32 x, y in pixels; places outside count as on the border.

    Returns:
        (B, R, R, C) float32.
    """
    count, size, channels = values.shape[0], values.shape[1], values.shape[3]
    limit = float(size - 1)
    places = ops.clip(places, 0.0, limit)
    low = ops.minimum(ops.floor(places), limit - 1)
    x_part, y_part = ops.split(places - low, 2, axis=-1)
    x, y = ops.unstack(ops.cast(low, INDEX_TYPE[keras.backend.backend()]), 2, axis=-1)
    first = ops.convert_to_tensor(np.arange(count)[:, None, None] * (size * size), x.dtype)
    start = ops.reshape(first + y * size + x, (-1,))
    parts, indices = [], []
    for offset, share in (
        (0, (1 - x_part) * (1 - y_part)),
        (1, x_part * (1 - y_part)),
        (size, (1 - x_part) * y_part),
        (size + 1, x_part * y_part),
    ):
        parts.append(ops.reshape(values * share, (-1, channels)))
        indices.append(start + offset)
    total = ops.segment_sum(ops.concatenate(parts), ops.concatenate(indices), num_segments=count * size * size)
    return ops.reshape(total, (count, size, size, channels))
