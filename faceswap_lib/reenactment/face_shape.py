"""The shape of a face: 68 landmarks, irises and yaw. It is all that the networks see of the driver."""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import CROP_SIZE, scale_points
from faceswap_lib.faces.head_pose import head_pose
from faceswap_lib.faces.landmarks import LandmarkDetector, open_landmark_detector
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mesh import PRESENT, FaceMesh
from faceswap_lib.faces.mesh_landmarks import correct_68
from faceswap_lib.faces.mesh_measures import measure_head_pose
from faceswap_lib.faces.mesh_topology import IRIS_LEFT, IRIS_RIGHT
from faceswap_lib.faces.types import FaceCrop

_LEFT_AZIMUTHS = {
    **dict(zip(range(9), (-76, -79, -78, -72, -62, -50, -29, -11, 0), strict=True)),
    **dict(zip(range(17, 22), (-39, -34, -27, -19, -9), strict=True)),
    **dict(zip((31, 32), (-10, -5), strict=True)),
    **dict(zip(range(36, 42), (-33, -27, -20, -14, -19, -26), strict=True)),
    **{48: -20, 49: -10, 50: -5, 58: -5, 59: -10, 60: -17, 61: -4, 67: -4},
}
_TWINS = {
    **{index: 16 - index for index in range(8)},
    **{index: 43 - index for index in range(17, 22)},
    **{31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46},
    **{48: 54, 49: 53, 50: 52, 58: 56, 59: 55, 60: 64, 61: 63, 67: 65},
}


def _build_azimuths() -> np.ndarray:
    """Completes the table by its mirror image; landmarks in the middle of the face have 0."""
    azimuths = np.zeros(68)
    for index, azimuth in _LEFT_AZIMUTHS.items():
        azimuths[index] = azimuth
        if index in _TWINS:
            azimuths[_TWINS[index]] = -azimuth
    return azimuths


AZIMUTHS = _build_azimuths()
"""(68,) direction in which each landmark of an average head lies, seen from above from an axis 1.2 eye distances behind
the eyes; in degrees, positive to the right of the image. Source: ours, from the meshes of six people who look into the
camera, made symmetric."""

HIDDEN_FROM = 90.0
"""Angle between a landmark's direction and the camera from which the head itself hides the landmark, in degrees."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceShape:
    """The shape of the face in an aligned crop.

    Attributes:
        points: (68, 2) float64 x, y in pixels of a crop of side `CROP_SIZE`, in the order of `faces.landmarks`.
        irises: (2, 3) float64 x, y and radius of the irises in the same pixels, the one on the left of the image first;
            None if they are unknown.
        yaw: Yaw of the head in degrees, positive to the right of the image.

    Raises:
        ValueError: If a shape is wrong, a number is not finite, or a radius is not positive.
    """

    points: np.ndarray
    irises: np.ndarray | None = None
    yaw: float = 0.0

    def __post_init__(self):
        points = np.array(self.points, np.float64)
        if points.shape != (68, 2) or not np.isfinite(points).all():
            raise ValueError(f"points: expected (68, 2) finite numbers, got shape {points.shape}")
        points.flags.writeable = False
        object.__setattr__(self, "points", points)
        if self.irises is not None:
            irises = np.array(self.irises, np.float64)
            if irises.shape != (2, 3) or not np.isfinite(irises).all() or (irises[:, 2] <= 0).any():
                raise ValueError(f"irises: expected (2, 3) finite numbers with positive radii, got {irises.tolist()}")
            irises.flags.writeable = False
            object.__setattr__(self, "irises", irises)
        if not np.isfinite(self.yaw):
            raise ValueError(f"yaw: expected a finite number of degrees, got {self.yaw}")

    @property
    def visible(self) -> np.ndarray:
        """Whether each landmark is on the side of the head that the camera sees, (68,) bool."""
        return np.abs(AZIMUTHS + self.yaw) < HIDDEN_FROM  # as in `shape_pictures.keypoint_picture`


def shape_from_mesh(mesh: FaceMesh, size: int) -> FaceShape:
    """Computes the shape from a dense mesh.

    Args:
        mesh: The mesh of a crop.
        size: Side of this crop in pixels.
    """
    scale = CROP_SIZE / size
    irises = []
    for iris in (IRIS_LEFT, IRIS_RIGHT):
        center, *border = scale_points(mesh.points[iris, :2], scale)
        radius = np.mean(np.linalg.norm(np.array(border) - center, axis=1))
        irises.append([*center, max(radius, 0.5)])
    points = scale_points(correct_68(mesh.points), scale)
    return FaceShape(points=points, irises=np.array(irises), yaw=measure_head_pose(mesh).yaw)


def shape_from_landmarks(points: np.ndarray) -> FaceShape:
    """Computes the shape, without irises, from (68, 2) landmarks in pixels of a crop of side `CROP_SIZE`."""
    return FaceShape(points=points, yaw=head_pose(points, CROP_SIZE).yaw)


class ShapeDetector(typing.Protocol):
    """Protocol of a detector of face shapes.

    Attributes:
        name: Name of the networks.
    """

    name: str

    def detect(self, crops: Sequence[FaceCrop]) -> list[FaceShape | None]:
        """Detects the shape in each aligned crop, of any size; None for a crop in which it is not found."""
        ...


class MeshShapeDetector:
    """Detector that reads shapes from dense meshes, with irises.

    Raises:
        InputError: If a package is not installed.
        CheckpointError: If the weight file of a network is not the known one.
    """

    name = "mesh"

    def __init__(self):
        self._meshes = MeshLandmarkDetector()

    def detect(self, crops: Sequence[FaceCrop]) -> list[FaceShape | None]:
        """Detects the shapes; see `ShapeDetector.detect`."""
        pairs = zip(crops, self._meshes.find_meshes(crops), strict=True)
        return [shape_from_mesh(mesh, len(crop.image)) if mesh.presence >= PRESENT else None for crop, mesh in pairs]


class LandmarkShapeDetector:
    """Detector that reads shapes from 68 landmarks, without irises.

    Args:
        landmarks: A detector of 68 landmarks.
    """

    def __init__(self, landmarks: LandmarkDetector):
        self._landmarks, self.name = landmarks, landmarks.name

    def detect(self, crops: Sequence[FaceCrop]) -> list[FaceShape | None]:
        """Detects the shapes; see `ShapeDetector.detect`."""
        shapes: list[FaceShape | None] = []
        for crop, points in zip(crops, self._landmarks.detect(crops), strict=True):
            scaled = scale_points(points, CROP_SIZE / len(crop.image))
            shapes.append(shape_from_landmarks(scaled) if len(points) == 68 else None)
        return shapes


def open_shape_detector() -> ShapeDetector:
    """Opens the best detector of face shapes that works on this machine.

    Raises:
        InputError: If no network for 68 landmarks is installed.
        CheckpointError: If the weight file of an installed network is damaged.
    """
    reason = MeshLandmarkDetector.unavailable_reason()
    if reason is None:
        return MeshShapeDetector()
    landmarks = open_landmark_detector()
    if landmarks.name == "five":
        raise InputError(f"reenactment needs 68 landmarks per face, and no network for them is installed: {reason}")
    return LandmarkShapeDetector(landmarks)
