"""The schedule of a training as data: phases that scale with the number of steps.

A phase says when, `TrainConfig` says how much: the weight of a loss is its weight there times the phase's factor.
Weights are inputs of the compiled step, so a change of phase compiles a program only when a group of networks joins or
leaves, and it leaves the optimizers as they are.
"""

import dataclasses
import typing

from faceswap_lib.errors import InputError

if typing.TYPE_CHECKING:
    from faceswap_lib.training.config import TrainConfig

GROUPS = ("adversarial", "perceptual", "landmarks", "cycle")
"""Losses that need networks, or passes through networks, of their own; without weight they are not computed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """What holds from a point of the training on.

    Attributes:
        start: Where the phase begins, as a share of all steps.
        name: What it is there for, in a few words.
        learning_rate: Factor on both learning rates.
        adversarial, perceptual, landmarks, cycle: Factors on these losses; 0 leaves them and their networks out.
        composite: Factor on the reconstruction of the composite, which teaches the mask what it may leave to the input.
        mask_prior: Factor on what holds the mask to the shape of the face.
        mask_l1: Factor on the mask's mean.
        mask_hinge: Factor on what the mask falls below `mask_level` inside the face.
        mask_level: That level, 0 to 1.
        swap_decoders: Whether the two decoders trade places when the phase begins.
    """

    start: float
    name: str
    learning_rate: float = 1.0
    adversarial: float = 0.0
    perceptual: float = 0.0
    landmarks: float = 0.0
    cycle: float = 0.0
    composite: float = 0.0
    mask_prior: float = 0.0
    mask_l1: float = 0.0
    mask_hinge: float = 0.0
    mask_level: float = 0.0
    swap_decoders: bool = False

    def weights(self, config: "TrainConfig") -> dict[str, float]:
        """The weights of all scheduled losses, by name, and the mask's level."""
        names = (*GROUPS, "composite", "mask_prior", "mask_l1", "mask_hinge")
        weights = {name: getattr(self, name) * getattr(config, f"{name}_weight") for name in names}
        return weights | {"mask_level": self.mask_level}

    def active(self, config: "TrainConfig") -> frozenset[str]:
        """The groups that take part."""
        weights = self.weights(config)
        absent = {"perceptual"} if config.perceptual == "none" else set()
        return frozenset(name for name in GROUPS if weights[name] > 0 and name not in absent)


Schedule = tuple[Phase, ...]


def _default() -> Schedule:
    """First the faces alone with a mask that is held up, then sharpness, then the mask is held less firmly."""

    def at(start: float, name: str, *, held: float = 1.0, **changes) -> Phase:
        always = {"perceptual": 1, "landmarks": 1, "cycle": 1, "mask_hinge": 1, "mask_level": 0.7, "mask_prior": held}
        return Phase(start=start, name=name, **(always | changes))

    return (
        at(0.0, "faces"),
        at(0.5, "sharpness", adversarial=1),
        at(0.6, "finer", adversarial=1, learning_rate=0.5),
        at(0.85, "mask gives way", adversarial=1, learning_rate=0.2, composite=1, held=0.3),
        at(0.95, "last strokes", adversarial=1, learning_rate=0.05, composite=1, held=0.3),
    )


def _faceswap_gan() -> Schedule:
    """The 40,000 steps of faceswap-GAN v2.2, whose triggers fire 150 steps before a display."""

    def at(step: int, name: str, **changes) -> Phase:
        return Phase(start=step / 40_000, name=name, adversarial=1, cycle=1, **changes)

    last = {"perceptual": 1, "mask_hinge": 1, "mask_level": 0.1, "learning_rate": 0.3, "swap_decoders": True}
    return (
        at(0, "no perceptual loss", mask_l1=1),
        at(7_850, "perceptual loss", perceptual=1, mask_l1=1),
        at(11_850, "mask up to 0.5", perceptual=1, mask_hinge=1, mask_level=0.5),
        at(15_850, "mask up to 0.2", perceptual=1, mask_hinge=1, mask_level=0.2),
        at(19_850, "mask up to 0.4", perceptual=1, mask_hinge=1, mask_level=0.4),
        at(26_516, "mask free", perceptual=1, mask_l1=1, learning_rate=0.3),
        at(31_850, "decoders trade places", **last),
        at(35_850, "last strokes", perceptual=1, mask_l1=1, learning_rate=0.1),
    )


SCHEDULES: dict[str, Schedule] = {"default": _default(), "faceswap-gan": _faceswap_gan()}


def phase_at(step: int, steps: int, schedule: Schedule) -> Phase:
    """The phase in force at a step, counted from 0, of a training of so many steps."""
    return max((phase for phase in schedule if phase.start * steps <= step), key=lambda phase: phase.start)


def learning_rate_factor(step: int, config: "TrainConfig") -> float:
    """The factor on both learning rates at a step, counted from 0: its phase's, and a rise over the warm-up.

    Taught in notebooks/05_faceswap_train.
    """
    return phase_at(step, config.steps, config.phases).learning_rate * min(1.0, (step + 1) / config.warmup_steps)


def begins_phase(step: int, steps: int, schedule: Schedule) -> bool:
    """Whether a phase other than the first begins with this step."""
    return step > 0 and phase_at(step, steps, schedule) is not phase_at(step - 1, steps, schedule)


def check_schedule(schedule: Schedule) -> None:
    """Raises `InputError` unless the phases begin at 0 and follow each other."""
    starts = [phase.start for phase in schedule]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= 1:
        raise InputError(f"schedule: expected phases that start at 0 and rise to below 1, got {starts}")
