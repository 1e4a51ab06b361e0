"""One training step of a reenactment system; its number determines the pairs, the random numbers and the rates."""

import dataclasses
import time

import keras

from faceswap_lib.reenactment.config import ReenactmentTrainConfig, parse_weights
from faceswap_lib.reenactment.identities import StreamedPeople
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.pair_sampling import PairSampler
from faceswap_lib.reenactment.pair_views import to_device
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.system import System
from faceswap_lib.training.backends import build_step
from faceswap_lib.training.batch_source import ReadAhead
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import Batch
from faceswap_lib.training.run_config import Xla
from faceswap_lib.training.train_step import average_decay, set_seed_and_rates

LAST_FACTOR = 0.1
"""Factor of both learning rates at the last step."""


class PairStepper:
    """Executor of training steps; see `training.loop.AnyStepper`.

    Args:
        state: The state of the training; every step changes it.
        system: The system of the networks.
        people: The crops to train on.
        config: Options of the training.
        xla: Whether XLA compiles the step.

    Attributes:
        state: The state of the training.
        is_stepping: Whether a step is running, or was ended by an error.
        phase_start: Always 0; these trainings have one phase.
    """

    def __init__(
        self,
        state: TrainingState[ReenactmentNetworks],
        system: System,
        people: ReenactmentDataset | StreamedPeople,
        config: ReenactmentTrainConfig,
        *,
        xla: Xla = "auto",
    ):
        self.state, self.is_stepping, self.phase_start = state, False, 0.0
        self._people, self._config = people, config
        self._sampler = PairSampler(people, config.rarity_exponent)
        self._ahead = ReadAhead(self._read) if isinstance(people, StreamedPeople) else None
        self._weights = parse_weights(config.loss_weights, system.loss_weights)
        has_critics = any(self._weights[name] for name in system.critical_losses)
        self._active = frozenset({"adversarial"} if has_critics else ())
        self._seed = keras.random.SeedGenerator(config.seed)
        objective = system.build_objective(
            networks=state.networks, people=to_device(people), config=config, seed=self._seed
        )
        self._run = build_step(objective, state, micro_batches=config.gradient_accumulation_steps, xla=xla)

    @property
    def steps(self) -> int:
        """Total number of steps."""
        return self._config.steps

    def step(self) -> dict[str, float]:
        """Takes the next step; returns its loss terms by name."""
        self.is_stepping = True
        state, config, began = self.state, self._config, time.monotonic()
        set_seed_and_rates(state, config, self._seed, learning_rate_factor(state.step, config))
        batch = (self._draw if self._ahead is None else self._ahead.take)(state.step, state.rollbacks)
        terms = self._run(batch, self._weights, average_decay(state.step, config), active=self._active)
        state.step += 1
        state.seconds += time.monotonic() - began
        self.is_stepping = False
        return terms

    def close(self) -> None:
        """Waits for crops that are being read."""
        if self._ahead is not None:
            self._ahead.close()

    def _draw(self, step: int, rollbacks: int) -> Batch:
        """Draws the pairs of a step."""
        count = self._config.batch_size * self._config.gradient_accumulation_steps
        sources, targets = self._sampler.draw(count, (self._config.seed, step, rollbacks))
        return Batch(index_a=sources, index_b=targets)

    def _read(self, step: int, rollbacks: int) -> Batch:
        """Draws the pairs of a step and reads their crops from disk."""
        assert isinstance(self._people, StreamedPeople)
        batch = self._draw(step, rollbacks)
        crops_a, shapes_a = self._people.read_packed(batch.index_a)
        crops_b, shapes_b = self._people.read_packed(batch.index_b)
        return dataclasses.replace(batch, crops_a=crops_a, crops_b=crops_b, shapes_a=shapes_a, shapes_b=shapes_b)


def learning_rate_factor(step: int, config: ReenactmentTrainConfig) -> float:
    """Computes the factor of both learning rates at a step, counted from 0: a linear warm-up and a linear decay."""
    begin = config.decay_from * config.steps
    passed = max(0.0, (step - begin) / max(1.0, config.steps - begin))
    return min(1.0, (step + 1) / config.warmup_steps) * (1 - (1 - LAST_FACTOR) * passed)
