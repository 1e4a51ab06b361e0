"""Measures of a dense mesh: openness of eyes and mouth, gaze, and head pose.

They do not depend on the crop's scale or on the head's roll, so they can be compared between people and images.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from faceswap_lib.faces.head_pose import HeadPose
from faceswap_lib.faces.mesh import FaceMesh
from faceswap_lib.faces.mesh_landmarks import mouth_gap
from faceswap_lib.faces.mesh_topology import IRIS_LEFT, IRIS_RIGHT

EYES = (((33, 133), (160, 144), (158, 153), IRIS_LEFT), ((362, 263), (385, 380), (387, 373), IRIS_RIGHT))
"""Per eye, the left of the image first: the vertices of its corners, of two pairs of opposite points of the lids, and
of its iris."""

CLOSED_EYE = 0.15
"""Openness below which an eye has no gaze: the lids then cover most of the iris, and the network guesses its position.
Closed eyes of eight clips have 0.07 to 0.14."""

_LEFT_AND_MIDDLE = {
    **{54: (-0.97, -0.61, 0.25), 67: (-0.58, -0.84, -0.14), 127: (-1.12, -0.01, 0.84), 234: (-1.10, 0.21, 0.93)},
    **{33: (-0.69, -0.02, 0.04), 133: (-0.28, 0.02, -0.04), 116: (-1.02, 0.22, 0.26), 129: (-0.34, 0.58, -0.18)},
    **{98: (-0.28, 0.69, -0.23), 10: (0, -0.89, -0.27), 151: (0, -0.64, -0.32), 168: (0, -0.10, -0.31)},
    **{6: (0, 0.04, -0.37), 197: (0, 0.16, -0.45), 4: (0, 0.53, -0.65), 2: (0, 0.73, -0.36)},
}
_TWINS = {54: 284, 67: 297, 127: 356, 234: 454, 33: 263, 133: 362, 116: 345, 129: 358, 98: 327}
_TABLE = _LEFT_AND_MIDDLE | {_TWINS[i]: (-x, y, z) for i, (x, y, z) in _LEFT_AND_MIDDLE.items() if i in _TWINS}

RIGID_VERTICES = list(_TABLE)
"""The 25 vertices that are fixed to the skull."""

MEAN_HEAD = np.array(list(_TABLE.values()), float)
"""(25, 3) x, y, z of these vertices on an average head, in eye distances; x right, y down, z away from the camera.

Source: ours, the mean of the meshes of eight clips after they were turned, scaled and shifted onto each other, made
symmetric; each clip counts alike. Its pitch of 0 is the mean pitch of these people."""


def measure_eye_openness(mesh: FaceMesh) -> np.ndarray:
    """Computes the eye aspect ratio (EAR) in space: mean distance between the lids over distance between the corners.

    Source: Soukupová and Čech, "Real-Time Eye Blink Detection using Facial Landmarks", 2016.

    Args:
        mesh: The mesh of a face.

    Returns:
        (2,) per eye, the left of the image first: 0 (closed) to about 0.5 (wide open).
    """
    points = mesh.points
    lids = [[np.linalg.norm(points[a] - points[b]) for a, b in pairs] for _, *pairs, _ in EYES]
    widths = [np.linalg.norm(points[left] - points[right]) for (left, right), *_ in EYES]
    return np.mean(lids, axis=1) / np.maximum(widths, 1e-6)


def measure_gaze(mesh: FaceMesh) -> np.ndarray:
    """Measures the position of each iris center between the corners of its eye.

    This is a proxy for the direction of gaze relative to the head; it is not an angle.

    Args:
        mesh: The mesh of a face.

    Returns:
        (2, 2) per eye x, y, the left of the image first, in half eye widths from the midpoint of the corners: along the
        line between the corners (right is positive) and perpendicular to it (down is positive). NaN for a closed eye.
    """
    offsets = np.full((2, 2), np.nan)
    openness = measure_eye_openness(mesh)
    for eye, ((left, right), *_, iris) in enumerate(EYES):
        corners = mesh.points[[left, right], :2]
        half = (corners[1] - corners[0]) / 2
        length = half @ half
        if openness[eye] >= CLOSED_EYE and length > 0:
            off = mesh.points[iris.start, :2] - corners.mean(axis=0)
            offsets[eye] = np.array([off @ half, half[0] * off[1] - half[1] * off[0]]) / length
    return offsets


def measure_mouth_opening(mesh: FaceMesh) -> float:
    """Measures the gap between the inner lips in eye distances: 0 (closed) to about 0.5; see `faces.mesh_landmarks`.

    For a wide open mouth, the networks underestimate the gap: they return about 0.7 of it.
    """
    return float(mouth_gap(mesh.points))


def measure_head_pose(mesh: FaceMesh) -> HeadPose:
    """Estimates the head pose: the rotation that best maps an average head to the mesh.

    It uses the singular value decomposition of Kabsch, "A solution for the best rotation to relate two sets of
    vectors", 1976, over `RIGID_VERTICES`. Depths come from the mesh, and no camera is assumed. So frames and crops have
    the same pose, except for the roll, which alignment removes from crops.

    Args:
        mesh: The mesh of a face.

    Returns:
        Angles in degrees with the signs of `faces.head_pose`. Pitch is relative to `MEAN_HEAD`: people who look into
        the camera have a constant pitch of up to 6 degrees either way.
    """
    seen = mesh.points[RIGID_VERTICES]
    u, _, v = np.linalg.svd((MEAN_HEAD - MEAN_HEAD.mean(axis=0)).T @ (seen - seen.mean(axis=0)))
    mirrored = np.sign(np.linalg.det(u @ v))
    rotation = Rotation.from_matrix((u @ np.diag([1, 1, mirrored]) @ v).T)
    roll, yaw, pitch = rotation.as_euler("ZYX", degrees=True)
    return HeadPose(yaw=-yaw, pitch=-pitch, roll=roll)
