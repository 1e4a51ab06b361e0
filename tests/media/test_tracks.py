"""What a file holds besides its pictures: kept in the output, or said."""

import fractions
import logging
import pathlib

import av
import numpy as np
import pytest
from av.stream import Disposition

from faceswap_lib.media import VideoWriter, join_videos, probe_video, read_frames
from tests.videos import make_flashes, pattern_frame

FPS = fractions.Fraction(30)
ASS = b"0,0,Default,,0,0,0,,{\\i1}H\xc3\xa4llo{\\i0}, world"
HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize\r\n"
    b"Style: Default,Arial,16\r\n\r\n[Events]\r\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


def make_film(path: pathlib.Path) -> pathlib.Path:
    """Two sound tracks, subtitles, chapters, a title, a place, a cover picture and an attached file."""
    flashes = make_flashes(path.with_name("flashes.mp4"))
    millisecond = fractions.Fraction(1, 1000)
    with av.open(str(flashes)) as source, av.open(str(path), "w") as film:
        video = film.add_stream_from_template(source.streams.video[0])
        german, french = (film.add_stream_from_template(source.streams.audio[0]) for _ in range(2))
        german.metadata["language"], german.disposition = "deu", 0
        french.metadata.update(language="fra", title="Commentary")
        french.disposition = Disposition.default
        text = film.add_stream("ass")
        text.codec_context.subtitle_header, text.codec_context.time_base = HEADER, millisecond
        text.metadata["language"] = "fin"
        film.add_attachment("font.ttf", "application/x-truetype-font", b"no font")
        film.metadata.update(title="Der Film", location="+48.1+11.6/")
        film.set_chapters(
            [
                {"id": 1, "start": 0, "end": 900, "time_base": millisecond, "metadata": {"title": "eins"}},
                {"id": 2, "start": 900, "end": 2000, "time_base": millisecond, "metadata": {"title": "zwei"}},
            ]
        )
        film.start_encoding()
        packets = [packet for packet in source.demux() if packet.dts is not None]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            for target in (video,) if packet.stream.type == "video" else (german, french):
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.duration, copy.is_keyframe, copy.stream = packet.duration, packet.is_keyframe, target
                film.mux(copy)
        line = av.Packet(ASS)
        line.pts = line.dts = 200
        line.duration, line.time_base, line.stream = 1300, millisecond, text
        film.mux(line)
    return path


def write_from(source: pathlib.Path, out: pathlib.Path, **cut) -> pathlib.Path:
    """Joins one piece of half as many pictures, with everything of a source."""
    piece = out.with_name(f"piece{out.suffix}")
    with VideoWriter(piece, width=64, height=48, fps=FPS) as writer:
        for _ in range(30 if cut else 60):
            writer.write(pattern_frame(0))
    join_videos([(piece, fractions.Fraction(0))], out, audio_from=source, **cut)
    return out


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_languages_titles_defaults_subtitles_and_chapters_are_kept(tmp_path, suffix, caplog):
    out = write_from(make_film(tmp_path / "film.mkv"), tmp_path / f"out{suffix}")
    with av.open(str(out)) as container:
        german, french = container.streams.audio
        assert (german.language, french.language) == ("deu", "fra")
        assert "Commentary" in french.metadata.values() and "Commentary" not in german.metadata.values()
        assert not german.disposition & Disposition.default and french.disposition & Disposition.default
        (text,) = container.streams.subtitles
        assert text.language == "fin"
        assert container.metadata["title"] == "Der Film" and "location" not in container.metadata
        chapters = [(float(c["start"] * c["time_base"]), c["metadata"]["title"]) for c in container.chapters()]
        assert chapters == [(0, "eins"), (pytest.approx(0.9, abs=0.03), "zwei")]
        shown = [(p.pts * p.time_base, p.decode()) for p in container.demux(text) if p.size > 2]
    ((begin, lines),) = shown
    assert float(begin) == pytest.approx(0.2, abs=0.03)
    assert lines[0].dialogue.replace(b"{\\i1}", b"").replace(b"{\\i0}", b"") == "Hällo, world".encode()
    assert "not in the output: 1 attachment stream" in caplog.text


def test_a_part_has_the_subtitles_and_chapters_of_that_part(tmp_path):
    film = make_film(tmp_path / "film.mkv")
    out = write_from(film, tmp_path / "out.mp4", audio_start=0.5, audio_stop=1.2)
    with av.open(str(out)) as container:
        lines = [p for p in container.demux(container.streams.subtitles[0]) if p.size > 2]
        assert [(float(p.pts * p.time_base), float(p.duration * p.time_base)) for p in lines] == [(0.0, 0.7)]
        assert [float(c["start"] * c["time_base"]) for c in container.chapters()] == pytest.approx([0, 0.4], abs=0.03)


