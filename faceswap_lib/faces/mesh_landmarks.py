"""The 68 landmarks of iBUG 300-W from a dense mesh: the nearest vertices plus a correction.

Vertices and annotated landmarks are defined differently: the mesh's border runs inside the annotated jaw, and its brows
are lower. In addition, the network places the chin under a wide open mouth too high. Both errors are corrected by a
fixed offset per landmark, which for the outline grows with the opening of the mouth. The correction was fitted to seven
clips and measured on the eighth. The remaining error is 6.9 % of the eye distance at the jaw instead of 9.2 %, 4.7
instead of 7.4 % at the brows, 2.0 instead of 2.7 % at the eyes, 4.0 instead of 4.6 % at the mouth (means of eight).
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
"""Both tables are the output of `python benchmarks/landmarks.py --fit --frames 0` for eight clips against dlib's
landmarks. The first has the offsets along the eye line and down, in hundredths of the eye distance; the second has the
outline's additional offset down per eye distance of the gap between the lips."""


def _mirror_tables() -> tuple[np.ndarray, np.ndarray]:
    """Completes both tables by their mirror images; (68, 2) and (17,) in eye distances."""
    fixed = np.zeros((68, 2))
    for point, offset in _CORRECTION.items():
        fixed[point] = offset
        fixed[MIRRORED[point]] = offset * np.array([-1, 1])
    slope = np.array([*_OUTLINE_PER_GAP, *_OUTLINE_PER_GAP[-2::-1]])
    return fixed / 100, slope / 100


CORRECTION, OUTLINE_PER_GAP = _mirror_tables()


def face_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the axes of the eye line of meshes, and the eye distance.

    Args:
        points: (..., 478, 3) as in `FaceMesh.points`.

    Returns:
        (..., 2, 2) two vectors in pixels: one eye distance along the eye line, which becomes shorter when the head
        turns, and one eye distance down, perpendicular to it; and (...) the eye distance in space, in pixels, which
        does not change when the head turns.
    """
    left, right = (points[..., [eye[0], eye[8]], :].mean(-2) for eye in (EYE_LEFT, EYE_RIGHT))
    distance = np.linalg.norm(right - left, axis=-1)
    across = (right - left)[..., :2]
    length = np.maximum(np.linalg.norm(across, axis=-1), 1e-6)
    down = np.stack([-across[..., 1], across[..., 0]], axis=-1) * (distance / length)[..., None]
    return np.stack([across, down], axis=-2), distance


def mouth_gap(points: np.ndarray) -> np.ndarray:
    """Measures the gap between the inner lips of meshes.

    Args:
        points: (..., 478, 3) as in `FaceMesh.points`.

    Returns:
        (...) in eye distances; 0 for a closed mouth.
    """
    return np.linalg.norm(points[..., 13, :] - points[..., 14, :], axis=-1) / face_axes(points)[1]


def nearest_68(points: np.ndarray) -> np.ndarray:
    """Selects the vertices nearest to the 68 landmarks, without correction.

    Args:
        points: (..., 478, 3) as in `FaceMesh.points`.

    Returns:
        (..., 68, 2) x, y in the same pixels.
    """
    return points[..., IBUG_68, :2].mean(-2)


def correct_68(
    points: np.ndarray, fixed: np.ndarray = CORRECTION, outline_per_gap: np.ndarray = OUTLINE_PER_GAP
) -> np.ndarray:
    """Computes the 68 landmarks of iBUG 300-W from meshes.

    Args:
        points: (..., 478, 3) as in `FaceMesh.points`.
        fixed: (68, 2) offset of each landmark along the eye line and down, in eye distances.
        outline_per_gap: (17,) additional offset down of each landmark of the outline, per eye distance of the gap
            between the lips.

    Returns:
        (..., 68, 2) x, y in the same pixels.
    """
    steps, _ = face_axes(points)
    offsets = np.broadcast_to(fixed, (*points.shape[:-2], 68, 2)).copy()
    offsets[..., : len(outline_per_gap), 1] += mouth_gap(points)[..., None] * outline_per_gap
    return nearest_68(points) + offsets @ steps
