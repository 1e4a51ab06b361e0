"""Measures head pose and expression of aligned faces with a few numbers that are comparable between two people.

Measures that are 0 for everybody are used unchanged: the yaw of a frontal head, the gap of closed lips. The opening of
the eyes, the width of the mouth and the height of the eyebrows differ from person to person, so they are relative to
the person's own median. The pitch of people who look straight into the camera also differs by a few degrees. Therefore
the median pitch is subtracted, limited to `OWN_PITCH`.
"""

import dataclasses

import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE, five_points
from faceswap_lib.faces.head_pose import HEAD_5, head_pose
from faceswap_lib.faces.landmarks_68 import BROWS, EYELIDS, EYES, INNER_LIPS, MOUTH_CORNERS

OWN_PITCH = 9.0
"""Maximum difference in degrees of the measured pitch of two people who look into the camera; see `faces.head_pose`."""

NOSE_BELOW, NOSE_BEFORE = float(HEAD_5[2, 1]), float(-HEAD_5[2, 2])
"""Distance of the tip of an average nose below the eyes and in front of them, in eye distances."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseMeasure:
    """Measure of pose or expression, and the words for its values.

    Attributes:
        name: Name of the measure.
        tolerance: Maximum difference at which two faces still count as the same, in the unit of the measure. In eight
            clips cut in half, one half covered at least 96 % of the other half within the tolerance, in each measure.
        low: Verb phrase for a face whose value is lower than all others.
        high: Verb phrase for a face whose value is higher than all others.
        wanted: Verb phrases for a clip that shows low values, and for one that shows high values.
        template: Format string for a value or a range.
        factor: Factor by which values are multiplied before they are formatted.
        sides: Words that follow negative and positive values, if the sign is a direction.
    """

    name: str
    tolerance: float
    low: str
    high: str
    wanted: tuple[str, str]
    template: str
    factor: float = 1.0
    sides: tuple[str, str] | None = None

    def describe(self, first: float, last: float | None = None) -> str:
        """Formats a value, or a range of values, in words."""
        numbers = [round(value * self.factor) for value in (first, first if last is None else last)]
        if self.sides is None:
            return self.template.format(_join(*numbers))
        words = [self.sides[value > 0] for value in numbers]
        if words[0] == words[1]:
            near, far = sorted(abs(number) for number in numbers)
            return f"{self.template.format(_join(near, far))} {words[0]}"
        return f"{self.template.format(abs(numbers[0]))} {words[0]} to {abs(numbers[1])} {words[1]}"


def _join(first: int, last: int) -> str:
    """Formats a range of whole numbers."""
    return str(first) if first == last else f"{first} to {last}"


YAW = PoseMeasure(
    name="yaw",
    tolerance=6.0,
    low="turn the head further left",
    high="turn the head further right",
    wanted=("looks left", "looks right"),
    template="{} degrees",
    sides=("left", "right"),
)
PITCH = PoseMeasure(
    name="pitch",
    tolerance=9.0,
    low="bend the head further down",
    high="lift the head further up",
    wanted=("looks down", "looks up"),
    template="{} degrees",
    sides=("down", "up"),
)
MOUTH = PoseMeasure(
    name="mouth",
    tolerance=0.18,
    low="close the mouth further",
    high="open the mouth wider",
    wanted=("closes the mouth", "opens the mouth wide"),
    template="lips {} % of the eye distance apart",
    factor=100,
)
EYES_OPEN = PoseMeasure(
    name="eyes",
    tolerance=0.22,
    low="close the eyes further",
    high="open the eyes wider",
    wanted=("closes the eyes", "opens the eyes wide"),
    template="{} % of how far they usually are open",
    factor=100,
)
SMILE = PoseMeasure(
    name="smile",
    tolerance=0.12,
    low="purse the mouth more",
    high="draw the mouth wider, as in a smile",
    wanted=("purses the mouth", "smiles"),
    template="{} % of its usual width",
    factor=100,
)
BROWS_UP = PoseMeasure(
    name="brows",
    tolerance=0.05,
    low="lower the brows further",
    high="raise the brows higher",
    wanted=("frowns", "raises the brows"),
    template="{} % of the eye distance",
    factor=100,
    sides=("below their usual place", "above their usual place"),
)

POSE = (YAW, PITCH)
"""Measures from five or 68 landmarks. Left and right are those of the image; left is negative, right is positive."""

EXPRESSION = (MOUTH, EYES_OPEN, SMILE, BROWS_UP)
"""Measures from 68 landmarks only."""


def measure_poses(points: np.ndarray) -> np.ndarray:
    """Measures head pose and expression of one person's faces.

    With five landmarks, the yaw is the angle at which the nose of an average head has the same horizontal offset from
    the midpoint of the eyes; the pitch is computed from the vertical offset. The mouth corners are not used, because a
    smile moves them.

    Args:
        points: (N, 68, 2) or (N, 5, 2) x, y in pixels of aligned crops.

    Returns:
        (N, 6) float64, or (N, 2) with five landmarks: the values of `POSE` and `EXPRESSION` in this order. Yaw and
        pitch are in degrees. Mouth opening is in eye distances, and so is brow height, which counts from the person's
        median. Eye opening and mouth width are ratios to the person's median.
    """
    poses = _pose_by_nose(points) if points.shape[1] == 5 else _pose_by_head(points)
    pitch = poses[:, 1]
    poses[:, 1] = pitch - np.clip(np.median(pitch), -OWN_PITCH, OWN_PITCH)
    if points.shape[1] == 5:
        return poses
    return np.concatenate([poses, _measure_expression(points, poses[:, 0])], axis=1)


def _pose_by_head(points: np.ndarray) -> np.ndarray:
    """Estimates yaw and pitch, (N, 2) in degrees, from (N, 68, 2) landmarks in pixels of aligned crops."""
    return np.array([head_pose(face, CROP_SIZE)[:2] for face in points]).reshape(-1, 2)


def _pose_by_nose(points: np.ndarray) -> np.ndarray:
    """Estimates yaw and pitch, (N, 2) in degrees, from the eyes and the nose of (N, 5, 2) landmarks."""
    left, right, nose = points[:, 0], points[:, 1], points[:, 2]
    eyes = right - left
    across = eyes / np.maximum(np.sum(eyes**2, axis=1, keepdims=True), 1e-9)
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)
    beside, below = (np.sum((nose - (left + right) / 2) * axis, axis=1) for axis in (across, down))
    yaw = np.arctan(beside / NOSE_BEFORE)
    reach = np.hypot(NOSE_BELOW, NOSE_BEFORE)
    pitch = np.arccos(np.clip(below * np.cos(yaw) / reach, -1, 1)) - np.arctan2(NOSE_BEFORE, NOSE_BELOW)
    return np.degrees(np.stack([yaw, pitch], axis=1))


def _measure_expression(points: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """Measures the expression by lengths relative to the eye distance that the head would have at yaw 0.

    Args:
        points: (N, 68, 2) x, y in pixels of aligned crops.
        yaw: (N,) in degrees.

    Returns:
        (N, 4) in the order of `EXPRESSION`.
    """
    eyes = np.array([five_points(face)[:2] for face in points])
    seen = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    straight = seen / np.cos(np.radians(yaw))

    def gap(pair: tuple[int, int]) -> np.ndarray:
        return np.linalg.norm(points[:, pair[0]] - points[:, pair[1]], axis=1)

    lips = gap(INNER_LIPS) / straight
    lids = np.mean([gap(pair) for pair in EYELIDS], axis=0) / straight
    width = gap(MOUTH_CORNERS) / seen  # yaw shortens both by the same factor
    brows = (points[:, EYES, 1].mean(axis=1) - points[:, BROWS, 1].mean(axis=1)) / straight
    return np.stack([lips, lids / np.median(lids), width / np.median(width), brows - np.median(brows)], axis=1)
