"""The checks of the exercises about faces in a video: right answers pass, typical wrong ones are told what is off."""

import numpy as np
import pytest

from faceswap_lib.course.face_checks import (
    check_alignment,
    check_alpha_composite,
    check_kalman_update,
    check_nms,
    check_region_weights,
)
from faceswap_lib.faces import box_iou, similarity_transform


def unfinished(*arguments):
    raise NotImplementedError


def test_a_blend_with_the_mask_is_right():
    assert check_alpha_composite(lambda mask, new, old: mask * new + (1 - mask) * old) == "right"


@pytest.mark.parametrize(
    ("blend", "told"),
    [
        (lambda mask, new, old: new, "the new image alone"),
        (lambda mask, new, old: mask * old + (1 - mask) * new, "exchanged"),
        (lambda mask, new, old: mask * new + old, "a weight as well"),
        (lambda mask, new, old: mask * new, "add (1 - mask) * old"),
        (lambda mask, new, old: (new + old) / 2, "the mean of both"),
        (lambda mask, new, old: mask, "expected the shape"),
        (lambda mask, new, old: None, "expected the shape"),
        (lambda mask, new: new, "stops with TypeError"),
        (lambda mask, new, old: 0 * new, "expected [["),
    ],
)
def test_a_wrong_blend_is_told_what_is_off(blend, told):
    assert told in check_alpha_composite(blend)


def suppress(boxes, limit, *, sort=True, removed_too=False):
    order = sorted(boxes, key=lambda box: -box[4]) if sort else list(boxes)
    kept, seen = [], []
    for box in order:
        if all(box_iou(box[:4], other[:4]) <= limit for other in (seen if removed_too else kept)):
            kept.append(box)
        seen.append(box)
    return kept


def test_non_max_suppression_is_right_as_a_list_and_as_an_array():
    assert check_nms(suppress) == check_nms(lambda boxes, limit: np.array(suppress(boxes, limit))) == "right"


@pytest.mark.parametrize(
    ("nms", "told"),
    [
        (lambda boxes, limit: boxes, "nothing was removed"),
        (lambda boxes, limit: boxes[np.argsort(-boxes[:, 4])], "only sorted"),
        (lambda boxes, limit: suppress(boxes, limit)[:1], "only one box is left"),
        (lambda boxes, limit: suppress(boxes, limit, removed_too=True), "a removed box still removes"),
        (lambda boxes, limit: suppress(boxes, limit, sort=False), "not the best first"),
        (lambda boxes, limit: boxes[:2], "expected the boxes with the scores"),
        (lambda boxes, limit: boxes[:, :4], "five numbers"),
        (lambda boxes, limit: [], "five numbers"),
        (lambda boxes, limit: boxes[9], "stops with IndexError"),
    ],
)
def test_wrong_non_max_suppression_is_told_what_is_off(nms, told):
    assert told in check_nms(nms)


def least_squares(points, target):
    x, y = points.T
    one, zero = np.ones(len(x)), np.zeros(len(x))
    rows = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
    p, q, s, t = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    return np.array([[p, -q, s], [q, p, t]])


def affine(points, target):
    return np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), target, rcond=None)[0].T


def wrong_turn(points, target):
    matrix = least_squares(points, target)
    return np.column_stack([matrix[:, :2].T, matrix[:, 2]])


def without_turn(points, target):
    scale = np.ptp(target, axis=0).mean() / np.ptp(points, axis=0).mean()
    return np.column_stack([scale * np.eye(2), target.mean(0) - scale * points.mean(0)])


def shift_alone(points, target):
    return np.column_stack([least_squares(points, target)[:, :2], target.mean(0) - points.mean(0)])


@pytest.mark.parametrize("align", [least_squares, similarity_transform])
def test_an_alignment_of_five_points_is_right(align):
    assert check_alignment(align) == "right"


