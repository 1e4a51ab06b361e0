"""Following faces: who is who from frame to frame, through gaps, crossings and cuts."""

import itertools

import cv2
import numpy as np
import pytest

from faceswap_lib.faces import Face, FaceTrack, TrackConfig, VideoTracks, track_faces
from faceswap_lib.faces.keyframe_detection import FrameDetections, detect_keyframes
from faceswap_lib.faces.selection import SHORTEST
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import read_frames
from tests.fakes import make_face

RED, GREEN = (np.full((144, 3), color, np.float32) for color in ((0.8, 0.3, 0.3), (0.3, 0.7, 0.3)))
RAW = TrackConfig(smoothing="none")


def see(*people: tuple[Face, np.ndarray], is_cut: bool = False) -> FrameDetections:
    return FrameDetections(
        faces=tuple(face for face, _ in people), descriptors=tuple(look for _, look in people), is_cut=is_cut
    )


def spans(tracks: VideoTracks) -> list[tuple[int, int]]:
    return [(track.start, track.stop) for track in tracks.tracks]


def test_a_face_is_one_track_from_its_first_to_its_last_frame():
    face = make_face(120, 80)
    tracks = track_faces([see(), see(), *[see((face, RED))] * 30, see(), see()])
    assert tracks.length == 34 and spans(tracks) == [(2, 32)] and tracks.found == 30
    assert [bool(faces) for faces in tracks.faces] == [False] * 2 + [True] * 30 + [False] * 2
    for seen in tracks.tracks[0].faces:
        assert seen.landmarks == pytest.approx(face.landmarks, abs=1e-6) and seen.score == pytest.approx(0.9)


def test_no_face_at_all_gives_no_track():
    assert track_faces([see()] * 7).tracks == () and track_faces([see()] * 7).length == 7
    assert track_faces([]).length == 0


@pytest.mark.parametrize(("missing", "filled"), [(1, True), (5, True), (6, False)])
def test_a_short_gap_is_filled_in_and_a_longer_one_left_open(missing, filled):
    moving = [see((make_face(100 + 2 * index, 100), RED)) for index in range(40)]
    moving[20 : 20 + missing] = [see()] * missing
    tracks = track_faces(moving)
    assert spans(tracks) == [(0, 40)]
    gap = tracks.tracks[0].faces[20 : 20 + missing]
    if filled:
        for index, face in enumerate(gap, 20):
            assert face.score == 0
            assert face.landmarks == pytest.approx(make_face(100 + 2 * index, 100).landmarks, abs=0.5)
    else:
        assert gap == (None,) * missing
    assert all(face is None for face in track_faces(moving, RAW).tracks[0].faces[20 : 20 + missing])


@pytest.mark.parametrize(("away", "count"), [(30, 1), (31, 2)])
def test_a_face_that_comes_back_in_time_keeps_its_track(away, count):
    face = make_face(200, 100)
    sightings = [see((face, RED))] * 10 + [see()] * away + [see((face, RED))] * 10
    assert len(track_faces(sightings).tracks) == count


def test_somebody_else_in_the_same_place_is_a_new_track():
    face = make_face(200, 100)
    for gap in (0, 3, 12):
        tracks = track_faces([see((face, RED))] * 10 + [see()] * gap + [see((face, GREEN))] * 10)
        assert spans(tracks) == [(0, 10), (10 + gap, 20 + gap)]


def test_nobody_is_followed_across_a_cut():
    face = make_face(200, 100)
    tracks = track_faces([see((face, RED))] * 10 + [see((face, RED), is_cut=True)] + [see((face, RED))] * 9)
    assert spans(tracks) == [(0, 10), (10, 20)] and tracks.cuts == (10,)


def test_a_face_does_not_jump_to_where_it_cannot_have_gone():
    here, far = make_face(100, 100), make_face(500, 200)
    assert spans(track_faces([see((here, RED))] * 10 + [see((far, RED))] * 10)) == [(0, 10), (10, 20)]
    large = make_face(100, 100, 90)
    assert spans(track_faces([see((here, RED))] * 10 + [see((large, RED))] * 10)) == [(0, 10), (10, 20)]


