"""Detectors and swappers with known behavior, and packages that are missing, for tests of what uses them."""

import os
import pathlib
import typing

import numpy as np
import pytest

from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.stages.annotate import AnnotateStage
from faceswap_lib.conversion.stages.composite import CompositeStage
from faceswap_lib.conversion.stages.frame_task import FrameTask
from faceswap_lib.conversion.stages.swap import SwapStage
from faceswap_lib.faces import Face, align_face
from faceswap_lib.faces.alignment import MEAN_FACE, VIEW_COVERAGE
from faceswap_lib.facesets import CropRecord
from faceswap_lib.media import VideoWriter, probe_video


def make_face(
    center_x: float, center_y: float, eye_distance: float = 40.0, *, angle: float = 0.0, score: float = 0.9
) -> Face:
    """An average face: the middle of its eyes, their distance, its roll in degrees."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    landmarks = MEAN_FACE @ np.array([[cos, sin], [-sin, cos]]) * eye_distance + [center_x, center_y]
    low = [center_x - 1.1 * eye_distance, center_y - eye_distance]
    high = [center_x + 1.1 * eye_distance, center_y + 1.8 * eye_distance]
    return Face(box_xyxy=[*low, *high], score=score, landmarks=landmarks)


def make_record(index: int, name: str | None = None, *, shift: float = 0.0) -> CropRecord:
    """What a manifest says of a crop of an average face."""
    face = make_face(100.0 + index + shift, 90.0)
    crop = align_face(np.zeros((240, 240, 3), np.uint8), face)
    return CropRecord(
        crop=name or f"{index:06d}.jpg",
        frame=index,
        time=index / 25,
        box_xyxy=face.box_xyxy.tolist(),
        landmarks=face.landmarks.tolist(),
        crop_from_frame=crop.crop_from_frame.tolist(),
        score=0.9,
        sharpness=100.0,
    )


class ListedDetector:
    """Gives the faces it was made with, frame after frame."""

    def __init__(self, faces: typing.Sequence[tuple[Face, ...]]):
        self._faces = list(faces)

    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        return [self._faces.pop(0) for _ in frames]


class FakeRefiner:
    """Knows the faces of every frame, and notes in which frames it was asked to search, and in which to read.

    The index of a frame stands in its first pixel; see `numbered_frame`. Like a real one it finds a face from a guess
    that is a little off.

    Args:
        faces: Those of each frame.
        reach: How far off a guess may be, in face widths.
    """

    def __init__(self, faces: typing.Sequence[tuple[Face, ...]], reach: float = 0.3):
        self._faces, self._reach = faces, reach
        self.searched: list[int] = []
        self.read: dict[int, typing.Sequence[Face]] = {}

    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        indices = [frame_number(frame) for frame in frames]
        self.searched += indices
        return [self._faces[index] for index in indices]

    def refine(
        self, frames: typing.Sequence[np.ndarray], guesses: typing.Sequence[typing.Sequence[Face]]
    ) -> list[tuple[Face | None, ...]]:
        found = []
        for frame, row in zip(frames, guesses, strict=True):
            index = frame_number(frame)
            self.read[index] = row
            found.append(tuple(self._nearest(index, guess) for guess in row))
        return found

    def _nearest(self, index: int, guess: Face) -> Face | None:
        def distance(face: Face) -> float:
            return float(np.abs(face.box_xyxy - guess.box_xyxy).max()) / guess.size

        nearest = min(self._faces[index], key=distance, default=None)
        return nearest if nearest is not None and distance(nearest) < self._reach else None


def numbered_frame(index: int, picture: np.ndarray) -> np.ndarray:
    """A copy of a picture whose first pixel holds a number below 65,536."""
    frame = picture.copy()
    frame[0, 0, :2] = divmod(index, 256)
    return frame


def frame_number(frame: np.ndarray) -> int:
    """The number of a `numbered_frame`."""
    return int(frame[0, 0, 0]) * 256 + int(frame[0, 0, 1])


class IdentitySwapper:
    """Gives back what it reads, under a full mask."""

    def __init__(self, resolution: int = 128):
        self.resolution, self.coverage = resolution, VIEW_COVERAGE
        self.batches: list[int] = []

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.batches.append(len(views))
        return np.ones(views.shape[:3], np.float32), views.copy()


class PaintSwapper:
    """Writes one color, under a constant mask."""

    def __init__(self, color: tuple[int, int, int], resolution: int = 64, mask: float = 1.0):
        self.color, self.resolution, self.mask = color, resolution, mask
        self.coverage = VIEW_COVERAGE

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(views.shape[:3], self.mask, np.float32), np.full_like(views, self.color)


class BrokenSwapper:
    """Fails at its second batch."""

    resolution = 64
    coverage = VIEW_COVERAGE

    def __init__(self) -> None:
        self.calls = 0

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("the swapper broke")
        return np.ones(views.shape[:3], np.float32), views


def encode_like(source: pathlib.Path, out: pathlib.Path, frames: typing.Iterable[np.ndarray]) -> pathlib.Path:
    """Writes frames as the conversion of `source` would."""
    with VideoWriter.like(out, probe_video(source)) as writer:
        for frame in frames:
            writer.write(frame)
    return out


def swap_frames(frames, faces, swapper, config):
    """Yields each frame as it is shown, and the mean masks of its faces; batches of three."""
    tasks = [
        FrameTask(index=index, seconds=index / 25, frame=frame, faces=dict(enumerate(found)))
        for index, (frame, found) in enumerate(zip(frames, faces, strict=True))
    ]
    height, width = tasks[0].frame.shape[:2]
    output = OutputConfig(label=False)
    stages = (
        SwapStage(swapper, config),
        CompositeStage(Compositor(config, swapper.coverage), output),
        AnnotateStage(output, width=width, height=height, length=len(tasks)),
    )
    for first in range(0, len(tasks), 3):
        batch = tasks[first : first + 3]
        for stage in stages:
            batch = stage.process(batch)
        for task in batch:
            yield task.output, task.stats.masks


def hide_module(name: str, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a package impossible to import for kernels that are started from here on; its stand-in lies in `folder`."""
    stand_in = folder / "hidden" / name / "__init__.py"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(f'raise ImportError("{name} is hidden")\n')
    monkeypatch.setenv("PYTHONPATH", str(folder / "hidden"), prepend=os.pathsep)
