"""Sound in time with the pictures, whatever the source's clock does: a flash and a beep stay together."""

import contextlib
import fractions
import logging
import pathlib

import numpy as np
import pytest

from faceswap_lib.media import VideoWriter, count_frames, join_videos, probe_video, read_frames, read_schedule
from tests.videos import FLASHES, beep_times, copy_packets, flash_times, make_flashes, make_video, read_index

TOGETHER = 0.035
"""Seconds that a flash and its beep may be apart: a period, since a picture is shown at whole ones."""


def rewrite(source: pathlib.Path, out: pathlib.Path, *, start: float = 0.0, stop: float | None = None) -> pathlib.Path:
    """Writes a video anew as a conversion does, each picture at its time, with the sound of the source."""
    times, end = read_schedule(source)
    info = probe_video(source)
    first = int(np.searchsorted(times, start - 1e-6))
    last = len(times) if stop is None else int(np.searchsorted(times, stop - 1e-6))
    piece = out.with_name(f"piece{out.suffix}")
    size = {"width": info.width, "height": info.height, "fps": info.fps}
    with (
        VideoWriter(piece, **size, timed=True, crf=8) as writer,
        contextlib.closing(read_frames(source)) as frames,
    ):
        for time, frame in list(zip(times, frames, strict=True))[first:last]:
            writer.write(frame, float(time - times[first]))
    begin = float(times[first])
    length = (end if stop is None else stop) - begin
    kept = {"audio_start": begin if first else 0.0, "audio_stop": stop, "length": length}
    join_videos([(piece, fractions.Fraction(0))], out, audio_from=source, **kept)
    piece.unlink()
    return out


def assert_in_time(path: pathlib.Path, flashes: list[float], beeps: list[float] | None = None) -> None:
    assert flash_times(path) == pytest.approx(flashes, abs=TOGETHER)
    assert beep_times(path) == pytest.approx(flashes if beeps is None else beeps, abs=TOGETHER)


# Recordings that begin between key frames ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_pictures_before_the_first_key_frame_are_counted_and_the_sound_before_it_left_out(tmp_path, name, caplog):
    whole = make_flashes(tmp_path / "whole.mp4", video_options={"bf": "0"})
    cut = copy_packets(whole, tmp_path / name, begin=0.4, shift=-0.4)
    with caplog.at_level(logging.WARNING):
        pictures = list(read_frames(cut))
    assert len(pictures) == 30 and "its first 18 pictures cannot be decoded" in caplog.text
    assert count_frames(cut) == len(read_schedule(cut)[0]) == 30
    out = rewrite(cut, tmp_path / "out.mp4")
    assert_in_time(out, [0.5])
    assert count_frames(out) == count_frames(cut)  # so that `evaluate` takes the pair


def test_an_open_group_of_pictures_at_the_beginning(tmp_path):
    """Its first pictures in order of showing need some that were cut off."""
    options = {"bf": "3", "b-adapt": "0", "g": "20", "sc_threshold": "0", "x264-params": "open-gop=1"}
    whole = make_flashes(tmp_path / "whole.ts", video_options=options)
    import av

    with av.open(str(whole)) as container:
        keys = [float(p.dts * p.time_base) for p in container.demux(video=0) if p.size and p.is_keyframe]
    cut = copy_packets(whole, tmp_path / "cut.mkv", begin=keys[1], shift=-keys[1])
    count = sum(1 for _ in read_frames(cut))
    assert 30 < count < 42 and count_frames(cut) == count == len(read_schedule(cut)[0])
    out = rewrite(cut, tmp_path / "out.mp4")
    (flash,), beeps = flash_times(out), beep_times(out)
    assert beeps[-1] == pytest.approx(flash, abs=TOGETHER)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("options", [{"sound_start": 1.2}, {"video_start": 0.3}, {"sound_start": 0.2}])
def test_sound_that_begins_later_or_earlier_than_the_pictures(tmp_path, suffix, options):
    source = make_flashes(tmp_path / f"a{suffix}", **options)
    begin = options.get("video_start", 0)
    flashes = [flash - begin for flash in FLASHES]
    heard = [flash for flash in flashes if flash >= options.get("sound_start", 0)]
    assert_in_time(rewrite(source, tmp_path / "out.mp4"), flashes, heard)


def test_sound_long_before_the_first_picture_is_said(tmp_path, caplog):
    source = make_flashes(tmp_path / "a.mp4", video_start=1.0)
    assert_in_time(rewrite(source, tmp_path / "out.mp4"), [0.5])
    assert "its sound begins 1.0 s before its first picture" in caplog.text


@pytest.mark.parametrize("name", ["part.mp4", "part.mkv"])
def test_an_edit_list_and_times_below_zero(tmp_path, name):
    """What is before 0 is hidden in MP4; Matroska as FFmpeg writes it so gives its pictures no times there."""
    whole = make_flashes(tmp_path / "whole.mp4", video_options={"bf": "0"})
    part = copy_packets(whole, tmp_path / name, shift=-0.2, container_options={"avoid_negative_ts": "disabled"})
    hidden = 0.2 if name.endswith("mp4") else 0.0
    assert_in_time(rewrite(part, tmp_path / "out.mp4"), [flash - hidden for flash in FLASHES])


# Joined recordings --------------------------------------------------------------------------------------------------


