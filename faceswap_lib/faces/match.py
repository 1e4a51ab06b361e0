"""Which face of one frame is which of another."""

import typing

import numpy as np
from scipy.optimize import linear_sum_assignment

from faceswap_lib.faces.face import Face


def box_overlap(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    shared = _shared_area(a_xyxy, b_xyxy)
    both = np.prod(a_xyxy[2:] - a_xyxy[:2]) + np.prod(b_xyxy[2:] - b_xyxy[:2])
    return float(shared / (both - shared))


def covered_share(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    """How much of box `a` lies in box `b`, 0 to 1."""
    return float(_shared_area(a_xyxy, b_xyxy) / np.prod(a_xyxy[2:] - a_xyxy[:2]))


def _shared_area(a_xyxy: np.ndarray, b_xyxy: np.ndarray) -> float:
    low = np.maximum(a_xyxy[:2], b_xyxy[:2])
    high = np.minimum(a_xyxy[2:], b_xyxy[2:])
    return float(np.prod(np.maximum(0, high - low)))


def drop_doubles(faces: typing.Iterable[Face], overlap: float = 0.5) -> tuple[Face, ...]:
    """Sorts faces by score and drops those that cover a better one by more than `overlap`."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(box_overlap(face.box_xyxy, other.box_xyxy) <= overlap for other in kept):
            kept.append(face)
    return tuple(kept)


def assign(costs: np.ndarray) -> list[tuple[int, int]]:
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


def pair_faces(a: typing.Sequence[Face], b: typing.Sequence[Face]) -> list[tuple[int, int]]:
    """Pairs faces of neighbouring frames by the overlap of their boxes; those that overlap no other stay alone."""
    overlaps = np.array([[box_overlap(one.box_xyxy, other.box_xyxy) for other in b] for one in a])
    overlaps = overlaps.reshape(len(a), len(b))
    return assign(np.where(overlaps > 0.1, 1 - overlaps, np.inf))
