"""Head pose from landmarks and a rigid model of an average head.

Angles are in degrees and 0 for a face that looks straight into the camera. Positive is to the right of the image (yaw),
upwards (pitch) and clockwise for the viewer (roll). The order of rotations is pitch, then yaw, then roll.
"""

import math
import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import MEAN_FACE
from faceswap_lib.faces.parts import check_landmarks

SEEN_FROM = 5.0
"""Camera distance, in eye distances, for which the tables below give x and y.

On four clips the model fits best at this distance: its error at the landmarks is 3.2 % of the eye distance. For a
camera at infinite distance it is 7.4 %."""

MIRRORED = {0: 16, 1: 15, 2: 14, 31: 35, 32: 34, 36: 45, 39: 42}
"""Landmarks of the table that have a mirrored counterpart on the right of the image, with the counterpart's index."""

_LEFT_AND_MIDDLE = {
    **{0: (-1.08, 0.04, 0.84), 1: (-1.06, 0.33, 0.79), 2: (-1.01, 0.61, 0.75)},  # in front of the ear
    **{27: (0, -0.05, -0.32), 28: (0, 0.15, -0.43), 29: (0, 0.34, -0.56), 30: (0, 0.54, -0.68)},  # ridge of the nose
    **{31: (-0.22, 0.68, -0.40), 32: (-0.11, 0.71, -0.45), 33: (0, 0.75, -0.49)},  # its lower edge
    **{36: (-0.71, 0, 0.05), 39: (-0.30, 0.03, -0.05)},  # corners of the eye
}

_TABLE = _LEFT_AND_MIDDLE | {MIRRORED[i]: (-x, y, z) for i, (x, y, z) in _LEFT_AND_MIDDLE.items() if i in MIRRORED}

RIGID = list(_TABLE)
"""The 19 of 68 landmarks that are fixed to the skull; brows, mouth and chin move."""


def _to_space(table: np.ndarray) -> np.ndarray:
    """Converts x and y from image coordinates at a distance of `SEEN_FROM` to coordinates in space."""
    return table * np.column_stack([1 + table[:, 2:] / SEEN_FROM] * 2 + [np.ones(len(table))])


HEAD_68 = _to_space(np.array(list(_TABLE.values()), float))
"""(19, 3) x, y, z of an average head at the landmarks `RIGID`, in eye distances. x points right, y down and z away from
the camera; the origin is between the eyes.

Source: ours. x and y are the mean over aligned crops of six people, made symmetric; the depths were fitted by least
squares to four clips as a rigid head per person, and averaged. These heads turn by 13 degrees at most, so the fit
hardly changes the common scale of the depths from its plausible initial value (a nose tip 0.55 in front of the eyes
became 0.51 to 0.76). This scale is the least certain number here, and the scale of yaw and pitch depends on it."""

HEAD_5 = _to_space(np.column_stack([MEAN_FACE, [0, 0, -0.68, -0.10, -0.10]]))
"""(5, 3) the same for five landmarks: the average face of `faces.alignment` with depths from the same fit."""


class HeadPose(typing.NamedTuple):
    """Head angles in degrees; the module docstring defines their signs."""

    yaw: float
    pitch: float
    roll: float


def eye_middles(landmarks: np.ndarray) -> np.ndarray:
    """Computes the midpoint between the two corners of each eye, which does not move when the eye blinks.

    Args:
        landmarks: (68, 2) or (5, 2) x, y. Of five landmarks, the eyes are returned as they are.

    Returns:
        (2, 2) x, y, the eye on the left of the image first.
    """
    return (landmarks[[36, 42]] + landmarks[[39, 45]]) / 2 if len(landmarks) == 68 else landmarks[:2]


def eye_distance(landmarks: np.ndarray) -> float:
    """Computes the inter-ocular distance between the two `eye_middles`, which is the unit of most metrics.

    Args:
        landmarks: (68, 2) or (5, 2) x, y.

    Returns:
        The distance in the unit of the landmarks; NaN if both points coincide.
    """
    left, right = eye_middles(landmarks)
    return math.dist(left, right) or float("nan")


def head_pose(landmarks: np.ndarray, image_size: int | tuple[int, int]) -> HeadPose:
    """Estimates the head pose: the rotation at which the projected average head fits the landmarks best.

    The camera is a pinhole. Its focal length is the width of the image, and its axis goes through the center of the
    image. This is about right in frames of talking heads. In an aligned crop the head seems nearer than it was, and its
    roll is removed, so compare poses only within frames or only within crops. Heads differ: people who look into the
    camera have a constant pitch of up to 5 degrees either way (9 in crops). What counts is the difference between two
    images of one motion. Two of five landmarks are the corners of the mouth, so with five landmarks a smile lowers the
    pitch by up to 20 degrees.

    The solver is OpenCV's iterative `solvePnP`; its initial pose assumes that the head is far away.

    Args:
        landmarks: (68, 2), of which `RIGID` are used, or (5, 2), x, y in pixels of the image.
        image_size: Side of a square image or its width and height, in pixels.

    Returns:
        Yaw and pitch within ±90 for any visible face, roll within ±180. NaN for landmarks that are NaN or whose eyes
        coincide.

    Raises:
        ValueError: If the landmarks have another shape, or the image size is not one or two numbers above 0.
    """
    check_landmarks(landmarks)
    if np.shape(image_size) not in ((), (2,)) or np.min(image_size) <= 0:
        raise ValueError(f"image_size: expected a side or (width, height) above 0, got {image_size}")
    unit = eye_distance(landmarks)
    if not np.isfinite(landmarks).all() or math.isnan(unit):
        return HeadPose(math.nan, math.nan, math.nan)
    width, height = np.broadcast_to(image_size, 2).tolist()
    middle = np.array([width - 1, height - 1]) / 2
    camera = np.array([[width, 0, middle[0]], [0, width, middle[1]], [0, 0, 1.0]])
    model, seen = (HEAD_68, landmarks[RIGID]) if len(landmarks) == 68 else (HEAD_5, landmarks)
    turn, shift = _initial_pose(model, (seen - middle) / width)
    _, turn, _ = cv2.solvePnP(model, np.ascontiguousarray(seen, float), camera, None, turn, shift, True)
    return _angles(cv2.Rodrigues(turn)[0])


def _initial_pose(model: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates rotation vector and translation of the model from points at focal length 1, to initialize the solver.

    For a head far away, the projection is linear in the model's x, y, z; the rotation is the one closest to this linear
    map.
    """
    linear = np.linalg.lstsq(np.column_stack([model, np.ones(len(model))]), seen, rcond=None)[0].T
    u, scales, v = np.linalg.svd(linear[:, :3], full_matrices=False)
    across, down = u @ v
    turn = cv2.Rodrigues(np.stack([across, down, np.cross(across, down)]))[0]
    depth = 1 / max(scales.mean(), 1e-6)
    return turn, np.array([*linear[:, 3], 1]) * depth


def _angles(rotation: np.ndarray) -> HeadPose:
    """Decomposes a rotation into pitch about x, then yaw about y, then roll about z, in the axes of the camera."""
    yaw = math.asin(max(-1.0, min(1.0, rotation[2, 0])))
    pitch = -math.atan2(rotation[2, 1], rotation[2, 2])
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    return HeadPose(*(math.degrees(angle) for angle in (yaw, pitch, roll)))
