"""Motion of a driver: stored without pictures, and transferred to the face of a photo."""

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import invert_affine, map_points
from faceswap_lib.faces.landmarks_68 import LOWER_LIDS, UPPER_LIDS
from faceswap_lib.reenactment.config import RetargetConfig
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.motion import Motion, read_driver, read_motion, write_motion
from faceswap_lib.reenactment.retargeting import place_head, retarget
from tests.reenactment.faces import irises_of, open_mouth, points_68
from tests.reenactment.test_shapes import CountingDetector


def matrix(angle: float = 0.0, scale: float = 1.0, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """A crop matrix of a head that is turned, large, and somewhere."""
    turn = np.deg2rad(angle)
    return scale * np.array([[np.cos(turn), -np.sin(turn), x], [np.sin(turn), np.cos(turn), y]])


def make_face() -> FaceShape:
    """The average face with its mouth a little open."""
    points = open_mouth(points_68(), 6)
    return FaceShape(points=points, irises=irises_of(points))


def make_motion(changes=(0.0, 5.0, None, -4.0)) -> Motion:
    """A driver whose landmarks all move down by so many pixels; None where no face is seen."""
    base = make_face()
    shapes = [
        None
        if change is None
        else FaceShape(points=base.points + [0, change], irises=base.irises + [0, change, 0], yaw=change)
        for change in changes
    ]
    matrices = np.stack([np.full((2, 3), np.nan) if change is None else matrix(x=change) for change in changes])
    return Motion(fps=25.0, shapes=tuple(shapes), crop_from_frame=matrices)


def test_a_stored_motion_comes_back(tmp_path):
    motion, path = make_motion(), tmp_path / "motion.npz"
    write_motion(path, motion)
    again = read_motion(path)
    assert again.fps == 25 and len(again) == 4 and again.found == 3
    assert np.isnan(again.crop_from_frame[2]).all()
    for one, other in zip(motion.shapes, again.shapes, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert other.points == pytest.approx(one.points, abs=1e-4)
            assert other.irises == pytest.approx(one.irises, abs=1e-4)
            assert other.yaw == pytest.approx(one.yaw)
    with np.load(path) as stored:
        assert {array.dtype.kind for array in stored.values()} <= set("if"), "numbers only, no picture and no name"


def damaged(path, **changes) -> None:
    write_motion(path, make_motion())
    with np.load(path) as stored:
        arrays = dict(stored) | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": np.int64(9)}, "its format is 9"),
        ({"fps": np.float64(0)}, "fps"),
        ({"fps": np.float64(np.nan)}, "fps"),
        ({"yaws": None}, "yaws"),
        ({"yaws": np.zeros(3)}, "yaws: expected numbers of shape"),
        ({"points": np.zeros((4, 60, 2))}, "points: expected numbers of shape"),
        ({"points": np.full((4, 68, 2), 1e9)}, "points: expected numbers from"),
        ({"points": np.full((4, 68, 2), np.nan, np.float32)}, "no face in any of 4 frames"),
        ({"crop_from_frame": np.zeros((4, 2, 3))}, "inverse"),
        ({"points": np.array([["x"] * 2] * 68)}, "points"),
    ],
)
def test_damaged_motions_are_refused(tmp_path, changes, message):
    path = tmp_path / "motion.npz"
    damaged(path, **changes)
    with pytest.raises(InputError, match=message):
        read_motion(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04cos\nsystem\n"])
def test_other_files_are_no_motions(tmp_path, content):
    path = tmp_path / "motion.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"motion\.npz"):
        read_motion(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_motion(tmp_path / "missing.npz")
    with pytest.raises(InputError, match=r"ends in \.npz"):
        write_motion(tmp_path / "motion.pkl", make_motion())


def test_a_motion_with_objects_runs_no_code(tmp_path):
    path = tmp_path / "motion.npz"
    damaged(path, yaws=np.array([print, print, print, print], object))
    with pytest.raises(InputError, match="motion"):
        read_motion(path)


def test_relative_motion_adds_the_change_to_the_photo():
    photo = FaceShape(points=make_face().points * 0.9 + 10, irises=make_face().irises, yaw=3.0)
    moved = retarget(make_motion(), photo, matrix(), RetargetConfig(reference=0))
    assert moved.held == 1 and moved.reference == 0
    for shape, change in zip(moved.shapes, (0, 5, 5, -4), strict=True):
        assert shape.points == pytest.approx(photo.points + [0, change])
        assert shape.irises == pytest.approx(photo.irises + [0, change, 0])
        assert shape.yaw == pytest.approx(3 + change)


def test_absolute_motion_is_the_drivers():
    photo = FaceShape(points=make_face().points * 0.9 + 10)
    moved = retarget(make_motion(), photo, matrix(), RetargetConfig(motion="absolute"))
    assert moved.shapes[1].points == pytest.approx(make_face().points + [0, 5])


def test_the_nearest_shape_corresponds_to_the_photo():
    photo = FaceShape(points=make_face().points + [0, 4.6])
    assert retarget(make_motion(), photo, matrix()).reference == 1
    with pytest.raises(InputError, match="frame 2 of the driver shows no face"):
        retarget(make_motion(), photo, matrix(), RetargetConfig(reference=2))


@pytest.mark.parametrize("ratio", [0.0, 0.5, 2.0])
def test_the_ratio_scales_the_opening_of_the_eyes_only(ratio):
    photo = make_face()
    plain, scaled = (
        retarget(make_motion(), photo, matrix(), RetargetConfig(reference=0, eyes_ratio=each)).shapes[1].points
        for each in (1.0, ratio)
    )
    before, after = (points[list(LOWER_LIDS)] - points[list(UPPER_LIDS)] for points in (plain, scaled))
    assert after == pytest.approx(ratio * before)
    others = [index for index in range(68) if index not in (*UPPER_LIDS, *LOWER_LIDS)]
    assert scaled[others] == pytest.approx(plain[others])


def test_landmarks_that_no_face_can_have_repeat_the_frame_before_them():
    motion = make_motion((2.0, 4.0, 300.0, None, 8.0))
    moved = retarget(motion, make_face(), matrix(), RetargetConfig(reference=0))
    assert [shape.yaw for shape in moved.shapes] == [0, 2, 2, 2, 6] and moved.held == 2
    assert moved.crop_from_output[2] == pytest.approx(moved.crop_from_output[1])
    first = retarget(make_motion((300.0, 4.0)), make_face(), matrix(), RetargetConfig(reference=1))
    assert first.shapes[0].points == pytest.approx(first.shapes[1].points) and first.held == 1
    with pytest.raises(InputError, match="no frame of the driver gives the photo a possible face"):
        retarget(make_motion((300.0,)), make_face(), matrix(), RetargetConfig(motion="absolute"))


def test_the_head_moves_like_the_drivers_in_its_own_size():
    """The driver's head is twice as large as the photo's: 20 pixels of it are 10 of the photo."""
    photo, start = matrix(scale=2.0, x=-30), matrix(scale=1.0)
    moved = matrix(scale=1.0, x=-20, y=-8)  # 20 to the right, 8 down
    output = place_head(photo, start, moved)
    eye = np.array([[80.0, 90.0]])
    before, after = (map_points(invert_affine(each), eye) for each in (photo, output))
    assert after - before == pytest.approx(np.array([[10.0, 4.0]]))
    half = map_points(invert_affine(place_head(photo, start, moved, 0.5)), eye)
    assert half - before == pytest.approx(np.array([[5.0, 2.0]]))
    assert place_head(photo, start, moved, 0.0) == pytest.approx(photo)


def test_a_tilt_of_the_driver_tilts_the_photo_by_the_same_angle():
    photo, start = matrix(angle=7, scale=1.3, x=5), matrix(scale=0.8)
    output = place_head(photo, start, matrix(angle=-12, scale=0.8))
    eyes = np.array([[90.0, 100.0], [160.0, 100.0]])
    angles = []
    for each in (photo, output):
        left, right = map_points(invert_affine(each), eyes)
        angles.append(np.degrees(np.arctan2(*(right - left)[::-1])))
    assert angles[1] - angles[0] == pytest.approx(12)


def test_a_driver_is_read_frame_by_frame(portrait_clips, detector):
    motion = read_driver(portrait_clips[0], detector, CountingDetector())
    assert len(motion) == 38 and motion.fps == pytest.approx(25)
    assert motion.found == 37 and motion.shapes[1] is None and np.isnan(motion.crop_from_frame[1]).all()
    left, right = map_points(invert_affine(motion.crop_from_frame[0]), np.array([[93.0, 108], [163, 108]]))
    assert 10 < np.linalg.norm(right - left) < 120


def test_a_driver_without_a_face_is_refused(tmp_path, detector):
    import fractions

    from faceswap_lib.media import VideoWriter

    path = tmp_path / "empty.mp4"
    with VideoWriter(path, width=96, height=96, fps=fractions.Fraction(10)) as writer:
        for _ in range(5):
            writer.write(np.full((96, 96, 3), 90, np.uint8))
    with pytest.raises(InputError, match="no face is found in any of 5 frames"):
        read_driver(path, detector, CountingDetector())
