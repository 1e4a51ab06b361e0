"""Taking the shake out of a track: the filters against known motion, against `filterpy` itself, and across gaps."""

import filterpy.common
import filterpy.kalman
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import Face
from faceswap_lib.faces.smoothing import (
    ACCELERATION,
    MEASUREMENT_SIGMA,
    CoordinateFilter,
    SmoothConfig,
    smooth_faces,
    to_coordinates,
)
from tests.fakes import make_face

NOISE = 1.0
"""Scatter of the synthetic detections in pixels: what the filter expects of faces this wide."""

EYE_DISTANCE = 45.0
MODES = ("none", "ema", "kalman", "rts")


def true_position(time: np.ndarray) -> np.ndarray:
    """A head that sways: (N, 2) x, y of the middle of its eyes."""
    return np.stack([200 + 45 * np.sin(2 * np.pi * time / 45), 150 + 15 * np.sin(2 * np.pi * time / 70 + 1)], axis=1)


def noisy_faces(count: int, seed: int = 0) -> tuple[list[Face], np.ndarray]:
    """Scattered detections of the swaying head, and its landmarks without scatter, (N, 5, 2)."""
    rng = np.random.default_rng(seed)
    true = [make_face(x, y, EYE_DISTANCE) for x, y in true_position(np.arange(count))]
    seen = [
        Face(
            box_xyxy=face.box_xyxy + rng.normal(0, NOISE, 4),
            score=0.9,
            landmarks=face.landmarks + rng.normal(0, NOISE, (5, 2)),
        )
        for face in true
    ]
    return seen, landmarks_of(true)


def landmarks_of(faces: list[Face]) -> np.ndarray:
    return np.array([face.landmarks for face in faces])


def smoothed(faces: list[Face], smoothing: str = "rts", **options) -> np.ndarray:
    """Landmarks after smoothing, (N, 5, 2)."""
    return landmarks_of(smooth_faces(faces, SmoothConfig(smoothing=smoothing, **options)))


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def shake(landmarks: np.ndarray) -> float:
    """Mean length of the second difference over time, in pixels."""
    return float(np.linalg.norm(np.diff(landmarks, 2, axis=0), axis=-1).mean())


def lag(landmarks: np.ndarray) -> float:
    """By how many frames the sway trails the truth: the delay of the truth that fits best."""
    still = make_face(0, 0, EYE_DISTANCE).landmarks
    seen = (landmarks - still).mean(axis=1)[20:-20]
    time = np.arange(len(landmarks))[20:-20]
    delays = np.arange(-5, 8, 0.02)
    return float(delays[np.argmin([rmse(seen, true_position(time - delay)) for delay in delays])])


@pytest.mark.parametrize("seed", range(4))
def test_rts_is_nearest_to_the_truth_and_steadiest_and_does_not_lag(seed):
    """Measured: error 1.0, 5.6, 0.9, 0.45 px; shake 3.1, 0.92, 1.6, 0.58 px (truth: 0.57); lag 0, 1.8, 0.04, 0."""
    seen, truth = noisy_faces(240, seed)
    tracks = {mode: smoothed(seen, mode) for mode in MODES}
    error = {mode: rmse(track, truth) for mode, track in tracks.items()}
    assert error["none"] == pytest.approx(NOISE, rel=0.05)
    assert error["rts"] < 0.5 * NOISE
    assert error["rts"] < 0.6 * error["kalman"] < 0.6 * error["none"] < 0.2 * error["ema"]
    shaking = {mode: shake(track) for mode, track in tracks.items()}
    assert shaking["rts"] < 1.1 * shake(truth)
    assert shaking["rts"] < 0.7 * shaking["ema"] < 0.7 * shaking["kalman"] < 0.7 * 0.6 * shaking["none"]
    trailing = {mode: lag(track) for mode, track in tracks.items()}
    assert abs(trailing["rts"]) <= abs(trailing["none"]) + 0.03
    assert trailing["ema"] > 1.5
    assert abs(trailing["kalman"]) < 0.1 * trailing["ema"]


def test_a_filter_told_that_heads_hardly_speed_up_lags_and_the_backward_pass_takes_that_away():
    seen, _ = noisy_faces(240)
    assert lag(smoothed(seen, "kalman", noise_coefficient=1e-5)) > 1.2
    assert abs(lag(smoothed(seen, "rts", noise_coefficient=1e-5))) < 0.05


@pytest.mark.parametrize("mode", ["kalman", "rts"])
def test_a_larger_noise_coefficient_follows_the_detections_more_closely_and_shakes_more(mode):
    seen, _ = noisy_faces(120)
    tracks = [smoothed(seen, mode, noise_coefficient=value) for value in (1e-7, 1e-5, 1e-3, 1e-1, 1e3)]
    distances = [rmse(track, landmarks_of(seen)) for track in tracks]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 15 and distances[-1] < 0.05
    shaking = [shake(track) for track in tracks]
    assert shaking == sorted(shaking)
    assert shaking[0] < 0.2 * shaking[-1]


