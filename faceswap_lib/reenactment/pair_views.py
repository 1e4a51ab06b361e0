"""Views of the pairs of a batch, made on the device: source and target with the same rotation, zoom and shift."""

import dataclasses
import typing

import keras
import numpy as np

from faceswap_lib import devices
from faceswap_lib.faces.alignment import CROP_SIZE
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.config import ReenactmentTrainConfig
from faceswap_lib.reenactment.identities import StreamedPeople
from faceswap_lib.reenactment.identity_store import unpack_shapes
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.shape_pictures import ShapeBatch
from faceswap_lib.training.augmentation import grid_sample
from faceswap_lib.training.loss_model import Batch


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DeviceDataset:
    """Crops and shapes of several people on the device, or on disk: then every batch contains its own.

    Attributes:
        images: (N, S, S, 3) uint8 tensor, RGB; None if the crops are on disk.
        shapes: The N shapes; None if the crops are on disk.
        person: (N,) int32 tensor, index of the person of each crop.
        size: Side S of the crops in pixels.
        heads: (N, S, S) uint8 tensor, 255 inside the head; None if the system does not need it, or the crops are on
            disk.
        outlines: (P, 17, 2) float32, mean outline of each person in pixels of a crop of side `CROP_SIZE`, if the crops
            are on disk; otherwise None.
    """

    images: typing.Any
    shapes: ShapeBatch | None
    person: typing.Any
    size: int
    heads: typing.Any = None
    outlines: np.ndarray | None = None

    def take(self, index: typing.Any) -> "DeviceCrops":
        """Gathers crops of a batch of indices, (B,) int32."""
        if self.shapes is None:
            raise ValueError("these crops are on disk: expected a batch that contains them")
        heads = None if self.heads is None else ops.take(self.heads, index, axis=0)[..., None]
        return DeviceCrops(
            images=ops.take(self.images, index, axis=0), shapes=self.shapes.take(index, ops=ops), heads=heads
        )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DeviceCrops:
    """B crops on the device.

    Attributes:
        images: (B, S, S, 3) uint8 tensor, RGB.
        shapes: Their shapes.
        heads: (B, S, S, 1) uint8 tensor, 255 inside the head; None if they are not known.
    """

    images: typing.Any
    shapes: ShapeBatch
    heads: typing.Any

    @classmethod
    def of_batch(cls, batch: Batch) -> tuple["DeviceCrops", "DeviceCrops"] | None:
        """Returns the sources and the targets that a batch contains; None if they are on the device."""
        if batch.crops_a is None:
            return None
        pairs = (batch.crops_a, batch.shapes_a), (batch.crops_b, batch.shapes_b)
        source, target = (
            cls(images=crops[..., :3], shapes=unpack_shapes(shapes, ops=ops), heads=crops[..., 3:])
            for crops, shapes in pairs
        )
        return source, target


def to_device(people: ReenactmentDataset | StreamedPeople) -> DeviceDataset:
    """Copies crops and shapes to the device, where they may share the memory of the arrays on a CPU.

    Of people on disk, only the index of each crop's person is copied.
    """
    person = ops.convert_to_tensor(people.person)
    if isinstance(people, StreamedPeople):
        return DeviceDataset(images=None, shapes=None, person=person, size=people.size, outlines=people.outlines)
    return DeviceDataset(
        images=devices.to_device(people.images),
        shapes=ShapeBatch(**{name: ops.convert_to_tensor(value) for name, value in vars(people.shapes).items()}),
        person=person,
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
    *,
    crops: tuple[DeviceCrops, DeviceCrops] | None = None,
) -> PairViews:
    """Draws the augmented views of a batch of pairs.

    The same rotation, zoom and shift is applied to both pictures and both shapes of a pair, because the motion between
    them must not change.

    Args:
        people: The crops.
        sources: (B,) int32 indices of the sources.
        targets: (B,) int32 indices of the targets.
        config: The ranges of the augmentation, and the batch size B.
        resolution: R, side of the views in pixels.
        seed: Random seed generator.
        crops: The sources and the targets, if the crops are on disk; None takes them from the device.
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

    def view(crops: DeviceCrops) -> tuple[typing.Any, ShapeBatch]:
        radius = crops.shapes.irises[..., 2:] * scale[:, None, None]
        moved = ShapeBatch(
            points=place(crops.shapes.points),
            irises=ops.concatenate([place(crops.shapes.irises[..., :2]), radius], axis=-1),
            yaw=crops.shapes.yaw,
        )
        return grid_sample(crops.images, coordinates) / 127.5 - 1, moved

    def view_heads(crops: DeviceCrops) -> typing.Any:
        return None if crops.heads is None else grid_sample(crops.heads, coordinates) / 255

    source_crops, target_crops = crops or (people.take(sources), people.take(targets))
    source, source_shapes = view(source_crops)
    target, target_shapes = view(target_crops)
    return PairViews(
        source=source,
        target=target,
        source_shapes=source_shapes,
        target_shapes=target_shapes,
        person=ops.take(people.person, sources, axis=0),
        source_heads=view_heads(source_crops),
        target_heads=view_heads(target_crops),
    )
