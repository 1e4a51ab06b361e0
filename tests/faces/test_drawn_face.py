"""Faces that a person draws: from five points, from a box, and what is refused."""

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import MTCNN
from faceswap_lib.faces.drawn_face import BOX, face_from_box, face_from_landmarks, propose_face
from tests.conftest import HOPPER
from tests.fakes import FakeRefiner, make_face, numbered_frame

FRAME = np.zeros((200, 300, 3), np.uint8)


def test_the_box_of_drawn_points_is_that_of_an_average_face():
    face = face_from_landmarks(make_face(150, 80, 40).landmarks, frame=FRAME)
    np.testing.assert_allclose(face.box_xyxy, [150 - 42, 80 - 47.2, 150 + 42, 80 + 72], atol=1e-6)
    assert face.score == 1


def test_the_box_of_a_tilted_face_has_the_same_size_around_the_turned_center():
    upright = face_from_landmarks(make_face(150, 80, 40).landmarks, frame=FRAME).box_xyxy
    tilted = face_from_landmarks(make_face(150, 80, 40, angle=90).landmarks, frame=FRAME).box_xyxy
    np.testing.assert_allclose(tilted[2:] - tilted[:2], upright[2:] - upright[:2], atol=1e-6)
    down = (upright[1] + upright[3]) / 2 - 80
    np.testing.assert_allclose((tilted[:2] + tilted[2:]) / 2, [150 - down, 80], atol=1e-6)  # below is now to the left


def test_an_average_face_fills_its_box():
    face = face_from_box([250, 180, 100, 20], frame=FRAME)  # the corners in any order
    assert face.box_xyxy.tolist() == [100, 20, 250, 180]
    unit = np.mean([150 / (BOX[2] - BOX[0]), 160 / (BOX[3] - BOX[1])])
    left, right = face.landmarks[:2]
    np.testing.assert_allclose(right - left, [unit, 0], atol=1e-6)
    np.testing.assert_allclose((left + right) / 2, [175, 100 - unit * (BOX[1] + BOX[3]) / 2], atol=1e-6)


def test_the_detector_finds_the_points_in_a_drawn_box(clip_frames: list[np.ndarray], detector: MTCNN):
    frame = clip_frames[0]
    [found, *_] = detector.detect(frame)
    box = found.box_xyxy + [-9, 7, 6, 12]  # drawn by hand, not exactly
    proposed = propose_face(box, frame=frame, refiner=detector)
    assert proposed.is_detected
    eyes = np.linalg.norm(found.landmarks[1] - found.landmarks[0])
    errors = np.linalg.norm(proposed.face.landmarks - found.landmarks, axis=1) / eyes
    assert errors.max() < 0.1
    guess = propose_face(found.box_xyxy, frame=frame, refiner=None).face.landmarks
    assert np.linalg.norm(guess - found.landmarks, axis=1).mean() / eyes < 0.25


def test_without_an_answer_of_the_detector_the_average_face_stays():
    refiner = FakeRefiner([()])
    proposed = propose_face([100, 20, 180, 120], frame=numbered_frame(0, FRAME), refiner=refiner)
    assert not proposed.is_detected and refiner.read
    np.testing.assert_array_equal(proposed.face.landmarks, face_from_box([100, 20, 180, 120], frame=FRAME).landmarks)


def test_faces_that_cannot_be_are_refused():
    points = np.array(HOPPER.landmarks)
    for wrong, message in (
        (points[:4], r"shape \(4, 2\)"),
        (np.full((5, 2), np.nan), "finite"),
        ([[1, 2], [3]], "five pairs"),
        (points + 1000, "inside the frame of 300 x 200"),
        (points * 0 + 50, "apart"),
        (points[[1, 0, 2, 4, 3]], "mirrored"),
    ):
        with pytest.raises(InputError, match=message):
            face_from_landmarks(wrong, frame=FRAME)
    for wrong, message in (
        ([1, 2, 3], "left, top, right, bottom"),
        ([0, 0, np.inf, 5], "finite"),
        ([10, 10, 12, 14], "2 x 4; draw it larger"),
        ([10, 10, 10, 100], "0 x 90"),
        ([-300, -300, -200, -180], "inside the frame"),
    ):
        with pytest.raises(InputError, match=message):
            face_from_box(wrong, frame=FRAME)
