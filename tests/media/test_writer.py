"""Writing video: `VideoWriter`."""

import fractions
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest

from faceswap_lib.errors import VideoError
from faceswap_lib.media import VideoWriter, count_frames, probe_video, read_frames
from tests.videos import make_video, pattern_frame, psnr, read_index

FPS = fractions.Fraction(30)


def write(path, frames=12, *, width=64, height=48, fps=FPS, **options) -> pathlib.Path:
    """Writes pattern frames with the writer under test."""
    with VideoWriter(path, width=width, height=height, fps=fps, **options) as writer:
        for index in range(frames):
            writer.write(pattern_frame(index, width, height))
    return path


def smooth_patches(width: int, height: int) -> np.ndarray:
    """Draws twelve soft-edged color patches, dark to bright, saturated to gray: (height, width, 3) uint8."""
    colors = np.random.default_rng(5).integers(0, 256, (3, 4, 3))
    colors[0] = [[255, 255, 255], [0, 0, 0], [128, 128, 128], [224, 172, 140]]
    y, x = np.mgrid[:height, :width]
    patches = np.zeros((height, width, 3))
    weights = np.zeros((height, width, 1))
    for row in range(3):
        for column in range(4):
            distance = ((x / width * 4 - column - 0.5) ** 2 + (y / height * 3 - row - 0.5) ** 2)[..., None]
            patches += np.exp(-4 * distance) * colors[row, column]
            weights += np.exp(-4 * distance)
    return (patches / weights).round().astype(np.uint8)


