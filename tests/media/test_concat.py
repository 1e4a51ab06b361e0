"""Pieces of video joined, exact video, times of their own, and GIF."""

import fractions
import os
import pathlib

import numpy as np
import pytest

from faceswap_lib.errors import VideoError
from faceswap_lib.media import (
    VideoWriter,
    concat,
    count_frames,
    join_videos,
    probe_video,
    read_schedule,
    read_timed_frames,
    read_times,
    write_gif,
)
from tests.videos import make_video, pattern_frame, psnr, read_index

FPS = fractions.Fraction(30_000, 1001)


def write(path: pathlib.Path, numbers, *, times=None, **options) -> pathlib.Path:
    with VideoWriter(path, width=64, height=48, fps=FPS, timed=times is not None, **options) as writer:
        for index, number in enumerate(numbers):
            writer.write(pattern_frame(number), *(() if times is None else (times[index],)))
    return path


def sound_times(path: pathlib.Path) -> list[float]:
    import av

    with av.open(str(path)) as container:
        return [float(packet.pts * packet.time_base) for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pieces_become_one_video(tmp_path, suffix):
    cuts = [range(0, 50), range(50, 51), range(51, 90)]
    paths = [write(tmp_path / f"{number}{suffix}", cut) for number, cut in enumerate(cuts)]
    out = tmp_path / f"whole{suffix}"
    join_videos([(path, cut[0] / FPS) for path, cut in zip(paths, cuts, strict=True)], out)
    found = list(read_timed_frames(out))
    assert [read_index(frame) for _, frame in found] == list(range(90))
    assert [time for time, _ in found] == pytest.approx(np.arange(90) / float(FPS), abs=1e-3)
    assert abs(probe_video(out).fps - FPS) < 0.01 and count_frames(out) == 90
    if suffix == ".mkv":
        assert all(np.array_equal(frame, pattern_frame(index)) for index, (_, frame) in enumerate(found))


def test_sound_starts_where_it_started_and_may_be_cut(tmp_path):
    source = make_video(tmp_path / "a.mp4", frames=120, fps=FPS, audio_seconds=3.0, audio_start=0.5)
    piece = write(tmp_path / "p.mp4", range(60))
    join_videos([(piece, fractions.Fraction(0))], tmp_path / "all.mp4", audio_from=source)
    assert sound_times(tmp_path / "all.mp4") == pytest.approx(sound_times(source), abs=2e-3)
    join_videos([(piece, fractions.Fraction(0))], tmp_path / "cut.mp4", audio_from=source, audio_start=1, audio_stop=3)
    times = sound_times(tmp_path / "cut.mp4")
    assert 0 <= times[0] < 0.03 and 1.95 < times[-1] < 2 and len(times) < 0.75 * len(sound_times(source))


def test_times_of_their_own_are_kept_over_pieces(tmp_path):
    times = np.cumsum([0.0] + [0.02, 0.2, 0.03, 0.05] * 5)
    paths = [
        write(tmp_path / "0.mp4", range(9), times=times[:9]),
        write(tmp_path / "1.mp4", range(9, 21), times=times[9:] - times[9]),
    ]
    starts = [fractions.Fraction(0), fractions.Fraction(times[9]).limit_denominator(90_000)]
    join_videos(list(zip(paths, starts, strict=True)), tmp_path / "out.mp4")
    found = list(read_timed_frames(tmp_path / "out.mp4"))
    assert [time for time, _ in found] == pytest.approx(times, abs=1e-4)
    assert [read_index(frame) for _, frame in found] == list(range(21))


def test_times_must_rise_and_be_wanted(tmp_path):
    with (
        pytest.raises(ValueError, match="expected a time after"),
        VideoWriter(tmp_path / "a.mp4", width=64, height=48, fps=FPS, timed=True) as writer,
    ):
        writer.write(pattern_frame(0), 0.1)
        writer.write(pattern_frame(1), 0.1)
    with (
        pytest.raises(ValueError, match="expected no seconds"),
        VideoWriter(tmp_path / "a.mp4", width=64, height=48, fps=FPS) as writer,
    ):
        writer.write(pattern_frame(0), 0.1)
    assert os.listdir(tmp_path) == []


def test_a_broken_piece_leaves_no_output(tmp_path):
    piece = write(tmp_path / "p.mp4", range(5))
    (tmp_path / "q.mp4").write_bytes(b"nothing")
    with pytest.raises(VideoError, match="q.mp4"):
        join_videos([(piece, fractions.Fraction(0)), (tmp_path / "q.mp4", 5 / FPS)], tmp_path / "out.mp4")
    assert sorted(os.listdir(tmp_path)) == ["p.mp4", "q.mp4"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_times_are_read_without_decoding(tmp_path, name, monkeypatch):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = make_video(tmp_path / name, frames=25, fps=FPS, video_codec=codec, options={"bf": "2"})
    expected = [time for time, _ in read_timed_frames(path)]
    assert read_times(path) == pytest.approx(expected, abs=1e-9) and len(expected) == 25
    if name == "a.mp4":
        monkeypatch.setattr("av.Packet.decode", None, raising=False)
        assert len(read_times(path)) == 25


def test_a_stretch_keeps_the_times_of_the_file(tmp_path):
    path = make_video(tmp_path / "a.mp4", frames=20, fps=FPS)
    found = list(read_timed_frames(path, start=5, stop=9))
    assert [read_index(frame) for _, frame in found] == [5, 6, 7, 8]
    assert [time for time, _ in found] == pytest.approx(np.arange(5, 9) / float(FPS), abs=1e-6)


@pytest.mark.parametrize(("fps", "kept"), [(10, 30), (30, 30), (60, 25), (100, 15)])
def test_a_gif_lasts_as_long_and_shows_the_pictures(tmp_path, fps, kept):
    frames = [pattern_frame(index) for index in range(30)]
    out = tmp_path / "a.gif"
    assert write_gif(frames, out, fps=fractions.Fraction(fps)) == kept
    found = list(read_timed_frames(out))
    assert len(found) == kept
    step = 30 / kept
    for number, (time, frame) in enumerate(found):
        assert time == pytest.approx(number * step / fps, abs=0.011)
        assert psnr(frame, frames[int(np.ceil(number * step))]) > 27
    assert probe_video(out).duration == pytest.approx(30 / fps, abs=0.04)


def test_a_gif_of_nothing_is_refused(tmp_path):
    with pytest.raises(VideoError, match="at least one frame"):
        write_gif([], tmp_path / "a.gif", fps=FPS)
    assert os.listdir(tmp_path) == []


def test_a_gif_keeps_pauses_and_how_long_its_last_picture_stays(tmp_path):
    times = [0.0, 0.1, 0.2, 1.7, 1.8]
    out = tmp_path / "a.gif"
    frames = [pattern_frame(index) for index in range(5)]
    assert write_gif(frames, out, fps=fractions.Fraction(2), times=times, length=4.8) == 5
    assert [time for time, _ in read_timed_frames(out)] == pytest.approx(times, abs=0.011)
    assert read_schedule(out)[1] == pytest.approx(4.8, abs=0.011)


def test_a_gif_of_crowded_times_leaves_pictures_out_and_lasts_as_long(tmp_path):
    times = [0.0, *np.linspace(1.0, 1.1, 21), 2.0]
    out = tmp_path / "a.gif"
    count = write_gif([pattern_frame(index) for index in range(23)], out, fps=FPS, times=times, length=2.5)
    found = [time for time, _ in read_timed_frames(out)]
    assert 6 <= count == len(found) <= 9 and np.diff(found).min() > 0.019
    assert found[-1] == pytest.approx(2.0, abs=0.03) and read_schedule(out)[1] == pytest.approx(2.5, abs=0.011)


def test_a_picture_that_stays_too_long_for_a_gif_is_said(tmp_path, caplog):
    write_gif([pattern_frame(0), pattern_frame(1)], tmp_path / "a.gif", fps=FPS, times=[0, 1], length=5000)
    assert "a picture of a GIF stays for 655 s at most" in caplog.text


def test_the_length_of_a_gif_needs_times(tmp_path):
    with pytest.raises(ValueError, match="expected times with length"):
        write_gif([pattern_frame(0)], tmp_path / "a.gif", fps=FPS, length=2.0)


def test_the_source_of_the_sound_is_closed_after_an_error(tmp_path, monkeypatch):
    closed = []
    monkeypatch.setattr(concat.SourceTracks, "close", lambda self: closed.append(self._source.close()))
    piece = make_video(tmp_path / "p.mp4", frames=5, fps=FPS)
    with pytest.raises(VideoError, match="q.mp4"):
        pieces = [(piece, fractions.Fraction(0)), (tmp_path / "q.mp4", 5 / FPS)]
        join_videos(pieces, tmp_path / "out.mp4", audio_from=piece)
    assert len(closed) == 1
