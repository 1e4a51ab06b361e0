"""The region of a face that networks read and that a new face covers: an ellipse, or the face's outline."""

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
"""An ellipse from five landmarks, or the outline that the dense mesh and the forehead's colors give."""

RegionChoice = Literal["auto", "ellipse", "outline"]
"""A region, or whichever is the best that this machine can find."""


Hairline = tuple[float, ...]
"""How far a forehead reaches; see `faces.outline.find_hairline`."""


class Contours(typing.NamedTuple):
    """Contours of a face, x, y in pixels of its picture.

    Attributes:
        outline: (N, 2), the face.
        brows: (2, 5, 2), a line along either eyebrow.
        landmarks: (68, 2), its landmarks.
    """

    outline: np.ndarray
    brows: np.ndarray
    landmarks: np.ndarray


class OutlineDetector(typing.Protocol):
    """Anything that finds the outlines of aligned faces."""

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray | None]:
        """Finds the outline of each crop, (N, 2) x, y in its pixels; None where no face is seen in it."""
        ...

    def find_contours(self, crops: Sequence[FaceCrop]) -> list[Contours | None]:
        """Finds outline, brows and landmarks of each crop; None where no face is seen in it."""
        ...


class MeshOutlineDetector:
    """Outlines from dense meshes; see `faces.outline`.

    Args:
        hairline: Where the forehead ends, from `measure_hairline`; None looks in every crop.

    Raises:
        InputError: If MediaPipe's networks do not run here.
    """

    def __init__(self, hairline: Hairline | None = None):
        self._finder, self._hairline = MeshLandmarkDetector(), None if hairline is None else np.array(hairline)

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray | None]:
        """Finds the outline of each crop; see `OutlineDetector.find`."""
        return [None if found is None else found.outline for found in self.find_contours(crops)]

    def find_contours(self, crops: Sequence[FaceCrop]) -> list[Contours | None]:
        """Finds outline, brows and landmarks of each crop; see `OutlineDetector.find_contours`."""
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
    """Measures where a person's forehead ends, as the median over crops; None if no face is seen in any.

    Raises:
        InputError: If MediaPipe's networks do not run here.
    """
    return median_hairline(crops, MeshLandmarkDetector().find_meshes(crops, eyes=False))


def median_hairline(crops: Sequence[FaceCrop], meshes: Sequence[FaceMesh]) -> Hairline | None:
    """Measures where a person's forehead ends as `measure_hairline` does, by meshes that are known already."""
    pairs = zip(crops, meshes, strict=True)
    found = [find_hairline(crop.image, mesh) for crop, mesh in pairs if mesh.presence >= PRESENT]
    return tuple(np.median(found, axis=0).tolist()) if found else None


def settle_region(choice: RegionChoice) -> FaceRegion:
    """Says what "auto" stands for here: the outline where MediaPipe's networks run, else the ellipse."""
    if choice != "auto":
        return choice
    return "outline" if MeshLandmarkDetector.unavailable_reason() is None else "ellipse"


@functools.cache
def open_outline_detector(region: RegionChoice, hairline: Hairline | None = None) -> OutlineDetector | None:
    """Opens what finds the region of faces; an ellipse needs nothing.

    Args:
        region: What is inside a face.
        hairline: Where the forehead of all the faces ends; None looks in every picture.

    Raises:
        InputError: If outlines cannot be found here.
    """
    if settle_region(region) == "ellipse":
        return None
    try:
        return MeshOutlineDetector(hairline)
    except InputError as error:
        raise InputError(f"face_region outline: these networks read faces up to their outline, and {error}") from error


def region_mask(
    landmarks: np.ndarray,
    outline: np.ndarray | None,
    size: int,
    *,
    coverage: float = 1.0,
    softness: float | None = None,
) -> np.ndarray:
    """Draws the region of a face, softened at its border.

    Args:
        landmarks: (5, 2) or (68, 2) x, y in pixels of the picture.
        outline: (N, 2) like them; None draws the ellipse.
        size: Side of the picture in pixels.
        coverage: As in `faces.masks.face_mask`.
        softness: Standard deviation of the border in eye distances; None takes each kind's own.

    Returns:
        (size, size) uint8, 255 inside the face.
    """
    options = {"coverage": coverage} | ({} if softness is None else {"softness": softness})
    return face_mask(landmarks, size, **options) if outline is None else outline_mask(outline, size, **options)
