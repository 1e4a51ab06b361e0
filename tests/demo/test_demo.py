"""The demo at its smallest: everything it promises is there, and says what was measured."""

import re

import pytest

from faceswap_lib.demo.demo import run_demo
from faceswap_lib.media import count_frames, probe_video
from faceswap_lib.networks import PRESETS

STEPS = 10


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return run_demo(tmp_path_factory.mktemp("demo") / "w", steps=STEPS, seconds=1.5, network_config=PRESETS["tiny"])


def test_the_videos_are_whole(demo):
    clip = demo.video.parent / "clips" / "hopper.mp4"
    swapped, beside, source = probe_video(demo.video), probe_video(demo.side_by_side), probe_video(clip)
    assert swapped.has_audio and (swapped.width, swapped.height) == (source.width, source.height)
    assert count_frames(demo.video) == count_frames(demo.side_by_side) == count_frames(clip) == 38
    assert beside.width == 3 * source.width


def test_the_page_says_what_was_done(demo):
    text = demo.page.read_text(encoding="utf-8")
    assert re.search(rf"<td>training steps</td><td>{STEPS}</td>", text)
    assert re.search(r"<td>frames</td><td>38 of 38 swapped", text)
    assert text.count("<img src=") == 4 and "worst" in text and 'src="side_by_side.mp4"' in text
    assert (demo.page.parent / "side_by_side.mp4").exists()


def test_the_numbers_are_of_this_video(demo):
    """Ten steps make no face yet, but the face must have changed and the rest must not."""
    assert demo.difference.frames == 8
    assert demo.difference.face_change > 5 and demo.difference.background_psnr > 35


def test_called_again_the_clips_stay_and_training_is_not_repeated(demo):
    folder = demo.video.parent
    times = {path: path.stat().st_mtime_ns for path in (folder / "clips").iterdir()}
    again = run_demo(folder, steps=STEPS, seconds=1.5, network_config=PRESETS["tiny"])
    assert {path: path.stat().st_mtime_ns for path in (folder / "clips").iterdir()} == times
    assert f"<td>resumed at step</td><td>{STEPS}</td>" in again.page.read_text(encoding="utf-8")
