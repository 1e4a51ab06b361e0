"""Training schedules as data: sequences of phases that scale with the number of steps.

The weight of a loss is its weight in `TrainConfig` times the factor of the current phase. Weights are inputs of the
compiled step. A new phase therefore causes a compilation only if the set of active loss groups is new. It does not
change the state of the optimizers.
"""

import dataclasses
import typing

from faceswap_lib.errors import InputError

if typing.TYPE_CHECKING:
    from faceswap_lib.training.config import TrainConfig

GROUPS = ("adversarial", "perceptual", "landmarks", "cycle")
"""Losses that need additional networks or forward passes; they are not computed if their weight is 0."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """Phase of a training schedule.

    Attributes:
        start: Start of the phase as a fraction of all steps.
        name: Short description.
        learning_rate: Factor of both learning rates.
        adversarial, perceptual, landmarks, cycle: Factors of these losses; 0 disables them and their networks.
        composite: Factor of the reconstruction loss of the composite, from which the mask learns which pixels may come
            from the input.
        mask_prior: Factor of the loss that keeps the mask close to the face region.
        mask_l1: Factor of the mean of the mask.
        mask_hinge: Factor of the loss for mask values below `mask_level` inside the face.
        mask_level: Level of the mask hinge loss, 0 to 1.
        swap_decoders: Whether the two decoders are exchanged when the phase begins.
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
        """Computes the weights of all scheduled losses by name; includes `mask_level`."""
        names = (*GROUPS, "composite", "mask_prior", "mask_l1", "mask_hinge")
        weights = {name: getattr(self, name) * getattr(config, f"{name}_weight") for name in names}
        return weights | {"mask_level": self.mask_level}

    def active(self, config: "TrainConfig") -> frozenset[str]:
        """Returns the active groups of losses: those with a weight above 0."""
        weights = self.weights(config)
        absent = {"perceptual"} if config.perceptual == "none" else set()
        return frozenset(name for name in GROUPS if weights[name] > 0 and name not in absent)


Schedule = tuple[Phase, ...]
"""Phases in order of their start."""


def _default() -> Schedule:
    """Builds the default schedule.

    The networks first learn the faces with strong mask losses, then the adversarial loss adds sharpness, then the mask
    prior becomes weaker.
    """

    def at(start: float, name: str, *, mask_prior: float = 1.0, **changes) -> Phase:
        always = {
            "perceptual": 1,
            "landmarks": 1,
            "cycle": 1,
            "mask_hinge": 1,
            "mask_level": 0.7,
            "mask_prior": mask_prior,
        }
        return Phase(start=start, name=name, **(always | changes))

    return (
        at(0.0, "faces"),
        at(0.5, "sharpness", adversarial=1),
        at(0.6, "lower learning rate", adversarial=1, learning_rate=0.5),
        at(0.85, "weaker mask prior", adversarial=1, learning_rate=0.2, composite=1, mask_prior=0.3),
        at(0.95, "fine-tuning", adversarial=1, learning_rate=0.05, composite=1, mask_prior=0.3),
    )


def _faceswap_gan() -> Schedule:
    """Builds the schedule of faceswap-GAN v2.2 for 40,000 steps.

    As in its code, each later phase begins half of the display interval (150 steps) before a simple fraction of the
    steps, for example at 7,850 instead of 8,000.
    """

    def at(step: int, name: str, **changes) -> Phase:
        return Phase(start=step / 40_000, name=name, adversarial=1, cycle=1, **changes)

    swapped = {"perceptual": 1, "mask_hinge": 1, "mask_level": 0.1, "learning_rate": 0.3, "swap_decoders": True}
    return (
        at(0, "no perceptual loss", mask_l1=1),
        at(7_850, "perceptual loss", perceptual=1, mask_l1=1),
        at(11_850, "mask up to 0.5", perceptual=1, mask_hinge=1, mask_level=0.5),
        at(15_850, "mask up to 0.2", perceptual=1, mask_hinge=1, mask_level=0.2),
        at(19_850, "mask up to 0.4", perceptual=1, mask_hinge=1, mask_level=0.4),
        at(26_516, "no mask hinge", perceptual=1, mask_l1=1, learning_rate=0.3),
        at(31_850, "decoders swapped", **swapped),
        at(35_850, "fine-tuning", perceptual=1, mask_l1=1, learning_rate=0.1),
    )


SCHEDULES: dict[str, Schedule] = {"default": _default(), "faceswap-gan": _faceswap_gan()}
"""Schedules by name."""


def phase_at(step: int, steps: int, schedule: Schedule) -> Phase:
    """Returns the phase of a schedule at a step, counted from 0, in a training run of `steps` steps.

    Example:
        >>> phase_at(0, 2000, SCHEDULES["default"]).name
        'faces'
        >>> phase_at(1000, 2000, SCHEDULES["default"]).name
        'sharpness'
    """
    return max((phase for phase in schedule if phase.start * steps <= step), key=lambda phase: phase.start)


def learning_rate_factor(step: int, config: "TrainConfig") -> float:
    """Computes the factor of both learning rates at a step, counted from 0: factor of the phase times linear warm-up.

    Taught in notebooks/05_faceswap_train.
    """
    return phase_at(step, config.steps, config.phases).learning_rate * min(1.0, (step + 1) / config.warmup_steps)


def begins_phase(step: int, steps: int, schedule: Schedule) -> bool:
    """Checks whether a phase other than the first begins at a step, counted from 0."""
    return step > 0 and phase_at(step, steps, schedule) is not phase_at(step - 1, steps, schedule)


def check_schedule(schedule: Schedule) -> None:
    """Checks the starts of the phases.

    Raises:
        InputError: If the first phase does not start at 0, or the starts are not strictly increasing and below 1.
    """
    starts = [phase.start for phase in schedule]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)) or starts[-1] >= 1:
        raise InputError(f"schedule: expected phases that start at 0 and rise to below 1, got {starts}")
