"""Landmark metrics: how well a swap keeps pose and expression.

Landmarks are x, y in pixels of one image: 68, or five where a function says so. Distances are in units of the
inter-ocular distance (`eye_distance`), so they do not depend on the image size. NaN landmarks result in NaN.
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
"""Standard deviation over time, in inter-ocular distances, above which a part of the expression counts as moving. With
dlib's landmarks the parts have 0.001 to 0.007 in the stillest seconds of two calm clips, and 0.014 to 0.117 over the
whole of four clips."""


class Expression(typing.NamedTuple):
    """Distances that resemble action units, in inter-ocular distances, along and across the line of the eyes.

    Numbers of action units are those of Ekman and Friesen, "Facial Action Coding System", 1978. Heights are positive
    upward; AU4, AU10 and AU15 lower their entry.
    """

    inner_brow: float  # AU1: height of the inner ends of the eyebrows above the inner eye corners
    outer_brow: float  # AU2: height of the outer ends of the eyebrows above the outer eye corners
    brow_gap: float  # AU4: distance between the inner ends of the eyebrows
    left_eye: float  # AU5, 45: distance between the lids of the eye on the left of the image
    right_eye: float  # AU5, 45: the same for the eye on the right of the image
    nose_lip: float  # AU10: distance from the nose to the upper lip
    lip_corners: float  # AU12, 15: height of the mouth corners relative to the nose, negative
    mouth_width: float  # AU20, 18: distance between the mouth corners
    mouth_open: float  # AU25, 26: distance between the inner lips
    jaw_drop: float  # AU27: distance from the nose to the chin


EXPRESSION = Expression._fields
"""The names of the parts of an expression, in order."""


def landmark_error(swapped: np.ndarray, original: np.ndarray) -> float:
    """Computes the normalized mean error (NME): mean landmark distance over the original's inter-ocular distance.

    Source: Sagonas et al., "300 Faces in-the-Wild Challenge", 2013, which divides by the distance of the outer corners
    of the eyes, 1.4 times ours.

    Args:
        swapped: Landmarks of the swapped face, (68, 2) or (5, 2) x, y in pixels.
        original: Landmarks of the original face, of the same shape and in the same coordinates.

    Returns:
        Error, 0 for identical landmarks; lower is better. NaN if the original's eyes coincide.

    Raises:
        ValueError: If the shapes differ or are neither (68, 2) nor (5, 2).

    Taught in notebooks/07_evaluation.
    """
    check_landmarks(original)
    if np.shape(swapped) != np.shape(original):
        raise ValueError(f"expected landmarks of one shape, got {np.shape(swapped)} and {np.shape(original)}")
    return float(np.linalg.norm(swapped - original, axis=1).mean() / eye_distance(original))


def mouth_openness(landmarks: np.ndarray) -> float:
    """Computes the mouth aspect ratio: mean distance of the inner lips over the distance of the mouth corners.

    Args:
        landmarks: (68, 2) x, y.

    Returns:
        0 (closed) to about 1 (wide open). NaN if the corners coincide.

    Raises:
        ValueError: If there are not 68 landmarks.
    """
    check_68(landmarks)
    opening = np.linalg.norm(landmarks[[61, 62, 63]] - landmarks[[67, 66, 65]], axis=1).mean()
    return float(opening / (np.linalg.norm(landmarks[54] - landmarks[48]) or np.nan))


def expression(landmarks: np.ndarray) -> Expression:
    """Measures an expression, independent of position, scale and roll; yaw and pitch foreshorten the distances.

    Args:
        landmarks: (68, 2) x, y.

    Returns:
        Ten distances in inter-ocular distances; all NaN if the eyes coincide.

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
    """Computes the mean absolute difference of the parts of two expressions.

    Two people have different face shapes, so even a perfect swap has an error above 0; see `expression_agreement`.

    Args:
        swapped: Expression of the swapped face, from `expression`.
        original: Expression of the original face.

    Returns:
        Error in inter-ocular distances, 0 for identical expressions; lower is better. NaN if a part is NaN.

    Raises:
        ValueError: If one of them has another number of parts.
    """
    if np.shape(swapped) != (len(EXPRESSION),) or np.shape(original) != (len(EXPRESSION),):
        raise ValueError(f"expected {len(EXPRESSION)} parts, got {np.shape(swapped)} and {np.shape(original)}")
    return float(np.abs(np.subtract(swapped, original)).mean())


def expression_agreement(
    swapped: typing.Sequence[Expression] | np.ndarray, original: typing.Sequence[Expression] | np.ndarray
) -> float:
    """Computes how well the swapped face moves with the original: the weighted mean correlation of the parts over time.

    The weight of a part is its standard deviation in the original, and 0 if that is below `MOVES`. The standard
    deviation of a swapped part counts as at least `MOVES`, so landmark jitter does not count as motion. The amplitude
    and the offset of a motion do not matter. Source of the idea: the action-unit consistency of Zhang et al., "One-shot
    Face Reenactment", 2019.

    Args:
        swapped: (T, 10) expressions of the swapped face. Frames with NaN in either series are skipped.
        original: (T, 10) expressions of the original face in the same frames. Only this series sets the weights.

    Returns:
        -1 (opposite motion), 0 (a still face) to 1 (the same motion); higher is better. NaN if the original does not
        move or fewer than three frames remain.

    Raises:
        ValueError: If the shapes differ or are not (T, 10).
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
