"""Crops and face shapes of several people in memory, from facesets."""

import concurrent.futures
import dataclasses
import logging
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.crop_loading import check_square, shrink
from faceswap_lib.facesets.faceset import Faceset, measure_rarity
from faceswap_lib.facesets.occlusion_measure import measure_occluded
from faceswap_lib.facesets.workspace import SIDES, Side, Workspace
from faceswap_lib.reenactment.crops import FEWEST, CropBatch
from faceswap_lib.reenactment.difficulty import TIERS, crop_tiers
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector, open_shape_detector
from faceswap_lib.reenactment.head_masks import read_heads
from faceswap_lib.reenactment.shape_cache import read_shapes
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stack_shapes

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ReenactmentDataset:
    """Crops of several people with their shapes, in memory.

    Attributes:
        names: Name of each person.
        images: (N, S, S, 3) uint8 RGB, the whole aligned crops; all crops of the first person come first.
        shapes: The N shapes, as arrays.
        person: (N,) int32, index of the person of each crop.
        frames: (N,) int64, index of the frame of each crop in the video of the person.
        rarity: (N,) float64, mean 1 for each person: distance of a shape from the other shapes of the person.
        heads: (N, S, S) uint8, 255 inside the head; None if the system does not need it.
        tiers: (N,) int8, difficulty of each crop as an index of `difficulty.TIERS`; None if it is not known.
    """

    names: tuple[str, ...]
    images: np.ndarray
    shapes: ShapeBatch
    person: np.ndarray
    frames: np.ndarray
    rarity: np.ndarray
    heads: np.ndarray | None = None
    tiers: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Side S of the crops in pixels."""
        return self.images.shape[1]

    def read(self, index: np.ndarray) -> CropBatch:
        """Returns some crops."""
        heads = None if self.heads is None else self.heads[index]
        return CropBatch(images=self.images[index], shapes=self.shapes.take(index), heads=heads)

    def select(self, index: np.ndarray) -> "ReenactmentDataset":
        """Returns only some crops; the people stay the same."""
        return dataclasses.replace(
            self,
            images=self.images[index],
            shapes=self.shapes.take(index),
            person=self.person[index],
            frames=self.frames[index],
            rarity=self.rarity[index],
            heads=None if self.heads is None else self.heads[index],
            tiers=None if self.tiers is None else self.tiers[index],
        )

    def keep_people(self, numbers: np.ndarray) -> "ReenactmentDataset":
        """Returns only some people, given by their increasing indices, with all of their crops."""
        kept = self.select(np.flatnonzero(np.isin(self.person, numbers)))
        person = np.searchsorted(numbers, kept.person).astype(np.int32)
        return dataclasses.replace(kept, names=tuple(self.names[number] for number in numbers), person=person)


def open_people(workspaces: Sequence[Workspace]) -> dict[str, Faceset]:
    """Opens the facesets of all people in some workspaces.

    Args:
        workspaces: The workspaces; each has one or two people.

    Returns:
        The facesets by name: the name of the workspace's folder and of the faceset's folder.

    Raises:
        WorkspaceError: If a workspace has no faceset, a faceset is damaged, or two have the same name.
    """
    people: dict[str, Faceset] = {}
    for workspace in workspaces:
        sides: list[Side] = [side for side in SIDES.values() if (workspace.faces(side) / "manifest.jsonl").is_file()]
        if not sides:
            raise WorkspaceError(f"no faces in {workspace.root}; run 'faceswap extract' first")
        for side in sides:
            name = f"{workspace.root.resolve().name}/face_{side}"
            if name in people:
                raise WorkspaceError(f"two people are called {name}; rename the folder of one workspace")
            people[name] = Faceset.open(workspace, side)
    return people


def load_people(
    facesets: dict[str, Faceset],
    size: int,
    *,
    detector: ShapeDetector | None = None,
    heads: bool = False,
    progress: bool = False,
) -> ReenactmentDataset:
    """Reads the crops of facesets and their shapes; crops without a shape are left out and counted in the log.

    Args:
        facesets: The facesets by name.
        size: Side S of the crops in memory, in pixels.
        detector: Detects shapes that are not stored yet; None opens the best one.
        heads: Whether to read the head masks as well; those that are not stored yet are computed.
        progress: Whether to show progress bars.

    Raises:
        WorkspaceError: If a person has fewer than two crops with a shape.
        InputError: If no network for 68 landmarks is installed.
    """
    detector = detector or open_shape_detector()
    images, shapes, person, frames, rarity, masks, tiers = [], [], [], [], [], [], []
    for number, (name, faceset) in enumerate(facesets.items()):
        found = read_shapes(faceset, detector, progress=progress)
        kept = [index for index, shape in enumerate(found) if shape is not None]
        if len(kept) < FEWEST:
            raise WorkspaceError(
                f"{name}: expected at least {FEWEST} crops in which 68 landmarks are found, got {len(kept)} of "
                f"{len(found)}; extract from another video"
            )
        if lost := len(found) - len(kept):
            logger.warning("%s: %d of %d crops are left out, no landmarks were found in them", name, lost, len(found))
        chosen: list[FaceShape] = [shape for shape in found if shape is not None]
        images.append(_read_images(faceset, kept, size))
        if heads:
            stored = read_heads(faceset, found, detector.name, progress=progress)
            masks.append(np.stack([cv2.resize(stored[index], (size, size)) for index in kept]))
        shapes += chosen
        person += [number] * len(kept)
        frames += [faceset.records[index].frame for index in kept]
        rarity.append(measure_rarity(np.stack([shape.points for shape in chosen])))
        occluded = measure_occluded(faceset) if faceset.has_occlusion_masks else None
        levels = crop_tiers(faceset.records, occluded)
        tiers += [TIERS.index(levels[index]) for index in kept]
    return ReenactmentDataset(
        names=tuple(facesets),
        images=np.concatenate(images),
        shapes=stack_shapes(shapes),
        person=np.array(person, np.int32),
        frames=np.array(frames, np.int64),
        rarity=np.concatenate(rarity),
        heads=np.concatenate(masks) if heads else None,
        tiers=np.array(tiers, np.int8),
    )


def _read_images(faceset: Faceset, kept: Sequence[int], size: int) -> np.ndarray:
    """Reads some crops, resized to one side; (K, S, S, 3) uint8 RGB."""
    images = np.empty((len(kept), size, size, 3), np.uint8)

    def read(row: int) -> None:
        name = faceset.records[kept[row]].crop
        images[row] = shrink(check_square(faceset.crop_files.read_image(name), faceset.folder / name), size)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(read, range(len(kept))))
    return images
