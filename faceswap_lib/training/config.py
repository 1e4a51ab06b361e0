"""How a training goes: its options, and its schedule as data."""

import dataclasses
from typing import Annotated

from faceswap_lib.options import Doc, check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """What holds from a point of the training on.

    Attributes:
        start: Where the phase begins, as a share of all steps.
        learning_rate: Factor on both learning rates.
        adversarial: Weight of the adversarial loss; 0 leaves the discriminators out altogether.
        composite: Weight of the reconstruction of the composite, which teaches the mask what it may leave to the input.
        mask_prior: Weight that holds the mask to the shape of the face.
        mask_level: The mask pays for what it falls below this inside the face.
    """

    start: float
    learning_rate: float = 1.0
    adversarial: float = 0.0
    composite: float = 0.0
    mask_prior: float = 1.0
    mask_level: float = 0.7

    def loss_weights(self) -> tuple[float, float, float, float]:
        """What the compiled step takes as input, so that a change of phase compiles nothing."""
        return self.adversarial, self.composite, self.mask_prior, self.mask_level


SCHEDULE = (
    Phase(start=0.0),
    Phase(start=0.5, adversarial=0.1),
    Phase(start=0.6, learning_rate=0.5, adversarial=0.1),
    Phase(start=0.85, learning_rate=0.2, adversarial=0.1, composite=0.3, mask_prior=0.3),
    Phase(start=0.95, learning_rate=0.05, adversarial=0.1, composite=0.3, mask_prior=0.3),
)
"""First the faces alone with a mask that is held up, then sharpness, then the mask may give way."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a training goes."""

    steps: Annotated[int, Doc("steps in all; the schedule scales with them")] = 1500
    batch_size: Annotated[int, Doc("faces of each person per step")] = 8
    seed: Annotated[int, Doc("start of all randomness; same seed, same machine: same weights")] = 0
    learning_rate: Annotated[float, Doc("generators' Adam")] = 1e-3
    warm_up: Annotated[int, Doc("steps over which both learning rates rise from 0")] = 50
    discriminator_learning_rate: Annotated[float, Doc("discriminators' Adam")] = 2e-4
    turn: Annotated[float, Doc("random rotation, up to so many degrees either way")] = 5.0
    zoom: Annotated[float, Doc("random zoom, up to this share either way")] = 0.05
    shift: Annotated[float, Doc("random shift, up to this share of the picture's side either way")] = 0.03
    warp: Annotated[float, Doc("strength of the random warp, as a share of the picture's side")] = 0.02
    eye_weight: Annotated[float, Doc("extra weight of the eyes in reconstruction and edges")] = 4.0
    mouth_weight: Annotated[float, Doc("extra weight of the mouth in reconstruction and edges")] = 2.0
    surroundings_weight: Annotated[float, Doc("weight of what lies outside the face, which is 1 inside")] = 0.02
    structure_weight: Annotated[float, Doc("weight of structural dissimilarity")] = 3.0
    edge_weight: Annotated[float, Doc("weight of the edge loss")] = 1.0
    ema: Annotated[float, Doc("decay of the averaged weights that previews and conversion use")] = 0.99
    log_every: Annotated[int, Doc("steps between lines of history.jsonl")] = 10
    checkpoint_every: Annotated[int, Doc("steps between checkpoints")] = 250
    preview_every: Annotated[int, Doc("steps between preview pictures")] = 250

    def __post_init__(self):
        for name in ("steps", "batch_size", "log_every", "checkpoint_every", "preview_every", "warm_up"):
            check_range(name, getattr(self, name), 1, 100_000_000)
        for name in ("eye_weight", "mouth_weight", "surroundings_weight", "structure_weight", "edge_weight"):
            check_range(name, getattr(self, name), 0, 1000)
        for name in ("learning_rate", "discriminator_learning_rate", "ema"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("turn", self.turn, 0, 180)
        for name in ("zoom", "shift", "warp"):
            check_range(name, getattr(self, name), 0, 0.3)
        check_range("seed", self.seed, 0, 2**31 - 1)


def phase_at(step: int, steps: int, schedule: tuple[Phase, ...] = SCHEDULE) -> Phase:
    """The phase in force at a step, counted from 0, of a training of so many steps."""
    return max((phase for phase in schedule if phase.start * steps <= step), key=lambda phase: phase.start)
