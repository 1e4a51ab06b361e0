"""First pass over a video: detects every face in every frame without searching every frame.

The detector searches keyframes, every `detect_every`-th frame. Where the two keyframes at the ends of a gap show the
same faces, the faces of the frames between are only refined from interpolated boxes. Where a face appears, disappears
or is not at its interpolated position, the gap is halved, down to single frames if necessary.
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
"""Largest number of frames processed together, if they fit into `MEMORY`; no other frames are kept in memory."""

MEMORY = 2**28
"""Largest number of bytes of the frames that are processed together."""

LOOK_SIZE = 12
"""Side in pixels of the small aligned image that serves as appearance descriptor."""

VISIBLE_SHARE = 40
"""Percentage of a face's pixels that must be visible to distinguish it from other faces."""

STEADY_SHIFT = 0.15
"""Largest shift of a refined face from its guess, in sides of its box; beyond it, the guess counts as wrong."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FrameDetections:
    """The detections of one frame.

    Attributes:
        faces: In no particular order.
        descriptors: Appearance descriptor of each face; comparable within a shot.
        is_cut: Whether the frame begins a new shot.
    """

    faces: tuple[Face, ...]
    descriptors: tuple[np.ndarray, ...]
    is_cut: bool = False


def detect_keyframes(
    frames: typing.Iterable[np.ndarray], detector: FaceDetector, detect_every: int = 1
) -> typing.Iterator[FrameDetections]:
    """Detects the faces of every frame.

    Args:
        frames: (H, W, 3) uint8 RGB of one size, in order.
        detector: Detects the faces; to skip frames, it must be a `FaceRefiner` too.
        detect_every: Search only every n-th frame where nothing unexpected happens; the step is smaller if fewer frames
            are in memory at once.

    Yields:
        The detections of each frame, in order.

    Taught in notebooks/01_video_face_detection_alignment.
    """
    every = detect_every if isinstance(detector, FaceRefiner) else 1
    marked = detect_shot_changes(frames)
    overlap: list[tuple[np.ndarray, bool]] = []  # the last frame of one batch is the first of the next
    known: list[tuple[Face, ...]] = []
    size = step = 1
    while new := list(itertools.islice(marked, size)):
        detected = _KeyframeGap([*overlap, *new], known, detector).detect(step)
        for (frame, is_cut), faces in zip(new, detected[len(overlap) :], strict=True):
            descriptors = tuple(appearance_descriptor(frame, face) for face in faces)
            yield FrameDetections(faces=faces, descriptors=descriptors, is_cut=is_cut)
        overlap, known = new[-1:], detected[-1:]
        batch = max(1, min(BATCH, MEMORY // new[-1][0].nbytes))
        step = min(every, batch)
        size = batch // step * step
        new = frame = None  # releases these frames before the next ones are read


def appearance_descriptor(frame: np.ndarray, face: Face) -> np.ndarray:
    """Computes the appearance descriptor of a face: the pixels of a small aligned image.

    Args:
        frame: (H, W, 3) uint8 RGB.
        face: The face, in pixels of this frame.

    Returns:
        (K, 3) float32 RGB, 0 to 1.
    """
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, LOOK_SIZE, VIEW_COVERAGE)
    return warp_frame(frame, matrix, LOOK_SIZE).reshape(-1, 3).astype(np.float32) / 255


def appearance_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Computes the distance, 0 to 1, of two appearance descriptors, (K, 3) each.

    It is a percentile (`VISIBLE_SHARE`) of the color differences of their pixels, because another person may cover the
    rest of the face.
    """
    return float(np.percentile(np.sqrt(((a - b) ** 2).mean(axis=1)), VISIBLE_SHARE))


