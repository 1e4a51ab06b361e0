"""Pose and expression from landmarks, on cases worked by hand: `landmark_metrics.py`, `head_pose.py` and `gaze.py`."""

import itertools
import math

import cv2
import numpy as np
import pytest

from faceswap_lib.evaluation.gaze import CLOSED_EYE
from faceswap_lib.evaluation.head_pose import HEAD_5, HEAD_68, MIRRORED, RIGID, SEEN_FROM
from faceswap_lib.evaluation.landmark_metrics import (
    EXPRESSION,
    Expression,
    HeadPose,
    expression,
    expression_agreement,
    expression_error,
    eye_distance,
    eye_openness,
    gaze_offset,
    head_pose,
    landmark_error,
    mouth_openness,
    pose_error,
)
from faceswap_lib.faces import align_face
from faceswap_lib.faces.alignment import MEAN_FACE, map_points, template_points
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector
from tests.conftest import annotated_face
from tests.faces68 import MEAN_FACE_68, template_points_68

UNIT = 100.0
FACE = MEAN_FACE_68 * UNIT / eye_distance(MEAN_FACE_68) + [250.0, 200.0]
"""An average face whose eyes are 100 pixels apart."""

RAISED = {
    "inner_brow": ((21, 22), (0, -1)),
    "outer_brow": ((17, 26), (0, -1)),
    "brow_gap": ((22,), (1, 0)),
    "left_eye": ((37, 38), (0, -1)),
    "right_eye": ((46, 47), (0, 1)),
    "nose_lip": ((51,), (0, 1)),
    "lip_corners": ((48, 54), (0, -1)),
    "mouth_width": ((54,), (1, 0)),
    "mouth_open": ((65, 66, 67), (0, 1)),
    "jaw_drop": ((8,), (0, 1)),
}
"""Which landmarks, moved in which direction, raise a part of the expression and nothing else."""


def moved(landmarks: np.ndarray, points: tuple[int, ...], by: tuple[float, float]) -> np.ndarray:
    landmarks = landmarks.copy()
    landmarks[list(points)] += by
    return landmarks


def turned(landmarks: np.ndarray, angle: float, scale: float = 1.0) -> np.ndarray:
    """Rolled clockwise to the eye, enlarged, and shifted a little."""
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    return (landmarks - 300) @ np.array([[cos, sin], [-sin, cos]]) + [280, 310]


def project(angles: tuple[float, float, float], *, five: bool, width: int, height: int, place=(0, 0, 6)) -> np.ndarray:
    """The model head, pitched, then turned, then rolled, seen by a pinhole of focal length `width`."""
    yaw, pitch, roll = np.radians(angles)
    up = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    right = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    clockwise = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    model = HEAD_5 if five else HEAD_68
    head = model @ (clockwise @ right @ up).T + place
    seen = head[:, :2] / head[:, 2:] * width + [(width - 1) / 2, (height - 1) / 2]
    if five:
        return seen
    landmarks = np.zeros((68, 2))
    landmarks[RIGID] = seen
    return landmarks


@pytest.mark.parametrize("face", [FACE, template_points(256)], ids=["68", "5"])
def test_landmark_error_is_the_mean_shift_in_eye_distances(face):
    shift = eye_distance(face) * np.array([0.03, 0.04])
    assert landmark_error(face, face) == 0
    assert landmark_error(face + shift, face) == pytest.approx(0.05)
    one = face.copy()
    one[-1] += 2 * shift
    assert landmark_error(one, face) == pytest.approx(0.1 / len(face))
    assert landmark_error(3 * (face + shift), 3 * face) == pytest.approx(0.05)


def test_degenerate_landmarks_give_nan():
    nowhere = np.full((68, 2), np.nan)
    point = np.ones((68, 2))
    for landmarks in (nowhere, point):
        assert math.isnan(landmark_error(FACE, landmarks)) and math.isnan(mouth_openness(landmarks))
        assert np.isnan(head_pose(landmarks, 256)).all() and np.isnan(eye_openness(landmarks)).all()
        assert np.isnan(expression(landmarks)).all() and math.isnan(eye_distance(landmarks))
    assert math.isnan(pose_error(head_pose(nowhere, 256), HeadPose(0, 0, 0)))


