"""Where a head points, from landmarks and a rigid model of an average head.

Angles are in degrees and 0 for a face that looks straight into the camera. Positive is to the right of the picture
(yaw), upwards (pitch) and clockwise to the eye (roll): the head is pitched first, then turned, then rolled.
"""

import math
import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import MEAN_FACE
from faceswap_lib.faces.parts import check_landmarks

SEEN_FROM = 5.0
"""How far away, in eye distances, the camera was for which the tables below give x and y; on four clips the model then
fits best (it misses the landmarks by 3.2 % of the eye distance, against 7.4 % for a camera infinitely far away)."""

MIRRORED = {0: 16, 1: 15, 2: 14, 31: 35, 32: 34, 36: 45, 39: 42}
"""Which landmarks of the table have a twin on the right of the picture."""

_LEFT_AND_MIDDLE = {
    **{0: (-1.08, 0.04, 0.84), 1: (-1.06, 0.33, 0.79), 2: (-1.01, 0.61, 0.75)},  # before the ear
    **{27: (0, -0.05, -0.32), 28: (0, 0.15, -0.43), 29: (0, 0.34, -0.56), 30: (0, 0.54, -0.68)},  # ridge of the nose
    **{31: (-0.22, 0.68, -0.40), 32: (-0.11, 0.71, -0.45), 33: (0, 0.75, -0.49)},  # its lower edge
    **{36: (-0.71, 0, 0.05), 39: (-0.30, 0.03, -0.05)},  # corners of the eye
}

_TABLE = _LEFT_AND_MIDDLE | {MIRRORED[i]: (-x, y, z) for i, (x, y, z) in _LEFT_AND_MIDDLE.items() if i in MIRRORED}

RIGID = list(_TABLE)
"""The 19 of 68 landmarks that keep their places on the skull; brows, mouth and chin move."""


def _from_picture(table: np.ndarray) -> np.ndarray:
    return table * np.column_stack([1 + table[:, 2:] / SEEN_FROM] * 2 + [np.ones(len(table))])


HEAD_68 = _from_picture(np.array(list(_TABLE.values()), float))
"""(19, 3) x, y, z of an average head at the landmarks `RIGID`, in eye distances; x right, y down, z away from the
camera, the origin between the eyes.

Source: ours. x and y are the mean over aligned crops of six people, made symmetric; the depths were fitted by least
squares to four clips as a rigid head per person, and averaged. These heads turn by 13 degrees at most, so the depths'
common scale is little more than the plausible one the fit began with (a nose tip 0.55 before the eyes became 0.51 to
0.76), and is the weakest number here, and with it the scale of yaw and pitch."""

HEAD_5 = _from_picture(np.column_stack([MEAN_FACE, [0, 0, -0.68, -0.10, -0.10]]))
"""(5, 3) the same for five landmarks: the average face of `faces.alignment` with depths from the same fit."""


class HeadPose(typing.NamedTuple):
    """Angles of a head in degrees; see the module for their signs."""

    yaw: float
    pitch: float
    roll: float


def eye_middles(landmarks: np.ndarray) -> np.ndarray:
    """Gives the middles between each eye's corners, which blinking does not move; of five landmarks, the eyes.

    Args:
        landmarks: (68, 2) or (5, 2) x, y.

    Returns:
        (2, 2) x, y, the left of the picture first.
    """
    return (landmarks[[36, 42]] + landmarks[[39, 45]]) / 2 if len(landmarks) == 68 else landmarks[:2]


def eye_distance(landmarks: np.ndarray) -> float:
    """The inter-ocular distance, the unit of most metrics, between `eye_middles`; NaN if they coincide."""
    left, right = eye_middles(landmarks)
    return math.dist(left, right) or float("nan")


def head_pose(landmarks: np.ndarray, image_size: int | tuple[int, int]) -> HeadPose:
    """Finds the angles at which the average head, seen through a pinhole, comes nearest to the landmarks.

    The pinhole's focal length is the picture's width, its axis goes through the picture's middle. In frames of talking
    heads that is about right; in an aligned crop the head seems nearer than it was and its roll is gone, so compare
    poses only within frames or within crops. Heads differ, so people who look into the camera have a constant pitch of
    up to 5 degrees either way (9 in crops); what counts is the difference between two pictures of one motion. Of five
    landmarks two are the mouth's corners, so a smile lowers the pitch by up to 20 degrees there.

    By OpenCV's iterative `solvePnP`, started where the head would be if it were far away.

    Args:
        landmarks: (68, 2), of which `RIGID` are used, or (5, 2), x, y in pixels of the picture.
        image_size: Side of a square picture or its width and height, in pixels.

    Returns:
        Yaw and pitch within ±90 for any visible face, roll within ±180. NaN for landmarks that are NaN or whose eyes
        coincide.

    Raises:
        ValueError: If the landmarks have another shape or the size is none.
    """
    check_landmarks(landmarks)
    if np.shape(image_size) not in ((), (2,)) or np.min(image_size) <= 0:
        raise ValueError(f"image_size: expected a side or (width, height) above 0, got {image_size}")
    unit = eye_distance(landmarks)
    if not np.isfinite(landmarks).all() or math.isnan(unit):
        return HeadPose(math.nan, math.nan, math.nan)
    width, height = image_size if np.ndim(image_size) else (image_size, image_size)
    middle = np.array([width - 1, height - 1]) / 2
    camera = np.array([[width, 0, middle[0]], [0, width, middle[1]], [0, 0, 1.0]])
    model, seen = (HEAD_68, landmarks[RIGID]) if len(landmarks) == 68 else (HEAD_5, landmarks)
    turn, shift = _guess(model, (seen - middle) / width)
    _, turn, _ = cv2.solvePnP(model, np.ascontiguousarray(seen, float), camera, None, turn, shift, True)
    return _angles(cv2.Rodrigues(turn)[0])


def _guess(model: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation vector and shift of the model that give about what is seen at focal length 1.

    For a head far away the picture is linear in the model's x, y, z; the rotation is what is nearest to that.
    """
    linear = np.linalg.lstsq(np.column_stack([model, np.ones(len(model))]), seen, rcond=None)[0].T
    u, scales, v = np.linalg.svd(linear[:, :3], full_matrices=False)
    across, down = u @ v
    turn = cv2.Rodrigues(np.stack([across, down, np.cross(across, down)]))[0]
    depth = 1 / max(scales.mean(), 1e-6)
    return turn, np.array([*linear[:, 3], 1]) * depth


def _angles(rotation: np.ndarray) -> HeadPose:
    """Reads a rotation that is pitch about x, then yaw about y, then roll about z, in a camera's axes."""
    yaw = math.asin(max(-1.0, min(1.0, rotation[2, 0])))
    pitch = -math.atan2(rotation[2, 1], rotation[2, 2])
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    return HeadPose(*(math.degrees(angle) for angle in (yaw, pitch, roll)))
