"""Dense mesh of a face: the squares of an aligned crop that the networks read, and the mapping back to the crop.

The face network needs a square around an upright face. In an aligned crop the position of the face is known in advance.
So the square does not depend on the points of an earlier frame, and the same crop always produces the same mesh. The
network reads two squares, and the two results are averaged: the smaller square is more accurate at the brows, the
larger one at a wide open mouth. The iris network then reads each eye from a square around its corners and returns its
lids and its iris.
"""

import dataclasses

import numpy as np

from faceswap_lib.faces.alignment import (
    MEAN_FACE,
    invert_affine,
    map_points,
    shrink_factor,
    similarity_transform,
    warp_supersampled,
)
from faceswap_lib.faces.mesh_network import EYE_SIDE, FACE_POINTS, FACE_SIDE, MeshNetworks
from faceswap_lib.faces.mesh_topology import EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT, LIDS, POINTS
from faceswap_lib.faces.types import FaceCrop

FACE_VIEWS = ((3.6, 0.55), (4.2, 0.65))
"""Side of the squares that the face network reads, and how far their centers are below the midpoint of the eyes, in eye
distances of an average face turned to the camera.

Errors were measured against dlib's landmarks on eight clips, without the offset that is constant over a clip. The mean
of both squares has an error of 3.7 % of the eye distance at the jaw and 2.3 % at the mouth. The smaller square alone
has 3.9 and 2.5 % (in the clip with the widest mouth 5.7 and 4.8 % instead of 4.7 and 3.4 %). The larger square alone
has 3.9 and 2.5 %, and 3.2 % instead of 2.8 % at the brows. A second pass around the points of the first one, as in a
video without tracks, was not more accurate, and its points were not smoother over time."""

EYE_VIEW = 2.3
"""Side of the square that the iris network reads, in distances between an eye's corners."""

PRESENT = 0.5
"""Smallest presence of a mesh that counts as a face."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceMesh:
    """The dense mesh of one aligned face.

    Attributes:
        points: (478, 3) float64: x, y in pixels of the crop, z in the same unit, smaller toward the camera. The first
            468 are the vertices of MediaPipe's canonical face model. They are followed by five points of the iris of
            the eye on the left of the image, the center first, and five of the other iris; see `faces.mesh_topology`.
        presence: Probability that the crop shows a face, 0 to 1.
    """

    points: np.ndarray
    presence: float

    def __post_init__(self):
        points = np.array(self.points, np.float64)
        if points.shape != (POINTS, 3):
            raise ValueError(f"points: expected shape ({POINTS}, 3), got {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError("points: expected finite numbers, got NaN or infinity")
        if not 0 <= self.presence <= 1:
            raise ValueError(f"presence: expected 0 to 1, got {self.presence}")
        points.flags.writeable = False
        object.__setattr__(self, "points", points)


def find_mesh(networks: MeshNetworks, crop: FaceCrop, *, eyes: bool = True) -> FaceMesh:
    """Detects the dense mesh of an aligned crop.

    Args:
        networks: The two networks.
        crop: An aligned face, of any side.
        eyes: Whether the iris network reads each eye. Without it, the lids are those of the face network, and an iris
            is one point in the middle of its lids.

    Returns:
        The mesh in pixels of the crop.
    """
    readings = [_read_face(networks, crop, *view) for view in FACE_VIEWS]
    mesh = np.zeros((POINTS, 3))
    mesh[:FACE_POINTS] = np.mean([points for points, _ in readings], axis=0)
    for indices, iris, mirrored in ((EYE_LEFT, IRIS_LEFT, False), (EYE_RIGHT, IRIS_RIGHT, True)):
        lids = list(indices[:LIDS])
        if not eyes:
            mesh[iris] = mesh[lids].mean(axis=0)
            continue
        eye, mesh[iris, :2] = _read_eye(networks, crop, mesh[[indices[0], indices[8]], :2], mirrored)
        mesh[iris, 2] = mesh[lids, 2].mean()
        mesh[lids, :2] = eye[:LIDS]
    return FaceMesh(points=mesh, presence=min(presence for _, presence in readings))


def _read_face(networks: MeshNetworks, crop: FaceCrop, side: float, below: float) -> tuple[np.ndarray, float]:
    """Runs the face network on one of `FACE_VIEWS`.

    Returns:
        The vertices, (468, 3) in pixels of the crop, and the presence.
    """
    template = (MEAN_FACE - [0, below]) * (FACE_SIDE / side) + (FACE_SIDE - 1) / 2
    view_from_crop = similarity_transform(crop.landmarks, template)
    points, presence = networks.read_face(_warp_square(crop.image, view_from_crop, FACE_SIDE))
    scale = np.sqrt(np.linalg.det(view_from_crop[:, :2]))
    flat = map_points(invert_affine(view_from_crop), points[:, :2] - 0.5)
    return np.column_stack([flat, points[:, 2] / scale]), presence


def _read_eye(
    networks: MeshNetworks, crop: FaceCrop, corners: np.ndarray, mirrored: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Runs the iris network on the eye between two corners, the outer one first.

    Returns:
        (71, 2) points of the eye and (5, 2) of the iris, in pixels of the crop.
    """
    level = np.array([[-0.5, 0.0], [0.5, 0.0]]) * (-1 if mirrored else 1)
    view_from_crop = similarity_transform(corners, level * EYE_SIDE / EYE_VIEW + (EYE_SIDE - 1) / 2)
    if mirrored:
        view_from_crop = np.array([[-1, 0], [0, 1]]) @ view_from_crop + [[0, 0, EYE_SIDE - 1], [0, 0, 0]]
    eye, iris = networks.read_eye(_warp_square(crop.image, view_from_crop, EYE_SIDE))
    crop_from_view = invert_affine(view_from_crop)
    return map_points(crop_from_view, eye - 0.5), map_points(crop_from_view, iris - 0.5)


def _warp_square(image: np.ndarray, view_from_crop: np.ndarray, side: int) -> np.ndarray:
    """Warps a square out of a crop; less supersampled than by `warp_frame`, as the errors above were measured."""
    return warp_supersampled(image, view_from_crop, side, max(1, round(shrink_factor(view_from_crop) / 1.2)))
