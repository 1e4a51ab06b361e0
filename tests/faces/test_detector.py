"""MTCNN on pictures whose faces are known."""

import itertools
import os
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest

from faceswap_lib.faces import MTCNN, DetectConfig, Face
from faceswap_lib.faces.boxes import box_iou
from faceswap_lib.faces.mtcnn_trace import P_NET_STRIDE, P_NET_WINDOW
from faceswap_lib.media import read_frames
from tests.conftest import ROOT, annotated_face


@pytest.fixture(scope="module")
def wide_frame(portraits) -> np.ndarray:
    """Collins off center in a 480 x 360 picture."""
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
        # Hopper's annotated tip lies on the ridge, 0.19 eye distances above where her nose ends in the picture.
        assert distances[2] < 0.2 * portrait.eye_distance, portrait.name
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
    assert MTCNN(DetectConfig(min_face_size=0.15)).detect([frame]) == [()]
    (faces,) = MTCNN(DetectConfig(min_face_size=0.04)).detect([frame])
    assert len(faces) == 1
    truth = (annotated_face(portraits[1]).landmarks + 0.5) / 4 - 0.5 + [500, 300]
    assert np.abs(faces[0].landmarks - truth).max() < 3


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's own message")
def test_pictures_of_many_sizes_are_searched_without_compiling_for_each(portraits, caplog):
    """TensorFlow writes a paragraph about retracing to the terminal then."""
    detector = MTCNN()
    for side in range(200, 290, 6):
        assert len(detector.detect([cv2.resize(portraits[0].image, (side, side + 8))])[0]) == 1
    assert "retracing" not in caplog.text


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
    (easy,) = MTCNN(DetectConfig(threshold=0.5)).detect([blurred])
    (strict,) = MTCNN(DetectConfig(threshold=1.0)).detect([blurred])
    assert len(easy) == 1 and strict == ()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_face_is_found_on_request_with_its_points_where_they_are(portraits, turns):
    """The eye that is left in the upright face is still the first point, wherever it lies in the turned picture."""
    portrait = portraits[1]
    frame = np.ascontiguousarray(np.rot90(portrait.image, turns))
    side = len(portrait.image)
    truth = annotated_face(portrait).landmarks
    for _ in range(turns):  # a quarter turn counter-clockwise takes x, y to y, side - 1 - x
        truth = np.stack([truth[:, 1], side - 1 - truth[:, 0]], axis=1)
    (face,) = MTCNN(DetectConfig(detect_rotated=True)).detect([frame])[0]
    distances = np.linalg.norm(face.landmarks - truth, axis=1)
    assert distances.max() < 0.09 * portrait.eye_distance
    left, top, right, bottom = face.box_xyxy
    assert np.all(truth > [left, top]) and np.all(truth < [right, bottom])
    upright = MTCNN().detect([frame])[0]
    assert all(np.abs(found.landmarks - truth).max() > 0.2 * portrait.eye_distance for found in upright)


@pytest.mark.parametrize("angle", [-135, -75, -60, -50, -45, -40, -30, 30, 40, 45, 50, 60, 75, 135])
def test_a_tilted_head_is_read_as_well_as_an_upright_one(detector, portraits, angle):
    for portrait in portraits:
        (face,) = detector.detect([portrait.image])[0]
        side = len(portrait.image)
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), -angle, 1)
        tilted = cv2.warpAffine(portrait.image, matrix, (side, side), borderValue=(128, 128, 128))
        (found,) = MTCNN(DetectConfig(detect_rotated=True)).detect([tilted])[0]
        truth = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        errors = np.linalg.norm(found.landmarks - truth, axis=1) / portrait.eye_distance
        assert errors.mean() < 0.04 and errors.max() < 0.08, (portrait.name, errors.round(3))


@pytest.mark.parametrize("angle", [-35, -25, -15, 15, 25, 35])
def test_a_moderately_tilted_head_is_read_well_without_being_asked_for(detector, portraits, angle):
    for portrait in portraits:
        (face,) = detector.detect([portrait.image])[0]
        side = len(portrait.image)
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), -angle, 1)
        tilted = cv2.warpAffine(portrait.image, matrix, (side, side), borderValue=(128, 128, 128))
        (found,) = detector.detect([tilted])[0]
        truth = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        assert np.linalg.norm(found.landmarks - truth, axis=1).mean() < 0.04 * portrait.eye_distance, portrait.name