def joined(path: pathlib.Path, *parts: pathlib.Path) -> pathlib.Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("suffix", [".ts", ".mpg"])
def test_joined_recordings_go_on_where_the_one_before_ended(tmp_path, count, suffix, caplog):
    codecs = {".ts": {}, ".mpg": {"video_codec": "mpeg2video", "audio_codec": "mp2"}}[suffix]
    part = make_flashes(tmp_path / f"a{suffix}", **codecs)
    source = joined(tmp_path / f"cat{suffix}", *[part] * count)
    times, end = read_schedule(source)
    assert times == pytest.approx(np.arange(60 * count) / 30, abs=2e-3) and end == pytest.approx(2 * count, abs=0.04)
    expected = [2 * number + flash for number in range(count) for flash in FLASHES]
    assert_in_time(rewrite(source, tmp_path / "out.mp4"), expected)
    assert "damaged" not in caplog.text


def test_a_part_of_a_joined_recording_is_cut_out_in_time(tmp_path):
    part = make_flashes(tmp_path / "a.ts")
    out = rewrite(joined(tmp_path / "cat.ts", part, part), tmp_path / "out.mp4", start=1.0, stop=3.0)
    assert_in_time(out, [0.5, 1.5])


@pytest.mark.parametrize(("offset", "later"), [(5000, 2.0), (1e5, 2.0), (3, 3.0 + 0.0)])
def test_a_clock_that_jumps_forward(tmp_path, offset, later):
    """More than ten seconds are a jump; fewer are a pause, in which the last picture stays."""
    first = make_flashes(tmp_path / "a.ts")
    second = make_flashes(tmp_path / "b.ts", container_options={"output_ts_offset": str(offset)})
    out = rewrite(joined(tmp_path / "cat.ts", first, second), tmp_path / "out.mp4")
    flashes, beeps = flash_times(out), beep_times(out)
    assert len(flashes) == len(beeps) == 4 and beeps == pytest.approx(flashes, abs=TOGETHER)
    assert flashes[2] - flashes[0] == pytest.approx(later, abs=0.2)


def test_a_clock_of_33_bits_that_wraps(tmp_path):
    source = make_flashes(tmp_path / "a.ts", container_options={"output_ts_offset": str(2**33 / 90000 - 2.4)})
    assert read_schedule(source)[0] == pytest.approx(np.arange(60) / 30, abs=2e-3)
    assert_in_time(rewrite(source, tmp_path / "out.mp4"), list(FLASHES))


@pytest.mark.parametrize("audio_codec", ["aac", "mp2"])
def test_sound_whose_rate_and_channels_change_at_the_join(tmp_path, audio_codec):
    first = make_flashes(tmp_path / "a.ts", audio_codec=audio_codec)
    second = make_flashes(tmp_path / "b.ts", audio_codec=audio_codec, audio_rate=44100, audio_layout="stereo")
    out = rewrite(joined(tmp_path / "cat.ts", first, second), tmp_path / "out.mp4")
    assert_in_time(out, [0.5, 1.5, 2.5, 3.5])


def test_only_some_parts_of_a_joined_recording_have_sound(tmp_path):
    loud, silent = make_flashes(tmp_path / "a.ts"), make_flashes(tmp_path / "b.ts", audio_codec=None)
    flashes = [part + flash for part in (0, 2, 4) for flash in FLASHES]
    out = rewrite(joined(tmp_path / "1.ts", loud, silent, loud), tmp_path / "1.mp4")
    assert_in_time(out, flashes, [0.5, 1.5, 4.5, 5.5])
    out = rewrite(joined(tmp_path / "2.ts", silent, loud), tmp_path / "2.mp4")
    assert_in_time(out, flashes[:4], [2.5, 3.5])


def test_another_program_in_the_second_part_is_said(tmp_path, caplog):
    first = make_flashes(tmp_path / "a.ts")
    second = make_flashes(tmp_path / "b.ts", container_options={"mpegts_start_pid": "768", "mpegts_service_id": "7"})
    source = joined(tmp_path / "cat.ts", first, second)
    assert len(list(read_frames(source))) in (60, 120)
    assert "1 further video streams, which are not read" in caplog.text
    assert_in_time(rewrite(source, tmp_path / "out.mp4"), list(FLASHES))


# Pictures that stay -------------------------------------------------------------------------------------------------


def staying(path: pathlib.Path, times: list[float], **options) -> pathlib.Path:
    ticks = [fractions.Fraction(round(time * 90000), 90000) for time in times]
    return make_video(path, frames=len(times), times=ticks, options={"crf": "8", "bf": "0"}, **options)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_last_picture_stays_as_long_as_it_did(tmp_path, suffix):
    source, out = staying(tmp_path / "a.mp4", [0, 0.1, 0.2, 0.3]), tmp_path / f"out{suffix}"
    with VideoWriter(tmp_path / f"p{suffix}", width=64, height=48, fps=fractions.Fraction(10), timed=True) as writer:
        for time, frame in zip([0, 0.1, 0.2, 0.3], read_frames(source), strict=True):
            writer.write(frame, time)
    join_videos([(tmp_path / f"p{suffix}", fractions.Fraction(0))], out, length=3.3)
    times, end = read_schedule(out)
    assert times == pytest.approx([0, 0.1, 0.2, 0.3], abs=2e-3) and end == pytest.approx(3.3, abs=0.01)
    again = rewrite(out, tmp_path / "again.mp4")
    assert read_schedule(again)[1] == pytest.approx(3.3, abs=0.01)
    assert probe_video(again).duration == pytest.approx(3.3, abs=0.01)


def test_pauses_are_kept_when_a_part_is_cut_out(tmp_path):
    times = [0, 0.1, 0.2, 1.7, 1.8, 1.9, 3.5]
    source = staying(tmp_path / "a.mp4", times)
    out = rewrite(source, tmp_path / "out.mp4", start=0.2, stop=3.0)
    shown, end = read_schedule(out)
    assert shown == pytest.approx([0, 1.5, 1.6, 1.7], abs=1e-3) and end == pytest.approx(2.8, abs=1e-3)
    assert [read_index(frame) for frame in read_frames(out)] == [2, 3, 4, 5]
