"""Ablation study of the losses: the same small training several times, each time without one loss term.

These trainings write nothing to disk and cannot be resumed; use `training.train` for that.
"""

import collections.abc
import dataclasses
import typing

import keras
import numpy as np

from faceswap_lib.evaluation.image_metrics import sharpness
from faceswap_lib.facesets import FacesetArrays
from faceswap_lib.networks import PRESETS, NetworkConfig, Networks
from faceswap_lib.networks.models import Direction
from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views
from faceswap_lib.progress import show_progress
from faceswap_lib.training import TrainConfig
from faceswap_lib.training.augmentation import to_device
from faceswap_lib.training.schedule import learning_rate_factor
from faceswap_lib.training.train_step import TrainStepper, build_state

PIXELS_ONLY = {
    "dssim_weight": 0.0,
    "edge_weight": 0.0,
    "perceptual": "none",
    "adversarial_weight": 0.0,
}
"""Options of `TrainConfig` that switch off every term that compares a face with its target, except the pixel loss."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Variant:
    """Result of one training.

    Attributes:
        networks: Networks with averaged weights, as conversion would use them.
        history: One entry per step with `step` and the loss terms by name, as `read_history` returns it.
    """

    networks: Networks
    history: list[dict[str, float]]

    def __post_init__(self):
        if not self.history:
            raise ValueError("expected at least one step, got an empty history")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """Output of a variant for some views, with its metrics.

    Attributes:
        masks: (N, R, R) float32 in [0, 1].
        faces: (N, R, R, 3) uint8 RGB, the raw faces.
        composites: (N, R, R, 3) uint8 RGB.
        error: Mean absolute error inside the face, 0 to 255; meaningful only if a person is reconstructed.
        sharpness: Median ratio of the raw faces' sharpness to the views' sharpness, inside the face.
        mask_mean: Mean of the mask inside the face.
    """

    masks: np.ndarray
    faces: np.ndarray
    composites: np.ndarray
    error: float
    sharpness: float
    mask_mean: float


def join_arrays(arrays: collections.abc.Sequence[FacesetArrays]) -> FacesetArrays:
    """Concatenates the crops of several facesets, as if they showed one person."""
    names = [field.name for field in dataclasses.fields(FacesetArrays) if field.name != "visible"]
    joined = {name: np.concatenate([getattr(array, name) for array in arrays]) for name in names}
    if any(array.visible is not None for array in arrays):
        seen = [np.full_like(array.face, 255) if array.visible is None else array.visible for array in arrays]
        joined["visible"] = np.concatenate(seen)
    return FacesetArrays(**joined)


def train_variant(
    arrays: collections.abc.Sequence[FacesetArrays],
    config: TrainConfig,
    *,
    network_config: NetworkConfig = PRESETS["tiny"],
    rate_factor: typing.Callable[[int], float] | None = None,
    name: str = "",
) -> Variant:
    """Trains networks in memory; the same seed means the same initial weights and the same batches.

    Args:
        arrays: A's and B's crops at the networks' `stored_size`. Passing the same arrays twice trains both decoders on
            all people in them.
        config: Options of the training; the schedule scales with its number of steps.
        network_config: Options of the networks.
        rate_factor: Computes the factor of both learning rates at a step, counted from 0, above 0; None for that of the
            schedule.
        name: Label of the progress bar; empty shows no progress bar.

    Returns:
        The trained networks and the history of the losses.
    """
    state = build_state(network_config, config)
    stepper = TrainStepper.build(state, [to_device(array) for array in arrays], config)
    history = []
    for step in show_progress(range(1, config.steps + 1), name, disable=not name):
        if rate_factor is not None:  # the stepper multiplies the rates by the factor of the schedule
            scale = rate_factor(step - 1) / learning_rate_factor(step - 1, config)
            rates = {rate: scale * getattr(config, rate) for rate in ("learning_rate", "discriminator_learning_rate")}
            stepper.config = dataclasses.replace(config, **rates)
        history.append({"step": step, **stepper.step()})
    return Variant(networks=state.averaged, history=history)


def write_views(networks: Networks, views: np.ndarray, faces: np.ndarray, direction: Direction) -> Written:
    """Runs the networks on views and measures their output.

    Args:
        networks: The networks.
        views: (N, R, R, 3) uint8 RGB.
        faces: (N, R, R) uint8 face masks, 255 inside the face.
        direction: The person that is encoded and the person that is decoded.

    Returns:
        Images and metrics.
    """
    seen, tones = preprocess_views(views, faces, networks.config.input_mode)
    outputs = networks.generate(seen, direction)
    mask, raw = (typing.cast(np.ndarray, keras.ops.convert_to_numpy(x)) for x in outputs)
    raw = postprocess_faces(raw, tones)
    composites = np.round(mask * raw + (1 - mask) * views).astype(np.uint8)
    inside = faces > 127
    ratios = [sharpness(new, part) / sharpness(old, part) for new, old, part in zip(raw, views, inside, strict=True)]
    return Written(
        masks=mask[..., 0],
        faces=raw,
        composites=composites,
        error=float(np.abs(raw[inside].astype(float) - views[inside]).mean()),
        sharpness=float(np.median(ratios)),
        mask_mean=float(mask[..., 0][inside].mean()),
    )
