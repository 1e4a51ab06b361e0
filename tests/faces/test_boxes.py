"""Pairing the faces of two frames: `faces/boxes.py`."""

import itertools

import numpy as np
import pytest

from faceswap_lib.faces import Face
from faceswap_lib.faces.boxes import (
    box_iou,
    intersection_over_area,
    linear_assignment,
    match_by_iou,
    nms_faces,
    quarter_turns,
    upright_angle,
)
from tests.fakes import make_face

NEVER = np.inf


def boxed(left: float, top: float, right: float, bottom: float, score: float = 0.9) -> Face:
    return Face(box_xyxy=[left, top, right, bottom], score=score, landmarks=np.zeros((5, 2)))


def best_by_trying(costs: np.ndarray) -> tuple[int, float]:
    """How many pairs are possible at most, and their least cost: every pairing tried."""
    if len(costs) > costs.shape[1]:
        costs = costs.T
    tries = []
    for columns in itertools.permutations(range(costs.shape[1]), len(costs)):
        chosen = [costs[row, column] for row, column in enumerate(columns) if costs[row, column] < NEVER]
        tries.append((-len(chosen), sum(chosen)))
    count, cost = min(tries)
    return -count, cost


@pytest.mark.parametrize("seed", range(60))
def test_no_other_pairing_is_larger_or_cheaper(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 6, 2)
    costs = rng.uniform(-1, 10, shape) ** 3
    costs[rng.random(shape) < rng.choice([0, 0.3, 0.7])] = NEVER
    pairs = linear_assignment(costs)
    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    assert len(set(rows)) == len(set(columns)) == len(pairs)
    chosen = [costs[pair] for pair in pairs]
    assert all(np.isfinite(chosen))
    count, cost = best_by_trying(costs)
    assert len(pairs) == count
    assert sum(chosen) == pytest.approx(cost)


def test_the_sum_counts_and_not_the_first_best():
    assert sorted(linear_assignment(np.array([[1.0, 2.0], [1.1, 9.0]]))) == [(0, 1), (1, 0)]


def test_more_pairs_count_more_than_cheap_ones():
    assert sorted(linear_assignment(np.array([[0.0, 1000.0], [1000.0, NEVER]]))) == [(0, 1), (1, 0)]


def test_impossible_pairs_are_never_made():
    assert linear_assignment(np.array([[NEVER, NEVER], [NEVER, NEVER]])) == []
    assert linear_assignment(np.array([[NEVER, 3.0], [NEVER, 2.0]])) == [(1, 1)]


def test_rows_that_are_left_over_stay_alone():
    costs = np.array([[5.0], [1.0], [4.0]])
    assert linear_assignment(costs) == [(1, 0)]
    assert linear_assignment(costs.T) == [(0, 1)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_pairs_with_nothing(shape):
    assert linear_assignment(np.zeros(shape)) == []


def test_overlap_is_shared_area_over_covered_area():
    box = np.array([0.0, 0, 10, 10])
    assert box_iou(box, box) == 1
    assert box_iou(box, np.array([5.0, 0, 15, 10])) == pytest.approx(50 / 150)
    assert box_iou(box, np.array([2.0, 2, 4, 7])) == pytest.approx(10 / 100)
    assert box_iou(box, np.array([10.0, 0, 20, 10])) == 0
    assert box_iou(box, np.array([20.0, 20, 30, 30])) == 0  # apart in both directions: no area of minus times minus


def test_the_covered_share_is_of_the_first_box():
    large, small = np.array([0.0, 0, 10, 10]), np.array([8.0, 0, 12, 5])
    assert intersection_over_area(small, large) == pytest.approx(0.5)
    assert intersection_over_area(large, small) == pytest.approx(0.1)
    assert intersection_over_area(small, small + 20) == 0


def test_of_two_finds_of_one_face_the_better_stays():
    weak, strong, other = boxed(0, 0, 10, 10, 0.8), boxed(1, 1, 11, 11, 0.95), boxed(8, 0, 18, 10, 0.9)
    assert nms_faces([weak, other, strong]) == (strong, other)
    assert nms_faces([]) == ()


def test_a_face_dropped_itself_drops_no_other():
    best, middle, last = boxed(0, 0, 10, 10, 0.9), boxed(3, 0, 13, 10, 0.8), boxed(6, 0, 16, 10, 0.7)
    assert box_iou(middle.box_xyxy, last.box_xyxy) > 0.5
    assert nms_faces([last, middle, best]) == (best, last)


def turned(face: Face, angle: float, score: float) -> Face:
    """A face with the box of another and the landmarks of one that is turned clockwise."""
    return Face(box_xyxy=face.box_xyxy, score=score, landmarks=make_face(0, 0, angle=angle).landmarks)


@pytest.mark.parametrize("angle", [35, -35, 55, -55])
def test_of_two_readings_of_a_tilted_face_the_surer_stays_however_straight_the_other_is(angle):
    """A misreading may lie straight: of a head tilted by 50 degrees one upside down did, on the nose."""
    face = make_face(100, 100)
    straight, tilted = turned(face, 178, 0.93), turned(face, angle, 1.0)
    assert nms_faces([tilted, straight]) == nms_faces([straight, tilted]) == (tilted,)
    upright, on_its_side = turned(face, 3, 0.96), turned(face, 90, 0.99)
    assert nms_faces([upright, on_its_side]) == (on_its_side,)


@pytest.mark.parametrize(
    ("turned_by", "angle"), [(0, 0), (8, 0), (-8, 0), (12, 12), (-50, -50), (84, 90), (-176, -180)]
)
def test_the_upright_angle_is_a_whole_quarter_turn_where_that_is_nearly_so(turned_by, angle):
    face = make_face(0, 0, angle=turned_by)
    found = np.degrees(upright_angle(face, np.radians(9)))
    assert (found - angle + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_a_small_face_turned_another_way_within_a_face_is_a_mistake():
    face = turned(make_face(100, 100), 0, 0.99)
    ear = turned(make_face(130, 100, 14), -107, 0.94)
    assert box_iou(ear.box_xyxy, face.box_xyxy) < 0.2
    assert nms_faces([ear, face]) == (face,)
    small = turned(ear, 5, 0.8)
    assert nms_faces([small, face]) == (face, small)


@pytest.mark.parametrize(
    ("angle", "turns"), [(0, 0), (40, 0), (50, 1), (90, 1), (180, 2), (-180, 2), (-90, 3), (-50, 3)]
)
def test_quarter_turns_bring_a_face_upright(angle, turns):
    assert quarter_turns(make_face(0, 0, angle=angle)) == turns


def test_faces_are_paired_with_the_ones_they_cover():
    before = [make_face(100, 100), make_face(300, 100)]
    after = [make_face(305, 95), make_face(92, 104), make_face(600, 100)]
    assert sorted(match_by_iou(before, after)) == [(0, 1), (1, 0)]
    assert sorted(match_by_iou(after, before)) == [(0, 1), (1, 0)]


def test_faces_that_hardly_touch_are_not_paired():
    face = make_face(100, 100)  # 88 wide
    assert match_by_iou([face], [make_face(100 + 88 * 0.8, 100)]) == [(0, 0)]
    assert match_by_iou([face], [make_face(100 + 88 * 0.85, 100)]) == []
    assert match_by_iou([face], []) == match_by_iou([], [face]) == match_by_iou([], []) == []
