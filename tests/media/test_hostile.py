"""Video files that ask for too much, name other files, or are none: our error, nothing else opened, no wait."""

import fractions
import http.server
import os
import pathlib
import socket
import struct
import threading
import time

import av
import numpy as np
import pytest

from faceswap_lib import limits
from faceswap_lib.errors import VideoError
from faceswap_lib.media import VideoWriter, count_frames, probe_video, read_frames, read_schedule
from tests.videos import make_flashes, make_video, pattern_frame

READERS = (probe_video, count_frames, read_schedule, lambda path: list(read_frames(path)))
LIMIT = 10.0


def refuse(path: pathlib.Path, words: str) -> None:
    """Expects our error, in one line and in time, from every way to read."""
    for read in READERS:
        began = time.monotonic()
        with pytest.raises(VideoError, match=words) as caught:
            read(path)
        assert time.monotonic() - began < LIMIT and "\n" not in str(caught.value)


# Scripts that name other files --------------------------------------------------------------------------------------

SCRIPTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{url}\n#EXT-X-ENDLIST\n",
    "HLS whose parts lie on": '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="{url}"\n#EXTINF:2.0,\n{url}\n',
    "HLS of lists": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n",
    "concat": "ffconcat version 1.0\nfile '{url}'\nduration 2\n",
    "concat with options": "ffconcat version 1.0\nfile '{url}'\noption protocol_whitelist file,http,tcp\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT2S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "RTSP": "RTSPtext rtsp://{url}\n",
    "a reference of Windows Media": "[Reference]\nRef1={url}\n",
    "a reference in XML": "<ASX version='3.0'><entry><ref href='{url}'/></entry></ASX>",
    "VobSub": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 000000000\n",
    "IMF": '<AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"><Path>{url}</Path></AssetMap>',
    "AviSynth": 'DirectShowSource("{url}")\n',
}


