"""Demo of the reenactment systems: one portrait moves like the other, from two portraits that the package contains."""

import dataclasses
import pathlib
from collections.abc import Collection
from typing import Literal

import numpy as np

from faceswap_lib.demo.fixtures import make_clips, make_facesets
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.media import read_frames, read_image, write_image
from faceswap_lib.media.side_by_side import write_side_by_side
from faceswap_lib.pipeline.reenacting import ReenactmentReport, reenact
from faceswap_lib.reenactment.config import (
    Capacity,
    ReenactmentNetworkConfig,
    ReenactmentTrainConfig,
    SystemName,
)
from faceswap_lib.reenactment.expressions import measure_openness
from faceswap_lib.reenactment.face_shape import FaceShape, open_shape_detector
from faceswap_lib.reenactment.shape_cache import read_shapes
from faceswap_lib.reenactment.training import train_reenactment
from faceswap_lib.training.trainer import TrainReport

MOUTH_SCALE = 2.2
"""How much farther the mouths open than in the demo of a swap, so that there is a motion to see."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How large the networks of a system are in the demo, and how long they are trained.

    Attributes:
        resolution: Side of the networks' input and output in pixels.
        capacity: Channels of the networks.
        steps: Number of steps.
    """

    resolution: Literal[64, 128, 256]
    capacity: Capacity
    steps: int


SIZES: dict[SystemName, DemoSize] = {
    "landmark-gan": DemoSize(resolution=128, capacity="lite", steps=400),
    "one-shot": DemoSize(resolution=128, capacity="lite", steps=350),
    "avatar": DemoSize(resolution=128, capacity="lite", steps=300),
}
"""Chosen by looking: about three minutes of training on two cores."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReenactmentDemo:
    """Summary of a reenactment demo.

    Attributes:
        system: Name of the system.
        training: Summary of the training.
        video: Summary of the video that the system made.
        beside: The driver, the result without a network and the result of the system beside each other.
        sheet: Contact sheet of some frames.
    """

    system: SystemName
    training: TrainReport
    video: ReenactmentReport
    beside: pathlib.Path
    sheet: pathlib.Path


def run_reenactment_demo(
    folder: pathlib.Path | str,
    system: SystemName,
    *,
    steps: int | None = None,
    seconds: float = 6,
    network_config: ReenactmentNetworkConfig | None = None,
    progress: bool = False,
) -> ReenactmentDemo:
    """Trains a system on two animated portraits, and moves Eileen Collins's portrait like Grace Hopper's clip.

    The workspace then has the facesets of both people and the run `demo-<system>`. If the demo was interrupted, the
    next call continues from there.

    Args:
        folder: The workspace.
        system: Name of the system.
        steps: Number of training steps; None for the number in `SIZES`.
        seconds: Length of each of the two clips in seconds.
        network_config: Configuration of the networks; None for that in `SIZES`.
        progress: Whether to show progress bars.

    Returns:
        What was written, with the paths of the results.

    Raises:
        FaceswapError: If one of the steps fails, for example because no network for 68 landmarks is installed.
    """
    size, run = SIZES[system], f"demo-{system}"
    workspace = make_facesets(folder, seconds=seconds, mouth_scale=MOUTH_SCALE, progress=progress)
    driver, _ = make_clips(workspace.root / "clips", seconds=seconds, mouth_scale=MOUTH_SCALE)
    training = train_reenactment(
        [workspace],
        run=run,
        network_config=network_config
        or ReenactmentNetworkConfig(system=system, resolution=size.resolution, capacity=size.capacity),
        config=ReenactmentTrainConfig(steps=size.steps if steps is None else steps),
        progress=progress,
    )
    photo = workspace.root / "collins.png"
    write_image(photo, load_portraits()[1].image)
    plain = _reenact(photo, driver, workspace, None, workspace.root / "reenact_without_network.mp4", progress=progress)
    made = _reenact(photo, driver, workspace, run, workspace.root / f"reenact_{system}.mp4", progress=progress)
    beside = workspace.root / f"reenact_{system}_beside.mp4"
    write_side_by_side([driver, plain.out, made.out], beside, labels=["driver", "photo, only warped", system])
    sheet = workspace.root / f"reenact_{system}.png"
    write_image(sheet, _draw_sheet(photo, beside, choose_frames(Faceset.open(workspace, "src"))))
    return ReenactmentDemo(system=system, training=training, video=made, beside=beside, sheet=sheet)


def choose_frames(faceset: Faceset) -> tuple[int, ...]:
    """Chooses frames of a clip that show its motion: open mouth, closed eyes, and the head turned to both sides.

    Returns:
        Indices of frames of the clip, in their order, each once.
    """
    found = read_shapes(faceset, open_shape_detector())
    known = [(record.frame, shape) for record, shape in zip(faceset.records, found, strict=True) if shape is not None]
    measures = (_mouth_gap, lambda shape: -measure_openness(shape), lambda shape: shape.yaw, lambda shape: -shape.yaw)
    chosen = {max(known, key=lambda pair: measure(pair[1]))[0] for measure in measures}
    return tuple(sorted(chosen))


def _mouth_gap(shape: FaceShape) -> float:
    """Measures the distance between the inner lips in pixels of the crop."""
    return float(shape.points[66, 1] - shape.points[62, 1])


def _reenact(
    photo: pathlib.Path,
    driver: pathlib.Path,
    workspace: Workspace,
    run: str | None,
    out: pathlib.Path,
    *,
    progress: bool,
) -> ReenactmentReport:
    """Reenacts the photo; an older result is replaced."""
    return reenact(photo, driver, workspace, out, run=run, overwrite=True, progress=progress)


def _draw_sheet(photo: pathlib.Path, beside: pathlib.Path, chosen: Collection[int]) -> np.ndarray:
    """Draws the photo and some frames of the side-by-side video in rows, (H, W, 3) uint8 RGB."""
    image = read_image(photo)
    return np.vstack(
        [np.hstack([image, frame]) for number, frame in enumerate(read_frames(beside)) if number in chosen]
    )