def test_wrong_landmarks_are_refused():
    five = template_points(256)
    for measure in (eye_openness, mouth_openness, expression):
        with pytest.raises(ValueError, match=r"landmarks: expected shape \(68, 2\), got \(5, 2\)"):
            measure(five)
    with pytest.raises(ValueError, match=r"of one shape, got \(5, 2\) and \(68, 2\)"):
        landmark_error(five, FACE)
    with pytest.raises(ValueError, match=r"expected shape \(5, 2\) or \(68, 2\), got \(12, 2\)"):
        head_pose(np.zeros((12, 2)), 256)
    for size in (0, (640, 480, 3), (640, -1)):
        with pytest.raises(ValueError, match=r"image_size: expected a side or \(width, height\) above 0"):
            head_pose(FACE, size)
    with pytest.raises(ValueError, match=r"expected 10 parts, got \(9,\) and \(10,\)"):
        expression_error(expression(FACE)[:9], expression(FACE))
    with pytest.raises(ValueError, match=r"series of shape \(T, 10\), got \(5, 10\) and \(4, 10\)"):
        expression_agreement(np.zeros((5, 10)), np.zeros((4, 10)))
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8, got \(9, 9\) uint8"):
        gaze_offset(np.zeros((9, 9), np.uint8), FACE)


def test_the_model_head_is_symmetric_and_its_nose_is_in_front():
    head = dict(zip(RIGID, HEAD_68, strict=True))
    for left, right in MIRRORED.items():
        np.testing.assert_array_equal(head[left] * [-1, 1, 1], head[right])
    assert RIGID[HEAD_68[:, 2].argmin()] == 30 and HEAD_5[2, 2] == head[30][2]


def test_the_average_face_looks_into_the_camera():
    """From as far away as the table says; from another distance only the pitch is a little off."""
    for face, tolerance in ((MEAN_FACE_68, 0.5), (MEAN_FACE, 1e-3)):
        pose = head_pose(face * 480 / SEEN_FROM + 239.5, 480)
        np.testing.assert_allclose(pose, 0, atol=tolerance)
        pose = head_pose(face * 480 / 8 + 239.5, 480)
        assert abs(pose.yaw) < tolerance and abs(pose.pitch) < 10 and abs(pose.roll) < tolerance


@pytest.mark.parametrize("five", [False, True], ids=["68", "5"])
def test_poses_of_the_projected_model_come_back(five):
    """Also far from the middle of the frame and near the camera."""
    for angles in itertools.product((-60, -25, 0, 10, 60), (-35, -10, 0, 35), (-120, -20, 0, 45)):
        for place in ((0, 0, 3.5), (1.5, -1, 8)):
            landmarks = project(angles, five=five, width=640, height=480, place=place)
            np.testing.assert_allclose(head_pose(landmarks, (640, 480)), angles, atol=1)


@pytest.mark.parametrize("five", [False, True], ids=["68", "5"])
def test_signs_of_the_angles(five):
    """Seen without any model: a nose right of the eyes' middle is a head turned right, one near the eyes looks up."""
    face = template_points(256) if five else template_points_68(256)
    nose = (2,) if five else (28, 29, 30, 31, 32, 33, 34, 35)
    plain = head_pose(face, 256)
    assert abs(plain.yaw) < 0.1 and abs(plain.roll) < 0.1 and abs(plain.pitch) < 10
    assert head_pose(moved(face, nose, (8, 0)), 256).yaw > plain.yaw + 3
    assert head_pose(moved(face, nose, (-8, 0)), 256).yaw < plain.yaw - 3
    assert head_pose(moved(face, nose, (0, -8)), 256).pitch > plain.pitch + 3
    assert head_pose(moved(face, nose, (0, 8)), 256).pitch < plain.pitch - 3
    assert head_pose(turned(face + 170, 20), 600).roll == pytest.approx(20, abs=1)


def test_poses_shrug_off_noise_and_the_mouth():
    rng = np.random.default_rng(1)
    for angles in ((0, 0, 0), (20, -10, 5)):
        landmarks = project(angles, five=False, width=480, height=480)
        noisy = landmarks + rng.normal(0, 0.01 * eye_distance(landmarks), (68, 2))
        assert pose_error(head_pose(noisy, 480), HeadPose(*angles)) < 1.5
        assert head_pose(moved(landmarks, tuple(range(48, 68)), (0, 30)), 480) == head_pose(landmarks, 480)


