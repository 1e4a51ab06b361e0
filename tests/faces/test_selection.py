"""Whose face: by size, by place, or by a picture."""

import itertools
import pathlib

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import FaceTrack, TrackConfig, VideoTracks
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.faces.selection import _median_distance, choose_by_rule
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import VideoWriter, read_frames, write_image
from tests.fakes import make_face


def track(x: float, eye_distance: float, start: int, stop: int) -> FaceTrack:
    return FaceTrack(start=start, faces=(make_face(x, 200, eye_distance),) * (stop - start))


def choose(rule: str, *tracks: FaceTrack) -> list[int]:
    """Which of the tracks are kept, by their place in the argument list."""
    chosen = choose_by_rule(VideoTracks(length=100, tracks=tracks, cuts=(50,)), rule, 800, 400)
    assert chosen.length == 100 and chosen.cuts == (50,)
    return [tracks.index(kept) for kept in chosen.tracks]


def test_of_those_who_share_a_frame_the_one_that_covers_most_is_kept_whole():
    small, large, late = track(200, 30, 0, 100), track(600, 60, 0, 40), track(500, 31, 60, 100)
    assert choose("largest", small, large) == [1]
    assert choose("largest", small, late) == [0]


def test_people_who_are_never_together_are_all_kept():
    assert choose("largest", track(200, 30, 0, 40), track(600, 60, 50, 100)) == [0, 1]
    assert choose("center", track(200, 30, 0, 40), track(600, 60, 50, 100)) == [0, 1]


def test_the_one_nearest_to_the_center_is_kept():
    assert choose("center", track(390, 30, 0, 100), track(600, 90, 0, 100)) == [0]
    assert choose("largest", track(390, 30, 0, 100), track(600, 90, 0, 100)) == [1]


def test_a_mistake_of_the_detector_does_not_displace_anybody():
    for rule in ("largest", "center"):
        assert choose(rule, track(150, 30, 0, 100), track(400, 150, 10, 14)) == [0]


def test_all_keeps_all():
    tracks = track(200, 30, 0, 100), track(600, 60, 0, 40), track(600, 60, 50, 100)
    assert choose("all", *tracks) == [0, 1, 2]


@pytest.fixture(scope="module")
def pair(portrait_clips, tmp_path_factory) -> pathlib.Path:
    """Hopper on the left and, smaller, Collins on the right, 20 frames."""
    path = tmp_path_factory.mktemp("pair") / "pair.mp4"
    with VideoWriter(path, width=448, height=224, fps=25) as writer:
        for hopper, collins in itertools.islice(zip(*map(read_frames, portrait_clips), strict=True), 20):
            small = np.full_like(collins, 128)
            small[40:208, 40:208] = cv2.resize(collins, (168, 168), interpolation=cv2.INTER_AREA)
            writer.write(np.concatenate([hopper, small], axis=1))
    return path


def on_the_right(tracks: VideoTracks) -> list[bool]:
    return [bool(track.faces[0].landmarks[:, 0].mean() > 224) for track in tracks.tracks]


def test_in_a_video_of_two_the_rules_choose_as_they_say(pair, detector):
    for rule, right in (("largest", [False]), ("all", [False, True])):
        tracks = track_video(pair, detector, track_config=TrackConfig(subject=rule))
        assert sorted(on_the_right(tracks)) == right and tracks.found == 20


def test_who_must_be_a_rule_or_a_picture(pair, detector):
    with pytest.raises(InputError, match="expected largest, center, all or the path of an image, got 'biggest'"):
        track_video(pair, detector, track_config=TrackConfig(subject="biggest"))


def test_who_is_refused_before_the_video_is_read(detector):
    with pytest.raises(InputError, match="got 'biggest'"):
        track_video(pathlib.Path("no such video.mp4"), detector, track_config=TrackConfig(subject="biggest"))


needs_dlib = pytest.mark.skipif(DlibEmbedder.unavailable_reason() is not None, reason="dlib is not installed")


@needs_dlib
@pytest.mark.parametrize("index", [0, 1])
def test_a_picture_chooses_its_person(pair, portraits, detector, tmp_path, index):
    write_image(tmp_path / "who.png", portraits[index].image)
    tracks = track_video(pair, detector, track_config=TrackConfig(subject=str(tmp_path / "who.png")))
    assert on_the_right(tracks) == [bool(index)] and tracks.found == 20


@needs_dlib
def test_a_picture_of_nobody_in_the_video_is_refused(portrait_clips, portraits, detector, tmp_path):
    write_image(tmp_path / "who.png", portraits[1].image)
    with pytest.raises(InputError, match=r"no face in .*hopper.mp4 matches this person .* distance of 0\.[6-9]"):
        track_video(portrait_clips[0], detector, track_config=TrackConfig(subject=str(tmp_path / "who.png")))


@needs_dlib
def test_a_picture_without_a_face_is_refused(pair, detector, tmp_path):
    write_image(tmp_path / "wall.png", np.full((200, 200, 3), 90, np.uint8))
    with pytest.raises(InputError, match="no face in the image"):
        track_video(pair, detector, track_config=TrackConfig(subject=str(tmp_path / "wall.png")))


def test_without_dlib_a_picture_asks_for_it(pair, portraits, detector, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dlib", None)
    write_image(tmp_path / "who.png", portraits[0].image)
    with pytest.raises(InputError, match=r"pip install 'faceswap_lib\[dlib\]'"):
        track_video(pair, detector, track_config=TrackConfig(subject=str(tmp_path / "who.png")))


def test_a_track_without_an_embedding_is_nobody():
    assert _median_distance(np.empty((0,)), np.zeros(128)) == np.inf
    assert _median_distance(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 1.0]]), np.zeros(2)) == 1
