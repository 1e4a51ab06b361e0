"""Training of an occlusion network on faces with synthetic occluders."""

import contextlib
import dataclasses
import pathlib
import time
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import TrainingError, WorkspaceError
from faceswap_lib.facesets import Faceset
from faceswap_lib.occlusion.config import OcclusionConfig
from faceswap_lib.occlusion.dataset import Example, OcclusionDataset, read_scenes
from faceswap_lib.occlusion.losses import mask_iou, occlusion_loss
from faceswap_lib.occlusion.network import (
    BATCH,
    CHANNELS,
    OcclusionNetwork,
    OcclusionPredictor,
    build_occlusion_network,
)
from faceswap_lib.occlusion.scene import Scene
from faceswap_lib.occlusion.synthetic import Kind, draw_occluder, put_over
from faceswap_lib.occlusion.weights import read_network, write_network
from faceswap_lib.prefetch import prefetch
from faceswap_lib.progress import ProgressBar, show_progress

if typing.TYPE_CHECKING:
    import keras

HELD_OUT = 10
"""Every tenth crop is not trained on, and measures the quality."""

TESTED = 40
"""Largest number of held-out faces that are measured."""

LEAST_EXCESS, SPREADS = 0.04, 6.0
"""How far the covered share of a face is above the median before it counts as covered: at least this share, and this
many median absolute deviations."""