def test_a_larger_share_of_the_past_lags_more():
    seen, _ = noisy_faces(240)
    assert smoothed(seen, "ema", smoothing_decay=0) == pytest.approx(landmarks_of(seen))
    delays = [lag(smoothed(seen, "ema", smoothing_decay=share)) for share in (0.3, 0.65, 0.8)]
    assert delays == pytest.approx([share / (1 - share) for share in (0.3, 0.65, 0.8)], rel=0.15)


def test_the_moving_average_is_what_its_name_says():
    faces = [make_face(x, 100) for x in (100.0, 110.0, 90.0)]
    eyes = smoothed(faces, "ema", smoothing_decay=0.5)[:, 0, 0]
    assert eyes - eyes[0] == pytest.approx([0, 5, -2.5])


def test_without_smoothing_the_faces_are_the_detections_themselves():
    seen, _ = noisy_faces(20)
    assert smooth_faces(seen, SmoothConfig(smoothing="none")) == seen


@pytest.mark.parametrize("mode", MODES)
def test_a_face_at_rest_stays_where_it_is(mode):
    face = make_face(120, 80)
    for seen in smooth_faces([face] * 30, SmoothConfig(smoothing=mode)):
        assert seen.landmarks == pytest.approx(face.landmarks, abs=1e-9)
        assert seen.box_xyxy == pytest.approx(face.box_xyxy, abs=1e-9)
        assert seen.score == 0.9


@pytest.mark.parametrize("mode", MODES)
def test_smoothing_does_not_depend_on_where_and_how_large_the_face_is(mode):
    seen, _ = noisy_faces(40)
    moved = [
        Face(box_xyxy=3 * face.box_xyxy + 500, score=face.score, landmarks=3 * face.landmarks + 500) for face in seen
    ]
    assert smoothed(moved, mode) == pytest.approx(3 * smoothed(seen, mode) + 500, abs=1e-9)


# All coordinates share one filter.


def plain_filter(first: float, noise_coefficient: float) -> filterpy.kalman.KalmanFilter:
    """A filter for one coordinate, as in filterpy's book."""
    kalman = filterpy.kalman.KalmanFilter(dim_x=2, dim_z=1)
    kalman.x = np.array([[first], [0.0]])
    kalman.F = np.array([[1.0, 1.0], [0.0, 1.0]])
    kalman.H = np.array([[1.0, 0.0]])
    kalman.R = np.array([[MEASUREMENT_SIGMA**2]])
    kalman.Q = filterpy.common.Q_discrete_white_noise(2, dt=1.0, var=noise_coefficient * ACCELERATION)
    kalman.P = np.diag([MEASUREMENT_SIGMA**2, 0.05**2])
    return kalman


def plain_run(zs: list[float | None], noise_coefficient: float) -> tuple[np.ndarray, np.ndarray]:
    """States of one coordinate forward and after the backward pass, (N, 2) each."""
    kalman = plain_filter(zs[0], noise_coefficient)
    means, covariances = [kalman.x.copy()], [kalman.P.copy()]
    for z in zs[1:]:
        kalman.predict()
        kalman.update(None if z is None else np.array([[z]]))
        means.append(kalman.x.copy())
        covariances.append(kalman.P.copy())
    smooth = kalman.rts_smoother(np.array(means), np.array(covariances))[0]
    return np.array(means)[..., 0], smooth[..., 0]


@pytest.mark.parametrize("noise_coefficient", [1e-5, 1e-3, 1.0])
@pytest.mark.parametrize("missing", [(), (4,), (10, 11, 12, 29)])
def test_the_shared_filter_is_a_filter_of_filterpy_for_every_coordinate(noise_coefficient, missing):
    seen, _ = noisy_faces(40)
    zs = [None if i in missing else to_coordinates(face, 90.0) for i, face in enumerate(seen)]
    shared = CoordinateFilter(zs[0], noise_coefficient)
    states = [shared.state()]
    for z in zs[1:]:
        shared.step(z)
        states.append(shared.state())
    forward, covariances = (np.array(values) for values in zip(*states, strict=True))
    backward = shared.run_back(forward, covariances)
    assert forward.shape == backward.shape == (40, 2, 14)
    for column in range(14):
        plain_forward, plain_backward = plain_run([z if z is None else z[column] for z in zs], noise_coefficient)
        assert forward[..., column] == pytest.approx(plain_forward, rel=1e-12, abs=1e-12)
        assert backward[..., column] == pytest.approx(plain_backward, rel=1e-9, abs=1e-12)
    x = forward[-1]
    assert shared.predicted() == pytest.approx(x[0] + x[1])