def audio_packets(path, track=0) -> list[tuple[bytes, float]]:
    """Lists the bytes and the time in seconds of every sound packet."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[track])
        return [(bytes(packet), float(packet.pts * packet.time_base)) for packet in packets if packet.size]


def first_sound_seconds(path) -> float:
    """Finds when sound becomes loud, in seconds after the first picture."""
    with av.open(str(path)) as container:
        video_start = float(next(container.decode(video=0)).time)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.05)  # AAC decodes to -1..1
            if loud.size:
                return frame.time + loud[0] / frame.sample_rate - video_start
    raise AssertionError("no sound at all")


@pytest.mark.parametrize(
    "fps", [FPS, fractions.Fraction(30000, 1001), fractions.Fraction(24), fractions.Fraction(25, 2)]
)
@pytest.mark.parametrize("frames", [1, 45])
def test_every_frame_arrives_in_order_at_the_exact_rate(tmp_path, fps, frames):
    path = write(tmp_path / "out.mp4", frames, fps=fps)
    info = probe_video(path)
    assert (info.frame_count, info.fps) == (frames, fps)
    assert count_frames(path) == frames
    assert [read_index(frame) for frame in read_frames(path)] == list(range(frames))


def test_an_odd_average_rate_keeps_count_and_length(tmp_path):
    fps = fractions.Fraction(14357000, 478933)  # what a phone's varying rate looks like
    info = probe_video(write(tmp_path / "out.mp4", 60, fps=fps))
    assert info.frame_count == 60
    assert info.duration == pytest.approx(60 / fps, rel=1e-3)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (1280, 720), (321, 241)])
def test_colors_survive_a_round_trip(tmp_path, width, height):
    image = smooth_patches(width, height)
    path = tmp_path / "out.mp4"
    with VideoWriter(path, width=width, height=height, fps=FPS) as writer:
        for _ in range(3):
            writer.write(image)
    for frame in read_frames(path):
        assert psnr(frame, image) > 38
        assert np.abs((frame.astype(float) - image).mean(axis=(0, 1))).max() < 0.7


@pytest.mark.parametrize(("width", "height"), [(320, 240), (1280, 720)])
def test_colors_are_right_for_another_program(tmp_path, width, height):
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    image = smooth_patches(width, height)
    with VideoWriter(tmp_path / "out.mp4", width=width, height=height, fps=FPS) as writer:
        writer.write(image)
    flags = ["-sws_flags", "accurate_rnd+full_chroma_int"]
    command = [ffmpeg, "-loglevel", "error", "-i", str(tmp_path / "out.mp4"), *flags, "-f", "rawvideo"]
    raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], check=True, capture_output=True).stdout
    assert psnr(np.frombuffer(raw, np.uint8).reshape(height, width, 3), image) > 38


@pytest.mark.parametrize(("size", "pixels"), [((64, 48), "yuv420p"), ((65, 48), "yuv444p"), ((64, 47), "yuv444p")])
def test_odd_sizes_are_kept(tmp_path, size, pixels):
    path = write(tmp_path / "out.mp4", width=size[0], height=size[1])
    info = probe_video(path)
    assert (info.width, info.height) == size
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == pixels


def test_the_index_is_in_front(tmp_path):
    data = write(tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_like_keeps_size_rate_shape_of_pixels_and_sound(tmp_path):
    source = make_video(tmp_path / "a.mp4", rotation=90, fps=fractions.Fraction(24000, 1001), audio_seconds=0.5)
    info = probe_video(source)
    with VideoWriter.like(tmp_path / "sub" / "out.mp4", info) as writer:
        for frame in read_frames(source):
            writer.write(frame)
    out = probe_video(tmp_path / "sub" / "out.mp4")
    assert (out.width, out.height, out.fps, out.frame_count) == (64, 48, info.fps, info.frame_count)
    assert (out.rotation, out.has_audio, out.sample_aspect) == (0, True, 1)
    with VideoWriter.like(tmp_path / "silent.mp4", info, audio=False) as writer:
        writer.write(pattern_frame(0))
    assert not probe_video(tmp_path / "silent.mp4").has_audio


def test_pixels_that_are_not_square_stay_so(tmp_path):
    write(tmp_path / "wide.mp4", sample_aspect=fractions.Fraction(15, 16))
    info = probe_video(tmp_path / "wide.mp4")
    assert info.sample_aspect == fractions.Fraction(15, 16)
    with VideoWriter.like(tmp_path / "out.mp4", info) as writer:
        writer.write(pattern_frame(0))
    assert probe_video(tmp_path / "out.mp4").sample_aspect == fractions.Fraction(15, 16)


@pytest.mark.parametrize(("frames", "seconds"), [(30, 1.0), (60, 0.5), (10, 2.0)])
def test_sound_is_copied_byte_for_byte(tmp_path, frames, seconds):
    source = make_video(tmp_path / "a.mp4", audio_seconds=seconds, audio_tracks=2)
    path = write(tmp_path / "out.mp4", frames, audio_from=source)
    for track in (0, 1):
        assert audio_packets(path, track) == audio_packets(source, track)
        assert len(audio_packets(path, track)) > 20
    assert audio_packets(path, 0) != audio_packets(path, 1)
    assert count_frames(path) == frames


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("start", [0.0, 0.4])
def test_sound_starts_where_it_started(tmp_path, name, start):
    source = make_video(tmp_path / name, frames=30, audio_seconds=0.5, audio_start=start)
    path = write(tmp_path / "out.mp4", 30, audio_from=source)
    assert first_sound_seconds(path) == pytest.approx(first_sound_seconds(source), abs=0.003)
    assert first_sound_seconds(path) == pytest.approx(start, abs=0.03)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "pcm_s16le"), ("a.avi", "mp2"), ("a.ts", "mp2")])
def test_sound_that_mp4_cannot_carry_becomes_aac(tmp_path, name, codec):
    start = 0.25 if name.endswith("mkv") else 0.0
    source = make_video(
        tmp_path / name, frames=30, audio_seconds=0.6, audio_start=start, audio_codec=codec, audio_tracks=2
    )
    path = write(tmp_path / "out.mp4", 30, audio_from=source)
    with av.open(str(path)) as container:
        assert [stream.codec.name for stream in container.streams.audio] == ["aac", "aac"]
    assert first_sound_seconds(path) == pytest.approx(start, abs=0.03)
    with av.open(str(path)) as container:
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=1)])
    assert len(wave) / 48000 == pytest.approx(0.6, abs=0.05)
    spectrum = np.abs(np.fft.rfft(wave[4800:24000]))
    assert np.argmax(spectrum) * 48000 / 19200 == pytest.approx(880, abs=5)


def test_sound_and_pictures_are_interleaved(tmp_path):
    source = make_video(tmp_path / "a.mp4", audio_seconds=24.0)  # the muxer alone sorts about ten seconds
    path = write(tmp_path / "out.mp4", 48, fps=fractions.Fraction(2), audio_from=source)
    with av.open(str(path)) as container:
        kinds = [(packet.pos, packet.stream.type) for packet in container.demux() if packet.size]
    kinds = [kind for _, kind in sorted(kinds)]
    eighth_picture = [place for place, kind in enumerate(kinds) if kind == "video"][8]
    assert 100 < kinds[:eighth_picture].count("audio") < kinds.count("audio") / 2


def test_a_source_without_sound_gives_a_file_without(tmp_path):
    path = write(tmp_path / "out.mp4", audio_from=make_video(tmp_path / "a.mp4"))
    assert not probe_video(path).has_audio


def test_damaged_sound_is_reported(tmp_path, caplog):
    source = make_video(tmp_path / "a.mkv", audio_seconds=1.0, audio_codec="mp2", frames=30)
    with av.open(str(source)) as container:
        hits = [bytes(packet) for packet in container.demux(audio=0) if packet.size > 40][5:15]
    data = source.read_bytes()
    for hit in hits:
        data = data.replace(hit, b"\xff" * len(hit))
    source.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        path = write(tmp_path / "out.mp4", 30, audio_from=source)
    assert "damaged sound packets were left out" in caplog.text
    assert probe_video(path).has_audio


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_inside_the_block_leaves_nothing(tmp_path, error):
    source = make_video(tmp_path / "a.mp4", audio_seconds=1.0)
    folder = tmp_path / "out"
    with pytest.raises(error, match="stop"), VideoWriter.like(folder / "out.mp4", probe_video(source)) as writer:
        writer.write(pattern_frame(0))
        raise error("stop")
    assert not list(folder.iterdir())


def test_an_error_keeps_the_file_that_was_there(tmp_path):
    path = write(tmp_path / "out.mp4", 5)
    before = path.read_bytes()
    with pytest.raises(RuntimeError), VideoWriter(path, width=64, height=48, fps=FPS) as writer:
        writer.write(pattern_frame(0))
        raise RuntimeError("stop")
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_kill_leaves_no_file_of_that_name(tmp_path):
    code = (
        "import sys, pathlib, fractions, numpy as np\n"
        "from faceswap_lib.media import VideoWriter\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "with VideoWriter(path, width=64, height=48, fps=fractions.Fraction(30)) as writer:\n"
        "    while True:\n"
        "        writer.write(np.zeros((48, 64, 3), np.uint8))\n"
        "        if writer.frame_count == 100: print('go', flush=True)\n"
    )
    root = pathlib.Path(__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path / "out.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout.readline() == "go\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    for left in tmp_path.iterdir():
        assert left.name != "out.mp4"
        with pytest.raises(VideoError):
            probe_video(left)


def test_no_frames_is_an_error(tmp_path):
    with (
        pytest.raises(VideoError, match="expected at least one frame"),
        VideoWriter(tmp_path / "out.mp4", width=64, height=48, fps=FPS),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "frame", [np.zeros((64, 48, 3), np.uint8), np.zeros((48, 64, 3), np.float32), np.zeros((48, 64), np.uint8), None]
)
def test_a_wrong_frame_is_refused(tmp_path, frame):
    with (
        pytest.raises(ValueError, match=r"expected a frame of shape \(48, 64, 3\) uint8, got"),
        VideoWriter(tmp_path / "out.mp4", width=64, height=48, fps=FPS) as writer,
    ):
        writer.write(frame)
    assert not list(tmp_path.iterdir())


def test_a_frame_that_is_a_view_is_written_right(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", width=64, height=48, fps=FPS) as writer:
        writer.write(pattern_frame(5)[:, :, ::-1][:, :, ::-1])
        writer.write(np.asfortranarray(pattern_frame(6)))
    assert [read_index(frame) for frame in read_frames(tmp_path / "out.mp4")] == [5, 6]


def test_writing_outside_the_block_is_refused(tmp_path):
    writer = VideoWriter(tmp_path / "out.mp4", width=64, height=48, fps=FPS)
    with pytest.raises(ValueError, match="inside"):
        writer.write(pattern_frame(0))
    with writer:
        writer.write(pattern_frame(0))
    with pytest.raises(ValueError, match="inside"):
        writer.write(pattern_frame(0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0}, "size"),
        ({"fps": 29.97}, "fps"),
        ({"fps": fractions.Fraction(0)}, "fps"),
        ({"crf": 99}, "crf"),
        ({"sample_aspect": fractions.Fraction(0)}, "sample_aspect"),
    ],
)
def test_bad_settings_are_refused(tmp_path, options, words):
    with pytest.raises(ValueError, match=f"expected .*{words}"):
        VideoWriter(tmp_path / "out.mp4", **{"width": 64, "height": 48, "fps": FPS} | options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("out.avi", {}, "expected a name ending in .mp4"),
        ("out.mp4", {"preset": "warp"}, "expected to write .*preset"),
        ("out.mp4", {"audio_from": pathlib.Path("missing.mp4")}, "no such file"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(tmp_path, name, options, words):
    with pytest.raises(VideoError, match=words) as caught:
        write(tmp_path / name, 1, **options)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