def test_pose_error_is_the_mean_over_the_angles_the_short_way_round():
    assert pose_error(HeadPose(10, -5, 3), HeadPose(10, -5, 3)) == 0
    assert pose_error(HeadPose(13, -5, 3), HeadPose(10, 1, 3)) == pytest.approx(3)
    assert pose_error(HeadPose(0, 0, 179), HeadPose(0, 0, -178)) == pytest.approx(1)


def test_openness_of_eyes_and_mouth():
    """Eyes 30 wide, lids 12 and 6 apart: (12 + 6) / 60; a mouth 80 wide, inner lips 8, 16 and 24 apart: 48 / 240."""
    face = FACE.copy()
    face[36:42] = [[0, 0], [10, -6], [20, -3], [30, 0], [20, 3], [10, 6]]
    np.testing.assert_allclose(eye_openness(face)[0], 0.3)
    face[[48, 54]] = [[0, 100], [80, 100]]
    face[[61, 62, 63]] = [[20, 96], [40, 92], [60, 88]]
    face[[67, 66, 65]] = [[20, 104], [40, 108], [60, 112]]
    assert mouth_openness(face) == pytest.approx(0.2)
    assert mouth_openness(turned(face, 50, 0.3)) == pytest.approx(0.2)
    np.testing.assert_allclose(eye_openness(turned(face, 50, 0.3)), eye_openness(face))
    face[[37, 38, 40, 41], 1] = 0
    assert eye_openness(face)[0] == 0 and eye_openness(face)[1] > 0.1


def test_the_average_face_has_the_expression_its_table_says():
    expected = dict(inner_brow=0.35, outer_brow=0.22, brow_gap=0.44, left_eye=0.135, right_eye=0.135)
    expected |= dict(nose_lip=0.22, lip_corners=-0.30, mouth_width=0.86, mouth_open=1.4 / 15 - 0.01, jaw_drop=1.0)
    measured = expression(FACE)._asdict()
    assert list(measured) == list(EXPRESSION)
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, abs=0.012), name


@pytest.mark.parametrize("name", EXPRESSION)
def test_each_part_of_the_expression_sees_its_own_motion_only(name):
    """A tenth of an eye distance; the poses and the other parts stay as they are."""
    points, (x, y) = RAISED[name]
    raised = moved(FACE, points, (0.1 * UNIT * x, 0.1 * UNIT * y))
    change = np.subtract(expression(raised), expression(FACE))
    np.testing.assert_allclose(change, 0.1 * np.equal(EXPRESSION, name), atol=1e-9)
    assert expression_error(expression(raised), expression(FACE)) == pytest.approx(0.01)
    assert head_pose(raised, 600) == head_pose(FACE, 600)


def test_the_expression_is_free_of_place_size_and_roll():
    for angle, scale in ((0, 3), (35, 1), (-170, 0.4)):
        np.testing.assert_allclose(expression(turned(FACE, angle, scale)), expression(FACE), atol=1e-9)


def waves(count: int = 60, size: float = 0.1) -> np.ndarray:
    """(T, 10) expressions of which every part moves in its own time."""
    time = np.arange(count)[:, None] / count * 2 * np.pi
    return 0.5 + size * np.sin(time * np.arange(1, 11))


def test_agreement_of_the_same_motion_whatever_its_size_and_start():
    wave = waves()
    for same in (wave, wave + 0.3, 0.5 * wave - 1, wave * np.linspace(0.5, 2, 10)):
        assert expression_agreement(same, wave) == pytest.approx(1)
    assert expression_agreement(-wave, wave) == pytest.approx(-1)


def test_agreement_of_a_still_and_of_a_trembling_face():
    wave = waves()
    still = np.full_like(wave, 0.5)
    assert expression_agreement(still, wave) == 0
    noise = np.random.default_rng(0).normal(0, 0.005, wave.shape)
    assert abs(expression_agreement(still + noise, wave)) < 0.1
    assert 0.9 < expression_agreement(wave + noise, wave) < 1
    assert expression_agreement(0.001 * wave, wave) < 0.02, "less than the noise of landmarks is no motion"


