"""Videos as they come from phones, editors and broken downloads, from the file to the faces and back to a file."""

import fractions
import logging
import pathlib
import typing

import av
import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig, OutputConfig, convert_video
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.errors import VideoError
from faceswap_lib.faces import CROP_SIZE, Face, VideoTracks, warp_frame
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets import Workspace, extract_faces, read_manifest
from faceswap_lib.media import count_frames, probe_video, read_frames, read_image, read_timed_frames
from tests.conftest import EXTRACT
from tests.fakes import IdentitySwapper, ListedDetector
from tests.videos import make_video, psnr

EXACT = ConvertConfig(color_transfer="none", sharpen=0)
BARE = OutputConfig(label=False)
PLAIN = {"config": EXACT, "output_config": BARE}
FPS = fractions.Fraction(25)
COUNT = 38

NEAR = 0.04
"""How far any landmark of any frame may be from where the plain clip has it, in eye distances. Another encoding moves
single ones by up to 0.025 (1.2 pixels)."""

SHIFT = 0.01
"""How far all of them may be off on average: by chance up to 0.004; were the picture one pixel off, by 0.021."""


class Kind(typing.NamedTuple):
    """One way of storing the clip.

    Attributes:
        name: Of the file.
        options: For `make_video`.
        fit: Makes the pictures fit the format; faces stay where they are.
    """

    name: str
    options: dict
    fit: typing.Callable[[np.ndarray], np.ndarray] = lambda frame: frame


def uneven_times() -> list[fractions.Fraction]:
    """Of 38 frames: half as fast for a while, then twice as fast, then a pause of half a second."""
    steps = [2] * 10 + [fractions.Fraction(1, 2)] * 14 + [fractions.Fraction(25, 2)] + [1] * 12
    return [sum(steps[:index], fractions.Fraction(0)) / FPS for index in range(COUNT)]


def to_odd_size(frame: np.ndarray) -> np.ndarray:
    """223 x 225: without the last column, with one more row."""
    return np.ascontiguousarray(np.pad(frame[:, :223], [(0, 1), (0, 0), (0, 0)], mode="edge"))


KINDS = {
    "turned by 90": Kind("phone.mp4", {"rotation": 90}),
    "turned by 180": Kind("phone.mp4", {"rotation": 180}),
    "turned by 270": Kind("phone.mov", {"rotation": 270}),
    "variable rate": Kind("screen.mp4", {"times": uneven_times()}),
    "odd size": Kind(
        "small.webm",
        {
            "video_codec": "libvpx-vp9",
            "options": {"crf": "12", "b": "0", "cpu-used": "8", "deadline": "realtime"},
            "audio_codec": "libopus",
        },
        to_odd_size,
    ),
    "odd size in full chroma": Kind("small.mp4", {"pixel_format": "yuv444p"}, to_odd_size),
    "ten bits": Kind("camera.mp4", {"pixel_format": "yuv420p10le"}),
    "ten bits of prores": Kind(
        "camera.mov", {"video_codec": "prores_ks", "options": {"profile": "3"}, "pixel_format": "yuv422p10le"}
    ),
    "no sound": Kind("silent.mkv", {"audio_seconds": 0.0}),
    "full chroma": Kind("screen.mkv", {"pixel_format": "yuv444p"}),
    "name": Kind("with blanks & more/видео 顔 é.mp4", {}),
}


class OddClip(typing.NamedTuple):
    """A clip stored in an odd way, the pictures that went into it, and the faces found in it."""

    path: pathlib.Path
    pictures: list[np.ndarray]
    tracks: VideoTracks


@pytest.fixture(scope="module")
def plain(clip_frames, detector, tmp_path_factory) -> OddClip:
    """The clip in the usual way, for comparison."""
    path = make_video(tmp_path_factory.mktemp("plain") / "a.mp4", fps=FPS, pictures=clip_frames, audio_seconds=1.5)
    return OddClip(path, clip_frames, track_video(path, detector))