def test_an_upright_face_is_not_found_twice_when_turned_ones_are_looked_for(portraits):
    both = np.concatenate([portraits[1].image, np.rot90(portraits[0].image)], axis=1)
    (faces,) = MTCNN(DetectConfig(detect_rotated=True)).detect([both])
    assert sorted(face.box_xyxy[0] > 300 for face in faces) == [False, True]


@pytest.mark.parametrize("turns", range(4))
def test_an_ear_is_no_face_on_its_side(portrait_clips, turns):
    """In this frame Hopper's ear reads as a face that lies another way, half of it inside her own."""
    (frame,) = read_frames(portrait_clips[0], start=27, stop=28)
    (faces,) = MTCNN(DetectConfig(detect_rotated=True)).detect([np.ascontiguousarray(np.rot90(frame, turns))])
    assert len(faces) == 1 and faces[0].size > 95


@pytest.mark.clips
def test_a_wide_open_mouth_is_no_face_on_its_side(real_clips):
    """In five of these frames the same face also reads as a tilted one, with a slightly better score."""
    frames = list(read_frames(real_clips / "d6.mp4", start=384, stop=730, step=24))
    for (face,) in MTCNN(DetectConfig(detect_rotated=True)).detect(frames):
        across = face.landmarks[1] - face.landmarks[0]
        assert abs(np.degrees(np.arctan2(across[1], across[0]))) < 15


def test_faces_of_less_than_the_least_area_are_passed_over(portraits, detector):
    (face,) = detector.detect([portraits[1].image])[0]
    area = int(np.prod(face.box_xyxy[2:] - face.box_xyxy[:2]))
    assert MTCNN(DetectConfig(min_face_area=area + 50)).detect([portraits[1].image]) == [()]
    assert len(MTCNN(DetectConfig(min_face_area=area - 50)).detect([portraits[1].image])[0]) == 1


def test_without_downscaling_faces_smaller_than_min_face_are_found_too(portraits):
    frame = np.full((600, 800, 3), 120, np.uint8)
    frame[300:380, 500:580] = cv2.resize(portraits[1].image, (80, 80), interpolation=cv2.INTER_AREA)
    options = {"min_face_size": 0.3, "min_face_area": 400}
    assert MTCNN(DetectConfig(**options)).detect([frame]) == [()]
    (face,) = MTCNN(DetectConfig(auto_downscaling=False, **options)).detect([frame])[0]
    truth = (annotated_face(portraits[1]).landmarks + 0.5) / 4 - 0.5 + [500, 300]
    assert np.abs(face.landmarks - truth).max() < 3


def test_a_face_is_read_again_from_a_rough_guess(detector, portraits):
    frame = portraits[1].image
    (face,) = detector.detect([frame])[0]
    unit = portraits[1].eye_distance
    for shift in ([0.1, 0.0], [0.0, -0.1], [-0.07, 0.07]):
        moved = np.array(shift) * face.size
        guess = Face(box_xyxy=face.box_xyxy + np.tile(moved, 2), score=0.5, landmarks=face.landmarks + moved)
        ((read,),) = detector.refine([frame], [[guess]])
        assert np.linalg.norm(read.landmarks - face.landmarks, axis=1).max() < 0.08 * unit
        assert np.linalg.norm(guess.landmarks - face.landmarks, axis=1).max() > 0.09 * unit


def test_where_there_is_no_face_none_is_read(detector, portraits):
    (face,) = detector.detect([portraits[1].image])[0]
    empty = np.full_like(portraits[1].image, 120)
    outside = Face(box_xyxy=face.box_xyxy + 400, score=0.9, landmarks=face.landmarks + 400)
    frames = [empty, portraits[1].image, empty, portraits[1].image]
    read = detector.refine(frames, [[face], [], [], [outside, face]])
    assert read[:3] == [(None,), (), ()]
    assert read[3][0] is None and np.abs(read[3][1].landmarks - face.landmarks).max() < 3


