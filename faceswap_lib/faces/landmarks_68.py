"""The 68 landmarks of iBUG 300-W as index groups, and their mirror image; see `faces.landmarks` for the order."""

import numpy as np

OUTLINE = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
EYES = slice(36, 48)
MOUTH = slice(48, 68)

LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
"""Left and right in the image."""

LEFT_BROW = slice(17, 22)
RIGHT_BROW = slice(22, 27)

EYELIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
"""Pairs of opposite landmarks on the upper and the lower eyelid, two pairs per eye."""

UPPER_LIDS, LOWER_LIDS = (tuple(lids) for lids in zip(*EYELIDS, strict=True))

NOSE_TIP = 30
MOUTH_CORNERS = (48, 54)
OUTER_LIPS = (51, 57)
INNER_LIPS = (62, 66)
"""Middle of the upper lip and of the lower lip."""

MIRRORED = np.array(
    [
        *range(16, -1, -1),  # outline
        *range(26, 16, -1),  # brows
        *range(27, 31),  # ridge of the nose
        *range(35, 30, -1),  # lower edge of the nose
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # outer lips
        *(64, 63, 62, 61, 60, 67, 66, 65),  # inner lips
    ]
)
"""(68,) index of each landmark's counterpart in the mirrored image."""


def mirror_landmarks(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Mirrors landmarks left to right, together with their image.

    Args:
        landmarks: (..., 68, 2) x, y in pixels.
        size: Width of the image in pixels.

    Returns:
        (..., 68, 2), in the same landmark order.
    """
    mirrored = landmarks[..., MIRRORED, :].copy()
    mirrored[..., 0] = size - 1 - mirrored[..., 0]
    return mirrored
