"""Reading video: `probe_video`, `read_frames`, `count_frames`."""

import fractions
import logging
import os
import pathlib
import subprocess
import sys

import av
import numpy as np
import pytest

from faceswap_lib.errors import VideoError
from faceswap_lib.media import VideoInfo, count_frames, probe_video, read_frames
from tests.videos import make_video, pattern_frame, psnr, read_index


def test_probe_says_size_rate_length_and_sound(tmp_path):
    path = make_video(tmp_path / "clip.mp4", width=96, height=64, frames=15, audio_seconds=0.5)
    info = probe_video(path)
    assert info == VideoInfo(
        path=path,
        width=96,
        height=64,
        fps=fractions.Fraction(30),
        frame_count=15,
        duration=0.5,
        rotation=0,
        has_audio=True,
    )
    assert not probe_video(make_video(tmp_path / "silent.mp4")).has_audio


def test_probe_keeps_a_fractional_rate_exact(tmp_path):
    ntsc = fractions.Fraction(30000, 1001)
    assert probe_video(make_video(tmp_path / "ntsc.mp4", fps=ntsc)).fps == ntsc


def test_a_container_that_does_not_count_its_frames(tmp_path):
    path = make_video(tmp_path / "clip.mkv", frames=15)
    info = probe_video(path)
    assert info.frame_count is None
    assert info.duration == pytest.approx(0.5, abs=0.05)
    assert count_frames(path) == 15


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_come_upright(tmp_path, rotation):
    path = make_video(tmp_path / "clip.mp4", rotation=rotation, frames=5)
    info = probe_video(path)
    assert (info.width, info.height, info.rotation) == (64, 48, rotation)
    with av.open(str(path)) as container:
        assert container.streams.video[0].width == (48 if rotation in (90, 270) else 64)
    for index, frame in enumerate(read_frames(path)):
        assert psnr(frame, pattern_frame(index)) > 30


def test_rotation_means_what_another_program_means(tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    path = make_video(tmp_path / "clip.mp4", rotation=90, frames=2)
    command = [ffmpeg, "-loglevel", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    theirs = np.frombuffer(raw, np.uint8).reshape(2, 48, 64, 3)
    assert psnr(next(read_frames(path)), theirs[0]) > 30


@pytest.mark.parametrize("matrix", ["bt709", "bt601", None])
def test_the_color_matrix_in_the_file_is_obeyed(tmp_path, matrix):
    frame = next(read_frames(make_video(tmp_path / "clip.mp4", matrix=matrix, frames=2, options={"crf": "1"})))
    smooth = slice(20, None)
    assert psnr(frame[smooth], pattern_frame(0)[smooth]) > 38


def test_frames_are_ours_contiguous_and_in_order(tmp_path):
    frames = list(read_frames(make_video(tmp_path / "clip.mp4", frames=40, width=70, height=50)))
    assert [read_index(frame) for frame in frames] == list(range(40))
    for frame in frames:
        assert frame.shape == (50, 70, 3)
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        assert frame.flags.writeable


@pytest.mark.parametrize(
    "bounds", [{"start": 5}, {"stop": 7}, {"step": 4}, {"start": 3, "stop": 30, "step": 5}, {"start": 99}, {"stop": 99}]
)
def test_start_stop_and_step_work_as_in_a_slice(tmp_path, bounds, caplog):
    path = make_video(tmp_path / "clip.mp4", frames=33)
    expected = list(range(33))[bounds.get("start", 0) : bounds.get("stop") : bounds.get("step", 1)]
    assert [read_index(frame) for frame in read_frames(path, **bounds)] == expected
    assert not caplog.records


def test_high_dynamic_range_is_reported(tmp_path, caplog):
    with av.open(str(tmp_path / "hlg.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.colorspace, stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, 9, 18
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pattern_frame(0))))
        container.mux(stream.encode(None))
    assert len(list(read_frames(tmp_path / "hlg.mp4"))) == 3
    assert caplog.text.count("high dynamic range") == 1


def test_pictures_stored_as_rgb_are_exact_and_may_be_drawn_on(tmp_path):
    with av.open(str(tmp_path / "rgb.mov"), "w") as container:
        stream = container.add_stream("qtrle", rate=30)  # stores what changed, so each picture needs the last
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for index in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pattern_frame(index))))
        container.mux(stream.encode(None))
    for index, frame in enumerate(read_frames(tmp_path / "rgb.mov")):
        assert np.array_equal(frame, pattern_frame(index))
        frame[:] = 0


@pytest.mark.parametrize("bounds", [{"start": -1}, {"stop": -1}, {"step": 0}])
def test_a_bad_slice_is_refused_at_the_call(tmp_path, bounds):
    path = make_video(tmp_path / "clip.mp4", frames=2)
    with pytest.raises(ValueError, match="expected start"):
        read_frames(path, **bounds)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="lists open files through /proc")
def test_closing_early_closes_the_file(tmp_path):
    path = make_video(tmp_path / "clip.mp4", frames=40)

    def is_open() -> bool:
        links = [entry for entry in pathlib.Path("/proc/self/fd").iterdir() if entry.is_symlink()]
        return any(os.path.realpath(link) == str(path.resolve()) for link in links)

    frames = read_frames(path)
    next(frames)
    assert is_open()
    frames.close()
    assert not is_open()
    list(read_frames(path, stop=3))
    assert not is_open()


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "3"}),
        ("a.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8", "b": "500k"}),
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.ts", "libx264", {}),
    ],
)
def test_count_equals_what_is_read(tmp_path, name, codec, options):
    path = make_video(tmp_path / name, frames=40, video_codec=codec, options=options)
    assert count_frames(path) == 40
    assert sum(1 for _ in read_frames(path)) == 40