@pytest.fixture(scope="module", params=KINDS)
def odd(request, clip_frames, detector, tmp_path_factory) -> OddClip:
    kind = KINDS[request.param]
    path = tmp_path_factory.mktemp("odd") / kind.name
    path.parent.mkdir(exist_ok=True)
    pictures = [kind.fit(frame) for frame in clip_frames]
    make_video(path, **{"fps": FPS, "pictures": pictures, "audio_seconds": 1.5} | kind.options)
    return OddClip(path, pictures, track_video(path, detector))


def sound_of(path: pathlib.Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size] if container.streams.audio else []


def sound_start(path: pathlib.Path) -> float:
    """Seconds from the first picture to the first sound; 0 without sound."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return 0.0
        firsts = [
            stream.start_time * stream.time_base for stream in (container.streams.audio[0], container.streams.video[0])
        ]
        return float(firsts[0] - firsts[1])


def eye_distances_off(face: Face, truth: np.ndarray) -> float:
    """How far the farthest of five landmarks is from where it should be, in eye distances."""
    return float(np.linalg.norm(face.landmarks - truth, axis=1).max() / np.linalg.norm(truth[1] - truth[0]))


def farthest(tracks: VideoTracks, truth: VideoTracks) -> float:
    """The same over a clip of one face in every frame."""
    pairs = zip(tracks.faces, truth.faces, strict=True)
    return max(eye_distances_off(seen[0], true[0].landmarks) for seen, true in pairs)


def mean_shift(tracks: VideoTracks, truth: VideoTracks) -> float:
    """How far the landmarks of a clip are off together, in eye distances."""
    pairs = [(seen[0], true[0]) for seen, true in zip(tracks.faces, truth.faces, strict=True)]
    shift = np.mean([seen.landmarks - true.landmarks for seen, true in pairs], axis=(0, 1))
    eye_distance = np.mean([np.linalg.norm(true.landmarks[1] - true.landmarks[0]) for _, true in pairs])
    return float(np.linalg.norm(shift) / eye_distance)


# Ways to store a video ---------------------------------------------------------------------------------------------


def test_the_faces_are_where_they_are_in_the_plain_clip(odd, plain):
    assert [track.found for track in odd.tracks.tracks] == [COUNT] and odd.tracks.length == COUNT
    assert farthest(odd.tracks, plain.tracks) < NEAR
    assert mean_shift(odd.tracks, plain.tracks) < SHIFT


def test_its_frames_are_the_pictures_that_went_in(odd):
    for frame, picture in zip(read_frames(odd.path), odd.pictures, strict=True):
        assert psnr(frame, picture) > 36


def test_every_frame_gives_an_upright_crop_of_what_went_in(odd, tmp_path):
    workspace = Workspace(tmp_path / "my workspace é")
    detector = ListedDetector([tuple(faces.values()) for faces in odd.tracks.faces])
    report = extract_faces(odd.path, workspace, "src", detector, config=EXTRACT)
    assert (report.crops, report.written, report.dropped) == (COUNT, COUNT, {})
    records = read_manifest(workspace.faces("src"))
    assert [record.frame for record in records] == list(range(COUNT))
    for record in records[::6]:
        eyes = record.points_in_crop()[:2] / CROP_SIZE
        assert eyes[:, 1] == pytest.approx(0.39, abs=0.03) and eyes[:, 0] == pytest.approx([0.36, 0.64], abs=0.03)
        same, other = (
            warp_frame(odd.pictures[index], np.array(record.crop_from_frame), CROP_SIZE)
            for index in (record.frame, (record.frame + 9) % COUNT)
        )
        crop = read_image(workspace.faces("src") / record.crop)
        assert psnr(crop, same) > 36 > psnr(crop, other)


def test_a_conversion_keeps_count_size_and_sound(odd, tmp_path):
    out = tmp_path / "Ergebnis für später.mp4"
    report = convert_video(
        ConversionJob(source=odd.path, out=out, **PLAIN, tracks=odd.tracks), IdentitySwapper(256), ListedDetector([])
    )
    assert (report.frames, report.swapped) == (COUNT, COUNT)
    before, after = probe_video(odd.path), probe_video(out)
    assert count_frames(out) == COUNT
    assert (after.width, after.height) == (before.width, before.height)
    assert [time for time, _ in read_timed_frames(out)] == pytest.approx(
        [time for time, _ in read_timed_frames(odd.path)], abs=1e-3
    )
    assert after.duration == pytest.approx(before.duration, abs=0.05)
    assert (after.rotation, after.has_audio) == (0, before.has_audio)
    assert sound_of(out) == sound_of(odd.path)
    assert sound_start(out) == pytest.approx(sound_start(odd.path), abs=2e-3)
    for frame, picture in zip(read_frames(out), odd.pictures, strict=True):
        assert psnr(frame, picture) > 32


# Time --------------------------------------------------------------------------------------------------------------


def test_the_manifest_holds_the_times_of_a_video_of_variable_rate(clip_frames, plain, tmp_path):
    times = uneven_times()
    path = make_video(tmp_path / "a.mp4", fps=FPS, pictures=clip_frames, times=times)
    seen = [time for time, _ in read_timed_frames(path)]
    assert seen == pytest.approx([float(time) for time in times], abs=1e-9)
    by_average = np.arange(COUNT) / float(probe_video(path).fps)
    assert np.abs(by_average - seen).max() > 0.25  # what counting frames would be off by
    detector = ListedDetector([tuple(faces.values()) for faces in plain.tracks.faces])
    workspace = Workspace(tmp_path / "w")
    extract_faces(path, workspace, "src", detector, config=EXTRACT)
    records = read_manifest(workspace.faces("src"))
    assert [record.time for record in records] == pytest.approx([float(time) for time in times], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "3"}),
        ("a.ts", "libx264", {"bf": "3"}),
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.h264", "libx264", {"bf": "3"}),  # states no times at all
    ],
)
def test_times_begin_at_zero_and_never_go_back(tmp_path, name, codec, options):
    path = make_video(tmp_path / name, frames=12, fps=FPS, video_codec=codec, options=options)
    times = [time for time, _ in read_timed_frames(path)]
    assert times == pytest.approx(np.arange(12) / 25, abs=1e-6)


def test_a_video_that_begins_late_begins_at_zero(tmp_path):
    late = [fractions.Fraction(3) + index / FPS for index in range(10)]
    path = make_video(tmp_path / "a.mkv", fps=FPS, frames=10, times=late)
    assert [time for time, _ in read_timed_frames(path)] == pytest.approx(np.arange(10) / 25, abs=1e-3)


# Damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_of_a_file_cut_off_the_readable_part_is_used_and_that_is_said(
    clip_frames, plain, detector, tmp_path, caplog, name
):
    options = {"movflags": "+faststart"} if name.endswith("mp4") else {}
    whole = make_video(
        tmp_path / name, fps=FPS, pictures=clip_frames, audio_seconds=1.5, container_options=options
    ).read_bytes()
    path = tmp_path / f"cut_{name}"
    path.write_bytes(whole[: len(whole) * 8 // 10])
    left = count_frames(path)
    assert 12 < left < 30
    said = f"{path} is damaged: "

    def heard() -> bool:
        messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        caplog.clear()
        return any(message.startswith(said) and message.endswith(f"; read {left} frames") for message in messages)

    tracks = track_video(path, detector)
    assert heard()
    assert tracks.length == tracks.found == left
    for seen, true in zip(tracks.faces, plain.tracks.faces, strict=False):
        assert eye_distances_off(seen[0], true[0].landmarks) < NEAR
    workspace = Workspace(tmp_path / "w")
    report = extract_faces(path, workspace, "src", detector, config=EXTRACT)
    assert heard()
    assert report.crops == len(read_manifest(workspace.faces("src"))) == left
    out = tmp_path / "out.mp4"
    assert convert_video(ConversionJob(source=path, out=out, **PLAIN), IdentitySwapper(), detector).frames == left
    assert heard()
    assert count_frames(out) == left and 0 < len(sound_of(out)) <= len(sound_of(path))


def test_a_file_that_cannot_be_read_at_all_leaves_nothing(clip_frames, detector, tmp_path):
    """Cut off before its index, which stands at the end."""
    whole = make_video(tmp_path / "whole.mp4", fps=FPS, pictures=clip_frames).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) * 6 // 10])
    workspace, out = Workspace(tmp_path / "w"), tmp_path / "out.mp4"
    for attempt in (
        lambda: track_video(path, detector),
        lambda: extract_faces(path, workspace, "src", detector, config=EXTRACT),
        lambda: convert_video(ConversionJob(source=path, out=out), IdentitySwapper(), detector),
    ):
        with pytest.raises(VideoError, match=r"expected a video file, got one that cannot be opened: .*cut.mp4"):
            attempt()
    assert not workspace.root.exists() and not out.exists()


# Faces that are gone for a while -----------------------------------------------------------------------------------


def test_in_a_run_of_black_frames_nothing_is_invented(clip_frames, plain, detector, tmp_path):
    black = range(13, 27)
    pictures = [np.zeros_like(frame) if index in black else frame for index, frame in enumerate(clip_frames)]
    path = make_video(tmp_path / "a.mp4", fps=FPS, pictures=pictures, audio_seconds=1.5)
    tracks = track_video(path, detector)
    assert [(track.start, track.stop) for track in tracks.tracks] == [(0, COUNT)] and tracks.cuts == ()
    assert [index for index, faces in enumerate(tracks.faces) if not faces] == list(black)
    for seen, true in zip(tracks.faces, plain.tracks.faces, strict=True):
        assert not seen or eye_distances_off(seen[0], true[0].landmarks) < NEAR
    workspace = Workspace(tmp_path / "w")
    report = extract_faces(path, workspace, "src", detector, config=EXTRACT)
    lit = [index for index in range(COUNT) if index not in black]
    assert [record.frame for record in read_manifest(workspace.faces("src"))] == lit and report.dropped == {}
    out = tmp_path / "out.mp4"
    report = convert_video(ConversionJob(source=path, out=out, **PLAIN), IdentitySwapper(256), detector)
    assert (report.frames, report.swapped) == (COUNT, len(lit))
    for frame, picture in zip(read_frames(out), pictures, strict=True):
        assert psnr(frame, picture) > 32
    assert sound_of(out) == sound_of(path)


def test_a_face_that_leaves_and_returns_is_the_same_one(clip_frames, plain, detector, tmp_path):
    """The picture slides out to the left, is gone for some frames and comes back."""
    slide = np.round(-112 * (1 - np.cos(np.pi * np.arange(1, 24) / 24))).astype(int).tolist()
    shifts = [0] * 8 + slide + [-224] * 2 + slide[::-1] + [0] * 8
    pictures, truths = [], []
    for index, shift in enumerate(shifts):
        picture = np.full((224, 224, 3), 90, np.uint8)
        picture[:, : 224 + shift] = clip_frames[index % COUNT][:, -shift:]
        pictures.append(picture)
        truths.append(plain.tracks.faces[index % COUNT][0].landmarks + [shift, 0])
    path = make_video(tmp_path / "a.mp4", fps=FPS, pictures=pictures, audio_seconds=2.5)
    tracks = track_video(path, detector)
    assert tracks.length == len(shifts) == 64 and len(tracks.tracks) == 1
    for index, (found, truth) in enumerate(zip(tracks.faces, truths, strict=True)):
        if truth[:, 0].min() > 25:
            assert eye_distances_off(found[0], truth) < 0.06, index  # it moves by up to 0.3 a frame
        if truth[:, 0].max() < 0:
            assert not found, index
    workspace, out = Workspace(tmp_path / "w"), tmp_path / "out.mp4"
    seen = [index for index, found in enumerate(tracks.faces) if found]
    extract_faces(path, workspace, "src", detector, config=EXTRACT)
    assert [record.frame for record in read_manifest(workspace.faces("src"))] == seen
    report = convert_video(ConversionJob(source=path, out=out, **PLAIN, tracks=tracks), IdentitySwapper(256), detector)
    assert (report.frames, report.swapped) == (64, len(seen))
    for frame, picture in zip(read_frames(out), pictures, strict=True):
        assert psnr(frame, picture) > 32
    assert sound_of(out) == sound_of(path)