@pytest.mark.parametrize(
    ("align", "told"),
    [
        (lambda points, target: least_squares(target, points), "exchange landmarks and target"),
        (affine, "a similarity has four"),
        (lambda points, target: least_squares(points[:2], target[:2]), "all five landmarks"),
        (wrong_turn, "the wrong way"),
        (shift_alone, "the shift ignores"),
        (without_turn, "pixels off on average"),
        (lambda points, target: affine(points, target) * [[1], [2]], "no similarity"),
        (lambda points, target: np.eye(2), "(2, 3)"),
        (lambda points, target: np.zeros((2, 3)), "pixels off on average"),
    ],
)
def test_a_wrong_alignment_is_told_what_is_off(align, told):
    assert told in check_alignment(align)


H = np.array([[1.0, 0.0]])


def update(x, P, z, R, *, sign=1):
    K = P @ H.T / (H @ P @ H.T + R)
    return x + sign * (K @ (z - H @ x)), (np.eye(2) - K @ H) @ P


def position_alone(x, P, z, R):
    K = P[0, 0] / (P[0, 0] + R)
    return np.array([x[0] + K * (z - x[0]), x[1]]), P


def swapped_gain(x, P, z, R):
    K = R / (P[0, 0] + R)
    return np.array([x[0] + K * (z - x[0]), x[1]]), P


def test_the_update_of_a_kalman_filter_is_right():
    assert check_kalman_update(update) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x, P, z, R: (x, P), "x did not change"),
        (position_alone, "the velocity did not change"),
        (swapped_gain, "trusts the wrong one"),
        (lambda x, P, z, R: update(x, P, z, R, sign=-1), "the sign is wrong"),
        (lambda x, P, z, R: update(x, P, z, 0.0), "R is missing"),
        (lambda x, P, z, R: (np.array([z, x[1]]), P), "ignores the prediction"),
        (lambda x, P, z, R: (update(x, P, z, R)[0], P), "P did not change"),
        (lambda x, P, z, R: (update(x, P, z, R)[0], 2 * P - update(x, P, z, R)[1]), "P grew"),
        (lambda x, P, z, R: (update(x, P, z, R)[0], P * R / (P[0, 0] + R)), "multiplied by one number"),
        (lambda x, P, z, R: (2 * x, P), "expected x ="),
        (lambda x, P, z, R: (update(x, P, z, R)[0], 3 * P), "expected P ="),
        (lambda x, P, z, R: x, "two results"),
        (lambda x, P, z, R: (x[:1], P), "expected x of shape"),
        (lambda x, P, z, R: (x @ np.eye(3), P), "stops with ValueError"),
    ],
)
def test_a_wrong_update_is_told_what_is_off(wrong, told):
    assert told in check_kalman_update(wrong)


def weigh(f, e, m, s, eye, mouth):
    return s + f * (1 - s + eye * e + mouth * m)


def test_weights_of_regions_are_right():
    assert check_region_weights(weigh) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda f, e, m, s, eye, mouth: np.ones_like(f), "all pixels have the same weight"),
        (lambda f, e, m, s, eye, mouth: s + 0 * f, "the weight of the surroundings"),
        (lambda f, e, m, s, eye, mouth: weigh(f, e, m, s, 0, 0), "eyes and of the mouth is missing"),
        (lambda f, e, m, s, eye, mouth: weigh(f, e, m, 0, eye, mouth), "the weight is 0"),
        (lambda f, e, m, s, eye, mouth: weigh(f, e, m, s, 0, 0) + eye * e + mouth * m, "only inside the face"),
        (lambda f, e, m, s, eye, mouth: weigh(f, m, e, s, eye, mouth), "exchanged"),
        (lambda f, e, m, s, eye, mouth: s + f * (1 + eye * e + mouth * m), "above 1"),
        (lambda f, e, m, s, eye, mouth: f * (s + eye * e + mouth * m), "not s * f"),
        (lambda f, e, m, s, eye, mouth: f * e, "expected [["),
        (lambda f, e, m, s, eye, mouth: f[0, 0], "expected the shape"),
    ],
)
def test_wrong_weights_are_told_what_is_off(wrong, told):
    assert told in check_region_weights(wrong)


@pytest.mark.parametrize("name", ["check_alpha_composite", "check_nms", "check_alignment", "check_kalman_update"])
def test_an_answer_that_stops_is_told_so(name: str):
    import faceswap_lib.course.face_checks as checks

    assert "NotImplementedError" in getattr(checks, name)(unfinished)
