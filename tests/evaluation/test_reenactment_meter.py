"""Scores of reenacted crops, with shapes and embeddings that the test itself gives."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.evaluation.reenactment import ReenactmentMeter
from faceswap_lib.reenactment.face_shape import FaceShape
from tests.reenactment.faces import irises_of, open_mouth, points_68

COUNT, SIDE = 12, 32


def talking(offset: float = 0.0, *, gaze: float = 0.0, wobble: float = 0.0) -> list[FaceShape]:
    """Shapes of a mouth that opens and closes; moved to the right, looking to the side, or trembling up and down."""
    shapes = []
    for index in range(COUNT):
        points = open_mouth(points_68(), 6 + 6 * np.sin(index)) + [offset, wobble * (-1) ** index]
        shapes.append(FaceShape(points=points, irises=irises_of(points, to_the_right=gaze)))
    return shapes


@dataclasses.dataclass
class NumberedDetector:
    """Finds the shape of the list whose number a crop shows."""

    lists: list[list[FaceShape | None]]
    name: str = "numbered"
    calls: int = 0

    def detect(self, crops):
        self.calls += len(crops)
        return [self.lists[crop.image[0, 0, 0]][crop.image[0, 0, 1]] for crop in crops]


class ColorEmbedder:
    """Embedding of a crop: its blue as one number."""

    name, same_person = "color", 1.0

    def embed(self, crops):
        return np.array([[float(crop.image[0, 0, 2])] for crop in crops])


def crops_of(number: int, blue: int = 0) -> np.ndarray:
    crops = np.zeros((COUNT, SIDE, SIDE, 3), np.uint8)
    crops[..., 0], crops[..., 1], crops[..., 2] = number, np.arange(COUNT)[:, None, None], blue
    return crops


def meter_of(*lists, people=None, embedder=None) -> ReenactmentMeter:
    return ReenactmentMeter(
        detector=NumberedDetector(list(lists)), embedder=embedder, perceptual=None, people=people or {}
    )


def eye_distance() -> float:
    points = points_68()
    return float(np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0)))


def test_the_true_frames_have_no_errors():
    scores = meter_of(talking()).measure(crops_of(0), crops_of(0), "anybody")
    assert scores.landmark_error == scores.gaze_error == scores.pose_error == scores.lost == 0
    assert scores.ssim == pytest.approx(1) and scores.expression_agreement == pytest.approx(1)
    assert scores.jitter == pytest.approx(1)
    assert np.isnan(scores.identity_accuracy) and np.isnan(scores.perceptual)


def test_landmarks_and_irises_are_measured_in_eye_distances():
    scores = meter_of(talking(), talking(3.0), talking(gaze=0.1)).measure(crops_of(1), crops_of(0), "anybody")
    assert scores.landmark_error == pytest.approx(100 * 3 / eye_distance(), rel=0.02)
    assert scores.gaze_error == pytest.approx(0, abs=1e-6), "the eyes moved as well"
    gaze = meter_of(talking(), talking(gaze=0.1)).measure(crops_of(1), crops_of(0), "anybody").gaze_error
    points = points_68()
    width = np.mean([np.linalg.norm(points[eye[3]] - points[eye[0]]) for eye in (range(36, 42), range(42, 48))])
    assert gaze == pytest.approx(100 * 0.1 * width / eye_distance(), rel=0.02)


def test_a_still_face_agrees_with_no_motion_and_a_trembling_one_jitters():
    still = [talking()[0]] * COUNT
    meter = meter_of(talking(), still, talking(wobble=2.0))
    assert meter.measure(crops_of(1), crops_of(0), "anybody").expression_agreement == pytest.approx(0, abs=1e-6)
    assert meter.measure(crops_of(1), crops_of(0), "anybody").jitter == 0
    assert meter.measure(crops_of(2), crops_of(0), "anybody").jitter > 2


def test_jitter_has_no_value_where_the_true_frames_stand_still():
    still = [talking()[0]] * COUNT
    assert np.isnan(meter_of(still, talking()).measure(crops_of(1), crops_of(0), "anybody").jitter)


def test_frames_without_a_face_are_counted_and_left_out():
    lost = talking(3.0)
    lost[2] = lost[3] = lost[4] = None
    scores = meter_of(talking(), lost).measure(crops_of(1), crops_of(0), "anybody")
    assert scores.lost == pytest.approx(3 / COUNT)
    assert scores.landmark_error == pytest.approx(100 * 3 / eye_distance(), rel=0.02)


def test_the_nearest_of_all_people_counts():
    people = {"dark": np.array([0.0]), "bright": np.array([100.0])}
    meter = meter_of(talking(), people=people, embedder=ColorEmbedder())
    made = crops_of(0, blue=20)
    made[:3, ..., 2] = 90
    scores = meter.measure(made, crops_of(0), "dark")
    assert scores.identity_accuracy == pytest.approx(9 / 12)
    assert scores.identity_distance == pytest.approx((9 * 20 + 3 * 90) / 12)
    alone = meter_of(talking(), people={"dark": people["dark"]}, embedder=ColorEmbedder())
    assert np.isnan(alone.measure(made, crops_of(0), "dark").identity_accuracy), "one person is always the nearest"


def test_shapes_of_the_true_frames_are_detected_once():
    meter = meter_of(talking(), talking(3.0))
    expected = meter.detect(crops_of(0))
    scores = meter.measure(crops_of(1), crops_of(0), "anybody", expected=expected)
    assert meter.detector.calls == 2 * COUNT
    assert scores.landmark_error == meter.measure(crops_of(1), crops_of(0), "anybody").landmark_error > 0


def test_series_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="two series of one shape"):
        meter_of(talking()).measure(crops_of(0)[1:], crops_of(0), "anybody")
