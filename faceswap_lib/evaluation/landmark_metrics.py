"""Whether a swap keeps pose and expression, from landmarks.

Landmarks are x, y in pixels of one picture, 68 or, where said, five. Distances are shares of the inter-ocular distance
(`eye_distance`), so nothing depends on the size of the picture. Landmarks that are NaN give NaN.
"""

import typing

import numpy as np

from faceswap_lib.evaluation.gaze import check_68, eye_openness, gaze_offset
from faceswap_lib.evaluation.head_pose import HeadPose, eye_distance, eye_middles, head_pose, pose_error
from faceswap_lib.faces.parts import check_landmarks

__all__ = [
    "EXPRESSION",
    "Expression",
    "HeadPose",
    "expression",
    "expression_agreement",
    "expression_error",
    "eye_distance",
    "eye_middles",
    "eye_openness",
    "gaze_offset",
    "head_pose",
    "landmark_error",
    "mouth_openness",
    "pose_error",
]

MOVES = 0.01
"""Standard deviation over time, in inter-ocular distances, from which a part of the expression moves. In the stillest
seconds of two calm clips the parts have 0.001 to 0.007 with dlib's landmarks, in all of four clips 0.014 to 0.117."""


class Expression(typing.NamedTuple):
    """Action-unit-like distances in inter-ocular distances, along and across the line of the eyes.

    Numbers of action units are those of Ekman and Friesen, "Facial Action Coding System", 1978. Heights are counted
    upwards; AU4, 10 and 15 lower their entry.
    """

    inner_brow: float  # AU1: height of the inner ends of the brows above the inner corners of the eyes
    outer_brow: float  # AU2: height of the outer ends above the outer corners
    brow_gap: float  # AU4: between the inner ends
    left_eye: float  # AU5, 45: between the lids of the eye on the left of the picture
    right_eye: float
    nose_lip: float  # AU10: from the nose to the upper lip
    lip_corners: float  # AU12, 15: height of the corners of the mouth relative to the nose, negative
    mouth_width: float  # AU20, 18: between the corners
    mouth_open: float  # AU25, 26: between the inner lips
    jaw_drop: float  # AU27: from the nose to the chin


EXPRESSION = Expression._fields
"""The names of an expression's parts, in order."""


def landmark_error(swapped: np.ndarray, original: np.ndarray) -> float:
    """Normalized mean error: mean distance of the landmarks over the original's inter-ocular distance.

    Source: Sagonas et al., "300 Faces in-the-Wild Challenge", 2013, which divides by the distance of the outer corners
    of the eyes, 1.4 times ours.

    Args:
        swapped: (68, 2) or (5, 2).
        original: Like `swapped`.

    Returns:
        From 0 (the same); lower is better. NaN if the original's eyes coincide.

    Raises:
        ValueError: If the shapes differ or are others.

    Taught in notebooks/07_evaluation.
    """
    check_landmarks(original)
    if np.shape(swapped) != np.shape(original):
        raise ValueError(f"expected landmarks of one shape, got {np.shape(swapped)} and {np.shape(original)}")
    return float(np.linalg.norm(swapped - original, axis=1).mean() / eye_distance(original))


def mouth_openness(landmarks: np.ndarray) -> float:
    """Mean distance of the inner lips over the distance of the mouth's corners, as `eye_openness` for the mouth.

    Args:
        landmarks: (68, 2).

    Returns:
        0 (shut) to about 1 (wide open). NaN if the corners coincide.

    Raises:
        ValueError: If there are not 68 landmarks.
    """
    check_68(landmarks)
    opening = np.linalg.norm(landmarks[[61, 62, 63]] - landmarks[[67, 66, 65]], axis=1).mean()
    return float(opening / (np.linalg.norm(landmarks[54] - landmarks[48]) or np.nan))


def expression(landmarks: np.ndarray) -> Expression:
    """Measures an expression free of place, size and roll, but not of turning away: that foreshortens it.

    Args:
        landmarks: (68, 2).

    Returns:
        Ten distances; all NaN if the eyes coincide.

    Raises:
        ValueError: If there are not 68 landmarks.
    """
    check_68(landmarks)
    left, right = eye_middles(landmarks)
    unit = eye_distance(landmarks)
    along = (right - left) / unit
    x = (landmarks - left) @ along / unit
    height = (landmarks - left) @ [along[1], -along[0]] / unit

    def rise(upper: list[int], lower: list[int]) -> float:
        return float((height[upper] - height[lower]).mean())

    return Expression(
        inner_brow=rise([21, 22], [39, 42]),
        outer_brow=rise([17, 26], [36, 45]),
        brow_gap=float(x[22] - x[21]),
        left_eye=rise([37, 38], [41, 40]),
        right_eye=rise([43, 44], [47, 46]),
        nose_lip=rise([33], [51]),
        lip_corners=rise([48, 54], [33, 33]),
        mouth_width=float(x[54] - x[48]),
        mouth_open=rise([61, 62, 63], [67, 66, 65]),
        jaw_drop=rise([33], [8]),
    )


def expression_error(swapped: Expression, original: Expression) -> float:
    """Mean absolute difference over the parts of two expressions.

    Two people's faces are built differently, so even a perfect swap has some; see `expression_agreement`.

    Args:
        swapped: As from `expression`.
        original: Likewise.

    Returns:
        Inter-ocular distances, from 0 (the same); lower is better. NaN if a part is.

    Raises:
        ValueError: If one of them has another number of parts.
    """
    if np.shape(swapped) != (len(EXPRESSION),) or np.shape(original) != (len(EXPRESSION),):
        raise ValueError(f"expected {len(EXPRESSION)} parts, got {np.shape(swapped)} and {np.shape(original)}")
    return float(np.abs(np.subtract(swapped, original)).mean())


def expression_agreement(swapped: typing.Sequence[Expression], original: typing.Sequence[Expression]) -> float:
    """How well the swapped face moves with the original: the correlation of each part over time, averaged.

    A part counts by the standard deviation that the original has in it, and not at all below `MOVES`. A swapped part
    that moves less than `MOVES` is taken to move so much, so trembling does not pass for motion. How large a motion is,
    and where it starts, does not matter. After the action-unit consistency of Zhang et al., "One-shot Face
    Reenactment", 2019.

    Args:
        swapped: (T, 10) expressions of the same frames; those with NaN on either side are left out.
        original: Like `swapped`; which is which matters for the weights.

    Returns:
        -1 (the reverse) over 0 (a still face) to 1 (the same motion); higher is better. NaN if the original does not
        move or fewer than three frames are left.

    Raises:
        ValueError: If the shapes differ or are others.
    """
    new, old = np.asarray(swapped, float), np.asarray(original, float)
    if new.shape != old.shape or new.ndim != 2 or new.shape[1] != len(EXPRESSION):
        raise ValueError(f"expected two series of shape (T, {len(EXPRESSION)}), got {new.shape} and {old.shape}")
    known = np.isfinite(new).all(axis=1) & np.isfinite(old).all(axis=1)
    if known.sum() < 3:
        return float("nan")
    new, old = new[known] - new[known].mean(axis=0), old[known] - old[known].mean(axis=0)
    new_spread, spread = np.maximum(new.std(axis=0), MOVES), old.std(axis=0)
    weight = np.where(spread >= MOVES, spread, 0)
    if not weight.any():
        return float("nan")
    correlation = (new * old).mean(axis=0) / (new_spread * np.maximum(spread, MOVES))
    return float((correlation * weight).sum() / weight.sum())