@pytest.mark.parametrize(("widths", "count"), [(0.5, 1), (0.7, 2)])
def test_from_frame_to_frame_a_face_goes_less_than_its_width(widths, count):
    faces = [make_face(100, 100)] * 10 + [make_face(100 + widths * 88, 100)] * 10
    assert len(track_faces([see((face, RED)) for face in faces]).tracks) == count


@pytest.mark.parametrize(("away", "count"), [(0, 1), (5, 1), (6, 2), (12, 2)])
def test_after_a_longer_absence_a_face_must_look_more_like_itself(away, count):
    face = make_face(200, 100)
    tracks = track_faces([see((face, RED))] * 10 + [see()] * away + [see((face, RED + 0.1))] * 10)
    assert len(tracks.tracks) == count


def test_two_who_look_alike_and_meet_and_turn_back_are_told_apart_by_their_looks():
    """By movement alone they would have passed each other: the faces are nearer to the other one's prediction."""
    sightings = []
    for index in range(80):
        away = 3 + 5 * abs(40 - index)
        left, right = make_face(300 - away, 100), make_face(300 + away, 100)
        sightings.append(see((left, RED), (right, RED + 0.1)))
    tracks = track_faces(sightings, RAW)
    assert spans(tracks) == [(0, 80)] * 2
    for track, side in zip(tracks.tracks, (-1, 1), strict=True):
        for index, face in track.items():
            assert face.landmarks[2, 0] == pytest.approx(300 + side * (3 + 5 * abs(40 - index)))


def test_a_false_detection_of_one_frame_disturbs_nobody():
    face, ghost = make_face(100, 100), make_face(420, 150)
    sightings = [see((face, RED))] * 20
    sightings[9] = see((ghost, GREEN), (face, RED))
    assert sorted(spans(track_faces(sightings))) == [(0, 20), (9, 10)]


@pytest.mark.parametrize("hidden", [0, 10, 25])
@pytest.mark.parametrize("turn_back", [False, True])
def test_two_who_cross_keep_their_tracks_in_whatever_order_they_are_seen(hidden, turn_back):
    """One walks to the right in front; the other walks to the left behind, hidden for a while, or turns back."""
    sightings = []
    for index in range(80):
        front = make_face(100 + 5 * index, 100)
        behind = make_face((500 - 5 * index) if index < 40 or not turn_back else 500 - 5 * (80 - index), 100)
        people = [(front, RED)] if abs(index - 40) * 2 < hidden else [(front, RED), (behind, GREEN)]
        sightings.append(see(*people[:: 1 if index % 3 else -1]))
    tracks = track_faces(sightings, RAW)
    assert len(tracks.tracks) == 2
    red, green = sorted(tracks.tracks, key=lambda track: track.faces[0].box_xyxy[0])
    for index, face in red.items():
        assert face.landmarks == pytest.approx(make_face(100 + 5 * index, 100).landmarks)
    last = green.faces[-1].landmarks
    assert last == pytest.approx(make_face(495 if turn_back else 105, 100).landmarks)


@pytest.mark.parametrize("gap", [8, 20, 27])
def test_somebody_hidden_on_the_way_is_met_where_they_must_come_out(gap):
    """At 14 pixels per frame a face goes up to four of its widths while it is out of sight."""
    sightings = [see((make_face(60 + 14 * index, 100), RED)) for index in range(60)]
    sightings[15 : 15 + gap] = [see()] * gap
    assert spans(track_faces(sightings, RAW)) == [(0, 60)]
    back = make_face(60 + 14 * 15 - 3 * 88, 100)  # three widths to the other side
    sightings[15 + gap :] = [see((back, RED))] * 20
    assert len(track_faces(sightings, RAW).tracks) == 2


def test_a_track_outside_its_clip_is_a_defect():
    with pytest.raises(ValueError, match="inside 0 to 3"):
        VideoTracks(length=3, tracks=(FaceTrack(start=1, faces=(make_face(50, 50),) * 3),))


def compose(clips, path, count: int = 120, tile: int = 240):
    """Frames in which two clips' pictures move over a gray wall, the first in front; and the centers of both."""
    videos = [itertools.cycle(list(read_frames(clip, stop=count))) for clip in clips]
    for index, pictures in zip(range(count), zip(*videos, strict=True), strict=False):
        frame = np.full((tile + 120, 4 * tile, 3), 128, np.uint8)
        centers = []
        for picture, share in reversed(list(zip(pictures, path(index / (count - 1)), strict=True))):
            left = int(share * 3 * tile)
            frame[60 : 60 + tile, left : left + tile] = cv2.resize(picture, (tile, tile), interpolation=cv2.INTER_AREA)
            centers.insert(0, left + tile / 2)
        yield frame, centers


