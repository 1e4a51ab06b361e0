"""The face region that the networks read and the swapped face covers: an ellipse, or the face's outline."""

import functools
import logging
import typing
from collections.abc import Sequence
from typing import Literal

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.masks import face_mask
from faceswap_lib.faces.mesh import PRESENT, FaceMesh
from faceswap_lib.faces.mesh_landmarks import correct_68
from faceswap_lib.faces.mesh_topology import IBUG_68
from faceswap_lib.faces.outline import face_outline, find_hairline, outline_mask
from faceswap_lib.faces.types import FaceCrop

logger = logging.getLogger(__name__)

FaceRegion = Literal["ellipse", "outline"]
"""An ellipse from five landmarks, or the outline from the dense mesh and the colors of the forehead."""

RegionChoice = Literal["auto", "ellipse", "outline"]
"""A region, or `auto` for the best one that is available on this machine."""


Hairline = tuple[float, ...]
"""The 15 heights of a forehead in eye distances; see `faces.outline.find_hairline`."""


class Contours(typing.NamedTuple):
    """Contours of a face, x, y in pixels of its image.

    Attributes:
        outline: (N, 2), the outline of the face.
        brows: (2, 5, 2), a line along each eyebrow.
        landmarks: (68, 2), its landmarks.
    """

    outline: np.ndarray
    brows: np.ndarray
    landmarks: np.ndarray


class OutlineDetector(typing.Protocol):
    """Protocol of a detector for the outlines of aligned faces."""

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray | None]:
        """Detects the outline of each crop, (N, 2) x, y in pixels of the crop; None if no face is detected in it."""
        ...

    def find_contours(self, crops: Sequence[FaceCrop]) -> list[Contours | None]:
        """Detects outline, brows and landmarks of each crop; None if no face is detected in it."""
        ...


class MeshOutlineDetector:
    """Detector of outlines from dense meshes; see `faces.outline`.

    Args:
        hairline: Heights of the forehead, from `measure_hairline`; None measures them in every crop.

    Raises:
        InputError: If MediaPipe's networks do not work on this machine.
    """

    def __init__(self, hairline: Hairline | None = None):
        self._finder, self._hairline = MeshLandmarkDetector(), None if hairline is None else np.array(hairline)

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray | None]:
        """Detects the outline of each crop; see `OutlineDetector.detect`."""
        return [None if found is None else found.outline for found in self.find_contours(crops)]

    def find_contours(self, crops: Sequence[FaceCrop]) -> list[Contours | None]:
        """Detects outline, brows and landmarks of each crop; see `OutlineDetector.find_contours`."""
        meshes = self._finder.find_meshes(crops, eyes=False)
        return [
            Contours(
                outline=face_outline(crop.image, mesh, self._hairline),
                brows=mesh.points[IBUG_68[17:27], :2].mean(1).reshape(2, 5, 2),
                landmarks=correct_68(mesh.points),
            )
            if mesh.presence >= PRESENT
            else None
            for crop, mesh in zip(crops, meshes, strict=True)
        ]


def measure_hairline(crops: Sequence[FaceCrop]) -> Hairline | None:
    """Measures a person's hairline as the median over crops; None if no face is detected in any crop.

    Raises:
        InputError: If MediaPipe's networks do not work on this machine.
    """
    return median_hairline(crops, MeshLandmarkDetector().find_meshes(crops, eyes=False))


def median_hairline(crops: Sequence[FaceCrop], meshes: Sequence[FaceMesh]) -> Hairline | None:
    """Measures a person's hairline as `measure_hairline` does, from meshes that are already known."""
    pairs = zip(crops, meshes, strict=True)
    found = [find_hairline(crop.image, mesh) for crop, mesh in pairs if mesh.presence >= PRESENT]
    return tuple(np.median(found, axis=0).tolist()) if found else None


def settle_region(choice: RegionChoice) -> FaceRegion:
    """Resolves "auto": the outline if MediaPipe's networks work on this machine, else the ellipse."""
    if choice != "auto":
        return choice
    return "outline" if MeshLandmarkDetector.unavailable_reason() is None else "ellipse"


@functools.cache
def open_outline_detector(region: RegionChoice, hairline: Hairline | None = None) -> OutlineDetector | None:
    """Opens the detector for a face region; returns None for an ellipse, which needs no detector.

    Args:
        region: The face region.
        hairline: Heights of the forehead of all faces; None measures them in every image.

    Raises:
        InputError: If outlines cannot be detected on this machine.
    """
    if settle_region(region) == "ellipse":
        return None
    try:
        return MeshOutlineDetector(hairline)
    except InputError as error:
        raise InputError(f"face_region outline: these networks need the outline of a face, and {error}") from error


def region_mask(
    landmarks: np.ndarray,
    outline: np.ndarray | None,
    size: int,
    *,
    coverage: float = 1.0,
    softness: float | None = None,
) -> np.ndarray:
    """Draws the mask of the face region with a soft border.

    Args:
        landmarks: (5, 2) or (68, 2) x, y in pixels of the image.
        outline: (N, 2) x, y in pixels of the image; None draws the ellipse.
        size: Side of the image in pixels.
        coverage: As in `faces.masks.face_mask`.
        softness: Standard deviation of the border in eye distances; None takes the default of the region.

    Returns:
        (size, size) uint8, 255 inside the face.
    """
    options = {"coverage": coverage} | ({} if softness is None else {"softness": softness})
    return face_mask(landmarks, size, **options) if outline is None else outline_mask(outline, size, **options)
