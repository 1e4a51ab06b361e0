"""Clips next to each other: `write_side_by_side`."""

import fractions
import logging

import numpy as np
import pytest

from faceswap_lib.errors import VideoError
from faceswap_lib.media import VideoWriter, probe_video, read_frames, write_side_by_side
from tests.media.test_writer import audio_packets
from tests.videos import make_video, pattern_frame, psnr, read_index


def test_clips_stand_side_by_side_as_long_as_the_shortest(tmp_path):
    ntsc = fractions.Fraction(30000, 1001)
    first = make_video(tmp_path / "a.mp4", frames=25, fps=ntsc, audio_seconds=0.8)
    second = make_video(tmp_path / "b.mp4", frames=17, fps=ntsc, width=192, height=96)
    write_side_by_side([first, second], tmp_path / "sub" / "out.mp4")
    info = probe_video(tmp_path / "sub" / "out.mp4")
    assert (info.width, info.height, info.frame_count, info.fps) == (64 + 96, 48, 17, ntsc)
    assert audio_packets(tmp_path / "sub" / "out.mp4") == audio_packets(first)
    for index, frame in enumerate(read_frames(tmp_path / "sub" / "out.mp4")):
        assert read_index(frame[:, :64]) == read_index(frame[:, 64:]) == index
        assert psnr(frame[:, :64], pattern_frame(index)) > 30
        assert psnr(frame[16:, 68:], pattern_frame(index, 96, 48)[16:, 4:]) > 28


def test_labels_are_drawn_on_their_own_clip(tmp_path):
    clip = make_video(tmp_path / "a.mp4", frames=3, width=160, height=120)
    write_side_by_side([clip, clip], tmp_path / "plain.mp4")
    write_side_by_side([clip, clip], tmp_path / "labels.mp4", labels=["", "swap"])
    plain, labels = (next(read_frames(tmp_path / name)).astype(int) for name in ("plain.mp4", "labels.mp4"))
    changed = np.abs(plain - labels).max(axis=-1) > 60
    assert not changed[:, :150].any()
    assert changed[:30, 160:].sum() > 30
    assert not changed[30:].any()  # at the bottom a swap has its own label


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    half = fractions.Fraction(1, 2)
    with VideoWriter(tmp_path / "a.mp4", width=64, height=48, fps=fractions.Fraction(30), sample_aspect=half) as writer:
        writer.write(pattern_frame(0))
    write_side_by_side([tmp_path / "a.mp4"], tmp_path / "out.mp4")
    assert probe_video(tmp_path / "out.mp4").width == 32


def test_different_rates_are_reported(tmp_path, caplog):
    clips = [make_video(tmp_path / f"{fps}.mp4", fps=fractions.Fraction(fps), frames=4) for fps in (24, 30)]
    with caplog.at_level(logging.WARNING):
        write_side_by_side(clips, tmp_path / "out.mp4")
    assert "different frame rates (24, 30)" in caplog.text
    assert probe_video(tmp_path / "out.mp4").fps == 24


def test_wrong_use_is_refused(tmp_path):
    clip = make_video(tmp_path / "a.mp4", frames=2)
    with pytest.raises(ValueError, match="at least one path"):
        write_side_by_side([], tmp_path / "out.mp4")
    with pytest.raises(ValueError, match="one label per clip"):
        write_side_by_side([clip], tmp_path / "out.mp4", labels=["a", "b"])
    with pytest.raises(VideoError, match="no such file"):
        write_side_by_side([clip, tmp_path / "missing.mp4"], tmp_path / "out.mp4")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]