WARM_UP = 0.05
"""Share of the steps over which the learning rate rises."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OcclusionReport:
    """Summary of the training of an occlusion network.

    Attributes:
        path: File of the network.
        steps: Number of steps.
        crops: Number of crops that were trained on to the end.
        left_out: Number of crops that were left out in the second half, because something covers the face in them.
        labels: Number of labeled crops that were trained on.
        loss: Mean loss of the last tenth of the steps.
        iou: Mean intersection over union of the visible face, on crops that were not trained on, with new occluders;
            NaN with fewer than `HELD_OUT` crops.
        seconds: Duration.
    """

    path: pathlib.Path
    steps: int
    crops: int
    left_out: int
    labels: int
    loss: float
    iou: float
    seconds: float


def train_occlusion(
    facesets: Sequence[Faceset],
    path: pathlib.Path,
    config: OcclusionConfig | None = None,
    *,
    labeled: Sequence[Example] = (),
    progress: bool = False,
) -> OcclusionReport:
    """Trains an occlusion network on the crops of facesets, and writes it to a file.

    Args:
        facesets: Facesets of one or both people. Most of their faces should not be covered; see `find_uncovered`.
        path: File to write, `.npz`.
        config: Options of the training.
        labeled: Crops with labels, for example from `labeled_crops.read_labeled_crops`.
        progress: Whether to show progress bars.

    Returns:
        A summary.

    Raises:
        WorkspaceError: If there are no crops.
        TrainingError: If the loss is NaN or infinite.
    """
    config, began = config or OcclusionConfig(), time.monotonic()
    scenes = read_scenes(facesets, max_crops=config.max_crops, progress=progress)
    if not scenes:
        raise WorkspaceError("expected at least one crop to train an occlusion network on; run 'faceswap extract'")
    held_out = scenes[HELD_OUT - 1 :: HELD_OUT]
    trained = [scene for index, scene in enumerate(scenes) if index % HELD_OUT != HELD_OUT - 1]
    network = build_occlusion_network(seed=config.seed)
    dataset = OcclusionDataset(scenes=tuple(trained), labeled=tuple(labeled))
    history, left_out = fit(network, dataset, config, progress=progress)
    write_network(path, network, CHANNELS)
    stored = OcclusionNetwork(read_network(path))
    return OcclusionReport(
        path=path,
        steps=config.steps,
        crops=len(trained) - left_out,
        left_out=left_out,
        labels=len(labeled),
        loss=float(np.mean(history[-max(1, config.steps // 10) :])),
        iou=measure_iou(stored, held_out[:TESTED], config.kinds, seed=config.seed) if held_out else float("nan"),
        seconds=time.monotonic() - began,
    )


def fit(
    network: "keras.Model", dataset: OcclusionDataset, config: OcclusionConfig, *, progress: bool = False
) -> tuple[list[float], int]:
    """Trains a network in place; in the second half without the faces that seem to be covered already.

    Args:
        network: The model of `build_occlusion_network`.
        dataset: The faces.
        config: Options of the training.
        progress: Whether to show a progress bar.

    Returns:
        The loss of each step, and the number of faces that were left out.

    Raises:
        TrainingError: If a loss is NaN or infinite.
    """
    _compile(network, config)
    half = config.steps // 2
    with show_progress(title="train masks", total=config.steps, disable=not progress) as bar:
        history = _run_steps(network, dataset, config, range(half), bar)
        uncovered = find_uncovered(OcclusionNetwork(network), dataset.scenes) if half else dataset.scenes
        rest = dataclasses.replace(dataset, scenes=uncovered)
        history += _run_steps(network, rest, config, range(half, config.steps), bar)
    return history, len(dataset.scenes) - len(uncovered)


def find_uncovered(network: OcclusionPredictor, scenes: Sequence[Scene]) -> tuple[Scene, ...]:
    """Finds the faces that nothing covers, so that a hand in the crops is not learned as a part of the face.

    A face counts as covered if the share of it that the network takes for covered is far above the median. The median
    itself shows how often the network is wrong, because most faces are not covered.

    Args:
        network: A network that is trained halfway.
        scenes: The faces.

    Returns:
        At least half of the faces, in their order.
    """
    shares = np.empty(len(scenes))
    for start in range(0, len(scenes), BATCH):
        part = scenes[start : start + BATCH]
        found = network.predict(np.stack([scene.crop for scene in part]))
        for index, (mask, scene) in enumerate(zip(found, part, strict=True), start):
            shares[index] = 1 - float((mask * scene.region).sum()) / max(float(scene.region.sum()), 1.0)
    usual = float(np.median(shares))
    limit = usual + max(LEAST_EXCESS, SPREADS * float(np.median(np.abs(shares - usual))))
    return tuple(scene for scene, share in zip(scenes, shares, strict=True) if share <= limit)


def _compile(network: "keras.Model", config: OcclusionConfig) -> None:
    """Sets the optimizer with its schedule, and the loss."""
    import keras

    warmup = max(1, round(WARM_UP * config.steps))
    decay = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, config.steps - warmup), warmup_target=config.learning_rate, warmup_steps=warmup
    )
    rate = typing.cast(typing.Any, decay)  # Keras documents schedules, but its parameter is annotated as a number
    network.compile(keras.optimizers.Adam(rate, clipnorm=1.0), occlusion_loss)


def _run_steps(
    network: "keras.Model", dataset: OcclusionDataset, config: OcclusionConfig, steps: range, bar: ProgressBar
) -> list[float]:
    """Trains a compiled network for some steps; returns their losses."""
    losses: list[float] = []
    with contextlib.closing(prefetch((dataset.draw_batch(config, step) for step in steps), depth=2)) as batches:
        for step, (images, masks) in zip(steps, batches, strict=True):
            loss = float(typing.cast(typing.Any, network.train_on_batch(images, masks)))
            if not np.isfinite(loss):
                raise TrainingError(f"step {step}: the loss is {loss}; choose a lower learning rate")
            losses.append(loss)
            bar.update()
    return losses


def measure_iou(network: OcclusionPredictor, scenes: Sequence[Scene], kinds: Sequence[Kind], *, seed: int = 0) -> float:
    """Measures the mean intersection over union of the visible face, with one occluder over each face.

    What the network says outside of the region of the face does not count.

    Args:
        network: The network.
        scenes: Faces that it was not trained on, at least one.
        kinds: Kinds of the occluders; each face gets the next kind.
        seed: Seed of the occluders.

    Returns:
        Mean over the faces, 0 to 1.
    """
    random, images, truths = np.random.default_rng([seed, 1]), [], []
    for index, scene in enumerate(scenes):
        layer = draw_occluder(random, scene, kinds[index % len(kinds)])
        images.append(put_over(random, scene.crop, layer))
        truths.append(scene.region * (1 - layer.alpha))
    found = network.predict(np.stack(images))
    rows = zip(found, truths, scenes, strict=True)
    return float(np.mean([mask_iou(one * scene.region, truth) for one, truth, scene in rows]))
