"""A faceset read back: its records, and its pictures and masks as arrays for training."""

import concurrent.futures
import dataclasses
import pathlib
import threading

import cv2
import numpy as np
import scipy.spatial

from faceswap_lib.devices import empty_aligned
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import CROP_SIZE, FaceCrop, mouth_mask
from faceswap_lib.faces.alignment import scale_points
from faceswap_lib.faces.region import RegionChoice, open_outline_detector, region_mask
from faceswap_lib.facesets.manifest import ADVICE, CropRecord, read_manifest
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.media import read_image, read_mask
from faceswap_lib.progress import show_progress

NEIGHBOURS = 8
"""The neighbor whose distance says how rare a crop is; a later one in facesets of more than 400."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FacesetArrays:
    """A faceset in memory, all crops of one side length S.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        eyes: (N, S, S) uint8, 255 on the eyes.
        mouth: (N, S, S) uint8, 255 on the mouth.
        face: (N, S, S) uint8, 255 inside the face.
        rarity: (N,) float64, 1 on average: how far each crop's pose and expression are from those of most others.
    """

    images: np.ndarray
    eyes: np.ndarray
    mouth: np.ndarray
    face: np.ndarray
    rarity: np.ndarray

    def sample(self, count: int) -> "FacesetArrays":
        """Copies so many of the crops, or all, spread evenly over them."""
        chosen = spread_evenly(len(self.images), count)
        return FacesetArrays(
            **{field.name: getattr(self, field.name)[chosen] for field in dataclasses.fields(FacesetArrays)}
        )

    def views(self, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        """The networks' central view of every crop, for arrays of the networks' `stored_size`.

        Args:
            resolution: Side R of the views in pixels, at most S.

        Returns:
            (N, R, R, 3) uint8 RGB and (N, R, R) uint8, 255 inside the face.
        """
        margin = (self.images.shape[1] - resolution) // 2
        view = slice(margin, margin + resolution)
        return self.images[:, view, view], self.face[:, view, view]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faceset:
    """The crops of one person.

    Attributes:
        folder: Where the crops lie.
        masks: Where the eye masks lie.
        records: One per crop.
    """

    folder: pathlib.Path
    masks: pathlib.Path
    records: tuple[CropRecord, ...]

    @classmethod
    def open(cls, workspace: Workspace, side: Side) -> "Faceset":
        """Opens one person's faceset.

        Raises:
            WorkspaceError: If there are no crops, or some of them or of their eye masks are missing.
        """
        folder, masks = workspace.faces(side), workspace.eye_masks(side)
        records = tuple(read_manifest(folder))
        if not records:
            raise WorkspaceError(f"no faces in {folder} (its manifest is empty); extract from another video")
        lost = sum(not (folder / record.crop).is_file() for record in records)
        if lost:
            raise WorkspaceError(f"{lost} of {len(records)} crops are not in {folder}; extract again with --overwrite")
        missing = sum(not (masks / record.mask).is_file() for record in records)
        if missing:
            raise WorkspaceError(f"{missing} of {len(records)} eye masks are not in {masks}; run 'faceswap masks'")
        return cls(folder=folder, masks=masks, records=records)

    def __len__(self) -> int:
        return len(self.records)

    def sample(self, count: int) -> "Faceset":
        """The same faceset with so many of its crops, or all, spread evenly over it."""
        chosen = spread_evenly(len(self), count)
        return dataclasses.replace(self, records=tuple(self.records[index] for index in chosen))

    def read_crops(self, *, stored_size: bool = False) -> list[FaceCrop]:
        """Reads all crops.

        Args:
            stored_size: As large as they lie on disk, else shrunk to `CROP_SIZE` where they are larger.

        Raises:
            WorkspaceError: If one is not square.
        """

        def read(record: CropRecord) -> FaceCrop:
            path = self.folder / record.crop
            image = _check_square(read_image(path), path)
            return record.to_crop(image if stored_size else _shrink_to_crop(image))

        return [read(record) for record in self.records]

    def load(self, size: int, *, face_region: RegionChoice = "ellipse", progress: bool = False) -> FacesetArrays:
        """Reads all crops and masks, shrunk to one size.

        Args:
            size: Side S of the arrays in pixels.
            face_region: What counts as inside the face.
            progress: Show a progress bar.

        Returns:
            The arrays; N x S x S x 6 bytes.

        Raises:
            WorkspaceError: If a crop or a mask is not square.
            InputError: If outlines cannot be found here.
        """
        count, outlines = len(self), open_outline_detector(face_region)
        arrays = FacesetArrays(
            images=empty_aligned((count, size, size, 3)),
            eyes=empty_aligned((count, size, size)),
            mouth=empty_aligned((count, size, size)),
            face=empty_aligned((count, size, size)),
            rarity=measure_rarity(np.stack([record.points_in_crop() for record in self.records])),
        )

        one_at_a_time = threading.Lock()

        def load_one(index: int) -> None:
            record = self.records[index]
            image = _check_square(read_image(self.folder / record.crop), self.folder / record.crop)
            mask = _check_square(read_mask(self.masks / record.mask), self.masks / record.mask)
            points, best_points = (
                scale_points(points, size / CROP_SIZE)
                for points in (record.points_in_crop(), record.landmarks_in_crop())
            )
            arrays.images[index] = _shrink(image, size)
            arrays.eyes[index] = _shrink(mask, size)
            arrays.mouth[index] = mouth_mask(best_points, size)
            outline = None
            if outlines is not None:
                crop = record.to_crop(_shrink_to_crop(image))  # as conversion sees it
                with one_at_a_time:  # the mesh's networks are no more than one thread's
                    (outline,) = outlines.detect([crop])
                outline = outline if outline is None else scale_points(outline, size / len(crop.image))
            arrays.face[index] = region_mask(points, outline, size)  # from the five points, as conversion draws it

        with concurrent.futures.ThreadPoolExecutor() as pool:
            loaded = pool.map(load_one, range(count))
            for _ in show_progress(loaded, f"read {self.folder.name}", count, disable=not progress):
                pass
        return arrays


def spread_evenly(length: int, count: int) -> np.ndarray:
    """Chooses `count` of the indices below `length`, or all of them, at even distances, first and last among them."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)


def measure_rarity(points: np.ndarray) -> np.ndarray:
    """Says how rare the pose and expression of each crop are, by the distance to its neighbors.

    Args:
        points: (N, K, 2) landmarks in aligned crops, where they move with pose and expression alone.

    Returns:
        (N,) float64, 1 on average: the distance within which so many neighbors lie; 1 for all where all are alike.

    Taught in notebooks/05_faceswap_train.
    """
    rows = points.reshape(len(points), -1)
    neighbors = min(len(rows), max(NEIGHBOURS, len(rows) // 50))
    distances = scipy.spatial.cKDTree(rows).query(rows, k=[neighbors])[0][:, 0]
    return distances / distances.mean() if distances.any() else np.ones(len(rows))


def _shrink(picture: np.ndarray, size: int) -> np.ndarray:
    return picture if len(picture) == size else cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def _shrink_to_crop(picture: np.ndarray) -> np.ndarray:
    """A crop's picture at `CROP_SIZE`, or as it is if it is not larger."""
    return picture if len(picture) < CROP_SIZE else _shrink(picture, CROP_SIZE)


def _check_square(picture: np.ndarray, path: pathlib.Path) -> np.ndarray:
    height, width = picture.shape[:2]
    if height != width:
        raise WorkspaceError(f"{path}: expected a square picture, got {width} x {height}; {ADVICE}")
    return picture
