"""Head pose and expression of faces, as a few numbers that depend little on the person."""

import numpy as np

from faceswap_lib.faces.landmarks_68 import (
    BROWS,
    EYELIDS,
    INNER_LIPS,
    LEFT_BROW,
    LEFT_EYE,
    MOUTH_CORNERS,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from faceswap_lib.facesets.pose_measures import BROWS_UP, EYES_OPEN, MOUTH, PITCH, SMILE, YAW, measure_poses

LIDS = EYELIDS[:2], EYELIDS[2:]

NEAR = 0.5
"""Unit of the numbers of `describe_motion`, as a fraction of the tolerances of `facesets.pose_measures`."""

LIFTED, DROPPED = 0.04, 0.06
"""Units for the corners of the mouth, and for the chin and the lips, in eye distances."""

LID_NUMBERS, LID_UNIT = [3, 4], NEAR * EYES_OPEN.tolerance
"""Indices in `describe_motion` of the openness of the eyes, and their unit as a fraction of fully open eyes."""

MOUTH_NUMBERS = [2, 8, 9]
"""Indices in `describe_motion` of the numbers of the mouth that do not depend on the person's other faces."""

OPEN_EYES = 80
"""Percentile of the distance between the eyelids at which a person's eyes count as open, because in a clip they may be
half closed for half of the time."""

GAZE = 0.08
"""Unit for the gaze, in half eye widths."""

RESTING_WIDTH = (0.74, 0.84)
"""Range of the widths of mouths at rest, in eye distances, measured on eight clips without their smiles; a person whose
mouth is always wider smiles all the time."""


def describe_expression(landmarks: np.ndarray) -> np.ndarray:
    """Measures mouth, eyes, brows and the turn of the head.

    Args:
        landmarks: (N, 68, 2) x, y of upright faces, in the usual order of 68 landmarks.

    Returns:
        (N, 8): opening of the mouth (inner lips, outer lips), width of the mouth, opening of the eyes, turn of the head
        (logarithm of the ratio of the nose's distances to both sides), length of the nose, height of the brows above
        the eyes, height of the corners of the mouth below its center; all except the turn in eye distances.
    """
    left, right = landmarks[:, LEFT_EYE].mean(axis=1), landmarks[:, RIGHT_EYE].mean(axis=1)
    unit = np.linalg.norm(right - left, axis=1)

    def between(a: int, b: int) -> np.ndarray:
        return np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1) / unit

    y = landmarks[..., 1]
    corners, middle = y[:, list(MOUTH_CORNERS)].mean(axis=1), y[:, list(INNER_LIPS)].mean(axis=1)
    return np.stack(
        [
            between(*INNER_LIPS),
            between(*OUTER_LIPS),
            between(*MOUTH_CORNERS),
            np.mean([between(*pair) for pair in EYELIDS], axis=0),
            np.log(between(30, 2) / between(30, 14)),
            between(27, 33),
            ((left + right)[:, 1] / 2 - y[:, BROWS].mean(axis=1)) / unit,
            (corners - middle) / unit,
        ],
        axis=1,
    )


def describe_motion(landmarks: np.ndarray) -> np.ndarray:
    """Describes head pose and expression of one person's faces by numbers that are comparable between two people.

    The turn of the head, the gap of the lips and the height of the corners of the mouth are absolute. The heights of
    brows and chin are relative to the person's own median. The width of the mouth is relative to the median as well,
    clipped to `RESTING_WIDTH`. The openness of each eye is relative to the person's open eyes.

    Args:
        landmarks: (N, 68, 2) x, y of one person's faces in pixels of aligned crops.

    Returns:
        (N, 12): yaw, pitch, gap of the lips, openness of the left and the right eye, width of the mouth, height of the
        left and the right brow, height of the left and the right corner of the mouth, chin below the nose, gap of the
        outer lips minus the median thickness of the lips; each in units in which a difference of 1 is hardly visible.
    """
    poses = measure_poses(landmarks)
    left, right = landmarks[:, LEFT_EYE].mean(axis=1), landmarks[:, RIGHT_EYE].mean(axis=1)
    unit = _straight_unit(landmarks, poses)
    y = landmarks[..., 1] / unit[:, None]

    def gap(pair: tuple[int, int]) -> np.ndarray:
        return np.linalg.norm(landmarks[:, pair[0]] - landmarks[:, pair[1]], axis=1) / unit

    def against_median(values: np.ndarray) -> np.ndarray:
        return values - np.median(values)

    lids = _lid_gaps(landmarks, unit)
    brows = [left[:, 1] / unit - y[:, LEFT_BROW].mean(axis=1), right[:, 1] / unit - y[:, RIGHT_BROW].mean(axis=1)]
    mouth = _mouth_numbers(landmarks, poses, unit)
    chin = against_median(y[:, 8] - y[:, 33])
    width = np.linalg.norm(landmarks[:, 48] - landmarks[:, 54], axis=1) / np.linalg.norm(right - left, axis=1)
    lips = gap(OUTER_LIPS)
    thickness = np.median(lips - poses[:, 2])
    return np.stack(
        [
            poses[:, 0] / (NEAR * YAW.tolerance),
            poses[:, 1] / (NEAR * PITCH.tolerance),
            mouth[:, 0],
            *(lids / open_lids(lids) / LID_UNIT).T,
            (width / np.clip(np.median(width), *RESTING_WIDTH) - 1) / (NEAR * SMILE.tolerance),
            *(against_median(brow) / (NEAR * BROWS_UP.tolerance) for brow in brows),
            *mouth[:, 1:].T,
            chin / DROPPED,
            (lips - thickness) / DROPPED,
        ],
        axis=1,
    )


