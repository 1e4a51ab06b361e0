"""Crops and face shapes of several people in memory, and the pairs of crops of one person that a training draws."""

import concurrent.futures
import dataclasses
import logging
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.crop_loading import check_square, shrink
from faceswap_lib.facesets.faceset import Faceset, measure_rarity
from faceswap_lib.facesets.workspace import SIDES, Side, Workspace
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector, open_shape_detector
from faceswap_lib.reenactment.head_masks import read_heads
from faceswap_lib.reenactment.shape_cache import read_shapes
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stack_shapes

logger = logging.getLogger(__name__)

FEWEST = 2
"""Smallest number of crops of a person: a source and a target."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ReenactmentDataset:
    """Crops of several people with their shapes.

    Attributes:
        names: Name of each person.
        images: (N, S, S, 3) uint8 RGB, the whole aligned crops; all crops of the first person come first.
        shapes: The N shapes, as arrays.
        person: (N,) int32, index of the person of each crop.
        frames: (N,) int64, index of the frame of each crop in the video of the person.
        rarity: (N,) float64, mean 1 for each person: distance of a shape from the other shapes of the person.
        heads: (N, S, S) uint8, 255 inside the head; None if the system does not need it.
    """

    names: tuple[str, ...]
    images: np.ndarray
    shapes: ShapeBatch
    person: np.ndarray
    frames: np.ndarray
    rarity: np.ndarray
    heads: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """Side S of the crops in pixels."""
        return self.images.shape[1]

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
        )


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


def hold_out(people: ReenactmentDataset, share: float) -> tuple[ReenactmentDataset, ReenactmentDataset]:
    """Divides crops in time: the end of every person's video is held out.

    Args:
        people: The crops.
        share: Share of the crops of each person that are held out, 0 to below 1.

    Returns:
        The crops to train on, and the held-out crops; both have the same people.

    Raises:
        WorkspaceError: If a person would have fewer than two crops to train on.
    """
    is_held = np.zeros(len(people), bool)
    for number, name in enumerate(people.names):
        own = np.flatnonzero(people.person == number)
        kept = round(len(own) * (1 - share))
        if kept < FEWEST:
            raise WorkspaceError(f"{name}: {len(own)} crops are too few to hold out {share:g} of them")
        is_held[own[kept:]] = True
    return people.select(np.flatnonzero(~is_held)), people.select(np.flatnonzero(is_held))


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
    images, shapes, person, frames, rarity, masks = [], [], [], [], [], []
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
    return ReenactmentDataset(
        names=tuple(facesets),
        images=np.concatenate(images),
        shapes=stack_shapes(shapes),
        person=np.array(person, np.int32),
        frames=np.array(frames, np.int64),
        rarity=np.concatenate(rarity),
        heads=np.concatenate(masks) if heads else None,
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


def draw_pairs(
    people: ReenactmentDataset, count: int, *, rarity_exponent: float, seed: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Draws pairs of crops, each of one person: a source, whose appearance is kept, and a target, whose shape is asked.

    People are drawn with equal probability, so a long video does not outweigh a short one. The result depends only on
    the arguments.

    Args:
        people: The crops.
        count: Number of pairs B.
        rarity_exponent: How strongly rare shapes are preferred as targets; 0 for uniform sampling.
        seed: Seeds of the random numbers.

    Returns:
        (B,) int64 indices of the sources, and of the targets.
    """
    random = np.random.default_rng(seed)
    sources, targets = np.empty(count, np.int64), np.empty(count, np.int64)
    by_person = [np.flatnonzero(people.person == number) for number in range(len(people.names))]
    for row, number in enumerate(random.integers(len(by_person), size=count)):
        own = by_person[number]
        shares = people.rarity[own] ** rarity_exponent
        sources[row] = random.choice(own)
        targets[row] = random.choice(own, p=shares / shares.sum())
    return sources, targets
