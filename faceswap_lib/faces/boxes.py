"""Bounding boxes: overlap, non-maximum suppression, and matching of faces between frames."""

import typing

import numpy as np
from scipy.optimize import linear_sum_assignment

from faceswap_lib.faces.types import Face


def box_iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """Computes the intersection over union (IoU), 0 to 1, of two boxes, (4,) left, top, right, bottom each.

    Example:
        >>> box_iou(np.array([0, 0, 2, 2]), np.array([1, 0, 3, 2]))
        0.3333333333333333

    Taught in notebooks/01_video_face_detection_alignment.
    """
    intersection = _intersection_area(a_xyxy, b_xyxy)
    area_sum = np.prod(a_xyxy[2:] - a_xyxy[:2]) + np.prod(b_xyxy[2:] - b_xyxy[:2])
    return float(intersection / (area_sum - intersection))


def intersection_over_area(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """Computes the fraction of box `a` that is inside box `b`, 0 to 1; both are (4,) left, top, right, bottom.

    Example:
        >>> intersection_over_area(np.array([0, 0, 2, 2]), np.array([1, 0, 3, 2]))
        0.5
    """
    return float(_intersection_area(a_xyxy, b_xyxy) / np.prod(a_xyxy[2:] - a_xyxy[:2]))


def _intersection_area(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """Computes the area of the intersection of two boxes."""
    low = np.maximum(a_xyxy[:2], b_xyxy[:2])
    high = np.minimum(a_xyxy[2:], b_xyxy[2:])
    return float(np.prod(np.maximum(0, high - low)))


def quarter_turns(face: Face) -> int:
    """Computes the number of counter-clockwise quarter turns that make a face upright, 0 to 3."""
    return round(_roll(face)) % 4


def upright_angle(face: Face, nearly_level: float) -> float:
    """Computes the angle, -pi to pi in radians, by which the face is rotated clockwise.

    Args:
        face: The face.
        nearly_level: Tolerance in radians; an angle this close to a multiple of a quarter turn is rounded to it.
    """
    angle = _roll(face) * np.pi / 2
    level = round(_roll(face)) * np.pi / 2
    return level if abs(angle - level) <= nearly_level else angle


def nms_faces(faces: typing.Iterable[Face]) -> tuple[Face, ...]:
    """Applies non-maximum suppression (NMS) to detections that overlap.

    A face is dropped if its IoU with a better one is above 0.5. If the two differ by a quarter turn or more, it is
    dropped if more than half of its area is inside the better one.
    The detector can also report a wide open mouth as a face rotated by 90 degrees, and an ear as a small face. After
    refinement in an upright crop, the scores of these false positives are lower than the score of the real face.

    Args:
        faces: In any order.

    Returns:
        The faces that are kept, best score first.
    """
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_is_duplicate(face, other) for other in kept):
            kept.append(face)
    return tuple(sorted(kept, key=lambda face: -face.score))


def _is_duplicate(face: Face, better: Face) -> bool:
    """Returns whether a face and one with a better score are two detections of the same face."""
    if quarter_turns(face) == quarter_turns(better):
        return box_iou(face.box_xyxy, better.box_xyxy) > 0.5
    return intersection_over_area(face.box_xyxy, better.box_xyxy) > 0.5


def _roll(face: Face) -> float:
    """Computes the clockwise rotation of a face, in quarter turns."""
    across = face.landmarks[1] - face.landmarks[0]
    return float(np.arctan2(across[1], across[0]) / (np.pi / 2))


def linear_assignment(costs: np.ndarray) -> list[tuple[int, int]]:
    """Solves the assignment problem: pairs as many rows and columns as possible at the smallest total cost.

    Args:
        costs: (N, M); infinite where a pair is impossible.

    Returns:
        Pairs of row and column; impossible pairs are left out.
    """
    possible = np.isfinite(costs)
    if not possible.any():
        return []
    # An impossible pair costs more than all possible pairs together, so it is only chosen as the last resort.
    penalty = 1 + 2 * np.abs(costs[possible]).sum()
    rows, columns = linear_sum_assignment(np.where(possible, costs, penalty))
    return [(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if possible[row, column]]


def match_by_iou(a: typing.Sequence[Face], b: typing.Sequence[Face]) -> list[tuple[int, int]]:
    """Pairs the faces of neighboring frames by the IoU of their boxes.

    Args:
        a: Faces of one frame.
        b: Faces of the other frame.

    Returns:
        Pairs of indices into `a` and `b`. A face whose IoU with every face of the other frame is 0.1 or less has no
        pair.
    """
    overlaps = np.array([[box_iou(one.box_xyxy, other.box_xyxy) for other in b] for one in a])
    overlaps = overlaps.reshape(len(a), len(b))
    return linear_assignment(np.where(overlaps > 0.1, 1 - overlaps, np.inf))
