"""Reads a faceset: its records, and its images and masks as arrays for training."""

import concurrent.futures
import dataclasses
import pathlib
import typing

import numpy as np
import scipy.spatial

from faceswap_lib.devices import empty_aligned
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import FaceCrop
from faceswap_lib.faces.region import RegionChoice
from faceswap_lib.facesets.crop_files import CropFiles, open_own_pack
from faceswap_lib.facesets.crop_loading import CropLoader, check_square, shrink_to_crop
from faceswap_lib.facesets.manifest import CropRecord, read_manifest
from faceswap_lib.facesets.occlusion_masks import OcclusionMasks
from faceswap_lib.facesets.pack_format import unpack_command
from faceswap_lib.facesets.pack_reader import PackReader
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.progress import show_progress

NEIGHBORS = 8
"""Number k: the distance to the k-th nearest crop, counting the crop itself, measures how rare a crop is. From 450
crops on, k is a fiftieth of their number."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FacesetArrays:
    """Faceset in memory, with all crops resized to one side length S.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        eyes: (N, S, S) uint8, 255 on the eyes.
        mouth: (N, S, S) uint8, 255 on the mouth.
        face: (N, S, S) uint8, 255 inside the face, where an occlusion mask does not say that it is covered.
        rarity: (N,) float64, 1 on average: distance of each crop's pose and expression from those of other crops.
        visible: (N, S, S) uint8, 0 where an occlusion mask says that the face is covered, 255 elsewhere; None without
            occlusion masks.
    """

    images: np.ndarray
    eyes: np.ndarray
    mouth: np.ndarray
    face: np.ndarray
    rarity: np.ndarray
    visible: np.ndarray | None = None

    def sample(self, count: int) -> "FacesetArrays":
        """Copies `count` crops, evenly spaced in the faceset; all crops if there are fewer."""
        chosen = spread_evenly(len(self.images), count)
        arrays: dict[str, typing.Any] = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(FacesetArrays)
        }
        for name, array in arrays.items():
            arrays[name] = None if array is None else array[chosen]
        return FacesetArrays(**arrays)

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
        occlusion: The occlusion masks, which do not have to exist; None if they are not known.
        pack: The pack that contains the crops and masks that are not in these folders; None if all are in the folders.
    """

    folder: pathlib.Path
    masks: pathlib.Path
    records: tuple[CropRecord, ...]
    occlusion: OcclusionMasks | None = None
    pack: PackReader | None = None

    @classmethod
    def open(cls, workspace: Workspace, side: Side) -> "Faceset":
        """Opens one person's faceset. Crops and masks that are not in their folders are read from the pack beside them.

        Raises:
            WorkspaceError: If there are no crops, or some of them or of their eye masks are missing; or if they are in
                a pack that is damaged or of another faceset.
        """
        folder, masks = workspace.faces(side), workspace.eye_masks(side)
        records = tuple(read_manifest(folder))
        if not records:
            raise WorkspaceError(f"no faces in {folder} (its manifest is empty); extract from another video")
        faceset = cls(
            folder=folder,
            masks=masks,
            records=records,
            occlusion=OcclusionMasks(folder=workspace.occlusion_masks(side), crops=folder),
        )
        if faceset._count_lost() and (pack := open_own_pack(workspace, side)) is not None:
            occlusion = OcclusionMasks(folder=workspace.occlusion_masks(side), crops=folder, pack=pack)
            faceset = dataclasses.replace(faceset, pack=pack, occlusion=occlusion)
        if lost := faceset._count_lost():
            raise WorkspaceError(f"{lost} of {len(records)} crops are not in {folder}; extract again with --overwrite")
        if missing := sum(not faceset.eye_mask_files.exists(record.mask) for record in records):
            raise WorkspaceError(f"{missing} of {len(records)} eye masks are not in {masks}; run 'faceswap masks'")
        return faceset

    def __len__(self) -> int:
        return len(self.records)

    @property
    def crop_files(self) -> CropFiles:
        """The files of the crops."""
        return CropFiles(folder=self.folder, kind="faces", pack=self.pack)

    @property
    def eye_mask_files(self) -> CropFiles:
        """The files of the eye masks."""
        return CropFiles(folder=self.masks, kind="eye_masks", pack=self.pack)

    def require_files(self) -> None:
        """Checks that the crops are in their folder, for work that needs the files themselves.

        Raises:
            WorkspaceError: If they are in a pack.
        """
        if self.pack is not None:
            side = "src" if self.folder.name == "face_src" else "dst"
            raise WorkspaceError(
                f"the crops of {self.folder} are only in {self.pack.path.name}; unpack it first: "
                f"{unpack_command(self.pack.path, self.folder.parent, side)}"
            )

    def _count_lost(self) -> int:
        """Counts the crops without a file."""
        return sum(not self.crop_files.exists(record.crop) for record in self.records)

    def sample(self, count: int) -> "Faceset":
        """Returns a faceset with `count` of the crops, evenly spaced; all crops if there are fewer."""
        chosen = spread_evenly(len(self), count)
        return dataclasses.replace(self, records=tuple(self.records[index] for index in chosen))

    def part(self, start: int, stop: int) -> "Faceset":
        """Returns a faceset with the crops from index `start` to `stop - 1`."""
        return dataclasses.replace(self, records=self.records[start:stop])

    def read_crops(self, *, stored_size: bool = False) -> list[FaceCrop]:
        """Reads all crops.

        Args:
            stored_size: Keep the size on disk. Otherwise, larger crops are resized to `CROP_SIZE`.

        Raises:
            WorkspaceError: If a crop is not square.
            VideoError: If a crop cannot be decoded.
        """

        def read(record: CropRecord) -> FaceCrop:
            image = check_square(self.crop_files.read_image(record.crop), self.folder / record.crop)
            return record.to_crop(image if stored_size else shrink_to_crop(image))

        return [read(record) for record in self.records]

    @property
    def has_occlusion_masks(self) -> bool:
        """Whether there is at least one occlusion mask."""
        return self.occlusion is not None and self.occlusion.exist()

    def load(
        self,
        size: int,
        *,
        face_region: RegionChoice = "ellipse",
        use_occlusion_masks: bool | None = None,
        progress: bool = False,
    ) -> FacesetArrays:
        """Reads all crops and masks, resized to one size.

        Args:
            size: Side S of the arrays in pixels.
            face_region: How the face region is determined.
            use_occlusion_masks: Whether covered pixels are removed from the face region; None if there are occlusion
                masks.
            progress: Show a progress bar.

        Returns:
            The arrays; N x S x S x 6 bytes, 7 with occlusion masks.

        Raises:
            WorkspaceError: If a crop or a mask is not square, or occlusion masks are missing that must be used.
            VideoError: If a crop or a mask cannot be decoded.
            InputError: If face outlines cannot be detected on this computer.
        """
        loader = CropLoader(self, size, face_region=face_region, use_occlusion_masks=use_occlusion_masks)
        count = len(self)
        arrays = FacesetArrays(
            images=empty_aligned((count, size, size, 3)),
            eyes=empty_aligned((count, size, size)),
            mouth=empty_aligned((count, size, size)),
            face=empty_aligned((count, size, size)),
            rarity=self.measure_rarity(),
            visible=empty_aligned((count, size, size)) if loader.is_masked else None,
        )

        def load_one(index: int) -> None:
            crop = loader(index)
            arrays.images[index], arrays.eyes[index] = crop.image, crop.eyes
            arrays.mouth[index], arrays.face[index] = crop.mouth, crop.face
            if arrays.visible is not None and crop.visible is not None:
                arrays.visible[index] = crop.visible

        with concurrent.futures.ThreadPoolExecutor() as pool:
            loaded = pool.map(load_one, range(count))
            for _ in show_progress(loaded, f"read {self.folder.name}", count, disable=not progress):
                pass
        return arrays

    def measure_rarity(self) -> np.ndarray:
        """Measures how rare the pose and expression of each crop are; see `measure_rarity`."""
        return measure_rarity(np.stack([record.points_in_crop() for record in self.records]))


def spread_evenly(length: int, count: int) -> np.ndarray:
    """Chooses `count` evenly spaced indices from 0 to `length - 1` inclusive, (count,) int64; all if fewer exist."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)


def measure_rarity(points: np.ndarray) -> np.ndarray:
    """Measures how rare the pose and expression of each crop are by the distance to its k-th nearest crop.

    For k see `NEIGHBORS`.

    Args:
        points: (N, K, 2) x, y of the landmarks in aligned crops, so that only pose and expression move them.

    Returns:
        (N,) float64 distances divided by their mean, so 1 on average; 1 for all crops if all are equal.

    Taught in notebooks/05b_training_faults.
    """
    rows = points.reshape(len(points), -1)
    neighbors = min(len(rows), max(NEIGHBORS, len(rows) // 50))
    tree = scipy.spatial.cKDTree(rows)  # pyright: ignore[reportAttributeAccessIssue]  (compiled module without stubs)
    distances = tree.query(rows, k=[neighbors], workers=-1)[0][:, 0]
    return distances / distances.mean() if distances.any() else np.ones(len(rows))
