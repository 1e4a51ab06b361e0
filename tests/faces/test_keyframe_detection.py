"""Seeing every face in every frame without searching every frame: `faces/keyframe_detection.py`."""

import typing
import weakref

import numpy as np
import pytest

from faceswap_lib.faces import MTCNN, DetectConfig, Face, keyframe_detection
from faceswap_lib.faces.keyframe_detection import (
    BATCH,
    FrameDetections,
    appearance_descriptor,
    appearance_distance,
    detect_keyframes,
)
from faceswap_lib.media import read_frames
from tests.conftest import annotated_face
from tests.fakes import FakeRefiner, ListedDetector, frame_number, make_face, numbered_frame

Faces = tuple[Face, ...]

HERE, THERE = make_face(100, 100), make_face(400, 120)  # 88 pixels wide
ROOM, STREET = (np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8) for seed in (1, 2))


def numbered(pictures: typing.Iterable[np.ndarray]) -> typing.Iterator[np.ndarray]:
    return (numbered_frame(index, picture) for index, picture in enumerate(pictures))


def scan(faces: typing.Sequence[Faces], detect_every: int = 8, cut: int | None = None) -> FakeRefiner:
    """Scans frames that show these faces; what the scan saw must be exactly them."""
    refiner = FakeRefiner(faces)
    pictures = [STREET if cut is not None and index >= cut else ROOM for index in range(len(faces))]
    sightings = list(detect_keyframes(numbered(pictures), refiner, detect_every))
    assert len(sightings) == len(faces)
    for index, (sighting, true) in enumerate(zip(sightings, faces, strict=True)):
        assert set(sighting.faces) == set(true), index
        assert len(sighting.faces) == len(sighting.descriptors) == len(true)
        assert sighting.is_cut == (index == cut)
    return refiner


def moved(face: Face, right: float, down: float = 0.0) -> Face:
    shift = np.array([right, down])
    return Face(box_xyxy=face.box_xyxy + np.tile(shift, 2), score=face.score, landmarks=face.landmarks + shift)


def test_a_steady_face_is_searched_at_every_eighth_frame_and_read_in_between():
    refiner = scan([(HERE,)] * 65)
    assert refiner.searched == [0, 8, 16, 24, 32, 40, 48, 56, 64]
    assert sorted(refiner.read) == [index for index in range(65) if index % 8]


def test_a_moving_face_is_read_where_it_must_be_by_then():
    faces = [(moved(HERE, 3 * index, index),) for index in range(33)]
    refiner = scan(faces)
    assert refiner.searched == [0, 8, 16, 24, 32]
    for index, (guess,) in refiner.read.items():
        assert guess.box_xyxy == pytest.approx(faces[index][0].box_xyxy)
        assert guess.landmarks == pytest.approx(faces[index][0].landmarks)


def test_several_faces_are_read_in_any_order():
    refiner = scan([(HERE, THERE) if index % 3 else (THERE, HERE) for index in range(33)])
    assert refiner.searched == [0, 8, 16, 24, 32]


def test_frames_without_a_face_are_searched_at_every_eighth_only():
    refiner = scan([()] * 65)
    assert refiner.searched == list(range(0, 65, 8)) and refiner.read == {}


@pytest.mark.parametrize("change", range(1, 20))
def test_the_frame_in_which_a_face_comes_or_goes_is_exact(change):
    """The stretch of eight is halved three times, so three frames more are searched; `scan` proves what was seen."""
    for before, after in [((), (HERE,)), ((HERE,), ()), ((THERE,), (HERE, THERE)), ((HERE, THERE), (THERE,))]:
        refiner = scan([before] * change + [after] * (33 - change))
        assert set(range(0, 33, 8)) < set(refiner.searched)
        assert {change - 1, change} <= set(refiner.searched)
        assert len(refiner.searched) == len(set(refiner.searched)) == 5 + 3


@pytest.mark.parametrize("change", range(1, 20))
def test_the_frame_in_which_a_face_jumps_is_exact(change):
    refiner = scan([(HERE,)] * change + [(THERE,)] * (33 - change))
    assert {change - 1, change} <= set(refiner.searched) and len(refiner.searched) == 5 + 3


def test_a_face_hidden_in_one_frame_between_two_searches_is_hidden_there():
    for gone in range(1, 8):
        refiner = scan([() if index == gone else (HERE,) for index in range(17)])
        assert gone in refiner.searched
        assert not {index for index in refiner.searched if index > 8} - {16}


