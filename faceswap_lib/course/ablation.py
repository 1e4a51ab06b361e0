"""The same small training several times, each with something else left out: what a loss is for, seen side by side.

Nothing is written to disk and nothing can be resumed; `training.train` is for that.
"""

import collections.abc
import dataclasses

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
from faceswap_lib.training.train_step import TrainStepper, build_state

PIXELS_ONLY = {
    "dssim_weight": 0.0,
    "edge_weight": 0.0,
    "perceptual": "none",
    "adversarial_weight": 0.0,
}
"""What leaves of all that asks for likeness the reconstruction of pixels alone."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Variant:
    """What came of one training.

    Attributes:
        networks: With averaged weights, as conversion would use them.
        history: One entry per step, `step` and named terms, as `read_history` gives.
    """

    networks: Networks
    history: list[dict[str, float]]

    def __post_init__(self):
        if not self.history:
            raise ValueError("expected at least one step, got an empty history")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """What a variant writes for some views, and what it is like.

    Attributes:
        masks: (N, R, R) float32 in [0, 1].
        faces: (N, R, R, 3) uint8 RGB, the raw faces.
        composites: (N, R, R, 3) uint8 RGB.
        error: Mean absolute error inside the face, 0 to 255; of use where a person is written as themselves.
        sharpness: Of the raw faces as a share of the views', inside the face, the median.
        mask_mean: Mean of the mask inside the face.
    """

    masks: np.ndarray
    faces: np.ndarray
    composites: np.ndarray
    error: float
    sharpness: float
    mask_mean: float


def join_arrays(arrays: collections.abc.Sequence[FacesetArrays]) -> FacesetArrays:
    """Puts the crops of several facesets into one, as if they were of one person."""
    names = [field.name for field in dataclasses.fields(FacesetArrays)]
    return FacesetArrays(**{name: np.concatenate([getattr(array, name) for array in arrays]) for name in names})


def train_variant(
    arrays: collections.abc.Sequence[FacesetArrays],
    config: TrainConfig,
    *,
    network_config: NetworkConfig = PRESETS["tiny"],
    name: str = "",
) -> Variant:
    """Trains networks in memory, from the same first weights on the same batches for the same seed.

    Args:
        arrays: A's and B's crops at the networks' `stored_size`; the same twice trains decoders that know both.
        config: Options of the training; the schedule scales with its steps.
        network_config: Which networks.
        name: Shown at a progress bar; none without it.

    Returns:
        What came of it.
    """
    state = build_state(network_config, config)
    stepper = TrainStepper.build(state, [to_device(array) for array in arrays], config)
    history = []
    for step in show_progress(range(1, config.steps + 1), name, disable=not name):
        history.append({"step": step, **stepper.step()})
    return Variant(networks=state.averaged, history=history)


def write_views(networks: Networks, views: np.ndarray, faces: np.ndarray, direction: Direction) -> Written:
    """Lets networks write views and measures what they wrote.

    Args:
        networks: The networks.
        views: (N, R, R, 3) uint8 RGB.
        faces: (N, R, R) uint8, 255 inside the face.
        direction: Who is read, and who is written.

    Returns:
        Pictures and measures.
    """
    seen, tones = preprocess_views(views, faces, networks.config.input_mode)
    mask, raw = (keras.ops.convert_to_numpy(x) for x in networks.generate(seen, direction))
    raw = postprocess_faces(raw, tones)
    composites = np.round(mask * raw + (1 - mask) * views).astype(np.uint8)
    inside = faces > 127
    shares = [sharpness(new, part) / sharpness(old, part) for new, old, part in zip(raw, views, inside, strict=True)]
    return Written(
        masks=mask[..., 0],
        faces=raw,
        composites=composites,
        error=float(np.abs(raw[inside].astype(float) - views[inside]).mean()),
        sharpness=float(np.median(shares)),
        mask_mean=float(mask[..., 0][inside].mean()),
    )
