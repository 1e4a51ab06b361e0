"""The demo's clips: real enough for a face detector, moving where a talking head moves and still where it does not."""

import dataclasses
import fractions
import itertools

import numpy as np
import pytest

from faceswap_lib.demo.animate import PortraitAnimator, animate_portrait, write_demo_clips
from faceswap_lib.demo.motion import Pose, talking_poses
from faceswap_lib.demo.points import Portrait, resize_portrait
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.media import probe_video, read_frames

FPS = fractions.Fraction(25)
HOPPER, COLLINS = 0, 1


@pytest.fixture(scope="module")
def portraits() -> tuple[Portrait, Portrait]:
    return load_portraits()


@pytest.fixture(scope="module")
def clips(portraits: tuple[Portrait, Portrait]) -> list[np.ndarray]:
    """Four seconds of each portrait, (100, 320, 320, 3)."""
    return [
        np.stack(list(animate_portrait(portrait, frame_count=100, fps=FPS, seed=seed)))
        for seed, portrait in enumerate(portraits)
    ]


def around(points: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The rows and columns of the box around some points."""
    low, high = np.floor(points.min(axis=0)).astype(int) - margin, np.ceil(points.max(axis=0)).astype(int) + margin
    return slice(low[1], high[1] + 1), slice(low[0], high[0] + 1)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_portraits_are_square_rgb_with_points_inside(portraits):
    assert [portrait.name for portrait in portraits] == ["hopper", "collins"]
    for portrait in portraits:
        assert portrait.image.shape == (320, 320, 3) and portrait.image.dtype == np.uint8
        assert 55 <= portrait.eye_distance <= 75
        points = np.concatenate([portrait.mouth.outer_upper, portrait.jaw, *portrait.brows, portrait.head_outline])
        assert points.min() >= 0 and points.max() < 320


def test_colors_are_red_first(portraits):
    skin = portraits[COLLINS].image[around(portraits[COLLINS].nose_tip[None], 8)].mean(axis=(0, 1))
    assert skin[0] > skin[1] > skin[2]


def test_eyes_are_where_the_points_say(portraits):
    for portrait in portraits:
        for eye in portrait.eyes:
            pupil = portrait.image[around(eye.iris_center[None], 3)].mean()
            cheek = portrait.image[around(eye.iris_center[None] + [0, 22], 3)].mean()
            assert pupil < 0.6 * cheek


def test_frames_have_the_size_asked_for(portraits):
    frames = list(animate_portrait(portraits[HOPPER], frame_count=3, fps=FPS, seed=1, size=200))
    assert len(frames) == 3
    assert all(frame.shape == (200, 200, 3) and frame.dtype == np.uint8 for frame in frames)


def test_resizing_keeps_points_on_their_pixels(portraits):
    small = resize_portrait(portraits[COLLINS], 160)
    assert small.eye_distance == pytest.approx(portraits[COLLINS].eye_distance / 2)
    assert small.mouth.travel == pytest.approx(portraits[COLLINS].mouth.travel / 2)
    pupil = small.image[around(small.eyes[0].iris_center[None], 1)].mean()
    assert pupil < 0.6 * small.image[around(small.eyes[0].iris_center[None] + [0, 11], 1)].mean()


@pytest.mark.parametrize("wrong", [{"size": 10}, {"frame_count": -1}, {"fps": fractions.Fraction(0)}])
def test_numbers_out_of_range_are_refused_at_once(portraits, wrong):
    arguments = {"frame_count": 2, "fps": FPS, "seed": 0} | wrong
    with pytest.raises(ValueError, match="got"):
        animate_portrait(portraits[HOPPER], **arguments)


def test_same_seed_gives_same_bytes_and_another_seed_another_clip(portraits):
    first, again, other = (
        list(animate_portrait(portraits[COLLINS], frame_count=8, fps=FPS, seed=seed, size=128)) for seed in (5, 5, 6)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert difference(first[-1], other[-1]) > 1


def test_frames_change_smoothly_and_never_repeat(clips):
    for clip in clips:
        steps = [difference(a, b) for a, b in itertools.pairwise(clip)]
        assert max(steps) < 9
        assert min(steps) > 0.5


def test_head_moves_and_the_backdrop_does_not(clips, portraits):
    for clip, portrait in zip(clips, portraits, strict=True):
        gray = clip.mean(axis=-1)
        still = (gray / gray.mean(axis=(1, 2), keepdims=True))[:, :30, -40:].std(axis=0).mean()
        moving = (gray / gray.mean(axis=(1, 2), keepdims=True))[:, 80:240, 100:220].std(axis=0).mean()
        assert moving > 4 * still, portrait.name


def test_mouth_and_eyes_move_by_themselves(portraits):
    for portrait in portraits:
        animator = PortraitAnimator(portrait)
        rest = animator.render_face(Pose())
        outer = np.concatenate([portrait.mouth.outer_upper, portrait.mouth.outer_lower])
        mouth = around(outer, 4)
        assert difference(animator.render_face(Pose(mouth=1.0))[mouth], rest[mouth]) > 15
        assert difference(animator.render_face(Pose(smile=1.0))[mouth], rest[mouth]) > 2
        for eye in portrait.eyes:
            area = around(np.concatenate([eye.upper_lid, eye.lower_lid]), 0)
            assert difference(animator.render_face(Pose(lids=1.0))[area], rest[area]) > 15
            assert difference(animator.render_face(Pose(gaze_x=1.0))[area], rest[area]) > 4


def test_a_clip_moves_the_face_beyond_what_the_head_does(portraits):
    for seed, portrait in enumerate(portraits):
        animator = PortraitAnimator(portrait)
        mouth = around(np.concatenate([portrait.mouth.outer_upper, portrait.mouth.outer_lower]), 6)
        eye = around(np.concatenate([portrait.eyes[0].upper_lid, portrait.eyes[0].lower_lid]), 6)
        changes = []
        for pose in talking_poses(150, FPS, seed)[::4]:
            stiff = dataclasses.replace(pose, lids=0.0, gaze_x=0.0, gaze_y=0.0, mouth=0.0, smile=0.0, brows=0.0)
            talking, silent = animator.render(pose), animator.render(stiff)
            changes.append([difference(talking[area], silent[area]) for area in (mouth, eye)])
        assert np.max(changes, axis=0).min() > 8, portrait.name


def test_camera_adds_noise_and_slow_changes_of_brightness(clips):
    for clip in clips:
        corner = clip[:, :24, -24:].astype(float)
        assert 0.8 < np.diff(corner, axis=0).std() < 3
        brightness = corner.mean(axis=(1, 2, 3)) / corner.mean()
        assert 0.01 < np.ptp(brightness) < 0.07
        assert np.abs(np.diff(brightness)).max() < 0.01


def test_a_face_at_rest_is_the_portrait(portraits):
    for portrait in portraits:
        assert np.array_equal(PortraitAnimator(portrait).render_face(Pose()), portrait.image)


def test_expressions_leave_the_rest_of_the_face_alone(portraits):
    portrait = portraits[COLLINS]
    animator = PortraitAnimator(portrait)
    nose = around(portrait.nose_tip[None] - [0, 12], 8)
    for pose in (Pose(lids=1.0), Pose(gaze_x=-1.0), Pose(brows=1.0)):
        assert np.array_equal(animator.render_face(pose)[nose], portrait.image[nose])


def test_a_closed_eye_hides_the_iris(portraits):
    for portrait in portraits:
        closed = PortraitAnimator(portrait).render_face(Pose(lids=1.0))
        for eye in portrait.eyes:
            iris = around(eye.iris_center[None], 2)
            assert closed[iris].mean() > 1.5 * portrait.image[iris].mean()


def test_an_open_mouth_is_dark_inside(portraits):
    for portrait in portraits:
        opened = PortraitAnimator(portrait).render_face(Pose(mouth=1.0))
        x, y = portrait.mouth.inner_lower[len(portrait.mouth.inner_lower) // 2]
        gap = opened[
            int(y + 0.4 * portrait.mouth.travel) : int(y + 0.7 * portrait.mouth.travel), int(x) - 3 : int(x) + 4
        ]
        assert gap.mean() < 100 < portrait.image[around(portrait.chin[None] - [0, 15], 5)].mean()


def test_a_turned_head_moves_the_nose_more_than_its_outline(portraits):
    for portrait in portraits:
        animator = PortraitAnimator(portrait)
        x, y = animator._head._sources(Pose(yaw=0.2))
        nose_x, nose_y = np.round(portrait.nose_tip).astype(int)
        assert nose_x - x[nose_y, nose_x] > 8
        edge = int(portrait.head_center[0] + portrait.head_radii[0])
        assert abs(edge - x[nose_y, edge]) < 4
        assert np.all(np.diff(x[nose_y]) > 0), "the picture folds over"


def test_blinks_are_short_and_some_seconds_apart():
    lids = np.array([pose.lids for pose in talking_poses(500, FPS, 3)])
    starts = np.flatnonzero((lids[1:] > 0.3) & (lids[:-1] <= 0.3)) / 25
    assert 4 <= len(starts) <= 10
    assert np.diff(starts).min() > 1.9 and np.diff(starts).max() < 4.2
    assert 0.1 < (lids > 0.3).mean() * 20 / len(starts) < 0.35


def test_poses_use_their_range_and_stay_in_it():
    columns = [dataclasses.astuple(pose) for pose in talking_poses(1500, FPS, 4)]
    low, high = np.min(columns, axis=0), np.max(columns, axis=0)
    limits = np.radians([12, 7, 5])
    assert np.all(high[:3] <= limits + 1e-9) and np.all(low[:3] >= -limits - 1e-9)
    assert np.all(high[:3] - low[:3] > 1.4 * limits)


def test_mtcnn_finds_one_face_in_every_frame(clips):
    mtcnn = pytest.importorskip("mtcnn")
    detector = mtcnn.MTCNN()
    for clip in clips:
        for frame in clip[::17]:
            sure = [face for face in detector.detect_faces(frame) if face["confidence"] > 0.95]
            assert len(sure) == 1
            assert 100 < sure[0]["box"][3] < 240


def test_demo_clips_have_pictures_and_sound(tmp_path):
    paths = write_demo_clips(tmp_path / "new", seconds=0.4, fps=FPS, size=96, seed=1)
    assert [path.name for path in paths] == ["hopper.mp4", "collins.mp4"]
    for path in paths:
        info = probe_video(path)
        assert (info.width, info.height, info.fps, info.frame_count) == (96, 96, FPS, 10)
        assert info.has_audio
        assert next(iter(read_frames(path))).shape == (96, 96, 3)


def test_a_clip_without_a_frame_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        write_demo_clips(tmp_path, seconds=0)
