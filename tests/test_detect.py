"""MTCNN on pictures whose faces are known."""

import itertools

import cv2
import numpy as np
import pytest

from faceswap_lib.faces import DetectConfig, MtcnnDetector
from faceswap_lib.media import read_frames
from tests.conftest import annotated_face


@pytest.fixture(scope="module")
def wide_frame(portraits) -> np.ndarray:
    """Collins off centre in a 480 x 360 picture."""
    frame = np.full((360, 480, 3), 110, np.uint8)
    frame[30:350, 140:460] = portraits[1].image
    return frame


def test_each_portrait_has_one_face_where_its_points_are(detector, portraits):
    for portrait in portraits:
        (faces,) = detector.detect([portrait.image])
        assert len(faces) == 1
        face, truth = faces[0], annotated_face(portrait)
        distances = np.linalg.norm(face.landmarks - truth.landmarks, axis=1)
        assert distances[[0, 1, 3, 4]].max() < 0.09 * portrait.eye_distance, portrait.name
        assert distances[2] < 0.18 * portrait.eye_distance, portrait.name  # nobody agrees where a nose ends
        assert face.score > 0.95
        left, top, right, bottom = face.box_xyxy
        assert np.all(truth.landmarks > [left, top]) and np.all(truth.landmarks < [right, bottom])
        assert 1.2 * portrait.eye_distance < face.size < 3.5 * portrait.eye_distance


def test_a_batch_gives_what_single_frames_give(detector, portrait_clips):
    frames = list(itertools.islice(read_frames(portrait_clips[0]), 0, 30, 6))
    together = detector.detect(frames)
    assert len(together) == len(frames)
    for frame, faces in zip(frames, together, strict=True):
        (alone,) = detector.detect([frame])
        assert len(faces) == len(alone) == 1
        assert faces[0].landmarks == pytest.approx(alone[0].landmarks, abs=0.02)
        assert faces[0].box_xyxy == pytest.approx(alone[0].box_xyxy, abs=0.02)
        assert faces[0].score == pytest.approx(alone[0].score, abs=1e-4)


def test_a_frame_without_a_face_is_an_empty_result_in_its_place(detector, portraits):
    black = np.zeros_like(portraits[0].image)
    hopper, nothing, collins = detector.detect([portraits[0].image, black, portraits[1].image])
    assert nothing == ()
    for faces, portrait in ((hopper, portraits[0]), (collins, portraits[1])):
        assert len(faces) == 1
        assert np.abs(faces[0].landmarks - annotated_face(portrait).landmarks)[:2].max() < 5


@pytest.mark.parametrize("shape", [(320, 320, 3), (90, 160, 3)])
def test_no_face_anywhere_is_no_error(detector, shape):
    assert detector.detect([np.zeros(shape, np.uint8)] * 3) == [(), (), ()]
    noise = np.random.default_rng(1).integers(100, 140, shape).astype(np.uint8)
    assert detector.detect([noise]) == [()]


def test_no_frames_give_no_results(detector):
    assert detector.detect([]) == []


def test_faces_come_best_first(detector, portraits):
    both = np.concatenate([portraits[0].image, cv2.GaussianBlur(portraits[1].image, (0, 0), 3)], axis=1)
    (faces,) = detector.detect([both])
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    assert sorted(face.landmarks[2, 0] > 320 for face in faces) == [False, True]


def test_a_small_face_is_found_only_when_asked_for(portraits):
    frame = np.full((600, 800, 3), 120, np.uint8)
    frame[300:380, 500:580] = cv2.resize(portraits[1].image, (80, 80), interpolation=cv2.INTER_AREA)  # face: 35 wide
    assert MtcnnDetector(DetectConfig(min_face=0.15)).detect([frame]) == [()]
    (faces,) = MtcnnDetector(DetectConfig(min_face=0.04)).detect([frame])
    assert len(faces) == 1
    truth = (annotated_face(portraits[1]).landmarks + 0.5) / 4 - 0.5 + [500, 300]
    assert np.abs(faces[0].landmarks - truth).max() < 3


@pytest.mark.parametrize("scale", [0.75, 1.5, 2.5])
def test_points_scale_with_the_picture(detector, wide_frame, portraits, scale):
    """A larger copy of a frame shows the same face at the same place, in more pixels."""
    (face,) = detector.detect([wide_frame])[0]
    size = (round(480 * scale), round(360 * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    (scaled,) = detector.detect([cv2.resize(wide_frame, size, interpolation=method)])[0]
    eye_distance = portraits[1].eye_distance
    assert np.abs((scaled.landmarks + 0.5) / scale - 0.5 - face.landmarks).max() < 0.03 * eye_distance
    truth = annotated_face(portraits[1]).landmarks + [140, 30]
    assert np.linalg.norm((scaled.landmarks + 0.5) / scale - 0.5 - truth, axis=1).max() < 0.09 * eye_distance


def test_a_higher_threshold_keeps_less(portraits):
    blurred = cv2.GaussianBlur(portraits[1].image, (0, 0), 3)
    (easy,) = MtcnnDetector(DetectConfig(threshold=0.5)).detect([blurred])
    (strict,) = MtcnnDetector(DetectConfig(threshold=1.0)).detect([blurred])
    assert len(easy) == 1 and strict == ()


@pytest.mark.clips
def test_real_clips_show_one_face_each(detector, real_clips):
    for name in ("d6.mp4", "d9.mp4", "d14.mp4"):
        frames = list(read_frames(real_clips / name, start=60, stop=100, step=20))
        for faces in detector.detect(frames):
            assert len(faces) == 1 and faces[0].score > 0.9, name
