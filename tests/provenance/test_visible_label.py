"""The visible label: where it is, that it can be read, and that it stays readable after H.264."""

import fractions
import time

import numpy as np
import pytest

from faceswap_lib.media import VideoWriter, read_frames
from faceswap_lib.provenance.visible_label import Label
from tests.videos import pattern_frame

SIZES = [(160, 120), (120, 160), (480, 480), (1280, 720), (3840, 2160)]


def gray(frame: np.ndarray) -> np.ndarray:
    return frame.astype(np.float64).mean(axis=-1)


def blank(width: int, height: int, value: int) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def luminance(value: float) -> float:
    """Relative luminance of an sRGB gray, for the contrast that WCAG 2 asks of text: 4.5 to 1."""
    return ((value / 255 + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_is_small_and_in_the_lower_left_corner_and_touches_nothing_else(width, height):
    label = Label(width, height)
    left, top, right, bottom = label.box_xyxy
    assert 0 < left <= max(width, height) / 20 and 0 < height - bottom <= max(width, height) / 20
    assert 0.02 * height < bottom - top < 0.16 * height and right - left < 0.75 * width
    frame = pattern_frame(3, width, height)
    labeled = frame.copy()
    label.draw(labeled)
    outside = np.ones((height, width), bool)
    outside[top:bottom, left:right] = False
    assert np.array_equal(labeled[outside], frame[outside])
    assert (labeled[top:bottom, left:right] != frame[top:bottom, left:right]).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_letters_stand_out_from_their_plate_on_any_picture(width, height, value):
    frame = blank(width, height, value)
    label = Label(width, height)
    label.draw(frame)
    left, top, right, bottom = label.box_xyxy
    rounding = (bottom - top) // 4
    inside = gray(frame)[top:bottom, left + rounding : right - rounding]
    assert inside.max() == 240 and (inside > 200).mean() > 0.04
    plate = np.median(inside)
    assert abs(plate - (0.38 * value + 0.62 * 16)) <= 1
    assert (luminance(240) + 0.05) / (luminance(plate) + 0.05) >= 4.5


@pytest.mark.parametrize(("width", "height"), [(160, 120), (480, 480), (1280, 720)])
def test_it_survives_h264(tmp_path, width, height):
    label = Label(width, height)
    frames = [pattern_frame(index, width, height) for index in range(8)]
    for frame in frames:
        label.draw(frame)
    with VideoWriter(tmp_path / "a.mp4", width=width, height=height, fps=fractions.Fraction(25), crf=32) as writer:
        for frame in frames:
            writer.write(frame)
    left, top, right, bottom = label.box_xyxy
    sharp = blank(width, height, 128)
    label.draw(sharp)
    wanted = gray(sharp)[top:bottom, left:right].ravel()
    for frame in read_frames(tmp_path / "a.mp4"):
        assert np.corrcoef(gray(frame)[top:bottom, left:right].ravel(), wanted)[0, 1] > 0.93
    plain = gray(pattern_frame(7, width, height))[top:bottom, left:right].ravel()
    assert np.corrcoef(plain, wanted)[0, 1] < 0.3


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16, 16), (40, 12), (12, 40), (64, 48)])
def test_a_frame_too_small_for_words_still_has_something(width, height):
    frame = blank(width, height, 200)
    Label(width, height).draw(frame)
    assert frame.min() < 200


def test_other_words_are_drawn():
    one, other = blank(480, 480, 128), blank(480, 480, 128)
    Label(480, 480, "Gesicht getauscht · KI").draw(one)
    Label(480, 480).draw(other)
    assert (one != other).any()
    for text in ("", "  ", "two\nlines"):
        with pytest.raises(ValueError, match="expected one line of text"):
            Label(480, 480, text)


def test_a_frame_of_another_size_is_refused():
    label = Label(64, 48)
    with pytest.raises(ValueError, match=r"expected a frame of shape \(48, 64, 3\) uint8, got \(64, 48, 3\)"):
        label.draw(blank(48, 64, 0))
    with pytest.raises(ValueError, match="float32"):
        label.draw(np.zeros((48, 64, 3), np.float32))
    with pytest.raises(ValueError, match="at least 1x1, got 0x48"):
        Label(0, 48)


def test_it_costs_less_than_a_tenth_of_a_millisecond_at_480():
    frame, label = blank(480, 480, 90), Label(480, 480)
    times = []
    for _ in range(200):
        start = time.perf_counter()
        label.draw(frame)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 1e-4
