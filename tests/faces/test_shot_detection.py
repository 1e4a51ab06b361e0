"""Where shots end: `faces/shot_detection.py`."""

import itertools
import typing

import cv2
import numpy as np
import pytest

from faceswap_lib.faces.shot_detection import detect_shot_changes
from faceswap_lib.media import read_frames

BLACK = np.zeros((120, 160, 3), np.uint8)
CLIPS = ("d6.mp4", "d14.mp4", "d9.mp4", "d10.mp4")


def scene(seed: int, width: int = 160) -> np.ndarray:
    """A picture with large and small shapes, (120, width, 3)."""
    rng = np.random.default_rng(seed)
    layers = ((3, 1.0), (6, 0.7), (12, 0.5), (40, 0.3))
    picture = sum(
        weight
        * cv2.resize(rng.normal(0, 1, (cells, cells * width // 160, 3)), (width, 120), interpolation=cv2.INTER_CUBIC)
        for cells, weight in layers
    )
    return ((picture - picture.mean()) / picture.std() * 45 + 120).clip(0, 255).astype(np.uint8)


def still(picture: np.ndarray, count: int = 8, seed: int = 0) -> list[np.ndarray]:
    """Frames of one picture with a camera's noise."""
    rng = np.random.default_rng(seed)
    return [(picture + rng.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8) for _ in range(count)]


def fade(picture: np.ndarray, shares: typing.Iterable[float]) -> list[np.ndarray]:
    return [(picture * share).astype(np.uint8) for share in shares]


def cuts_of(frames: typing.Iterable[np.ndarray]) -> list[int]:
    return [index for index, (_, is_cut) in enumerate(detect_shot_changes(frames)) if is_cut]


def test_a_cut_is_the_first_frame_of_the_new_scene():
    for a, b in itertools.permutations(range(8), 2):
        assert cuts_of(still(scene(a), 5) + still(scene(b), 7)) == [5], (a, b)
    assert cuts_of(still(scene(1)) + still(scene(2)) + still(scene(1)) + still(scene(3), 2)) == [8, 16, 24]


def test_two_portraits_one_after_the_other_have_one_cut(portrait_clips):
    hopper, collins = (list(read_frames(clip)) for clip in portrait_clips)
    assert cuts_of(hopper) == cuts_of(collins) == []
    assert cuts_of(hopper + collins) == cuts_of(collins + hopper) == [38]
    assert cuts_of(hopper + collins[:2] + hopper) == [38, 40]


@pytest.mark.clips
@pytest.mark.parametrize("name", CLIPS)
def test_a_real_clip_of_one_shot_has_no_cut(real_clips, name):
    assert cuts_of(read_frames(real_clips / name)) == []


@pytest.mark.clips
def test_real_clips_one_after_the_other_have_one_cut(real_clips):
    parts = {name: list(read_frames(real_clips / name, stop=20)) for name in CLIPS}
    for a, b in itertools.permutations(CLIPS, 2):
        assert cuts_of(parts[a] + parts[b]) == [20], (a, b)


@pytest.mark.parametrize("light", [60, 120, 255])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_flash_is_no_cut(light, frames):
    bright = (scene(1).astype(int) + light).clip(0, 255).astype(np.uint8)
    assert cuts_of(still(scene(1)) + still(bright, frames) + still(scene(1))) == []


def test_black_is_no_cut_and_what_comes_after_it_is_compared_with_what_was_before():
    assert cuts_of(still(scene(1)) + [BLACK] * 6 + still(scene(1))) == []
    assert cuts_of(still(scene(1)) + [BLACK] * 6 + still(scene(2))) == [8 + 6]
    assert cuts_of([BLACK] * 6 + still(scene(1)) + [BLACK] * 6) == []
    assert cuts_of([BLACK] * 6) == []
    hardly_visible = fade(scene(3), [0.03] * 6)
    assert cuts_of(still(scene(1)) + hardly_visible + still(scene(1))) == []


def test_a_fade_of_brightness_is_no_cut():
    out, back = np.linspace(1, 0, 20), np.linspace(0, 1, 20)
    assert cuts_of(still(scene(1)) + fade(scene(1), out) + fade(scene(1), back) + still(scene(1))) == []
    (cut,) = cuts_of(fade(scene(1), out) + fade(scene(2), back))
    assert 20 <= cut <= 22  # as soon as the new scene can be seen


@pytest.mark.parametrize("speed", [10, 40, 80, 120])
def test_a_pan_is_no_cut_however_fast(speed):
    """At 120 of 160 pixels per frame two frames have a quarter in common."""
    wide = scene(3, 1600)
    pan = [np.ascontiguousarray(wide[:, x : x + 160]) for x in range(0, 1600 - 160, speed)]
    assert cuts_of(pan) == []
    assert cuts_of(still(pan[0]) + pan + still(pan[-1])) == []


def test_a_cut_within_a_pan_is_seen():
    wide = scene(3, 800)
    pan = [np.ascontiguousarray(wide[:, x : x + 160]) for x in range(0, 640, 20)]
    assert cuts_of(pan[:10] + still(scene(4), 1) + still(scene(4)) + pan[10:]) == [10, 19]


def test_a_single_strange_frame_is_no_cut():
    assert cuts_of(still(scene(1)) + still(scene(2), 1) + still(scene(1))) == []


@pytest.mark.parametrize(
    ("scenes", "expected"), [("", []), ("a", []), ("ab", [1]), ("aab", [2]), ("abb", [1]), ("aabbb", [2])]
)
def test_short_clips_are_cut_too(scenes, expected):
    assert cuts_of([scene({"a": 1, "b": 2}[letter]) for letter in scenes]) == expected


def test_every_frame_comes_back_in_order_and_only_one_is_held():
    frames = still(scene(1), 5) + [BLACK] + still(scene(2), 5)
    taken = []

    def source():
        for frame in frames:
            taken.append(frame)
            yield frame

    given = 0
    for frame, _ in detect_shot_changes(source()):
        assert frame is frames[given]
        given += 1
        assert len(taken) == min(given + 1, len(frames))
    assert given == len(frames)