def test_a_face_cut_off_by_the_frame_is_still_found(detector, portraits):
    (face,) = detector.detect([portraits[1].image])[0]
    cut = int(face.box_xyxy[0] + 0.12 * face.size)
    (half,) = detector.detect([np.ascontiguousarray(portraits[1].image[:, cut:])])[0]
    assert np.abs(half.landmarks + [cut, 0] - face.landmarks).max() < 0.1 * portraits[1].eye_distance


@pytest.mark.clips
def test_real_clips_show_one_face_each(detector, real_clips):
    for name in ("d6.mp4", "d9.mp4", "d14.mp4"):
        frames = list(read_frames(real_clips / name, start=60, stop=100, step=20))
        for faces in detector.detect(frames):
            assert len(faces) == 1 and faces[0].score > 0.9, name


@pytest.mark.parity
@pytest.mark.parametrize("backend", [name for name in ("jax", "torch") if name != keras.backend.backend()])
def test_faces_are_found_whatever_keras_runs_on(backend, detector, portraits):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    program = (
        "import keras, numpy as np\n"
        "from faceswap_lib.demo.portraits import load_portraits\n"
        "from faceswap_lib.faces import MTCNN\n"
        "for portrait in load_portraits():\n"
        "    stages = MTCNN().detect_with_trace(portrait.image)\n"
        "    print(*stages.faces[0].landmarks.ravel(), *stages.located[0].landmarks.ravel(), *stages.kept.ravel())\n"
        "print(keras.backend.backend())"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    *found, used = result.stdout.splitlines()
    assert used == backend
    for line, portrait in zip(found, portraits, strict=True):
        stages = detector.detect_with_trace(portrait.image)
        (face,), (located,) = stages.faces, stages.located
        wanted = np.concatenate([face.landmarks.ravel(), located.landmarks.ravel(), stages.kept.ravel()])
        assert [float(number) for number in line.split()] == pytest.approx(wanted, abs=0.05)


def test_the_stages_narrow_down_to_what_detect_gives(detector, wide_frame):
    stages = detector.detect_with_trace(wide_frame)
    (face,) = detector.detect([wide_frame])[0]
    assert stages.faces[0].landmarks == pytest.approx(face.landmarks)
    assert len(stages.proposed) > len(stages.kept) >= len(stages.located) >= len(stages.faces) == 1
    assert np.all(np.diff(stages.proposed[:, 4]) <= 0)
    assert box_iou(stages.located[0].box_xyxy, face.box_xyxy) > 0.7
    assert box_iou(stages.kept[0, :4], face.box_xyxy) > 0.5


def test_the_pyramid_and_its_heat_lie_where_they_say(detector, wide_frame):
    stages = detector.detect_with_trace(wide_frame)
    assert len(stages.pyramid) == len(stages.scales) == len(stages.heat) > 3
    for picture, scale, heat in zip(stages.pyramid, stages.scales, stages.heat, strict=True):
        assert np.abs(np.array(picture.shape[:2]) / scale - wide_frame.shape[:2]).max() < 1 / scale + 1e-6
        small = cv2.resize(wide_frame, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - picture).mean() < 4
        assert np.abs((np.array(picture.shape[:2]) - P_NET_WINDOW) / P_NET_STRIDE + 1 - heat.shape).max() <= 1
        assert heat.min() >= 0 and heat.max() <= 1
    (left, top, right, bottom, _) = stages.kept[0]
    surest = int(np.argmax([heat.max() for heat in stages.heat]))
    row, column = np.unravel_index(stages.heat[surest].argmax(), stages.heat[surest].shape)
    center = (P_NET_STRIDE * np.array([column, row]) + P_NET_WINDOW / 2) / stages.scales[surest]
    assert np.all(center > [left, top]) and np.all(center < [right, bottom])


def test_looking_into_a_frame_without_a_face_gives_empty_stages(detector):
    stages = detector.detect_with_trace(np.zeros((120, 160, 3), np.uint8))
    assert stages.proposed.shape == stages.kept.shape == (0, 5)
    assert stages.located == stages.faces == ()
