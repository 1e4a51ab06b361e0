"""Following a face: which one, through which gaps, and how steadily."""

import numpy as np
import pytest

from faceswap_lib.faces import Face, TrackConfig, follow_face
from faceswap_lib.faces.scan import DETECT_BATCH, detect_faces, track_video
from faceswap_lib.media import read_frames
from tests.fakes import ListedDetector, make_face

NOISE = 1.0
"""Scatter of the synthetic detections in pixels: what the filter expects of faces this wide."""

EYE_DISTANCE = 45.0


def true_position(time: np.ndarray) -> np.ndarray:
    """A head that sways: (N, 2) x, y of the middle of its eyes."""
    return np.stack([200 + 45 * np.sin(2 * np.pi * time / 45), 150 + 15 * np.sin(2 * np.pi * time / 70 + 1)], axis=1)


def noisy_detections(count: int, seed: int = 0) -> tuple[list[tuple[Face, ...]], np.ndarray]:
    """Scattered detections of the swaying head, and the landmarks without scatter, (N, 5, 2)."""
    rng = np.random.default_rng(seed)
    truth, detections = [], []
    for x, y in true_position(np.arange(count)):
        face = make_face(x, y, EYE_DISTANCE)
        truth.append(face.landmarks)
        scattered = Face(
            box_xyxy=face.box_xyxy + rng.normal(0, NOISE, 4),
            score=0.9,
            landmarks=face.landmarks + rng.normal(0, NOISE, (5, 2)),
        )
        detections.append((scattered,))
    return detections, np.array(truth)


def follow(detections, smoothing: str = "rts", **options) -> np.ndarray:
    """Landmarks of the track, (N, 5, 2)."""
    track = follow_face(detections, TrackConfig(smoothing=smoothing, **options))
    return np.array([face.landmarks for face in track.faces])


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def shake(landmarks: np.ndarray) -> float:
    """Root mean square of the second difference over time."""
    return float(np.sqrt(np.mean(np.diff(landmarks, 2, axis=0) ** 2)))


def lag(landmarks: np.ndarray) -> float:
    """By how many frames the horizontal sway trails the truth, by cross-correlation."""
    seen = landmarks[:, :2, 0].mean(axis=1)[20:-20]
    time = np.arange(len(landmarks))[20:-20]
    lags = np.arange(-5, 8, 0.05)
    correlations = [np.corrcoef(seen, true_position(time - delay)[:, 0])[0, 1] for delay in lags]
    return float(lags[np.argmax(correlations)])


def test_both_filters_come_closer_to_the_truth_and_shake_less():
    detections, truth = noisy_detections(240)
    tracks = {smoothing: follow(detections, smoothing) for smoothing in ("none", "kalman", "rts")}
    errors = {smoothing: rmse(track[10:], truth[10:]) for smoothing, track in tracks.items()}
    assert errors["rts"] < 0.75 * errors["kalman"]
    assert errors["kalman"] < 0.95 * errors["none"]
    assert errors["none"] == pytest.approx(NOISE, rel=0.1)
    shaking = {smoothing: shake(track) for smoothing, track in tracks.items()}
    assert shaking["rts"] < 0.7 * shaking["kalman"] < 0.7 * 0.7 * shaking["none"]
    assert shaking["rts"] < 2 * shake(truth)


def test_only_the_forward_filter_lags():
    """Told that heads hardly speed up, the forward filter trails behind; the backward pass takes that away."""
    detections, _ = noisy_detections(240)
    assert abs(lag(follow(detections, "none"))) < 0.15
    forward = lag(follow(detections, "kalman", noise_coefficient=1e-5))
    both = lag(follow(detections, "rts", noise_coefficient=1e-5))
    assert forward > 0.5
    assert abs(both) < 0.2 * forward


def test_a_larger_noise_coefficient_trusts_the_detections_more():
    detections, truth = noisy_detections(120)
    raw = follow(detections, "none")
    tracks = [follow(detections, noise_coefficient=value) for value in (1e-7, 1e-4, 1e-1, 1e3)]
    distances = [rmse(track, raw) for track in tracks]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.05
    shaking = [shake(track) for track in tracks]
    assert shaking == sorted(shaking)


def test_no_smoothing_gives_the_detections_themselves():
    detections, _ = noisy_detections(20)
    track = follow_face(detections, TrackConfig(smoothing="none"))
    assert [face for (face,) in detections] == list(track.faces)


@pytest.mark.parametrize("smoothing", ["kalman", "rts"])
def test_a_face_at_rest_stays_where_it_is(smoothing):
    face = make_face(120, 80)
    track = follow_face([(face,)] * 30, TrackConfig(smoothing=smoothing))
    for seen in track.faces:
        assert seen.landmarks == pytest.approx(face.landmarks, abs=1e-6)
        assert seen.box_xyxy == pytest.approx(face.box_xyxy, abs=1e-6)
        assert seen.score == pytest.approx(0.9)


