"""Reads a faceset: its records, and its images and masks as arrays for training."""

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

NEIGHBORS = 8
"""Number k: the distance to the k-th nearest neighbor measures how rare a crop is. In facesets of more than 400 crops k
is larger."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FacesetArrays:
    """Faceset in memory, with all crops resized to one side length S.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        eyes: (N, S, S) uint8, 255 on the eyes.
        mouth: (N, S, S) uint8, 255 on the mouth.
        face: (N, S, S) uint8, 255 inside the face.
        rarity: (N,) float64, 1 on average: distance of each crop's pose and expression from those of other crops.
    """

    images: np.ndarray
    eyes: np.ndarray
    mouth: np.ndarray
    face: np.ndarray
    rarity: np.ndarray

    def sample(self, count: int) -> "FacesetArrays":
        """Copies `count` crops, evenly spaced in the faceset; all crops if there are fewer."""
        chosen = spread_evenly(len(self.images), count)
        return FacesetArrays(
            **{field.name: getattr(self, field.name)[chosen] for field in dataclasses.fields(FacesetArrays)}
        )

    def views(self, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the view of every crop: its central part, which is the input of the networks.

        The side S of the arrays must be the `stored_size` of the networks.

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
    """Face crops of one person on disk.

    Attributes:
        folder: Folder of the crops.
        masks: Folder of the eye masks.
        records: One record per crop.
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
        """Returns a faceset with `count` of the crops, evenly spaced; all crops if there are fewer."""
        chosen = spread_evenly(len(self), count)
        return dataclasses.replace(self, records=tuple(self.records[index] for index in chosen))

    def read_crops(self, *, stored_size: bool = False) -> list[FaceCrop]:
        """Reads all crops.

        Args:
            stored_size: Keep the size on disk. Otherwise, larger crops are resized to `CROP_SIZE`.

        Raises:
            WorkspaceError: If a crop is not square.
        """

        def read(record: CropRecord) -> FaceCrop:
            path = self.folder / record.crop
            image = _check_square(read_image(path), path)
            return record.to_crop(image if stored_size else _shrink_to_crop(image))

        return [read(record) for record in self.records]

    def load(self, size: int, *, face_region: RegionChoice = "ellipse", progress: bool = False) -> FacesetArrays:
        """Reads all crops and masks, resized to one size.

        Args:
            size: Side S of the arrays in pixels.
            face_region: How the face region is determined.
            progress: Show a progress bar.

        Returns:
            The arrays; N x S x S x 6 bytes.

        Raises:
            WorkspaceError: If a crop or a mask is not square.
            InputError: If face outlines cannot be detected on this computer.
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
                crop = record.to_crop(_shrink_to_crop(image))  # at the size that the conversion uses
                with one_at_a_time:  # the networks of the face mesh are not thread-safe
                    (outline,) = outlines.detect([crop])
                outline = outline if outline is None else scale_points(outline, size / len(crop.image))
            arrays.face[index] = region_mask(points, outline, size)  # from the five points, as in the conversion

        with concurrent.futures.ThreadPoolExecutor() as pool:
            loaded = pool.map(load_one, range(count))
            for _ in show_progress(loaded, f"read {self.folder.name}", count, disable=not progress):
                pass
        return arrays


def spread_evenly(length: int, count: int) -> np.ndarray:
    """Chooses `count` evenly spaced indices from 0 to `length - 1` inclusive, (count,) int64; all if fewer exist."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)


def measure_rarity(points: np.ndarray) -> np.ndarray:
    """Measures how rare the pose and expression of each crop are by the distance to its k-th nearest neighbor.

    Args:
        points: (N, K, 2) x, y of the landmarks in aligned crops, so that only pose and expression move them.

    Returns:
        (N,) float64 distances divided by their mean, so 1 on average; 1 for all crops if all are equal.

    Taught in notebooks/05_faceswap_train.
    """
    rows = points.reshape(len(points), -1)
    neighbors = min(len(rows), max(NEIGHBORS, len(rows) // 50))
    tree = scipy.spatial.cKDTree(rows)  # pyright: ignore[reportAttributeAccessIssue]  (compiled module without stubs)
    distances = tree.query(rows, k=[neighbors])[0][:, 0]
    return distances / distances.mean() if distances.any() else np.ones(len(rows))


def _shrink(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes a square image by area interpolation, unless it already has this size."""
    return image if len(image) == size else cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def _shrink_to_crop(image: np.ndarray) -> np.ndarray:
    """Resizes a square image to `CROP_SIZE` if it is larger."""
    return image if len(image) < CROP_SIZE else _shrink(image, CROP_SIZE)


def _check_square(image: np.ndarray, path: pathlib.Path) -> np.ndarray:
    """Checks that an image is square, and returns it."""
    height, width = image.shape[:2]
    if height != width:
        raise WorkspaceError(f"{path}: expected a square picture, got {width} x {height}; {ADVICE}")
    return image