class _KeyframeGap:
    """A short run of neighboring frames whose faces are detected step by step.

    Args:
        marked: Frames in order, and whether each begins a new shot.
        known: The faces of the first frames, as far as they are known already.
        detector: Detects the other faces.
    """

    def __init__(self, marked: list[tuple[np.ndarray, bool]], known: list[tuple[Face, ...]], detector: FaceDetector):
        self._faces: list[tuple[Face, ...] | None] = [*known, *(None for _ in marked[len(known) :])]
        self._frames = [frame for frame, _ in marked]
        self._cuts = [index for index, (_, is_cut) in enumerate(marked) if is_cut and index]
        self._detector = detector

    def detect(self, step: int) -> list[tuple[Face, ...]]:
        """Detects the faces of all frames.

        Searches every `step`-th frame and both sides of every cut, then fills the gaps between them.

        Args:
            step: Distance of two searched frames.

        Returns:
            The faces of each frame.
        """
        last = len(self._frames) - 1
        keys = sorted({*range(0, last, step), last, *self._cuts, *(index - 1 for index in self._cuts)})
        self._search(keys)
        gaps = list(itertools.pairwise(keys))
        while gaps := [gap for gap in self._refine_gaps(gaps) if gap[1] - gap[0] > 1]:
            halves = [(start, (start + stop) // 2, stop) for start, stop in gaps]
            self._search(middle for _, middle, _ in halves)
            gaps = [half for points in halves for half in itertools.pairwise(points)]
        return [self._known_faces(index) for index in range(len(self._faces))]

    def _known_faces(self, index: int) -> tuple[Face, ...]:
        """Returns the faces of a frame that is searched or refined already."""
        return typing.cast("tuple[Face, ...]", self._faces[index])

    def _search(self, indices: typing.Iterable[int]) -> None:
        """Runs the detector on those of the frames whose faces are not known."""
        unknown = [index for index in indices if self._faces[index] is None]
        found = self._detector.detect([self._frames[index] for index in unknown])
        for index, faces in zip(unknown, found, strict=True):
            self._faces[index] = faces

    def _refine_gaps(self, gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Refines the faces between pairs of known frames; returns the gaps in which this failed."""
        failed: list[tuple[int, int]] = []
        guesses: dict[int, list[Face]] = {}
        for start, stop in gaps:
            before, after = self._known_faces(start), self._known_faces(stop)
            pairs = match_by_iou(before, after)
            if not len(pairs) == len(before) == len(after):
                failed.append((start, stop))
                continue
            for index in range(start + 1, stop):
                alpha = (index - start) / (stop - start)
                guesses[index] = [_interpolate_face(before[a], after[b], alpha) for a, b in pairs]
        indices = [index for index, faces in guesses.items() if faces]
        found: dict[int, tuple[Face | None, ...]] = {index: () for index in guesses}
        if indices:
            refiner = typing.cast(FaceRefiner, self._detector)  # other detectors search every frame, so have no guesses
            refined = refiner.refine([self._frames[i] for i in indices], [guesses[i] for i in indices])
            found.update(zip(indices, refined, strict=True))
        for start, stop in gaps:
            between = [index for index in range(start + 1, stop) if index in guesses]
            if all(_matches_guesses(guesses[index], found[index]) for index in between):
                for index in between:
                    self._faces[index] = typing.cast("tuple[Face, ...]", tuple(found[index]))
            else:
                failed.append((start, stop))
        return failed


def _interpolate_face(a: Face, b: Face, alpha: float) -> Face:
    """Interpolates linearly between two faces: `a` at `alpha` 0, `b` at 1."""
    box, landmarks = ((1 - alpha) * x + alpha * y for x, y in ((a.box_xyxy, b.box_xyxy), (a.landmarks, b.landmarks)))
    return Face(box_xyxy=box, score=min(a.score, b.score), landmarks=landmarks)


def _matches_guesses(guesses: typing.Sequence[Face], found: typing.Sequence[Face | None]) -> bool:
    """Returns whether every face was found near its guess and no two faces have become one."""
    faces: list[Face] = []
    for guess, face in zip(guesses, found, strict=True):
        if face is None or np.abs(face.box_xyxy - guess.box_xyxy).max() > STEADY_SHIFT * guess.size:
            return False
        faces.append(face)
    return all(box_iou(a.box_xyxy, b.box_xyxy) < 0.5 for a, b in itertools.combinations(faces, 2))