@pytest.mark.parametrize("missing", [1, 4])
def test_a_short_gap_is_filled_in(missing):
    detections, truth = noisy_detections(80)
    detections[30 : 30 + missing] = [()] * missing
    track = follow_face(detections, TrackConfig(bridge=4))
    assert track.found == 80
    for index in range(30, 30 + missing):
        assert track.faces[index].score == 0
        assert np.abs(track.faces[index].landmarks - truth[index]).max() < 4
    assert track.faces[29].score == track.faces[30 + missing].score == 0.9


def test_a_long_gap_is_left_open_on_both_sides():
    detections, truth = noisy_detections(80)
    detections[30:35] = [()] * 5
    track = follow_face(detections, TrackConfig(bridge=4))
    assert [index for index, face in enumerate(track.faces) if face is None] == [30, 31, 32, 33, 34]
    assert np.abs(track.faces[35].landmarks - truth[35]).max() < 4


def test_without_bridge_every_gap_is_open():
    detections, _ = noisy_detections(20)
    detections[10] = ()
    assert follow_face(detections, TrackConfig(bridge=0)).faces[10] is None
    smoothing_none = follow_face(detections, TrackConfig(smoothing="none"))
    assert smoothing_none.faces[10] is None


def test_frames_before_and_after_the_face_stay_empty():
    detections, _ = noisy_detections(20)
    track = follow_face([(), (), *detections, (), ()])
    assert [face is None for face in track.faces] == [True, True] + [False] * 20 + [True, True]


def test_the_same_face_is_followed_when_a_larger_one_appears():
    detections, truth = noisy_detections(60)
    other = make_face(480, 160, 90)
    for index in range(20, 60):
        detections[index] = (other, *detections[index])
    assert rmse(follow(detections), truth) < NOISE


def test_the_largest_face_of_the_first_frame_is_chosen():
    small, large = make_face(100, 100, 25, score=0.99), make_face(300, 150, 60, score=0.85)
    track = follow_face([(small, large)] * 5)
    assert track.faces[0].landmarks == pytest.approx(large.landmarks, abs=0.1)


def test_another_face_does_not_take_over_while_the_first_is_only_briefly_gone():
    detections, truth = noisy_detections(60)
    other = make_face(480, 160, 90)
    for index in range(30, 33):
        detections[index] = (other,)
    assert rmse(follow(detections), truth) < NOISE


def test_a_cut_starts_a_new_stretch():
    """After a jump nothing is dragged along from the old place, and the frames between stay empty."""
    first, second = make_face(100, 100), make_face(500, 200)
    detections = [(first,)] * 20 + [(second,)] * 20
    track = follow_face(detections, TrackConfig(bridge=3))
    for index, face in enumerate(track.faces):
        if index < 20:
            assert face.landmarks == pytest.approx(first.landmarks, abs=1e-6)
        elif index >= 24:
            assert face.landmarks == pytest.approx(second.landmarks, abs=1e-6)
    assert track.faces[20:23] == (None, None, None)


def test_no_face_at_all_is_an_empty_track():
    track = follow_face([()] * 7)
    assert track.faces == (None,) * 7 and track.found == 0
    assert follow_face([]).faces == ()


def test_a_single_detection_is_kept_as_it_is():
    face = make_face(100, 100)
    assert follow_face([(), (face,), ()]).faces == (None, face, None)


def test_frames_reach_the_detector_a_few_at_a_time():
    taken = 0

    def frames():
        nonlocal taken
        for _ in range(3 * DETECT_BATCH):
            taken += 1
            yield np.zeros((8, 8, 3), np.uint8)

    faces = detect_faces(frames(), ListedDetector([()] * 3 * DETECT_BATCH))
    next(faces)
    assert taken == DETECT_BATCH
    assert len(list(faces)) == 3 * DETECT_BATCH - 1


def test_a_real_clip_is_followed_from_end_to_end(portrait_clips, detector):
    track = track_video(portrait_clips[0], detector)
    raw = track_video(portrait_clips[0], detector, TrackConfig(smoothing="none"))
    assert len(track.faces) == track.found == 38
    landmarks, detected = (np.array([face.landmarks for face in t.faces]) for t in (track, raw))
    assert rmse(landmarks, detected) < 1.2
    assert shake(landmarks) < 0.7 * shake(detected)


@pytest.mark.clips
def test_rts_steadies_a_real_clip_without_leaving_the_face(real_clips, detector):
    frames = read_frames(real_clips / "d6.mp4", stop=90)
    detections = list(detect_faces(frames, detector))
    raw = follow_face(detections, TrackConfig(smoothing="none"))
    assert raw.found >= 85
    steady = follow_face(detections)
    kept = [index for index, face in enumerate(raw.faces) if face is not None]
    seen, smooth = (np.array([t.faces[i].landmarks for i in kept]) for t in (raw, steady))
    assert shake(smooth) < 0.6 * shake(seen)
    assert rmse(smooth, seen) < 0.03 * raw.faces[kept[0]].size
