"""The first pass over a video: see every face in every frame, without searching every frame.

Frames are searched at key places, every `detect_every`-th. Where both ends of a stretch show the same faces, the frames
between them are only read where the faces must be; where a face comes, goes, or is not where it was thought to be, the
stretch is halved, down to single frames if need be.
"""

import dataclasses
import itertools
import typing

import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE, VIEW_COVERAGE, crop_from_frame, view_matrix, warp_frame
from faceswap_lib.faces.boxes import box_iou, match_by_iou
from faceswap_lib.faces.detector import FaceDetector, FaceRefiner
from faceswap_lib.faces.shot_detection import detect_shot_changes
from faceswap_lib.faces.types import Face

BATCH = 32
"""Frames looked at together, if they fit into `MEMORY`; the only ones held."""

MEMORY = 2**28
"""Bytes of frames looked at together."""

LOOK_SIZE = 12
"""Side in pixels of the small picture that tells one person from another."""

VISIBLE_SHARE = 40
"""Percentage of a face's pixels that must be visible for it to be told from others."""

STEADY_SHIFT = 0.15
"""How far from its guess a face may be found, in sides of its box, before the guess counts as wrong."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FrameDetections:
    """What one frame shows.

    Attributes:
        faces: In no particular order.
        looks: What each of them looks like; comparable within a shot.
        is_cut: Whether the frame begins a new shot.
    """

    faces: tuple[Face, ...]
    descriptors: tuple[np.ndarray, ...]
    is_cut: bool = False


def detect_keyframes(
    frames: typing.Iterable[np.ndarray], detector: FaceDetector, detect_every: int = 1
) -> typing.Iterator[FrameDetections]:
    """Sees the faces of every frame.

    Args:
        frames: (H, W, 3) uint8 RGB of one size, in order.
        detector: Finds the faces; it must be a `FaceRefiner` too if not every frame is to be searched.
        detect_every: Search every n-th frame where nothing unexpected happens; more often if fewer are held at once.

    Yields:
        One sighting per frame, in order.

    Taught in notebooks/01_video_face_detection_alignment.
    """
    every = detect_every if isinstance(detector, FaceRefiner) else 1
    marked = detect_shot_changes(frames)
    overlap: list[tuple[np.ndarray, bool]] = []  # the last frame of a stretch is the first of the next
    known: list[tuple[Face, ...]] = []
    size = step = 1
    while new := list(itertools.islice(marked, size)):
        stretch = _KeyframeGap([*overlap, *new], known, detector)
        stretch.see(step)
        for (frame, is_cut), faces in zip(new, stretch.faces[len(overlap) :], strict=True):
            looks = tuple(appearance_descriptor(frame, face) for face in faces)
            yield FrameDetections(faces=faces, descriptors=looks, is_cut=is_cut)
        overlap, known = new[-1:], stretch.faces[-1:]
        batch = max(1, min(BATCH, MEMORY // new[-1][0].nbytes))
        step = min(every, batch)
        size = batch // step * step
        del new, stretch, frame  # or they would be held while the next ones are read


def appearance_descriptor(frame: np.ndarray, face: Face) -> np.ndarray:
    """Describes a face by a small aligned picture of it.

    Args:
        frame: (H, W, 3) uint8 RGB.
        face: The face, in pixels of this frame.

    Returns:
        (K, 3) float32 RGB, 0 to 1.
    """
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, LOOK_SIZE, VIEW_COVERAGE)
    return warp_frame(frame, matrix, LOOK_SIZE).reshape(-1, 3).astype(np.float32) / 255


def appearance_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Compares two looks by the better part of their pixels, since the rest may be covered by somebody else; 0 to 1."""
    return float(np.percentile(np.sqrt(((a - b) ** 2).mean(axis=1)), VISIBLE_SHARE))


class _KeyframeGap:
    """A few neighboring frames, whose faces become known one after the other.

    Args:
        marked: Frames in order, and whether they begin a new shot.
        known: The faces of the first frames, as far as they are known already.
        detector: Finds the others.
    """

    def __init__(self, marked: list[tuple[np.ndarray, bool]], known: list[tuple[Face, ...]], detector: FaceDetector):
        self.faces: list[tuple[Face, ...] | None] = [*known, *(None for _ in marked[len(known) :])]
        self._frames = [frame for frame, _ in marked]
        self._cuts = [index for index, (_, is_cut) in enumerate(marked) if is_cut and index]
        self._detector = detector

    def see(self, step: int) -> None:
        """Searches every `step`-th frame and both sides of every cut, then fills in what lies between."""
        last = len(self._frames) - 1
        keys = sorted({*range(0, last, step), last, *self._cuts, *(index - 1 for index in self._cuts)})
        self._search(keys)
        gaps = list(itertools.pairwise(keys))
        while gaps := [gap for gap in self._follow(gaps) if gap[1] - gap[0] > 1]:
            halves = [(start, (start + stop) // 2, stop) for start, stop in gaps]
            self._search(middle for _, middle, _ in halves)
            gaps = [half for points in halves for half in itertools.pairwise(points)]

    def _search(self, indices: typing.Iterable[int]) -> None:
        unknown = [index for index in indices if self.faces[index] is None]
        found = self._detector.detect([self._frames[index] for index in unknown])
        for index, faces in zip(unknown, found, strict=True):
            self.faces[index] = faces

    def _follow(self, gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Reads the faces between pairs of known frames where they must be; gives the gaps in which they were not."""
        failed, guesses = [], {}
        for start, stop in gaps:
            before, after = self.faces[start], self.faces[stop]
            pairs = match_by_iou(before, after)
            if not len(pairs) == len(before) == len(after):
                failed.append((start, stop))
                continue
            for index in range(start + 1, stop):
                share = (index - start) / (stop - start)
                guesses[index] = [_between(before[a], after[b], share) for a, b in pairs]
        indices = [index for index, faces in guesses.items() if faces]
        found = {index: () for index in guesses}
        if indices:
            read = self._detector.refine([self._frames[i] for i in indices], [guesses[i] for i in indices])
            found.update(zip(indices, read, strict=True))
        for start, stop in gaps:
            between = [index for index in range(start + 1, stop) if index in guesses]
            if all(_is_as_thought(guesses[index], found[index]) for index in between):
                for index in between:
                    self.faces[index] = tuple(found[index])
            else:
                failed.append((start, stop))
        return failed


def _between(a: Face, b: Face, share: float) -> Face:
    """The face on its way from `a` to `b`, `share` of it gone."""
    box, landmarks = ((1 - share) * x + share * y for x, y in ((a.box_xyxy, b.box_xyxy), (a.landmarks, b.landmarks)))
    return Face(box_xyxy=box, score=min(a.score, b.score), landmarks=landmarks)


def _is_as_thought(guesses: typing.Sequence[Face], found: typing.Sequence[Face | None]) -> bool:
    """Whether every face is there, near its guess, and no two of them have become one."""
    for guess, face in zip(guesses, found, strict=True):
        if face is None or np.abs(face.box_xyxy - guess.box_xyxy).max() > STEADY_SHIFT * guess.size:
            return False
    return all(box_iou(a.box_xyxy, b.box_xyxy) < 0.5 for a, b in itertools.combinations(found, 2))
