"""Trembling and flickering, on known motions: `evaluation/temporal_metrics.py`."""

import math

import numpy as np
import pytest

from faceswap_lib.evaluation.image_metrics import ssim
from faceswap_lib.evaluation.temporal_metrics import flicker, jitter
from faceswap_lib.faces import Part, crop_from_frame, part_mask, points_in_crop, warp_frame
from tests.conftest import annotated_face
from tests.faces68 import template_points_68

FACE = template_points_68(256)
UNIT = 70.0
INSIDE = np.ones((256, 256), bool)


def along(path: np.ndarray) -> np.ndarray:
    """(T, 68, 2) a face whose every point goes along a path, (T, 2)."""
    return FACE + path[:, None]


def test_jitter_of_a_parabola_is_its_acceleration():
    """At 1.4 t² every second difference is 2.8 pixels, whatever was before."""
    time = np.arange(20.0)
    path = np.stack([1.4 * time**2 - 7 * time, 3 * time], axis=1)
    assert jitter(along(path), UNIT) == pytest.approx(2.8 / UNIT)
    assert jitter(2 * along(path), 2 * UNIT) == pytest.approx(2.8 / UNIT)
    assert jitter(along(path[:, ::-1]), np.full(20, UNIT)) == pytest.approx(2.8 / UNIT)


def test_steady_motion_does_not_jitter():
    time = np.arange(20.0)
    assert jitter(along(np.stack([5 * time, -2 * time], axis=1)), UNIT) == pytest.approx(0, abs=1e-12)


def test_jitter_of_a_zigzag_of_one_point_in_68():
    """Steps of ± 3 pixels there, of which the second difference is 6 in turn; the other 67 stand still."""
    series = along(np.zeros((9, 2)))
    series[::2, 30, 0] += 3
    assert jitter(series, UNIT) == pytest.approx(6 / 68 / UNIT)


def test_a_unit_per_frame_is_the_middle_frame_s():
    series = along(np.array([[0, 0], [0, 0], [7.0, 0]]))
    assert jitter(series, np.array([1, 70, 1])) == pytest.approx(0.1)


def test_a_missing_face_breaks_the_series():
    """A jump across the gap does not count, nor do the frames beside it that have no two neighbors."""
    series = along(np.zeros((12, 2)))
    series[6:] += 50
    assert jitter(series, UNIT) == pytest.approx(2 * math.hypot(50, 50) / 10 / UNIT)
    series[5] = np.nan
    assert jitter(series, UNIT) == 0
    series[[2, 8, 10]] = np.nan
    assert math.isnan(jitter(series, UNIT))


def test_jitter_without_three_frames_is_unknown():
    for count in (0, 1, 2):
        assert math.isnan(jitter(along(np.zeros((count, 2))), UNIT))


def test_wrong_series_and_units_are_refused():
    for series, unit in ((FACE, UNIT), (along(np.zeros((5, 2))), np.ones(4)), (np.zeros((5, 68, 3)), UNIT)):
        with pytest.raises(ValueError, match=r"expected \(T, N, 2\) landmarks and one unit or \(T,\), got"):
            jitter(series, unit)
    with pytest.raises(ValueError, match="unit: expected above 0, got 0"):
        jitter(along(np.zeros((5, 2))), 0)


@pytest.fixture(scope="module")
def still(portraits) -> np.ndarray:
    """Contrast taken down so that brighter and darker copies do not reach black or white."""
    (portrait, _) = portraits
    return (portrait.image * 0.7 + 30).astype(np.uint8)


@pytest.fixture(scope="module")
def matrix(portraits) -> np.ndarray:
    return crop_from_frame(annotated_face(portraits[0]))


@pytest.fixture(scope="module")
def inside(portraits, matrix) -> np.ndarray:
    return part_mask(points_in_crop(annotated_face(portraits[0]), matrix), 256, Part.FACE, feather=0)


def cut(picture: np.ndarray, matrix: np.ndarray, shift: np.ndarray, angle: float = 0.0, scale: float = 1.0):
    """A crop whose face lies beside its place by a shift in pixels of the crop, is turned and enlarged."""
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    turn = np.array([[cos, -sin], [sin, cos]])
    moved = turn @ (matrix - [[0, 0, 127.5], [0, 0, 127.5]]) + np.array([[0, 0, 127.5], [0, 0, 127.5]])
    return warp_frame(picture, moved + np.array([[0, 0, shift[0]], [0, 0, shift[1]]]), 256)


