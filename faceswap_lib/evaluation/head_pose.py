"""How far the pose of a swapped head is from the original's; poses are measured by `faces.head_pose`."""

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
    """Mean absolute difference of yaw, pitch and roll, each the short way round.

    The pose error of Zhang et al., "One-shot Face Reenactment", 2019, and of most reenactment papers since.

    Args:
        swapped: As from `head_pose`.
        original: Likewise.

    Returns:
        Degrees, 0 to 180; lower is better. NaN if a pose is.
    """
    difference = np.subtract(swapped, original)
    return float(np.abs((difference + 180) % 360 - 180).mean())