def cross(share: float) -> tuple[float, float]:
    return share, 1 - share


def meet_and_turn(share: float) -> tuple[float, float]:
    return 0.5 - abs(0.5 - share), 0.5 + abs(0.5 - share)


def check_ids(frames_and_centers, detector) -> None:
    """Each of two tracks must follow one of the two pictures wherever they are apart.

    A face that is more than half hidden may be a track of its own for a frame or two, as a mistake of the detector may.
    """
    frames, centers = zip(*frames_and_centers, strict=True)
    tracks = track_faces(detect_keyframes(frames, detector, 8))
    long = [track for track in tracks.tracks if track.found >= SHORTEST]
    assert len(long) == 2 and tracks.cuts == () and len(tracks.tracks) <= 3
    followed = []
    for track in long:
        apart = [(index, face) for index, face in track.items() if abs(np.diff(centers[index])[0]) > 60]
        nearest = {int(np.argmin(np.abs(np.subtract(centers[i], face.box_xyxy[[0, 2]].mean())))) for i, face in apart}
        assert len(nearest) == 1 and len(apart) > 60
        followed += nearest
    assert sorted(followed) == [0, 1]


@pytest.mark.parametrize("path", [cross, meet_and_turn])
@pytest.mark.parametrize("order", [1, -1])
def test_two_portraits_that_cross_keep_their_tracks(portrait_clips, detector, path, order):
    check_ids(compose(portrait_clips[::order], path), detector)


@pytest.mark.parametrize("order", [1, -1])
def test_a_portrait_that_passes_behind_another_keeps_its_track(portrait_clips, detector, order):
    """It is hidden for 18 or 19 of 56 frames, in which it goes more than a face's width."""
    frames, centers = zip(*compose(portrait_clips[::order], lambda share: (0.5, share), 56), strict=True)
    tracks = track_faces(detect_keyframes(frames, detector, 8), RAW)
    assert spans(tracks) == [(0, 56)] * 2 and tracks.cuts == ()
    behind, front = sorted(tracks.tracks, key=lambda track: track.found)
    assert front.found == 56 and 35 <= behind.found <= 40
    for track, which in ((front, 0), (behind, 1)):
        for index, face in track.items():
            assert face.landmarks[:, 0].mean() == pytest.approx(centers[index][which], abs=12)


@pytest.mark.clips
@pytest.mark.parametrize("names", [("d6", "d14"), ("d14", "d6"), ("d9", "d10"), ("d10", "d9")])
def test_two_real_people_who_cross_keep_their_tracks(real_clips, detector, names):
    check_ids(compose([real_clips / f"{name}.mp4" for name in names], cross), detector)


def shake(landmarks: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.diff(landmarks, 2, axis=0) ** 2)))


def test_a_real_clip_is_followed_from_end_to_end_and_steadied(portrait_clips, detector):
    tracks, raw = (
        track_video(portrait_clips[0], detector, track_config=TrackConfig(smoothing=mode)) for mode in ("rts", "none")
    )
    assert spans(tracks) == spans(raw) == [(0, 38)] and tracks.found == 38
    steady, detected = (np.array([face.landmarks for face in t.tracks[0].faces]) for t in (tracks, raw))
    assert np.sqrt(np.mean((steady - detected) ** 2)) < 1.2
    assert shake(steady) < 0.7 * shake(detected)


@pytest.mark.clips
def test_rts_steadies_a_real_clip_without_leaving_the_face(real_clips, detector):
    sightings = list(detect_keyframes(read_frames(real_clips / "d6.mp4", stop=90), detector, 8))
    steady, raw = (
        np.array([face.landmarks for face in track_faces(sightings, TrackConfig(smoothing=mode)).tracks[0].faces])
        for mode in ("rts", "none")
    )
    assert len(steady) == len(raw) == 90
    assert shake(steady) < 0.6 * shake(raw)
    assert np.sqrt(np.mean((steady - raw) ** 2)) < 0.03 * sightings[0].faces[0].size
