"""A clip encoded once more: the same pictures and sound in a new file."""

import hashlib

import numpy as np
import pytest

from faceswap_lib.media import probe_video, read_frames
from faceswap_lib.media.reencode import reencode


def test_pictures_and_sound_stay_about_the_same(portrait_clips, clip_frames, tmp_path):
    out = tmp_path / "again.mp4"
    reencode(portrait_clips[0], out)
    info = probe_video(out)
    assert (info.width, info.height, info.fps, info.has_audio) == (224, 224, 25, True)
    frames = list(read_frames(out))
    assert len(frames) == len(clip_frames)
    assert np.abs(frames[5].astype(int) - clip_frames[5]).mean() < 2
    assert hashlib.sha256(out.read_bytes()).digest() != hashlib.sha256(portrait_clips[0].read_bytes()).digest()


def test_poor_and_small_is_poor_and_small(portrait_clips, tmp_path):
    out, small = tmp_path / "again.mp4", tmp_path / "small.mp4"
    reencode(portrait_clips[0], out)
    reencode(portrait_clips[0], small, crf=40, scale=0.3)
    info = probe_video(small)
    assert (info.width, info.height) == (68, 68)  # 67.2, made even
    assert small.stat().st_size < out.stat().st_size * 0.7  # the sound, about 25 kB, is in both


@pytest.mark.parametrize("scale", [0, -1, 1.5])
def test_a_scale_out_of_range_is_refused(portrait_clips, tmp_path, scale):
    with pytest.raises(ValueError, match="scale above 0"):
        reencode(portrait_clips[0], tmp_path / "out.mp4", scale=scale)
    assert not list(tmp_path.iterdir())
