"""Which face of one frame is which of another."""

import typing

import numpy as np
from scipy.optimize import linear_sum_assignment

from faceswap_lib.faces.types import Face


def box_iou(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """Intersection over union of two boxes, 0 to 1.

    Taught in notebooks/01_video_face_detection_alignment.
    """
    shared = _shared_area(a_xyxy, b_xyxy)
    both = np.prod(a_xyxy[2:] - a_xyxy[:2]) + np.prod(b_xyxy[2:] - b_xyxy[:2])
    return float(shared / (both - shared))


def intersection_over_area(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """How much of box `a` lies in box `b`, 0 to 1."""
    return float(_shared_area(a_xyxy, b_xyxy) / np.prod(a_xyxy[2:] - a_xyxy[:2]))


def _shared_area(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    low = np.maximum(a_xyxy[:2], b_xyxy[:2])
    high = np.minimum(a_xyxy[2:], b_xyxy[2:])
    return float(np.prod(np.maximum(0, high - low)))


def quarter_turns(face: Face) -> int:
    """How many quarter turns counter-clockwise bring a face upright."""
    return round(_roll(face)) % 4


def upright_angle(face: Face, nearly_level: float) -> float:
    """Gives the angle in radians by which the face is turned clockwise.

    Args:
        face: The face.
        nearly_level: Within so many radians of a quarter turn, that quarter turn is given.
    """
    angle = _roll(face) * np.pi / 2
    level = round(_roll(face)) * np.pi / 2
    return level if abs(angle - level) <= nearly_level else angle


def nms_faces(faces: typing.Iterable[Face]) -> tuple[Face, ...]:
    """Of several readings of one face keeps the surest one.

    A wide open mouth also reads as a face on its side, and an ear as a small one, but read upright they are less sure.

    Args:
        faces: In any order.

    Returns:
        The faces that are left, best score first.
    """
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_is_double(face, other) for other in kept):
            kept.append(face)
    return tuple(sorted(kept, key=lambda face: -face.score))


def _is_double(face: Face, better: Face) -> bool:
    if quarter_turns(face) == quarter_turns(better):
        return box_iou(face.box_xyxy, better.box_xyxy) > 0.5
    return intersection_over_area(face.box_xyxy, better.box_xyxy) > 0.5


def _roll(face: Face) -> float:
    """How far a face is turned clockwise, in quarter turns."""
    across = face.landmarks[1] - face.landmarks[0]
    return float(np.arctan2(across[1], across[0]) / (np.pi / 2))


def linear_assignment(costs: np.ndarray) -> list[tuple[int, int]]:
    """Pairs rows with columns so that as many as possible are paired and the sum of their costs is least.

    Args:
        costs: (N, M); infinite where a pair is impossible.

    Returns:
        Pairs of row and column, none of them impossible.
    """
    possible = np.isfinite(costs)
    if not possible.any():
        return []
    # A price no sum of possible pairs can reach makes an impossible pair the last choice.
    price = 1 + 2 * np.abs(costs[possible]).sum()
    rows, columns = linear_sum_assignment(np.where(possible, costs, price))
    return [(row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if possible[row, column]]


def match_by_iou(a: typing.Sequence[Face], b: typing.Sequence[Face]) -> list[tuple[int, int]]:
    """Pairs faces of neighboring frames by the overlap of their boxes; those that overlap no other stay alone."""
    overlaps = np.array([[box_iou(one.box_xyxy, other.box_xyxy) for other in b] for one in a])
    overlaps = overlaps.reshape(len(a), len(b))
    return linear_assignment(np.where(overlaps > 0.1, 1 - overlaps, np.inf))
