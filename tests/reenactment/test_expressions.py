"""Expressions: only differences are applied, and they do what their names say."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import map_points
from faceswap_lib.faces.landmarks_68 import MIRRORED, mirror_landmarks
from faceswap_lib.reenactment.control_points import mean_points
from faceswap_lib.reenactment.expressions import (
    EXPRESSIONS,
    OPEN_MOUTH,
    RAISED_BROWS,
    SMILE,
    Expression,
    change_expression,
    estimate_neutral,
    find_expression,
    measure_openness,
    measure_smile,
    transfer_expression,
)
from faceswap_lib.reenactment.face_shape import FaceShape

EYE_DISTANCE_PIXELS = 0.272 * 256 * 1.01  # between the middles of the corners


def make_shape(*, irises: bool = True, yaw: float = 0.0) -> FaceShape:
    points = mean_points()
    centers = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return FaceShape(points=points, irises=np.array([[*c, 6.0] for c in centers]) if irises else None, yaw=yaw)


def mouth_gap(shape: FaceShape) -> float:
    return float(np.mean(shape.points[[67, 66, 65], 1] - shape.points[[61, 62, 63], 1]))


def test_tables_are_symmetric():
    for table in (SMILE, OPEN_MOUTH, RAISED_BROWS):
        np.testing.assert_allclose(table[MIRRORED] * [-1, 1], table, atol=1e-12)


def test_neutral_closes_the_mouth_and_opens_the_eyes():
    shape = make_shape()
    points = shape.points.copy()
    points[[37, 38, 43, 44]] = points[[41, 40, 47, 46]] - [0, 0.5]
    neutral = estimate_neutral(dataclasses.replace(shape, points=points))
    assert mouth_gap(shape) > 4
    assert abs(mouth_gap(neutral)) < 0.5
    assert measure_openness(neutral) == pytest.approx(0.3, abs=0.02)
    moved = np.linalg.norm(neutral.points - points, axis=1)
    assert moved[17:36].max() < 0.1  # brows and nose stay


def test_neutral_of_a_neutral_face_is_itself():
    neutral = estimate_neutral(make_shape())
    np.testing.assert_allclose(estimate_neutral(neutral).points, neutral.points, atol=0.5)


def test_neutral_removes_a_smile():
    start = estimate_neutral(make_shape())
    # Wide enough that the smile is above that of an average face.
    smiling = change_expression(start, Expression(smile=1), neutral=start)
    assert measure_smile(smiling) - measure_smile(start) == pytest.approx(0.2, abs=0.01)
    assert measure_smile(estimate_neutral(smiling)) < measure_smile(smiling) - 0.1


def test_smile_raises_and_spreads_the_corners_of_the_mouth():
    start = estimate_neutral(make_shape())
    made = change_expression(start, find_expression("smile"), neutral=start)
    change = (made.points - start.points) / EYE_DISTANCE_PIXELS
    np.testing.assert_allclose(change[48], [-0.08, -0.09], atol=0.005)
    np.testing.assert_allclose(change[54], [0.08, -0.09], atol=0.005)
    assert np.abs(change[[*range(17), *range(27, 36)]]).max() < 1e-9  # outline and nose stay


def test_sliders_do_what_their_names_say():
    start = estimate_neutral(make_shape())

    def change(**sliders) -> FaceShape:
        return change_expression(start, Expression(**sliders), neutral=start)

    wide = change(mouth_open=1.0)
    assert mouth_gap(wide) / EYE_DISTANCE_PIXELS == pytest.approx(0.35, abs=0.02)
    assert (wide.points[8, 1] - start.points[8, 1]) / EYE_DISTANCE_PIXELS == pytest.approx(0.35 * 0.93, abs=0.01)
    assert measure_openness(change(eyes_open=-1.0)) < 0.01
    assert measure_openness(change(eyes_open=1.0)) == pytest.approx(1.5 * measure_openness(start), rel=0.01)
    assert measure_openness(change(eyes_open=-0.5)) == pytest.approx(0.5 * measure_openness(start), rel=0.01)
    assert measure_openness(change(gaze_y=1.0)) < measure_openness(start) < measure_openness(change(gaze_y=-1.0))
    assert (change(brows=1.0).points[17:27, 1] < start.points[17:27, 1] - 4).all()
    assert change(jaw=1.0).points[8, 0] == pytest.approx(start.points[8, 0] + 0.12 * EYE_DISTANCE_PIXELS, abs=0.01)
    eye = (start.points[39, 0] - start.points[36, 0]) / 2
    assert change(gaze_x=1.0).irises[0, 0] == pytest.approx(start.irises[0, 0] + 0.5 * eye, abs=0.2 * eye)
    assert (change(gaze_y=1.0).irises[:, 1] > start.irises[:, 1] + 1).all()
    assert (change(gaze_x=-1.0).irises[:, 0] > start.points[[36, 42], 0]).all()  # inside the eyes


def test_strength_0_leaves_the_photo_as_it_is():
    shape = make_shape(yaw=10)
    made = change_expression(shape, Expression(smile=1, gaze_x=0.5), strength=0.0)
    np.testing.assert_allclose(made.points, shape.points)
    np.testing.assert_allclose(made.irises, shape.irises)
    assert made.yaw == shape.yaw


def test_expression_turns_with_the_face():
    """A face that is turned and scaled gets offsets that are turned and scaled."""
    start = estimate_neutral(make_shape())
    angle, scale = np.radians(8), 1.1
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([turn, [10.0, -20.0]])
    turned = dataclasses.replace(start, points=map_points(matrix, start.points), irises=None)
    plain = change_expression(start, Expression(smile=1), neutral=start)
    made = change_expression(turned, Expression(smile=1), neutral=turned)
    np.testing.assert_allclose(made.points, map_points(matrix, plain.points), atol=1e-6)


def test_transfer_applies_differences_and_keeps_proportions():
    """A narrower face with a lower mouth gets the same change in eye distances, not the same landmarks."""
    other_neutral = estimate_neutral(make_shape())
    other = change_expression(other_neutral, Expression(mouth_open=0.7, gaze_x=0.3), neutral=other_neutral)
    points = other_neutral.points.copy()
    points[:17, 0] = 128 + 0.85 * (points[:17, 0] - 128)
    points[48:68, 1] += 6
    mine = dataclasses.replace(other_neutral, points=points)
    made = transfer_expression(mine, other, neutral=mine, other_neutral=other_neutral)
    np.testing.assert_allclose(made.points - mine.points, other.points - other_neutral.points, atol=1e-6)
    np.testing.assert_allclose(made.irises - mine.irises, other.irises - other_neutral.irises, atol=1e-6)


def test_transfer_from_a_photo_of_the_same_person_needs_no_estimate():
    """Even a wide, unsmiling mouth, which another person would be taken to smile with, is the person's own."""
    mine = make_shape()
    points = mine.points.copy()
    points[[48, 54, 60, 64]] += [[-6, 0], [6, 0], [-6, 0], [6, 0]]
    mine = dataclasses.replace(mine, points=points)
    points = mine.points + np.random.default_rng(0).normal(0, 1.5, (68, 2))
    points[36:48] = mine.points[36:48]
    other = dataclasses.replace(mine, points=points, yaw=3.0)
    made = transfer_expression(mine, other, same_person=True)
    np.testing.assert_allclose(made.points, other.points, atol=0.35)
    assert made.yaw == 3.0
    assert np.abs(transfer_expression(mine, other).points - other.points).max() > 1