def mean_flicker(crops: list[np.ndarray], mask: np.ndarray) -> float:
    return float(np.mean([flicker(before, after, mask) for before, after in zip(crops, crops[1:], strict=False)]))


def test_flicker_of_an_even_change():
    gray = np.full((256, 256, 3), 100, np.uint8)
    assert flicker(gray, gray, INSIDE) == 0
    assert flicker(gray, gray + np.uint8(6), INSIDE) == pytest.approx(6, abs=1e-3)
    red = gray.copy()
    red[..., 0] += 6
    assert flicker(red, gray, INSIDE) == pytest.approx(2, abs=1e-3)


def test_flicker_outside_the_mask_does_not_count():
    gray = np.full((256, 256, 3), 100, np.uint8)
    half = INSIDE.copy()
    half[:, 128:] = False
    right = gray.copy()
    right[:, 128:] += 80
    assert flicker(gray, right, half) == pytest.approx(0, abs=1e-3)
    assert flicker(gray, right, ~half) == pytest.approx(80, abs=1e-3)
    assert math.isnan(flicker(gray, right, np.zeros((256, 256), bool)))


def test_flicker_of_a_real_face_is_found_whatever_it_shows(still, matrix, inside):
    """Brightness up and down by 3 is a change of 6 from frame to frame."""
    for steps in (1, 3, 6):
        crops = [cut(still + np.uint8(steps * (t % 2)), matrix, np.zeros(2)) for t in range(4)]
        assert mean_flicker(crops, inside) == pytest.approx(steps, rel=0.02)


def test_flicker_under_trembling(still, matrix, inside):
    """Half a pixel of trembling hides no flicker and makes none of note."""
    rng = np.random.default_rng(2)
    for steps in (0, 2, 6):
        places = rng.normal(0, 0.5, (12, 2))
        crops = [cut(still + np.uint8(steps * (t % 2)), matrix, place) for t, place in enumerate(places)]
        assert mean_flicker(crops, inside) == pytest.approx(steps, abs=0.15)


@pytest.mark.parametrize("motion", [dict(shift=[1, 0]), dict(shift=[0, 1]), dict(angle=0.5), dict(scale=1.01)])
def test_what_moves_as_a_whole_does_not_flicker(motion, still, matrix, inside):
    place, moved = (cut(still, matrix, **{"shift": np.zeros(2), **options}) for options in ({}, motion))
    assert ssim(place, moved) < 0.99
    assert flicker(place, moved, inside) < 0.2


def test_a_cheek_that_comes_and_goes_flickers(still, matrix, inside):
    """A patch of 40 by 40 pixels of the 256: its share of the face times its step."""
    before = cut(still, matrix, np.zeros(2))
    after = before.copy()
    after[130:170, 80:120] += 40
    expected = 40 * 40**2 / (inside > 127).sum()
    assert flicker(before, after, inside) == pytest.approx(expected, rel=0.3)


def test_more_jitter_is_no_flicker_and_more_flicker_no_jitter(still, matrix, inside):
    """Each metric rises with what it names and leaves the other alone."""
    rng = np.random.default_rng(3)
    steps = rng.normal(0, 1, (10, 2))
    jitters, flickers = [], []
    for size in (0.1, 0.3, 0.9):
        jitters.append(jitter(along(size * steps), UNIT))
        flickers.append(mean_flicker([cut(still, matrix, size * step) for step in steps], inside))
    assert jitters[0] * 3 == pytest.approx(jitters[1]) and jitters[1] * 3 == pytest.approx(jitters[2])
    assert max(flickers) < 0.25
    levels = [
        mean_flicker([cut(still + np.uint8(a * (t % 2)), matrix, np.zeros(2)) for t in range(4)], inside)
        for a in (1, 3, 9)
    ]
    assert levels[0] < levels[1] < levels[2] and levels[2] > 8


def test_wrong_crops_and_masks_are_refused(still):
    with pytest.raises(ValueError, match="of one shape"):
        flicker(still, still[:100], INSIDE)
    with pytest.raises(ValueError, match=r"mask: expected \(320, 320\) bool or uint8, got \(256, 256\) bool"):
        flicker(still, still, INSIDE)