def test_a_coordinate_does_not_depend_on_the_others():
    seen, _ = noisy_faces(30)
    shifted = [
        Face(box_xyxy=f.box_xyxy, score=f.score, landmarks=f.landmarks + [[17 * i % 5, 0]] * 5)
        for i, f in enumerate(seen)
    ]
    for mode in MODES:
        plain, other = (smooth_faces(faces, SmoothConfig(smoothing=mode)) for faces in (seen, shifted))
        for a, b in zip(plain, other, strict=True):
            assert np.array_equal(a.box_xyxy, b.box_xyxy)
            assert np.array_equal(a.landmarks[:, 1], b.landmarks[:, 1])
        assert np.abs(landmarks_of(plain) - landmarks_of(other))[..., 0].max() > 1


def test_a_state_that_was_handed_out_does_not_change():
    kalman = CoordinateFilter(np.array([1.0, 2.0]), 1e-3)
    x, p = kalman.state()
    before = x.copy(), p.copy()
    kalman.step(np.array([1.5, 2.5]))
    assert np.array_equal(x, before[0]) and np.array_equal(p, before[1])
    assert not np.array_equal(kalman.state()[0], x)


# Frames in which the face was out of sight.


def with_gap(count: int, start: int, stop: int) -> tuple[list[Face | None], np.ndarray]:
    seen, truth = noisy_faces(count)
    return [None if start <= index < stop else face for index, face in enumerate(seen)], truth


@pytest.mark.parametrize("missing", [1, 4])
def test_a_short_gap_is_filled_in_with_score_0(missing):
    faces, truth = with_gap(80, 30, 30 + missing)
    filled = smooth_faces(faces, SmoothConfig(max_gap=4))
    assert [index for index, face in enumerate(filled) if face.score == 0] == list(range(30, 30 + missing))
    assert np.abs(landmarks_of(filled) - truth)[30 : 30 + missing].max() < 1.5
    assert filled[29].score == filled[30 + missing].score == 0.9


def test_only_the_backward_pass_knows_what_comes_after_a_gap():
    faces, truth = with_gap(80, 30, 35)
    error = {mode: rmse(smoothed(faces, mode)[30:35], truth[30:35]) for mode in MODES[1:]}
    assert error["rts"] < 0.75
    assert error["rts"] < 0.5 * error["kalman"] < 0.5 * error["ema"]


@pytest.mark.parametrize("mode", ["ema", "kalman", "rts"])
def test_a_long_gap_is_left_open_and_nothing_is_carried_across(mode):
    faces, _ = with_gap(80, 30, 35)
    config = SmoothConfig(smoothing=mode, max_gap=4)
    cut = smooth_faces(faces, config)
    assert [index for index, face in enumerate(cut) if face is None] == [30, 31, 32, 33, 34]
    for part in (slice(0, 30), slice(35, 80)):
        alone = smooth_faces(faces[part], config)
        assert np.array_equal(landmarks_of(cut[part]), landmarks_of(alone))


@pytest.mark.parametrize("mode", MODES)
def test_without_bridge_every_gap_is_open(mode):
    faces, _ = with_gap(20, 10, 11)
    assert [face is None for face in smooth_faces(faces, SmoothConfig(smoothing=mode, max_gap=0))].index(True) == 10


def test_no_smoothing_never_fills():
    faces, _ = with_gap(20, 10, 12)
    assert smooth_faces(faces, SmoothConfig(smoothing="none", max_gap=5)) == faces


@pytest.mark.parametrize("mode", MODES)
def test_empty_ends_and_lonely_faces_stay_as_they_are(mode):
    config = SmoothConfig(smoothing=mode, max_gap=1)
    assert smooth_faces([], config) == []
    assert smooth_faces([None, None], config) == [None, None]
    face = make_face(100, 100)
    one, *rest, other = smooth_faces([face, None, None, face], config)
    assert rest == [None, None]
    assert one.landmarks == pytest.approx(face.landmarks) and other.box_xyxy == pytest.approx(face.box_xyxy)


def test_a_prediction_that_shrinks_to_nothing_is_no_face():
    """A face that halves with every frame and then is hidden: on it went, its box would turn inside out."""
    faces = [make_face(100, 100, 40.0 * 0.6**index) for index in range(4)]
    kept = smooth_faces([*faces, *[None] * 20, faces[-1]], SmoothConfig(smoothing="kalman", max_gap=30))
    assert kept[3] is not None and None in kept[4:24] and kept[24] is not None


@pytest.mark.parametrize("wrong", [{"smoothing_decay": 1.0}, {"noise_coefficient": 0.0}, {"max_gap": -1}])
def test_options_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(InputError, match=name):
        SmoothConfig(**wrong)