def test_agreement_counts_parts_by_how_much_the_original_moves():
    """One part moves three times as much as another and is kept; the other is reversed: (3 - 1) / 4."""
    original = np.full((60, 10), 0.5)
    original[:, 2], original[:, 7] = waves(size=0.09)[:, 2], waves(size=0.03)[:, 7]
    swapped = original.copy()
    swapped[:, 7] *= -1
    assert expression_agreement(swapped, original) == pytest.approx(0.5)
    swapped[:, [0, 4]] = waves()[:, [0, 4]]
    assert expression_agreement(swapped, original) == pytest.approx(0.5), "what is still in the original is left out"


def test_agreement_leaves_out_frames_without_a_face():
    wave = waves()
    swapped, original = wave.copy(), wave.copy()
    swapped[3], original[50, 1] = np.nan, np.nan
    assert expression_agreement(swapped, original) == pytest.approx(1)
    assert math.isnan(expression_agreement(wave[:2], wave[:2]))
    assert math.isnan(expression_agreement(wave, np.full_like(wave, 0.5)))
    assert math.isnan(expression_agreement(np.full_like(wave, np.nan), wave))


def talking(mouth: float) -> np.ndarray:
    """(T, 68, 2) a nodding, blinking face that opens its mouth and drops its jaw."""
    series = []
    for t in np.arange(50):
        face = moved(FACE, (65, 66, 67), (0, mouth * 12 * math.sin(t / 3) ** 2))
        face = moved(face, (8,), (0, mouth * 15 * math.sin(t / 3) ** 2))
        face = moved(face, (37, 38, 43, 44), (0, 6 * math.sin(t / 5) ** 2))
        series.append(turned(face, 5 * math.sin(t / 8)))
    return np.array(series)


def test_removed_mouth_motion_worsens_expression_but_not_eyes_and_pose():
    original = talking(1)
    agreements, errors = [], []
    for mouth in (1, 0.5, 0):
        swapped = talking(mouth)
        pairs = list(zip(map(expression, swapped), map(expression, original), strict=True))
        agreements.append(expression_agreement(*zip(*pairs, strict=True)))
        errors.append(np.mean([expression_error(a, b) for a, b in pairs]))
        np.testing.assert_allclose(
            [eye_openness(face) for face in swapped], [eye_openness(face) for face in original], atol=1e-9
        )
        assert (
            max(pose_error(head_pose(a, 600), head_pose(b, 600)) for a, b in zip(swapped, original, strict=True)) < 1e-6
        )
    assert agreements[0] == pytest.approx(1) and agreements[1] == pytest.approx(1) and agreements[2] < 0.5
    assert errors[0] == 0 < errors[1] < errors[2]


def test_a_larger_shift_worsens_the_landmark_error_but_not_the_expression():
    errors = [landmark_error(FACE + shift, FACE) for shift in (1, 3, 9)]
    np.testing.assert_allclose(errors, np.array([1, 3, 9]) * math.sqrt(2) / UNIT)
    for shift in (1, 3, 9):
        assert expression_error(expression(FACE + shift), expression(FACE)) == pytest.approx(0)


def draw_eyes(offsets: list[tuple[float, float]], landmarks: np.ndarray, radius: float = 0.42) -> np.ndarray:
    """A crop with white eyes in gray skin, irises lying at these offsets in half eye widths."""
    crop = np.full((256, 256, 3), 150, np.uint8)
    for eye, offset in zip((landmarks[36:42], landmarks[42:48]), offsets, strict=True):
        along = (eye[3] - eye[0]) / 2
        center = eye[[0, 3]].mean(0) + offset[0] * along + offset[1] * np.array([-along[1], along[0]])
        white, iris = (np.zeros((1024, 1024), np.uint8) for _ in range(2))
        cv2.fillConvexPoly(white, np.round(4 * eye + 1.5).astype(np.int32), 1)
        cv2.circle(iris, np.round(4 * center + 1.5).astype(int).tolist(), round(4 * radius * np.hypot(*along)), 1, -1)
        for area, color in ((white, 235), (white & iris, 40)):
            share = cv2.resize(area.astype(np.float32), (256, 256), interpolation=cv2.INTER_AREA)[..., None]
            crop = np.round(crop * (1 - share) + color * share).astype(np.uint8)
    return crop


def wide_eyes() -> np.ndarray:
    landmarks = template_points_68(256)
    for first in (36, 42):
        landmarks[first + 1 : first + 3, 1] -= 2.5
        landmarks[first + 4 : first + 6, 1] += 2.5
    return landmarks


