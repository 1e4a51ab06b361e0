"""The 68 points of iBUG 300-W from a dense mesh: its nearest vertices, moved to where annotators put the points.

Vertices and annotated points are defined differently: the mesh's border runs inside the annotated jaw, its brows lie
lower. And the network draws a chin under a wide open mouth too high. Both are corrected by a fixed amount per point,
which for the outline grows with the mouth's opening. Fitted to seven clips, the correction leaves on the eighth 6.9 %
of the eye distance at the jaw instead of 9.2 %, 4.7 instead of 7.4 % at the brows, 2.0 instead of 2.7 % at the eyes,
4.0 instead of 4.6 % at the mouth (means of eight).
"""

import numpy as np

from faceswap_lib.faces.landmarks_68 import MIRRORED
from faceswap_lib.faces.mesh_topology import EYE_LEFT, EYE_RIGHT, IBUG_68

_CORRECTION = {
    **{0: (2.2, 3.3), 1: (1.3, 10.2), 2: (0.0, -9.0), 3: (-1.2, -6.8), 4: (-1.0, -1.7)},
    **{5: (3.7, 5.4), 6: (-2.8, 0.7), 7: (-7.4, 0.8), 8: (0.0, 3.1)},
    **{17: (-1.3, 3.1), 18: (3.2, -0.8), 19: (8.8, -0.3), 20: (9.8, 1.6), 21: (4.2, 4.0)},
    **{27: (0.0, 5.9), 28: (0.0, -1.2), 29: (0.0, 1.5), 30: (0.0, 1.5), 31: (4.0, 1.7), 32: (1.5, 0.5), 33: (0.0, 3.4)},
    **{36: (-1.1, 1.3), 37: (2.2, 0.1), 38: (1.5, 1.2), 39: (-1.8, 0.9), 40: (-2.3, 1.0), 41: (-2.2, 0.4)},
    **{
        48: (2.1, 3.4),
        49: (-0.6, 3.3),
        50: (1.7, 1.1),
        51: (0.0, 2.4),
        55: (2.5, 0.4),
        56: (-1.1, 2.7),
        57: (0.0, 2.6),
    },
    **{60: (2.6, 4.6), 61: (-1.5, 1.1), 62: (0.0, 1.7), 65: (1.0, 2.1), 66: (0.0, 2.8)},
}
_OUTLINE_PER_GAP = (3, 8, 17, 19, 21, 29, 35, 33, 35)
"""By `python benchmarks/landmarks.py --fit --frames 0` from eight clips against dlib's points, in hundredths of the eye
distance: along the eye line and down; the outline's further way down per eye distance of the lips' gap."""


def _fill_in() -> tuple[np.ndarray, np.ndarray]:
    """Completes both tables by their mirror images; (68, 2) and (17,) in eye distances."""
    fixed = np.zeros((68, 2))
    for point, offset in _CORRECTION.items():
        fixed[point] = offset
        fixed[MIRRORED[point]] = offset * np.array([-1, 1])
    slope = np.array([*_OUTLINE_PER_GAP, *_OUTLINE_PER_GAP[-2::-1]])
    return fixed / 100, slope / 100


CORRECTION, OUTLINE_PER_GAP = _fill_in()


def face_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measures the eye line of meshes.

    Args:
        points: (..., 478, 3) as in `FaceMesh.points`.

    Returns:
        (..., 2, 2) the steps in pixels that lead one eye distance along the eye line, which a turned head shortens, and
        one eye distance down, square to it; and (...) the eye distance in space, in pixels, which no turn shortens.
    """
    left, right = (points[..., [eye[0], eye[8]], :].mean(-2) for eye in (EYE_LEFT, EYE_RIGHT))
    distance = np.linalg.norm(right - left, axis=-1)
    across = (right - left)[..., :2]
    length = np.maximum(np.linalg.norm(across, axis=-1), 1e-6)
    down = np.stack([-across[..., 1], across[..., 0]], axis=-1) * (distance / length)[..., None]
    return np.stack([across, down], axis=-2), distance


def mouth_gap(points: np.ndarray) -> np.ndarray:
    """Measures the gap between the inner lips of meshes, (...) in eye distances; 0 for a closed mouth."""
    return np.linalg.norm(points[..., 13, :] - points[..., 14, :], axis=-1) / face_axes(points)[1]


def nearest_68(points: np.ndarray) -> np.ndarray:
    """Picks the vertices nearest to the 68 points, (..., 68, 2) x, y, not yet corrected."""
    return points[..., IBUG_68, :2].mean(-2)


def correct_68(
    points: np.ndarray, fixed: np.ndarray = CORRECTION, outline_per_gap: np.ndarray = OUTLINE_PER_GAP
) -> np.ndarray:
    """Derives the 68 points of iBUG 300-W from meshes.

    Args:
        points: (..., 478, 3) as in `FaceMesh.points`.
        fixed: (68, 2) what is added to each point, along the eye line and down, in eye distances.
        outline_per_gap: (17,) how much further down each point of the outline lies per gap between the lips.

    Returns:
        (..., 68, 2) x, y in the same pixels.
    """
    steps, _ = face_axes(points)
    offsets = np.broadcast_to(fixed, (*points.shape[:-2], 68, 2)).copy()
    offsets[..., : len(outline_per_gap), 1] += mouth_gap(points)[..., None] * outline_per_gap
    return nearest_68(points) + offsets @ steps