def test_frames_hidden_by_an_edit_list_are_not_counted(tmp_path):
    whole = make_video(tmp_path / "whole.mp4", frames=40)
    part = tmp_path / "part.mp4"
    with av.open(str(whole)) as source, av.open(str(part), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                shift = round(fractions.Fraction(1, 2) / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = stream
                target.mux(packet)
    assert probe_video(part).frame_count == 40
    assert [read_index(frame) for frame in read_frames(part)] == list(range(15, 40))
    assert count_frames(part) == 25


def _missing(folder: pathlib.Path) -> pathlib.Path:
    return folder / "missing.mp4"


def _text(folder: pathlib.Path) -> pathlib.Path:
    (folder / "text.mp4").write_text("this is no video\n" * 50)
    return folder / "text.mp4"


def _empty(folder: pathlib.Path) -> pathlib.Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _sound_only(folder: pathlib.Path) -> pathlib.Path:
    with av.open(str(folder / "sound.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48000
        container.mux([*stream.encode(silence), *stream.encode(None)])
    return folder / "sound.m4a"


def _index_cut_off(folder: pathlib.Path) -> pathlib.Path:
    whole = make_video(folder / "whole.mp4", frames=30).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.mp4"


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no colon in a name")
def test_a_name_that_looks_like_an_address_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "plain.mp4", frames=3).rename(tmp_path / "12:30.mp4")
    assert count_frames("12:30.mp4") == 3
    assert len(list(read_frames(pathlib.Path("12:30.mp4")))) == 3


def test_a_title_that_is_not_utf8_does_no_harm(tmp_path):
    path = make_video(tmp_path / "clip.mkv", frames=3, title="caf____ au lait")
    path.write_bytes(path.read_bytes().replace(b"caf____", b"caf\xe9\xff__"))
    assert probe_video(path).width == 64


def test_a_cover_picture_is_no_video(tmp_path):
    with av.open(str(tmp_path / "song.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(pattern_frame(0))))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48000
        container.mux([*stream.encode(silence), *stream.encode(None), *cover.encode(None)])
    with pytest.raises(VideoError, match="with a video stream"):
        probe_video(tmp_path / "song.m4a")


@pytest.mark.parametrize("function", [probe_video, read_frames, count_frames])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, "no such file"),
        (pathlib.Path, "got a folder"),
        (_text, "expected a video file"),
        (_empty, "expected a video file"),
        (_sound_only, "expected a file with a video stream, got only audio"),
        (_index_cut_off, "expected a video file"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(tmp_path, function, make, words):
    path = make(tmp_path)
    with pytest.raises(VideoError, match=words) as caught:
        function(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_a_file_cut_off_gives_what_can_be_read_and_a_warning(tmp_path, name, caplog):
    options = {"movflags": "+faststart"} if name.endswith("mp4") else {}
    data = make_video(tmp_path / name, frames=120, width=96, height=64, container_options=options).read_bytes()
    cut = tmp_path / f"cut_{name}"
    cut.write_bytes(data[: len(data) // 2])
    with caplog.at_level(logging.WARNING):
        indices = [read_index(frame) for frame in read_frames(cut)]
    assert 20 < len(indices) < 120
    assert indices[:20] == list(range(20))
    assert f"read {len(indices)} frames" in caplog.text
    assert "damaged" in caplog.text
    assert count_frames(cut) == len(indices)


def test_a_transport_stream_cut_off_gives_what_can_be_read(tmp_path):
    data = make_video(tmp_path / "clip.ts", frames=60).read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[: len(data) // 2])
    indices = [read_index(frame) for frame in read_frames(tmp_path / "cut.ts")]
    assert indices[:15] == list(range(15))
    assert len(indices) < 60
    assert count_frames(tmp_path / "cut.ts") == len(indices)


def test_damage_in_the_middle_does_not_end_the_reading(tmp_path, caplog):
    path = make_video(tmp_path / "clip.mp4", frames=60, options={"crf": "8", "g": "10"})
    with av.open(str(path)) as container:
        hit = [packet.pos for packet in container.demux(video=0) if packet.size][30]
    data = bytearray(path.read_bytes())
    data[hit : hit + 200] = b"\xff" * 200
    path.write_bytes(data)
    indices = [read_index(frame) for frame in read_frames(path)]
    assert indices[:25] == list(range(25))
    assert indices[-10:] == list(range(50, 60))
    assert "damaged" in caplog.text


def test_nothing_is_printed_about_bad_files(tmp_path):
    make_video(tmp_path / "whole.mp4", frames=60, container_options={"movflags": "+faststart"})
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    code = (
        "import sys, logging; logging.disable()\n"
        "from faceswap_lib.errors import VideoError\n"
        "from faceswap_lib.media import probe_video, read_frames\n"
        "assert len(list(read_frames(sys.argv[1]))) > 5\n"
        "try: probe_video(sys.argv[2])\n"
        "except VideoError: pass\n"
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "cut.mp4"), str(_text(tmp_path))]
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == done.stderr == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("fps", 29.97),
        ("fps", fractions.Fraction(0)),
        ("frame_count", -1),
        ("duration", 0.0),
        ("rotation", 45),
    ],
)
def test_video_info_checks_itself(field, value):
    fine = {
        "path": pathlib.Path("a.mp4"),
        "width": 64,
        "height": 48,
        "fps": fractions.Fraction(30),
        "frame_count": None,
        "duration": None,
        "rotation": 0,
        "has_audio": False,
    }
    VideoInfo(**fine)
    with pytest.raises(ValueError, match=f"expected .*{'size' if field == 'width' else field}"):
        VideoInfo(**fine | {field: value})
