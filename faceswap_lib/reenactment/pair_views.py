"""Views of the pairs of a batch, made on the device: source and target with the same rotation, zoom and shift."""

import dataclasses
import typing

import keras
import numpy as np

from faceswap_lib import devices
from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.config import ReenactmentTrainConfig
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.shape_pictures import ShapeBatch
from faceswap_lib.training.augmentation import grid_sample


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DeviceDataset:
    """Crops and shapes of several people on the device.

    Attributes:
        images: (N, S, S, 3) uint8 tensor, RGB.
        shapes: The N shapes.
        person: (N,) int32 tensor, index of the person of each crop.
        size: Side S of the crops in pixels.
        heads: (N, S, S) uint8 tensor, 255 inside the head; None if the system does not need it.
    """

    images: typing.Any
    shapes: ShapeBatch
    person: typing.Any
    size: int
    heads: typing.Any = None

    def take(self, index: typing.Any) -> tuple[typing.Any, ShapeBatch]:
        """Gathers the images (B, S, S, 3) uint8 and the shapes of a batch of indices, (B,) int32."""
        return ops.take(self.images, index, axis=0), self.shapes.take(index, ops=ops)


def to_device(people: ReenactmentDataset) -> DeviceDataset:
    """Copies crops and shapes to the device; on a CPU they may share the memory of the arrays."""
    return DeviceDataset(
        images=devices.to_device(people.images),
        shapes=ShapeBatch(**{name: ops.convert_to_tensor(value) for name, value in vars(people.shapes).items()}),
        person=ops.convert_to_tensor(people.person),
        size=people.size,
        heads=None if people.heads is None else devices.to_device(people.heads),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PairViews:
    """Views of B pairs.

    Attributes:
        source: (B, R, R, 3) float32 in [-1, 1], the picture whose appearance is kept.
        target: (B, R, R, 3) float32 in [-1, 1], the picture that the networks are to make.
        source_shapes: Shapes of the sources in the view.
        target_shapes: Shapes of the targets in the view.
        person: (B,) int32, index of the person of each pair.
        source_heads, target_heads: (B, R, R, 1) float32, 1 inside the head; None if the people have no head masks.
    """

    source: typing.Any
    target: typing.Any
    source_shapes: ShapeBatch
    target_shapes: ShapeBatch
    person: typing.Any
    source_heads: typing.Any = None
    target_heads: typing.Any = None


def view_pairs(
    people: DeviceDataset,
    sources: typing.Any,
    targets: typing.Any,
    config: ReenactmentTrainConfig,
    resolution: int,
    seed: keras.random.SeedGenerator,
) -> PairViews:
    """Draws the augmented views of a batch of pairs.

    The same rotation, zoom and shift is applied to both pictures and both shapes of a pair, as in document 001: the
    motion between them must not change.

    Args:
        people: The crops.
        sources: (B,) int32 indices of the sources.
        targets: (B,) int32 indices of the targets.
        config: The ranges of the augmentation, and the batch size B.
        resolution: R, side of the views in pixels.
        seed: Random seed generator.
    """
    count = config.batch_size
    angle = keras.random.uniform((count,), -1.0, 1.0, seed=seed) * float(np.radians(config.rotation_range))
    scale = ops.exp(keras.random.uniform((count,), -1.0, 1.0, seed=seed) * float(np.log1p(config.zoom_range)))
    shift = keras.random.uniform((count, 2), -1.0, 1.0, seed=seed) * float(config.shift_range * CROP_SIZE)
    cosine, sine = ops.cos(angle), ops.sin(angle)
    rows = [[cosine, -sine], [sine, cosine]]
    turn = ops.stack([ops.stack(row, axis=-1) for row in rows], axis=1)  # (B, 2, 2)
    center = (CROP_SIZE - 1) / 2

    # The view's pixel v shows the crop's point center + (v - center - shift) @ turn / scale, in pixels of CROP_SIZE.
    grid = (np.arange(resolution, dtype=np.float32) + 0.5) * (CROP_SIZE / resolution) - 0.5 - center
    places = ops.convert_to_tensor(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(1, -1, 2))
    seen = ops.matmul(places - shift[:, None], turn) / scale[:, None, None] + center
    stored = (seen + 0.5) * (people.size / CROP_SIZE) - 0.5
    coordinates = ops.reshape(stored, (count, resolution, resolution, 2))

    def place(points: typing.Any) -> typing.Any:
        """Moves points of the crop to the view: the inverse of the map above."""
        return (
            ops.matmul((points - center) * scale[:, None, None], ops.transpose(turn, (0, 2, 1)))
            + shift[:, None]
            + center
        )

    def view(index: typing.Any) -> tuple[typing.Any, ShapeBatch]:
        images, shapes = people.take(index)
        radius = shapes.irises[..., 2:] * scale[:, None, None]
        moved = ShapeBatch(
            points=place(shapes.points),
            irises=ops.concatenate([place(shapes.irises[..., :2]), radius], axis=-1),
            yaw=shapes.yaw,
        )
        return grid_sample(images, coordinates) / 127.5 - 1, moved

    def view_heads(index: typing.Any) -> typing.Any:
        if people.heads is None:
            return None
        return grid_sample(ops.take(people.heads, index, axis=0)[..., None], coordinates) / 255

    source, source_shapes = view(sources)
    target, target_shapes = view(targets)
    return PairViews(
        source=source,
        target=target,
        source_shapes=source_shapes,
        target_shapes=target_shapes,
        person=ops.take(people.person, sources, axis=0),
        source_heads=view_heads(sources),
        target_heads=view_heads(targets),
    )
