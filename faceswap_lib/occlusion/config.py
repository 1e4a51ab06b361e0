"""Options of the training of an occlusion network."""

import dataclasses
from typing import Annotated

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.occlusion.synthetic import Kind, check_kinds

DEFAULT_KINDS: tuple[Kind, ...] = (
    *("hand", "cup", "ball", "microphone", "phone", "paper", "scarf", "stick", "shape", "hair"),
)
"""All kinds but glasses and sunglasses: a person who wears them in the crops would contradict what is drawn."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OcclusionConfig:
    """Options of the training of an occlusion network."""

    steps: Annotated[int, Doc("number of training steps")] = 2500
    batch_size: Annotated[int, Doc("number of crops per step")] = 8
    kinds: Annotated[
        tuple[Kind, ...],
        Doc("kinds of objects that are drawn over the faces; glasses and sunglasses only if nobody wears them"),
    ] = DEFAULT_KINDS
    max_crops: Annotated[int, Doc("largest number of crops of each person that are used, evenly spaced")] = 300
    learning_rate: Annotated[float, Doc("largest learning rate; it falls to 0 along a cosine")] = 2e-3
    label_fraction: Annotated[float, Doc("fraction of each batch that are labeled crops, if there are labels")] = 0.25
    seed: Annotated[int, Doc("random seed; the same seed on the same machine produces the same network")] = 0

    def __post_init__(self):
        check_range("steps", self.steps, 1, 1_000_000)
        check_range("batch_size", self.batch_size, 1, 256)
        check_range("max_crops", self.max_crops, 1, 1_000_000)
        check_range("learning_rate", self.learning_rate, 1e-6, 1)
        check_range("label_fraction", self.label_fraction, 0, 1)
        check_range("seed", self.seed, 0, 2**31 - 1)
        check_kinds(self.kinds)