@pytest.fixture(scope="module")
def server():
    """Counts who asks it for something."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/a.ts", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".txt"])
@pytest.mark.parametrize("kind", SCRIPTS)
def test_a_script_opens_neither_files_nor_addresses(tmp_path, kind, suffix, server):
    url, asked = server
    canary = make_canary(tmp_path / "canary.ts")
    for named in ("canary.ts", str(canary), url):
        path = tmp_path / f"video{suffix}"
        path.write_text(SCRIPTS[kind].format(url=named))
        refuse(path, "expected a video file, got one that cannot be opened")
    assert asked == []


def make_canary(path: pathlib.Path) -> pathlib.Path:
    return make_video(path, frames=3)


def test_without_the_lists_of_formats_and_protocols_the_canary_is_read(tmp_path):
    """So that the test above could fail."""
    canary = make_canary(tmp_path / "canary.ts")
    path = tmp_path / "video.mp4"
    path.write_text(SCRIPTS["concat"].format(url=canary.name))
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


@pytest.mark.parametrize(
    "name", ["concat:a.ts|a.ts", "file:a.ts", "subfile,,start,0,end,0,,:a.ts", "pipe:0", "a%03d.ts"]
)
def test_a_name_is_a_name_and_no_protocol(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_canary(tmp_path / "a.ts")
    make_canary(tmp_path / "a001.ts")
    refuse(pathlib.Path(name), "no such file")


def test_an_mp4_whose_data_lies_elsewhere_is_not_followed(tmp_path):
    canary = make_canary(tmp_path / "canary.mp4")
    data = bytearray(make_video(tmp_path / "a.mp4", frames=3).read_bytes())
    assert (start := data.index(b"dref")) > data.index(b"mdat")  # so that places in the data stay
    named = os.fsencode(canary) + b"\0" * (len(os.fsencode(canary)) % 2)
    levels = struct.pack(">HH", 1, 1)
    record = bytes(130) + levels + bytes(16) + struct.pack(">HH", 2, len(named)) + named + struct.pack(">hH", -1, 0)
    alias = struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record
    old = data[start + 12 : start + 24]
    assert old[4:8] == b"url "
    data[start + 12 : start + 24] = alias
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        place = data.rindex(box, 0, start + 4) - 4
        data[place : place + 4] = struct.pack(">I", struct.unpack(">I", data[place : place + 4])[0] + len(alias) - 12)
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    for read in (probe_video, READERS[-1]):
        with pytest.raises(VideoError, match="without one readable picture"):
            read(path)
    with av.open(str(path), options={"enable_drefs": "1", "use_absolute_path": "1"}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3  # it could be followed


# No plain file ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="needs pipes, sockets and devices")
def test_pipes_sockets_devices_and_names_that_cannot_be(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo.mp4")
    refuse(tmp_path / "fifo.mp4", "got a pipe")
    refuse(pathlib.Path("/dev/zero"), "got a device")
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("sock.mp4")
        refuse(pathlib.Path("sock.mp4"), "got a socket")
    os.symlink("loop.mp4", "loop.mp4")
    refuse(pathlib.Path("loop.mp4"), "symbolic links|symlinks")
    refuse(pathlib.Path("a" * 300 + ".mp4"), "name too long")
    refuse(pathlib.Path("a\0.mp4"), "null byte")
    (tmp_path / "empty.mp4").touch()
    refuse(tmp_path / "empty.mp4", "expected a video file, got an empty one")


# Too much -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".h264"])
def test_frames_above_the_limit_are_refused_before_one_is_read(tmp_path, suffix, monkeypatch):
    path = make_video(tmp_path / f"a{suffix}", width=640, height=480, frames=3)
    monkeypatch.setenv(limits.FRAME_PIXELS.variable, "300000")
    refuse(path, r"\(640x480\): 307,200 pixels of a frame .* set FACESWAP_MAX_FRAME_PIXELS=307200")
    monkeypatch.setenv(limits.FRAME_PIXELS.variable, "307200")
    assert count_frames(path) == 3


def test_a_header_alone_cannot_fill_memory(tmp_path):
    """Of 8192x8192 pixels, by default above the limit."""
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 8192, 8192, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(8192, 8192, "yuv420p")))
        container.mux(stream.encode(None))
    began = time.monotonic()
    refuse(path, r"8192x8192\): 67,108,864 pixels")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("suffix", [".ts", ".h264"])
def test_frames_that_grow_above_the_limit_end_the_reading(tmp_path, suffix, monkeypatch):
    small = make_video(tmp_path / f"a{suffix}", frames=10)
    large = make_video(tmp_path / f"b{suffix}", width=640, height=480, frames=3)
    path = tmp_path / f"cat{suffix}"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    assert len(list(read_frames(path))) == 13
    monkeypatch.setenv(limits.FRAME_PIXELS.variable, "300000")
    with pytest.raises(VideoError, match="640x480"):
        list(read_frames(path))


def _claim_samples(path: pathlib.Path, samples: int) -> None:
    """An MP4 file that says it has so many samples of one byte, all in one chunk."""
    data = bytearray(path.read_bytes())
    for box, offset, values in (
        (b"stsz", 8, (1, samples)),
        (b"stsc", 8, (1, 1, samples, 1)),
        (b"stts", 8, (1, samples)),
    ):
        place = data.index(box) + offset
        data[place : place + 4 * len(values)] = struct.pack(f">{len(values)}I", *values)
    path.write_bytes(data)


@pytest.mark.parametrize(("samples", "words"), [(9_000_000, "samples in"), (2**32 - 1, "frames of a video are more")])
def test_a_table_that_claims_more_than_the_file_holds(tmp_path, samples, words):
    path = make_video(tmp_path / "a.mp4", frames=12)
    _claim_samples(path, samples)
    refuse(path, words)


def test_more_frames_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv(limits.VIDEO_FRAMES.variable, "30")
    for suffix in (".mp4", ".mkv"):
        path = make_video(tmp_path / f"a{suffix}", frames=40)
        with pytest.raises(VideoError, match="FACESWAP_MAX_VIDEO_FRAMES"):
            list(read_frames(path))
        with pytest.raises(VideoError, match="FACESWAP_MAX_VIDEO_FRAMES"):
            count_frames(path)
        assert count_frames(make_video(path, frames=30)) == 30


def test_more_streams_than_the_limit(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for _ in range(120):
            container.add_stream("pcm_u8", rate=8000, layout="mono")
        container.mux(video.encode(av.VideoFrame.from_ndarray(pattern_frame(0))))
        container.mux(video.encode(None))
    refuse(path, "FACESWAP_MAX_STREAMS")


def test_a_rate_that_no_video_has(tmp_path):
    path = make_video(tmp_path / "a.mkv", frames=6, fps=fractions.Fraction(1, 1_000_000))
    with pytest.raises(VideoError, match="expected between one frame in 10,000 s and 10,000 a second"):
        probe_video(path)


def test_a_picture_that_would_stay_for_years(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", width=64, height=48, fps=fractions.Fraction(1), timed=True)
    with pytest.raises(VideoError, match="would stay for more than 6.6 h"), writer:
        writer.write(pattern_frame(0), 0.0)
        writer.write(pattern_frame(1), 3e8)
    assert os.listdir(tmp_path) == []


def test_a_file_that_goes_on_with_nothing_is_not_searched_for_long(tmp_path, monkeypatch):
    """Zeros take no room on the disk: of a few gigabytes a minute goes by without one packet."""
    monkeypatch.setenv(limits.SEARCH_SECONDS.variable, "1")
    path = tmp_path / "a.mkv"
    path.write_bytes(make_video(tmp_path / "b.mkv", frames=40).read_bytes()[:6000])
    os.truncate(path, 3_000_000_000)
    for read in (probe_video, READERS[-1]):
        began = time.monotonic()
        try:
            read(path)
        except VideoError as error:
            assert "\n" not in str(error)
        assert time.monotonic() - began < 5


def test_random_damage_gives_pictures_or_our_error(tmp_path):
    rng = np.random.default_rng(8)
    for name in ("a.mp4", "a.mkv", "a.ts", "a.avi"):
        codecs = {"video_codec": "mpeg4", "options": {}} if name.endswith("avi") else {}
        whole = make_video(tmp_path / name, frames=8, audio_seconds=0.2, **codecs).read_bytes()
        for number in range(25):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 1 + number):
                data[place] = rng.integers(256)
            path = tmp_path / f"damaged_{name}"
            path.write_bytes(data[: len(data) - int(rng.integers(0, 2000)) * (number % 2)])
            for read in (count_frames, lambda path: list(read_frames(path))):
                try:
                    read(path)
                except VideoError as error:
                    assert str(path) in str(error)


# Nothing is left open -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts through /proc")
def test_handles_threads_and_memory_stay_flat(tmp_path):
    source = make_flashes(tmp_path / "a.mp4", seconds=0.5)

    def used() -> tuple[int, int, int]:
        status = pathlib.Path("/proc/self/status").read_text()
        numbers = {
            line.split(":")[0]: line.split()[1] for line in status.splitlines() if " kB" in line or "Threads" in line
        }
        return len(os.listdir("/proc/self/fd")), int(numbers["Threads"]), int(numbers["VmRSS"])

    def once() -> None:
        info = probe_video(source)
        frames = read_frames(source)
        next(frames)
        frames.close()
        with VideoWriter.like(tmp_path / "out.mp4", info) as writer:
            for frame in read_frames(source, stop=2):
                writer.write(frame)

    for _ in range(15):
        once()
    files, threads, memory = used()
    for _ in range(100):
        once()
    assert used()[:2] == (files, threads) and used()[2] - memory < 12_000