@pytest.mark.parametrize("angle", [0, 25])
def test_gaze_follows_the_iris(angle):
    landmarks = turned(wide_eyes() + 150, angle) - 150
    for x in (-0.4, -0.2, 0, 0.2, 0.4):
        gaze = gaze_offset(draw_eyes([(x, 0), (-x, 0)], landmarks), landmarks)
        np.testing.assert_allclose(gaze[:, 0], [x, -x], atol=0.07)
    up, down = (gaze_offset(draw_eyes([(0, y), (0, y)], landmarks), landmarks)[:, 1] for y in (-0.25, 0.25))
    assert (down > up + 0.1).all() and np.abs(up + down).max() < 0.15


def test_gaze_of_closed_and_of_blank_eyes_is_unknown():
    landmarks = wide_eyes()
    shut = landmarks.copy()
    shut[[37, 38, 41, 40], 1] = shut[[36, 39, 36, 39], 1] + [-1, -1, 1, 1]
    assert eye_openness(shut)[0] < CLOSED_EYE < eye_openness(shut)[1]
    gaze = gaze_offset(draw_eyes([(0.2, 0), (0.2, 0)], landmarks), shut)
    assert np.isnan(gaze[0]).all() and gaze[1, 0] == pytest.approx(0.2, abs=0.07)
    assert np.isnan(gaze_offset(np.full((256, 256, 3), 90, np.uint8), landmarks)).all()


def portrait_landmarks(portrait, crop_from_frame: np.ndarray) -> np.ndarray:
    """Average landmarks, with the eyes where the portrait's annotation has them; in its crop."""
    landmarks = template_points_68(256)
    for first, eye in zip((36, 42), portrait.eyes, strict=True):
        upper, lower = eye.upper_lid, eye.lower_lid
        outline = np.array([upper[0], upper[2], upper[4], upper[6], lower[4], lower[2]])
        landmarks[first : first + 6] = map_points(crop_from_frame, outline.astype(float))
    return landmarks


def test_gaze_of_the_portraits_is_where_their_irises_were_marked(portraits):
    for portrait in portraits:
        crop = align_face(portrait.image, annotated_face(portrait))
        landmarks = portrait_landmarks(portrait, crop.crop_from_frame)
        assert (eye_openness(landmarks) > CLOSED_EYE).all()
        for eye, corners, gaze in zip(
            portrait.eyes, (landmarks[[36, 39]], landmarks[[42, 45]]), gaze_offset(crop.image, landmarks), strict=True
        ):
            (iris,) = map_points(crop.crop_from_frame, eye.iris_center[None].astype(float))
            along = (corners[1] - corners[0]) / 2
            marked = (iris - corners.mean(0)) @ np.array([along, [-along[1], along[0]]]).T / (along @ along)
            np.testing.assert_allclose(gaze, marked, atol=0.12)


def test_portraits_look_about_straight_ahead(portraits):
    """By five points; Collins's smile lifts the corners of her mouth, which passes for looking down."""
    for portrait in portraits:
        pose = head_pose(annotated_face(portrait).landmarks, 320)
        assert abs(pose.yaw) < 15 and abs(pose.pitch) < 25 and abs(pose.roll) < 6


@pytest.mark.skipif(DlibLandmarkDetector.unavailable_reason() is not None, reason="dlib is not installed")
def test_real_landmarks_of_the_portraits(portraits):
    """Hopper's lips are closed, Collins smiles with her teeth showing; both have their eyes open."""
    finder = DlibLandmarkDetector()
    crops = [align_face(portrait.image, annotated_face(portrait)) for portrait in portraits]
    hopper, collins = finder.detect(crops)
    assert mouth_openness(hopper) < 0.06 < mouth_openness(collins)
    assert expression(collins).mouth_width > expression(hopper).mouth_width
    for landmarks, crop in zip((hopper, collins), crops, strict=True):
        assert (eye_openness(landmarks) > CLOSED_EYE).all()
        assert np.isfinite(expression(landmarks)).all() and isinstance(expression(landmarks), Expression)
        assert np.abs(gaze_offset(crop.image, landmarks)).max() < 0.4
        assert abs(head_pose(landmarks, 256).yaw) < 20
