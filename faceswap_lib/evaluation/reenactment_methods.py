"""Methods of reenactment side by side: the baselines, and a trained system with and without fusion, on the same tasks.

All methods get the photo at the resolution of the networks and make crops of that resolution, so no method has more
pixels than another.
"""

import dataclasses
import time
import typing
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from faceswap_lib.evaluation.reenactment import BASELINES, ReenactmentMeter, ReenactmentScores, mean_embeddings
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment.driving_tasks import DrivingTask
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.fusion import fuse
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.shape_pictures import ShapeBatch
from faceswap_lib.reenactment.system import open_system

GALLERY = 100
"""Largest number of crops of each person whose embeddings are averaged."""

WARM_UP = 16
"""Number of frames that a method makes before it is timed, so that compilation does not count."""


class CropMaker(typing.Protocol):
    """Protocol of a method: makes the crops of one photo for a series of shapes."""

    def __call__(self, photo: np.ndarray, source: FaceShape, shapes: ShapeBatch) -> np.ndarray:
        """Makes crops.

        Args:
            photo: (R, R, 3) uint8 RGB, the aligned crop of the photo.
            source: Its shape.
            shapes: T wanted shapes, as arrays of NumPy.

        Returns:
            (T, R, R, 3) uint8 RGB.
        """
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MethodScores:
    """Scores of one method.

    Attributes:
        people: Scores by the name of the person.
        fps: Frames per second of making the crops, the median of the people.
    """

    people: dict[str, ReenactmentScores]
    fps: float

    def mean(self, people: Collection[str] | None = None) -> dict[str, float]:
        """Computes the mean of each score over the people who have it; NaN if nobody has.

        Args:
            people: Names of the people who count, at least one; None for all.
        """
        rows = [dataclasses.asdict(row) for name, row in self.people.items() if people is None or name in people]
        columns = {name: [row[name] for row in rows if np.isfinite(row[name])] for name in rows[0]}
        return {name: float(np.mean(known)) if known else float("nan") for name, known in columns.items()}


def baseline_makers() -> dict[str, CropMaker]:
    """Returns the methods that need no training, by name."""

    def by_frame(name: str) -> CropMaker:
        def make(photo: np.ndarray, source: FaceShape, shapes: ShapeBatch) -> np.ndarray:
            return np.stack([BASELINES[name](photo, source, shapes.shape(index)) for index in range(len(shapes))])

        return make

    return {name: by_frame(name) for name in BASELINES}


def system_makers(networks: ReenactmentNetworks) -> dict[str, CropMaker]:
    """Returns a trained system by name: with the classical fusion, which is the default, and without."""
    name = networks.config.system

    def render(photo: np.ndarray, source: FaceShape, shapes: ShapeBatch) -> np.ndarray:
        return open_system(name).build_renderer(networks, photo, source).render(shapes)

    def render_and_fuse(photo: np.ndarray, source: FaceShape, shapes: ShapeBatch) -> np.ndarray:
        made = render(photo, source, shapes)
        return np.stack([fuse(photo, source, crop, shapes.shape(index)) for index, crop in enumerate(made)])

    return {f"{name}, fused": render_and_fuse, f"{name}, not fused": render}


def run_task(
    maker: CropMaker, people: ReenactmentDataset, task: DrivingTask, resolution: int
) -> tuple[np.ndarray, float]:
    """Makes the crops of one task.

    Args:
        maker: The method.
        people: The crops.
        task: Photo and driving frames.
        resolution: R, side of the crops in pixels.

    Returns:
        (T, R, R, 3) uint8 RGB, and the seconds that it took.
    """
    photo, source = shrink(people.images[task.photo], resolution), people.shapes.shape(task.photo)
    maker(photo, source, people.shapes.take(task.driver[:WARM_UP]))
    began = time.perf_counter()
    made = maker(photo, source, people.shapes.take(task.driver))
    return made, time.perf_counter() - began


def measure_methods(
    makers: Mapping[str, CropMaker],
    people: ReenactmentDataset,
    tasks: Sequence[DrivingTask],
    meter: ReenactmentMeter,
    resolution: int,
    *,
    on_made: typing.Callable[[str, DrivingTask, np.ndarray], None] | None = None,
) -> dict[str, MethodScores]:
    """Measures methods on the same tasks.

    Args:
        makers: The methods by name.
        people: The crops.
        tasks: The tasks, at least one.
        meter: Measures the crops.
        resolution: R, side of the crops in pixels.
        on_made: Called with the name of the method, the task and its crops (T, R, R, 3) uint8 RGB.

    Returns:
        The scores by the name of the method.
    """
    scores: dict[str, dict[str, ReenactmentScores]] = {name: {} for name in makers}
    speeds: dict[str, list[float]] = {name: [] for name in makers}
    for task in tasks:
        truth = shrink_all(people.images[task.driver], resolution)
        expected = meter.detect(truth)
        for name, maker in makers.items():
            made, seconds = run_task(maker, people, task, resolution)
            scores[name][task.person] = meter.measure(made, truth, task.person, expected=expected)
            speeds[name].append(len(made) / max(seconds, 1e-9))
            if on_made is not None:
                on_made(name, task, made)
    return {name: MethodScores(people=found, fps=float(np.median(speeds[name]))) for name, found in scores.items()}


def embed_people(
    embedder: FaceEmbedder, people: ReenactmentDataset, tasks: Sequence[DrivingTask], resolution: int
) -> dict[str, np.ndarray]:
    """Computes the mean embedding of each person from the crops before the driving frames, by name.

    Args:
        embedder: Computes face embeddings.
        people: The crops.
        tasks: One task per person.
        resolution: Side in pixels to which the crops are resized, as those that are measured.
    """
    galleries = {}
    for number, task in enumerate(tasks):
        own = np.flatnonzero(people.person == number)
        before = own[own < task.driver[0]]
        chosen = before[np.linspace(0, len(before) - 1, min(len(before), GALLERY)).round().astype(int)]
        galleries[task.person] = shrink_all(people.images[chosen], resolution)
    return mean_embeddings(embedder, galleries)


def shrink_all(images: np.ndarray, resolution: int) -> np.ndarray:
    """Resizes crops (N, S, S, 3) uint8 to a side of `resolution`."""
    return np.stack([shrink(image, resolution) for image in images])
