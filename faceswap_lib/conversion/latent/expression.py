"""What a face does, in a few numbers that depend little on whose face it is."""

import numpy as np

from faceswap_lib.facesets.pose_measures import BROWS_UP, EYES_OPEN, MOUTH, PITCH, SMILE, YAW, measure_poses

EYE_HEIGHT = ((37, 41), (38, 40), (43, 47), (44, 46))
LEFT_EYE, RIGHT_EYE, BROWS = slice(36, 42), slice(42, 48), slice(17, 27)
LIDS = ((37, 41), (38, 40)), ((43, 47), (44, 46))
OUTER_LIPS, INNER_LIPS, CORNERS = (51, 57), (62, 66), (48, 54)

NEAR = 0.5
"""Share of the tolerance of `facesets.pose_measures` that counts 1 in `describe_motion`."""

LIFTED, DROPPED = 0.04, 0.06
"""The same for the corners of the mouth and for the chin and the lips, in eye distances."""

LID_NUMBERS, LID_UNIT = [3, 4], NEAR * EYES_OPEN.tolerance
"""Which numbers of `describe_motion` say how open the eyes are, and what part of open eyes their unit is."""

MOUTH_NUMBERS = [2, 8, 9]
"""Which numbers of `describe_motion` describe the mouth of a face by itself."""

OPEN_EYES = 80
"""Percentile of the lids' distance at which a person's eyes count as open; in a clip they may be half shut, or frown,
half of the time."""

GAZE = 0.08
"""The same for where the eyes look, in half eye widths."""

RESTING_WIDTH = (0.74, 0.84)
"""Widths in eye distances between which mouths at rest are taken to lie, of eight clips without their smiles; whoever
has a wider one all the time smiles."""


def describe_expression(landmarks: np.ndarray) -> np.ndarray:
    """Measures mouth, eyes, brows and the turn of the head.

    Args:
        landmarks: (N, 68, 2) x, y of upright faces, in the usual order of 68 landmarks.

    Returns:
        (N, 8): how far the mouth is open (inner lips, outer lips), its width, how far the eyes are open, the turn of
        the head (logarithm of the nose's distances to both sides), the length of the nose, how high the brows are, how
        far the corners of the mouth hang; all but the turn in eye distances.
    """
    left, right = landmarks[:, LEFT_EYE].mean(axis=1), landmarks[:, RIGHT_EYE].mean(axis=1)
    unit = np.linalg.norm(right - left, axis=1)

    def between(a: int, b: int) -> np.ndarray:
        return np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1) / unit

    y = landmarks[..., 1]
    corners, middle = y[:, [48, 54]].mean(axis=1), y[:, [62, 66]].mean(axis=1)
    return np.stack(
        [
            between(62, 66),
            between(51, 57),
            between(48, 54),
            np.mean([between(*pair) for pair in EYE_HEIGHT], axis=0),
            np.log(between(30, 2) / between(30, 14)),
            between(27, 33),
            ((left + right)[:, 1] / 2 - y[:, BROWS].mean(axis=1)) / unit,
            (corners - middle) / unit,
        ],
        axis=1,
    )


def describe_motion(landmarks: np.ndarray) -> np.ndarray:
    """Describes head pose and expression of one person's faces in numbers that mean the same for two people.

    How far the head is turned, the lips are apart and the corners of the mouth are up is taken as it is. How high brows
    and chin are is taken against the person's own median, which takes the person out of it, how wide the mouth is
    against it too, within what mouths have at rest, and how open either eye is against the person's open eyes.

    Args:
        landmarks: (N, 68, 2) x, y of one person's faces in pixels of aligned crops.

    Returns:
        (N, 12): yaw, pitch, gap of the lips, openness of the left and the right eye, width of the mouth, height of the
        left and the right brow, height of the left and the right corner of the mouth, chin below the nose, height of
        the mouth over its outer lips; each in units in which 1 is hardly seen.
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
    brows = [left[:, 1] / unit - y[:, 17:22].mean(axis=1), right[:, 1] / unit - y[:, 22:27].mean(axis=1)]
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
    """Measures how far the lids of either eye are apart, (N, 2) in eye distances as if the head were not turned.

    Args:
        landmarks: (N, 68, 2) x, y in pixels of aligned crops.
    """
    return _lid_gaps(landmarks, _straight_unit(landmarks, measure_poses(landmarks)))


def open_lids(lids: np.ndarray) -> np.ndarray:
    """Says how far one person's lids, (N, 2), are apart in open eyes, (2,)."""
    return np.percentile(lids, OPEN_EYES, axis=0)


def _lid_gaps(landmarks: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """(N, 2) how far the lids of either eye are apart."""
    gaps = [[np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1) for a, b in pairs] for pairs in LIDS]
    return np.mean(gaps, axis=1).T / unit[:, None]


def _mouth_numbers(landmarks: np.ndarray, poses: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """(N, 3) what `describe_mouth` gives."""
    y = landmarks[..., 1] / unit[:, None]
    corners = [(y[:, corner] - y[:, INNER_LIPS].mean(axis=1)) / LIFTED for corner in CORNERS]
    return np.stack([poses[:, 2] / (NEAR * MOUTH.tolerance), *corners], axis=1)


def _straight_unit(landmarks: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """(N,) the eye distance in pixels, as if the head were not turned."""
    left, right = landmarks[:, LEFT_EYE].mean(axis=1), landmarks[:, RIGHT_EYE].mean(axis=1)
    return np.linalg.norm(right - left, axis=1) / np.cos(np.radians(poses[:, 0]))


def describe_mouth(landmarks: np.ndarray) -> np.ndarray:
    """Describes mouths by what of `describe_motion` does not need the person's other faces.

    Args:
        landmarks: (N, 68, 2) x, y in pixels of aligned crops.

    Returns:
        (N, 3): gap of the lips, height of the left and of the right corner of the mouth, in its units.
    """
    poses = measure_poses(landmarks)
    return _mouth_numbers(landmarks, poses, _straight_unit(landmarks, poses))


def describe_gaze(gaze: np.ndarray) -> np.ndarray:
    """Describes where one person's eyes look, as `describe_motion` does the rest.

    Aside is taken as it is, up and down against the person's own median: lids are cut differently.

    Args:
        gaze: (N, 2, 2) of each eye, as `faces.mesh_measures.measure_gaze` gives it; NaN for a shut one.

    Returns:
        (N, 2): to the right and down, mean of the open eyes, in units in which 1 is hardly seen; 0 where both are shut.
    """
    is_open = np.isfinite(gaze).all(axis=2)
    count = is_open.sum(axis=1)
    looks = np.where(is_open[..., None], gaze, 0).sum(axis=1) / np.maximum(count, 1)[:, None]
    if (count > 0).any():
        looks[:, 1] -= np.median(looks[count > 0, 1])
    return np.where(count[:, None] > 0, looks, 0) / GAZE