def test_what_was_written_is_kept_when_it_is_converted_again(tmp_path, caplog):
    first = write_from(make_film(tmp_path / "film.mkv"), tmp_path / "1.mp4")
    caplog.clear()
    again = write_from(first, tmp_path / "2.mp4")
    with av.open(str(first)) as one, av.open(str(again)) as two:
        assert [s.metadata for s in one.streams.audio] == [s.metadata for s in two.streams.audio]
        assert len(two.streams.subtitles) == 1 and len(two.chapters()) == 2
    assert "not in the output" not in caplog.text  # chapters are a stream of data in MP4


def test_a_cover_picture_and_a_second_video_are_said(tmp_path, caplog):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=30), container.add_stream("libx264", rate=30)]
        cover = container.add_stream("mjpeg", rate=1)
        cover.disposition = Disposition.attached_pic
        for stream in (*streams, cover):
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if stream is cover else "yuv420p"
        for stream in (*streams, cover):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pattern_frame(3))))
            container.mux(stream.encode(None))
    with caplog.at_level(logging.WARNING):
        assert len(list(read_frames(path))) == 1
    assert "holds 1 further video streams, which are not read" in caplog.text
    write_from(path, tmp_path / "out.mp4")
    assert "not in the output: 1 cover picture, 1 further video stream" in caplog.text


def test_six_channels_stay_six(tmp_path):
    source = make_flashes(tmp_path / "a.mkv", audio_codec="pcm_s16le", audio_layout="5.1")
    out = write_from(source, tmp_path / "out.mp4")
    exact = write_from(source, tmp_path / "out.mkv")
    for path, codec in ((out, "aac"), (exact, "pcm_s16le")):
        with av.open(str(path)) as container:
            (sound,) = container.streams.audio
            assert (sound.codec.canonical_name, sound.layout.nb_channels) == (codec, 6)
            loudest = [np.abs(frame.to_ndarray()[0]).max() for frame in container.decode(sound)]
        assert max(loudest) > 0.3


def test_subtitles_of_a_silent_video_are_kept(tmp_path):
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as container:
        video, text = container.add_stream("libx264", rate=30), container.add_stream("subrip")
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        text.codec_context.subtitle_header = HEADER
        text.codec_context.time_base = fractions.Fraction(1, 1000)
        container.start_encoding()
        container.mux(video.encode(av.VideoFrame.from_ndarray(pattern_frame(3))))
        container.mux(video.encode(None))
        line = av.Packet("später".encode())
        line.pts, line.dts, line.duration, line.time_base, line.stream = (
            100,
            100,
            500,
            fractions.Fraction(1, 1000),
            text,
        )
        container.mux(line)
    assert not probe_video(source).has_audio
    with av.open(str(write_from(source, tmp_path / "out.mp4"))) as container:
        lines = [bytes(p) for p in container.demux(container.streams.subtitles[0]) if p.size > 2]
    assert [line[2:].decode() for line in lines] == ["später"]


def test_a_name_that_is_no_utf8_is_read_written_and_joined(tmp_path):
    source = pathlib.Path(str(tmp_path / "plain.mp4"))
    odd = tmp_path / "caf\udce9.mp4"
    make_flashes(source).rename(odd)
    out = write_from(odd, tmp_path / "out\udce9.mp4")
    assert probe_video(out).has_audio and len(list(read_frames(out))) == 60


def test_the_last_samples_of_resampled_sound_are_kept(tmp_path):
    """6,000 samples per second are no rate of AAC; the resampler holds the last of them until it is drained."""
    source, out = tmp_path / "in.mkv", tmp_path / "out.mp4"
    with av.open(str(source), "w") as film:
        video, sound = film.add_stream("libx264", rate=30), film.add_stream("pcm_s16le", rate=6000, layout="mono")
        video.width, video.height = 64, 48
        wave = np.zeros((1, 6000), np.int16)
        wave[0, -12:] = 30_000
        clip = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        clip.sample_rate, clip.pts = 6000, 0
        for index in range(30):
            film.mux(video.encode(av.VideoFrame.from_ndarray(pattern_frame(index)[:48, :64], format="rgb24")))
        for stream, frame in ((sound, clip), (sound, None), (video, None)):
            film.mux(stream.encode(frame))
    write_from(source, out)
    with av.open(str(out)) as film:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in film.decode(audio=0)])
    assert np.sum(np.abs(heard[47_000:]) > 0.3) == pytest.approx(12 * 8, abs=16)