def test_a_face_that_is_not_where_it_was_thought_to_be_is_searched():
    """It swings out and back between two searches: 20 pixels are within the reader's reach, yet too far to trust."""
    swing = [0, 5, 12, 18, 20, 18, 12, 5, 0]
    refiner = scan([(moved(HERE, x),) for x in swing])
    assert refiner.searched == [0, 8, 4]
    assert refiner.read[2][0].box_xyxy == pytest.approx(moved(HERE, 10).box_xyxy)  # halfway to what frame 4 shows
    assert scan([(moved(HERE, 0.6 * x),) for x in swing]).searched == [0, 8]


def test_two_guesses_that_become_one_face_are_searched_again():
    """Each is near the one face that is left in frames 3 to 5, but only one of them can be it."""
    both = (HERE, moved(HERE, 26, 26))
    middle = (moved(HERE, 13, 13),)
    refiner = scan([middle if 3 <= index <= 5 else both for index in range(9)])
    assert {3, 4, 5} <= set(refiner.searched)


@pytest.mark.parametrize("cut", range(2, 40))
def test_both_sides_of_a_cut_are_searched_and_no_face_is_read_across(cut):
    """In the new shot somebody stands 8 pixels further: near enough to be taken for a face that moves."""
    refiner = scan([(HERE,)] * cut + [(moved(HERE, 8),)] * (65 - cut), cut=cut)
    assert {cut - 1, cut} <= set(refiner.searched)
    for index, (guess,) in refiner.read.items():
        assert guess.box_xyxy == pytest.approx((HERE if index < cut else moved(HERE, 8)).box_xyxy)
    assert len(refiner.searched) <= 9 + 2


@pytest.mark.parametrize("detect_every", [1, 2, 3, 5, 8, 31, 32, 100])
def test_what_is_seen_does_not_depend_on_how_often_is_searched(detect_every):
    shown = [(HERE,), (HERE, THERE), (THERE,), (THERE, HERE), (), (HERE,)]
    refiner = scan([faces for faces in shown for _ in range(13)], detect_every)
    assert len(refiner.searched) == len(set(refiner.searched))


def test_searching_every_frame_reads_none():
    refiner = scan([(HERE,), (), (HERE, THERE), (THERE,)] * 20, detect_every=1)
    assert refiner.searched == list(range(80)) and refiner.read == {}


def test_a_detector_that_cannot_read_is_asked_for_every_frame_in_order():
    order = []

    class Searcher(ListedDetector):
        def detect(self, frames):
            order.extend(frame_number(frame) for frame in frames)
            return super().detect(frames)

    faces = [(moved(HERE, index),) for index in range(70)]
    sightings = list(detect_keyframes(numbered([ROOM] * 70), Searcher(faces), detect_every=8))
    assert order == list(range(70))
    assert [sighting.faces for sighting in sightings] == faces


def test_no_frame_and_one_frame():
    assert list(detect_keyframes(iter([]), FakeRefiner([]), 8)) == []
    assert scan([(HERE,)]).searched == [0]
    assert scan([()]).searched == [0]
    assert scan([(HERE,)] * 2).searched == [0, 1]


def most_frames_held(count: int, detect_every: int) -> int:
    """How many frames of a clip exist at a time while it is scanned."""
    references, most = [], 0

    def frames():
        nonlocal most
        for frame in numbered([ROOM] * count):
            references.append(weakref.ref(frame))
            most = max(most, sum(reference() is not None for reference in references))
            yield frame
            del frame

    for _ in detect_keyframes(frames(), FakeRefiner([(HERE,)] * count), detect_every):
        pass
    return most


@pytest.mark.parametrize("detect_every", [1, 8, 100])
def test_the_frames_held_do_not_grow_with_the_clip(detect_every):
    """A batch, the last frame of the one before, and the one that the search for cuts has read ahead."""
    assert most_frames_held(100, detect_every) == most_frames_held(300, detect_every) == BATCH + 2


def test_fewer_large_frames_are_held(monkeypatch):
    monkeypatch.setattr(keyframe_detection, "MEMORY", 5 * ROOM.nbytes)
    assert most_frames_held(100, 1) == most_frames_held(100, 8) == 5 + 2
    assert most_frames_held(100, 2) == 4 + 2
    monkeypatch.setattr(keyframe_detection, "MEMORY", 1)
    assert most_frames_held(20, 8) == 1 + 2


def test_frames_reach_the_detector_a_batch_at_a_time():
    taken = []

    def frames():
        for frame in numbered([ROOM] * 3 * BATCH):
            taken.append(frame)
            yield frame

    sightings = detect_keyframes(frames(), ListedDetector([()] * 3 * BATCH))
    next(sightings)
    assert len(taken) == 2
    next(sightings)
    assert len(taken) == 2 + BATCH
    assert len(list(sightings)) == 3 * BATCH - 2


# What tells people apart.


