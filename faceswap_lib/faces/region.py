"""The region of a face that networks read and that a new face covers: an ellipse, or the face's outline."""

import functools
import logging
import typing
from collections.abc import Sequence
from typing import Literal

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.face import FaceCrop
from faceswap_lib.faces.landmarks_mesh import MeshFinder
from faceswap_lib.faces.masks import face_mask
from faceswap_lib.faces.mesh import PRESENT
from faceswap_lib.faces.outline import face_outline, outline_mask

logger = logging.getLogger(__name__)

FaceRegion = Literal["ellipse", "outline"]
"""An ellipse from five landmarks, or the outline that the dense mesh and the forehead's colors give."""


class OutlineFinder(typing.Protocol):
    """Anything that finds the outlines of aligned faces."""

    def find(self, crops: Sequence[FaceCrop]) -> list[np.ndarray | None]:
        """Finds the outline of each crop, (N, 2) x, y in its pixels; None where no face is seen in it."""
        ...


class MeshOutlineFinder:
    """Outlines from dense meshes; see `faces.outline`.

    Raises:
        InputError: If the extra `mesh` is not installed.
    """

    def __init__(self):
        self._finder = MeshFinder()

    def find(self, crops: Sequence[FaceCrop]) -> list[np.ndarray | None]:
        """Finds the outline of each crop; see `OutlineFinder.find`."""
        meshes = self._finder.find_meshes(crops)
        return [
            face_outline(crop.image, mesh) if mesh.presence >= PRESENT else None
            for crop, mesh in zip(crops, meshes, strict=True)
        ]


@functools.cache
def open_outline_finder(region: FaceRegion) -> OutlineFinder | None:
    """Opens what finds the region of faces; an ellipse needs nothing.

    Raises:
        InputError: If outlines cannot be found here.
    """
    if region == "ellipse":
        return None
    try:
        return MeshOutlineFinder()
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