def measure_lids(landmarks: np.ndarray) -> np.ndarray:
    """Measures the distance between the eyelids of each eye, (N, 2), in eye distances corrected for yaw.

    Args:
        landmarks: (N, 68, 2) x, y in pixels of aligned crops.
    """
    return _lid_gaps(landmarks, _straight_unit(landmarks, measure_poses(landmarks)))


def open_lids(lids: np.ndarray) -> np.ndarray:
    """Computes the eyelid distance of open eyes, (2,), from one person's eyelid distances, (N, 2)."""
    return np.percentile(lids, OPEN_EYES, axis=0)


def _lid_gaps(landmarks: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Measures the distance between the eyelids of each eye, (N, 2), in units of `unit`."""
    gaps = [[np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1) for a, b in pairs] for pairs in LIDS]
    return np.mean(gaps, axis=1).T / unit[:, None]


def _mouth_numbers(landmarks: np.ndarray, poses: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Computes the (N, 3) numbers of `describe_mouth`."""
    y = landmarks[..., 1] / unit[:, None]
    corners = [(y[:, corner] - y[:, INNER_LIPS].mean(axis=1)) / LIFTED for corner in MOUTH_CORNERS]
    return np.stack([poses[:, 2] / (NEAR * MOUTH.tolerance), *corners], axis=1)


def _straight_unit(landmarks: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Computes the eye distance in pixels, (N,), corrected for yaw."""
    left, right = landmarks[:, LEFT_EYE].mean(axis=1), landmarks[:, RIGHT_EYE].mean(axis=1)
    return np.linalg.norm(right - left, axis=1) / np.cos(np.radians(poses[:, 0]))


def describe_mouth(landmarks: np.ndarray) -> np.ndarray:
    """Describes mouths by those numbers of `describe_motion` that do not need the person's other faces.

    Args:
        landmarks: (N, 68, 2) x, y in pixels of aligned crops.

    Returns:
        (N, 3): gap of the lips, height of the left and of the right corner of the mouth, in units of `describe_motion`.
    """
    poses = measure_poses(landmarks)
    return _mouth_numbers(landmarks, poses, _straight_unit(landmarks, poses))


def describe_gaze(gaze: np.ndarray) -> np.ndarray:
    """Describes the gaze of one person's faces, in addition to `describe_motion`.

    The horizontal gaze is absolute. The vertical gaze is relative to the person's own median, because eyelids have
    different shapes.

    Args:
        gaze: (N, 2, 2) gaze of each eye from `faces.mesh_measures.measure_gaze`; NaN for a closed eye.

    Returns:
        (N, 2): gaze to the right and down, mean of the open eyes, in units in which a difference of 1 is hardly
        visible; 0 if both eyes are closed.
    """
    is_open = np.asarray(np.isfinite(gaze).all(axis=2))
    count = is_open.sum(axis=1)
    directions = np.where(is_open[..., None], gaze, 0).sum(axis=1) / np.maximum(count, 1)[:, None]
    if (count > 0).any():
        directions[:, 1] -= np.median(directions[count > 0, 1])
    return np.where(count[:, None] > 0, directions, 0) / GAZE