def test_looks_of_a_person_are_alike_wherever_and_however_large_the_face_is(portraits):
    hopper, collins = ((portrait.image, annotated_face(portrait)) for portrait in portraits)
    look = appearance_descriptor(*collins)
    assert look.shape == (keyframe_detection.LOOK_SIZE**2, 3) and look.dtype == np.float32
    assert look.min() >= 0 and look.max() <= 1
    image, face = collins
    half = image.reshape(160, 2, 160, 2, 3).mean((1, 3)).astype(np.uint8)
    smaller = Face(box_xyxy=(face.box_xyxy + 0.5) / 2 - 0.5, score=1, landmarks=(face.landmarks + 0.5) / 2 - 0.5)
    assert appearance_distance(look, appearance_descriptor(half, smaller)) < 0.01
    height = len(image)
    turned = Face(
        box_xyxy=[height - 1 - face.box_xyxy[3], face.box_xyxy[0], height - 1 - face.box_xyxy[1], face.box_xyxy[2]],
        score=1,
        landmarks=np.stack([height - 1 - face.landmarks[:, 1], face.landmarks[:, 0]], axis=1),
    )
    assert appearance_distance(look, appearance_descriptor(np.ascontiguousarray(np.rot90(image, -1)), turned)) < 0.01
    assert appearance_distance(look, appearance_descriptor(*hopper)) > 0.15


def test_looks_are_compared_by_what_is_visible_of_both(portraits):
    image, face = portraits[1].image, annotated_face(portraits[1])
    look = appearance_descriptor(image, face)
    covered = image.copy()
    covered[:, : int(face.landmarks[2, 0])] = 0  # half of the face
    assert appearance_distance(look, appearance_descriptor(covered, face)) < 0.01
    covered[:, : int(face.landmarks[1, 0])] = 0  # all but a cheek
    assert appearance_distance(look, appearance_descriptor(covered, face)) > 0.2
    assert appearance_distance(np.zeros((144, 3)), np.ones((144, 3))) == 1


# The same with MTCNN.


class Watched:
    """A detector whose calls are counted."""

    def __init__(self, detector: MTCNN):
        self._detector = detector
        self.searched = self.read = 0

    def detect(self, frames):
        self.searched += len(frames)
        return self._detector.detect(frames)

    def refine(self, frames, guesses):
        self.read += len(frames)
        return self._detector.refine(frames, guesses)


def difference(a: list[FrameDetections], b: list[FrameDetections]) -> float:
    """Largest distance of the points of two scans of one clip that shows one face, in eye distances."""
    shares = []
    for one, other in zip(a, b, strict=True):
        (face,), (same,) = one.faces, other.faces
        eye_distance = np.linalg.norm(same.landmarks[1] - same.landmarks[0])
        shares.append(np.linalg.norm(face.landmarks - same.landmarks, axis=1).max() / eye_distance)
    return max(shares)


def test_a_talking_portrait_is_seen_as_well_with_a_fifth_of_the_searches(detector, portrait_clips):
    """Measured: 0.040 and 0.024 of the eye distance apart at most; 6 of 38 frames searched."""
    for clip in portrait_clips:
        frames = list(read_frames(clip))
        watched = Watched(detector)
        seldom = list(detect_keyframes(frames, watched, 8))
        assert (watched.searched, watched.read) == (6, 32)
        assert difference(seldom, list(detect_keyframes(frames, detector, 1))) < 0.08


@pytest.mark.clips
def test_a_real_clip_is_seen_as_well_with_fewer_searches(detector, real_clips):
    """Measured: 0.036 of the eye distance apart at most; 8 of 50 frames searched."""
    frames = list(read_frames(real_clips / "d14.mp4", stop=50))
    watched = Watched(detector)
    seldom = list(detect_keyframes(frames, watched, 8))
    assert (watched.searched, watched.read) == (8, 42)
    assert difference(seldom, list(detect_keyframes(frames, detector, 1))) < 0.08


def test_a_face_on_its_side_is_followed_between_searches(portrait_clips):
    """Turned frames show what the upright ones show, turned; no distance larger than 0.001 of the picture's side."""
    frames = list(read_frames(portrait_clips[1], stop=20))
    watched = Watched(MTCNN(DetectConfig(detect_rotated=True)))
    turned = list(detect_keyframes([np.ascontiguousarray(np.rot90(frame)) for frame in frames], watched, 8))
    assert (watched.searched, watched.read) == (4, 16)
    same_detector = MTCNN(DetectConfig(detect_rotated=True))
    for sighting, upright in zip(turned, detect_keyframes(frames, same_detector, 8), strict=True):
        (face,), (same,) = sighting.faces, upright.faces
        back = np.stack([223 - face.landmarks[:, 1], face.landmarks[:, 0]], axis=1)
        assert np.abs(back - same.landmarks).max() < 0.2
        assert appearance_distance(sighting.descriptors[0], upright.descriptors[0]) < 0.01
