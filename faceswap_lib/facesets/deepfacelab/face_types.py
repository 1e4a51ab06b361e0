"""The face types of DeepFaceLab: how much around a face its images show, and the transform that cuts them out.

DeepFaceLab describes a crop by a square around an average face, which is enlarged by a padding p to the
coverage 1 + 2 sqrt(2) p, and shifted up for the larger crops. Here the average face is given by five landmarks, in
sides of the crop of type `whole_face`; the other types are derived from it.
"""

import math
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import five_points, similarity_transform

FaceType = typing.Literal["half_face", "midfull_face", "full_face", "whole_face"]
"""Face types that are written. `head` also depends on the direction of the head, and is only read."""

CODES = {
    "half_face": 0,
    "midfull_face": 1,
    "full_face": 2,
    "full_face_no_align": 3,
    "whole_face": 4,
    "head": 10,
    "head_no_align": 20,
    "mark_only": 100,
}
"""Numbers of all face types, as in packed facesets."""

PADDINGS: dict[str, float] = {"half_face": 0.0, "midfull_face": 0.0675, "full_face": 0.2109375, "whole_face": 0.40}
"""Padding p around the average face, in sides of the square without padding."""

SHIFTS_UP: dict[str, float] = {"whole_face": 0.07}
"""Shift of the crop's center upwards, in sides of the square without padding."""

WHOLE_FACE_POINTS = np.array([[0.3534, 0.3929], [0.6280, 0.3929], [0.4866, 0.5402], [0.3884, 0.6875], [0.5982, 0.6875]])
"""(5, 2) x, y of an average face's eyes, nose tip and mouth corners in a `whole_face` crop, in sides of the crop."""


def check_face_type(face_type: str) -> None:
    """Checks that face images of a type can be written.

    Raises:
        InputError: If the face type is unknown, or is only read.
    """
    if face_type not in PADDINGS:
        raise InputError(f"face_type: expected one of {', '.join(PADDINGS)}, got {face_type!r:.40}")


def coverage_of(face_type: FaceType) -> float:
    """Computes the side of a crop, in sides of the square without padding.

    Example:
        >>> round(coverage_of("half_face"), 2), round(coverage_of("whole_face"), 2)
        (1.0, 2.13)
    """
    return 1 + 2 * math.sqrt(2) * PADDINGS[face_type]


def template_of(face_type: FaceType) -> np.ndarray:
    """Computes the five landmarks of an average face in a crop of this type.

    Returns:
        (5, 2) float64 x, y in sides of the crop.
    """
    whole, wanted = coverage_of("whole_face"), coverage_of(face_type)
    shift = np.array([0.0, SHIFTS_UP.get(face_type, 0.0) - SHIFTS_UP["whole_face"]])
    return ((WHOLE_FACE_POINTS - 0.5) * whole + shift) / wanted + 0.5


def image_to_face_matrix(landmarks: np.ndarray, face_type: FaceType, size: int) -> np.ndarray:
    """Computes the matrix that maps a frame to a crop as DeepFaceLab aligns it.

    Args:
        landmarks: (68, 2) x, y in pixels of the frame.
        face_type: Face type of the crop.
        size: Side of the crop in pixels.

    Returns:
        (2, 3) float64, a similarity.

    Raises:
        InputError: If the face type is unknown or cannot be written.
    """
    check_face_type(face_type)
    return similarity_transform(five_points(landmarks), template_of(face_type) * size)