def test_transfer_copies_a_look_aside_from_anybody():
    mine, other = make_shape(), make_shape()
    assert other.irises is not None and mine.irises is not None
    aside = dataclasses.replace(other, irises=other.irises + [5.0, 0, 0])
    made = transfer_expression(mine, aside)
    np.testing.assert_allclose(made.irises - mine.irises, [[5, 0, 0]] * 2, atol=0.5)  # along the eyes
    back = transfer_expression(dataclasses.replace(mine, irises=mine.irises - [4.0, 0, 0]), other)
    np.testing.assert_allclose(back.irises, mine.irises, atol=0.5)


def test_transfer_of_the_same_expression_changes_nothing():
    shape = make_shape()
    np.testing.assert_allclose(transfer_expression(shape, shape).points, shape.points, atol=1e-6)


def test_mirrored_expression_of_a_mirrored_face():
    start = estimate_neutral(make_shape())
    mirrored = dataclasses.replace(start, points=mirror_landmarks(start.points, 256), irises=None)
    made = change_expression(mirrored, Expression(jaw=-0.5, smile=0.5), neutral=mirrored)
    plain = change_expression(start, Expression(jaw=0.5, smile=0.5), neutral=start)
    np.testing.assert_allclose(mirror_landmarks(made.points, 256), plain.points, atol=1e-6)


def test_gaze_needs_irises():
    with pytest.raises(InputError, match="irises"):
        change_expression(make_shape(irises=False), Expression(gaze_x=1))
    assert change_expression(make_shape(irises=False), Expression(smile=1)).irises is None


def test_wrong_values_are_refused():
    for sliders in ({"smile": 1.5}, {"mouth_open": -0.1}, {"gaze_x": float("nan")}):
        with pytest.raises(InputError, match=next(iter(sliders))):
            Expression(**sliders)
    with pytest.raises(InputError, match="smiel.*smile"):
        find_expression("smiel")
    assert set(EXPRESSIONS) == {"neutral", "smile"}
