"""Head pose error of a swap; `faces.head_pose` estimates the poses."""

import numpy as np

from faceswap_lib.faces.head_pose import (
    HEAD_5,
    HEAD_68,
    MIRRORED,
    RIGID,
    SEEN_FROM,
    HeadPose,
    eye_distance,
    eye_middles,
    head_pose,
)

__all__ = [
    "HEAD_5",
    "HEAD_68",
    "MIRRORED",
    "RIGID",
    "SEEN_FROM",
    "HeadPose",
    "eye_distance",
    "eye_middles",
    "head_pose",
    "pose_error",
]


def pose_error(swapped: HeadPose, original: HeadPose) -> float:
    """Computes the mean absolute difference of yaw, pitch and roll; each difference is wrapped to -180 to 180 degrees.

    Source: Zhang et al., "One-shot Face Reenactment", 2019, and most reenactment papers since.

    Args:
        swapped: Pose of the swapped head, from `head_pose`.
        original: Pose of the original head.

    Returns:
        Degrees, 0 to 180; lower is better. NaN if a pose is NaN.
    """
    difference = np.subtract(swapped, original)
    return float(np.abs((difference + 180) % 360 - 180).mean())
