"""Reads single crops with their masks at the size of the networks."""

import dataclasses
import logging
import pathlib
import threading
import typing

import cv2
import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import CROP_SIZE, mouth_mask
from faceswap_lib.faces.alignment import scale_points
from faceswap_lib.faces.region import RegionChoice, open_outline_detector, region_mask
from faceswap_lib.facesets.manifest import ADVICE

if typing.TYPE_CHECKING:
    from faceswap_lib.facesets.faceset import Faceset

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LoadedCrop:
    """One crop of side S with its masks.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        eyes: (S, S) uint8, 255 on the eyes.
        mouth: (S, S) uint8, 255 on the mouth.
        face: (S, S) uint8, 255 inside the face, where an occlusion mask does not say that it is covered.
        visible: (S, S) uint8, 0 where the face is covered, 255 elsewhere; None without occlusion masks.
    """

    image: np.ndarray
    eyes: np.ndarray
    mouth: np.ndarray
    face: np.ndarray
    visible: np.ndarray | None


class CropLoader:
    """Reader of the crops of one faceset. Several threads may call it.

    Args:
        faceset: The faceset.
        size: Side S of the loaded crops in pixels.
        face_region: How the face region is determined.
        use_occlusion_masks: Whether covered pixels are removed from the face region; None removes them if there are
            occlusion masks.

    Attributes:
        is_masked: Whether occlusion masks are used.

    Raises:
        WorkspaceError: If there are no occlusion masks and they must be used, or their notes are damaged.
        InputError: If face outlines cannot be detected on this computer.
    """

    def __init__(
        self,
        faceset: "Faceset",
        size: int,
        *,
        face_region: RegionChoice = "ellipse",
        use_occlusion_masks: bool | None = None,
    ):
        self._faceset, self._size = faceset, size
        self._outlines = open_outline_detector(face_region)
        self.is_masked = faceset.has_occlusion_masks if use_occlusion_masks is None else use_occlusion_masks
        self._has_mask = self._find_occlusion_masks() if self.is_masked else frozenset()
        self._one_at_a_time = threading.Lock()

    @property
    def region(self) -> str:
        """How the face region is determined on this computer."""
        return "ellipse" if self._outlines is None else "outline"

    def __call__(self, index: int) -> LoadedCrop:
        """Reads one crop.

        Args:
            index: Its position in the faceset.

        Raises:
            WorkspaceError: If the crop or a mask is not square.
            VideoError: If one of them cannot be decoded.
        """
        faceset, size = self._faceset, self._size
        record = faceset.records[index]
        image = check_square(faceset.crop_files.read_image(record.crop), faceset.folder / record.crop)
        mask = check_square(faceset.eye_mask_files.read_mask(record.mask), faceset.masks / record.mask)
        points, best_points = (
            scale_points(points, size / CROP_SIZE) for points in (record.points_in_crop(), record.landmarks_in_crop())
        )
        outline = None
        if self._outlines is not None:
            crop = record.to_crop(shrink_to_crop(image))  # at the size that the conversion uses
            with self._one_at_a_time:  # the networks of the face mesh are not thread-safe
                (outline,) = self._outlines.detect([crop])
            outline = outline if outline is None else scale_points(outline, size / len(crop.image))
        face = region_mask(points, outline, size)  # from the five points, as in the conversion
        visible = None
        if self.is_masked:
            assert faceset.occlusion is not None
            visible = np.full((size, size), 255, np.uint8)
            if index in self._has_mask:
                visible = faceset.occlusion.read(record, size)
            face = cv2.multiply(face, visible, scale=1 / 255)
        return LoadedCrop(
            image=shrink(image, size),
            eyes=shrink(mask, size),
            mouth=mouth_mask(best_points, size),
            face=face,
            visible=visible,
        )

    def _find_occlusion_masks(self) -> frozenset[int]:
        """Returns the indices of the crops that have an occlusion mask; logs how many have none."""
        faceset = self._faceset
        if faceset.occlusion is None or not faceset.occlusion.exist():
            folder = f" in {faceset.occlusion.folder}" if faceset.occlusion is not None else ""
            raise WorkspaceError(f"expected occlusion masks{folder}, got none; run 'faceswap mask --train' first")
        found = frozenset(index for index, record in enumerate(faceset.records) if faceset.occlusion.is_of(record))
        if missing := len(faceset) - len(found):
            logger.warning(
                "%s: %d of %d crops have no occlusion mask, or one of another crop, and count as not covered; run "
                "'faceswap mask' again",
                *(faceset.folder.name, missing, len(faceset)),
            )
        return found


def shrink(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes a square image by area interpolation, unless it already has this size."""
    return image if len(image) == size else cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def shrink_to_crop(image: np.ndarray) -> np.ndarray:
    """Resizes a square image to `CROP_SIZE` if it is larger."""
    return image if len(image) < CROP_SIZE else shrink(image, CROP_SIZE)


def check_square(image: np.ndarray, path: pathlib.Path) -> np.ndarray:
    """Checks that an image is square, and returns it.

    Raises:
        WorkspaceError: If it is not.
    """
    height, width = image.shape[:2]
    if height != width:
        raise WorkspaceError(f"{path}: expected a square picture, got {width} x {height}; {ADVICE}")
    return image
