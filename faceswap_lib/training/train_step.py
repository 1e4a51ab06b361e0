"""One training step; its number determines the phase, the random numbers and the learning rates."""

import dataclasses
import time
import typing

import keras
import numpy as np

from faceswap_lib.devices import list_devices
from faceswap_lib.networks import NetworkConfig, Networks, build_networks
from faceswap_lib.networks.precision import compute_in, resolve_precision
from faceswap_lib.training.augmentation import DeviceFaceset
from faceswap_lib.training.backends import Step, build_step
from faceswap_lib.training.batch_source import BatchSource
from faceswap_lib.training.checkpoint import AnyNetworks, TrainingState
from faceswap_lib.training.config import BaseTrainConfig, TrainConfig
from faceswap_lib.training.loss_model import Batch, Objective
from faceswap_lib.training.run_config import Xla
from faceswap_lib.training.schedule import Phase, learning_rate_factor, phase_at

DRAWS_PER_STEP = 1000
"""Distance between the random streams of two steps; larger than the number of draws in a step."""

STREAMS = 1_000_003
"""Distance between the seeds before and after a rollback, so that other random numbers are drawn."""


def build_state(network_config: NetworkConfig, config: TrainConfig) -> TrainingState[Networks]:
    """Builds the networks and optimizers in their state before the first step; the same seed gives the same state."""
    return new_state(lambda: build_networks(network_config), config)


def new_state(build: typing.Callable[[], AnyNetworks], config: BaseTrainConfig) -> TrainingState[AnyNetworks]:
    """Builds a state before the first step from any networks.

    Args:
        build: Builds the networks; called twice, also for the averaged ones, which are in float32 as in conversion.
        config: Options of the optimizers.
    """
    keras.utils.set_random_seed(config.seed)
    with compute_in(resolve_precision(config.precision, list_devices())):
        networks = build()
    averaged = build()

    def build_adam(learning_rate: float, momentum: float) -> keras.Optimizer:
        return keras.optimizers.Adam(
            learning_rate, beta_1=momentum, beta_2=0.99, global_clipnorm=config.global_clipnorm or None
        )

    state = TrainingState(
        networks=networks,
        averaged=averaged,
        generator_optimizer=build_adam(config.learning_rate, config.beta_1),
        discriminator_optimizer=build_adam(config.discriminator_learning_rate, 0.5),
    )
    for optimizer, players in (
        (state.generator_optimizer, networks.generators),
        (state.discriminator_optimizer, networks.discriminators),
    ):
        optimizer.build([variable for network in players for variable in network.trainable_variables])
    for network, average in zip(networks.generators, averaged.generators, strict=True):
        average.set_weights(network.get_weights())
    return state


def reset_state(state: TrainingState, config: TrainConfig) -> None:
    """Resets a state to the state before the first step; the counters of rollbacks stay."""
    copy_state(build_state(state.networks.config, config), state)


def copy_state(fresh: TrainingState, state: TrainingState) -> None:
    """Copies the variables and counters of a new state to a state, but not the counters of rollbacks."""
    for group, variables in state.groups().items():
        for variable, first in zip(variables, fresh.groups()[group], strict=True):
            variable.assign(first)
    for name in ("step", "history_bytes", "seconds", "swapped", "watched"):
        setattr(state, name, getattr(fresh, name))


@dataclasses.dataclass(eq=False)
class TrainStepper:
    """Executor of training steps.

    Attributes:
        state: The state of the training; every step changes it.
        config: Options of the training.
        shares: Sampling probabilities of the crops of A and of B, each (N,) float64 with sum 1.
        seed: Random seed generator on the device.
        run: The compiled step.
        batches: Source of the batches.
        is_stepping: Whether a step is running, or was ended by an error; the state is then between two steps and must
            not be saved.
    """

    state: TrainingState
    config: TrainConfig
    shares: tuple[np.ndarray, np.ndarray]
    seed: keras.random.SeedGenerator
    run: Step
    batches: BatchSource
    is_stepping: bool = False

    @classmethod
    def build(
        cls, state: TrainingState, people: typing.Sequence[DeviceFaceset], config: TrainConfig, *, xla: Xla = "auto"
    ) -> "TrainStepper":
        """Builds the training step.

        Args:
            state: The state of the training.
            people: The crops of A and of B on the device.
            config: Options of the training.
            xla: Whether XLA compiles the step.
        """
        seed = keras.random.SeedGenerator(config.seed)
        faces_a, faces_b = people
        objective = Objective(networks=state.networks, faces_a=faces_a, faces_b=faces_b, config=config, seed=seed)
        run = build_step(objective, state, micro_batches=config.gradient_accumulation_steps, xla=xla)
        shares_a = sampling_probabilities(faces_a.rarity, config.rarity_exponent)
        shares_b = sampling_probabilities(faces_b.rarity, config.rarity_exponent)

        def draw(step: int, rollbacks: int) -> Batch:
            return draw_batch(config, step, shares_a, shares_b, rollbacks=rollbacks)

        batches = BatchSource(people, draw)
        return cls(state=state, config=config, shares=(shares_a, shares_b), seed=seed, run=run, batches=batches)

    @property
    def steps(self) -> int:
        """Total number of steps."""
        return self.config.steps

    @property
    def phase_start(self) -> float:
        """Start of the current phase, as a fraction of all steps."""
        return self.phase().start

    def close(self) -> None:
        """Closes the files of crops."""
        self.batches.close()

    def phase(self) -> Phase:
        """Returns the current phase of the schedule."""
        return phase_at(self.state.step, self.config.steps, self.config.phases)

    def step(self) -> dict[str, float]:
        """Takes the next step; returns its loss terms by name.

        Taught in notebooks/03_autoencoder.
        """
        self.is_stepping = True
        state, config, phase, began = self.state, self.config, self.phase(), time.monotonic()
        set_seed_and_rates(state, config, self.seed, learning_rate_factor(state.step, config))
        if has_swapped(state.step, config) != state.swapped:
            swap_decoders(state)
        batch = self.batches.take(state.step, state.rollbacks)
        decay = average_decay(state.step, config)
        terms = self.run(batch, phase.weights(config), decay, active=phase.active(config))
        state.step += 1
        state.seconds += time.monotonic() - began
        self.is_stepping = False
        return terms


def set_seed_and_rates(
    state: TrainingState, config: BaseTrainConfig, seed: keras.random.SeedGenerator, factor: float
) -> None:
    """Sets the random seed and both learning rates of the next step.

    Args:
        state: The state of the training; its rollbacks change the seed and the rates.
        config: Seed and learning rates.
        seed: Random seed generator on the device; changed in place.
        factor: Factor of both learning rates at this step.
    """
    seed.state.assign([(config.seed + STREAMS * state.rollbacks) % 2**31, state.step * DRAWS_PER_STEP % 2**32])
    factor *= state.learning_rate_factor
    state.generator_optimizer.learning_rate.assign(config.learning_rate * factor)
    state.discriminator_optimizer.learning_rate.assign(config.discriminator_learning_rate * factor)


def average_decay(step: int, config: BaseTrainConfig) -> float:
    """Computes the decay of the averaged weights at a step, counted from 0.

    The decay starts small, because otherwise the average would contain the initial weights for too long.
    Source: the formula of `tf.train.ExponentialMovingAverage` with `num_updates`.

    Taught in notebooks/05b_training_faults.
    """
    return min(config.ema_decay, (1 + step) / (10 + step))


def sampling_probabilities(rarity: np.ndarray, rarity_exponent: float) -> np.ndarray:
    """Computes the sampling probability of each crop: rarity to the power of `rarity_exponent`, normalized to sum 1.

    Args:
        rarity: (N,) float64, rarity of each crop.
        rarity_exponent: Exponent; 0 gives uniform sampling.

    Returns:
        (N,) float64.
    """
    weights = rarity**rarity_exponent
    return weights / weights.sum()


def draw_batch(
    config: TrainConfig, step: int, shares_a: np.ndarray, shares_b: np.ndarray, *, rollbacks: int = 0
) -> Batch:
    """Draws the crops of one step.

    The result depends only on the arguments, so a resumed run draws the same crops as an uninterrupted one.

    Args:
        config: Seed and batch size.
        step: Step, counted from 0.
        shares_a: Sampling probabilities of the crops of A, (N,) float64.
        shares_b: Sampling probabilities of the crops of B, (N,) float64.
        rollbacks: Number of rollbacks so far.

    Returns:
        `batch_size * gradient_accumulation_steps` indices of each person, int64.
    """
    random = np.random.default_rng((config.seed, step, rollbacks))
    count = config.batch_size * config.gradient_accumulation_steps
    index_a, index_b = (random.choice(len(shares), count, p=shares) for shares in (shares_a, shares_b))
    return Batch(index_a=index_a, index_b=index_b)


def has_swapped(step: int, config: TrainConfig) -> bool:
    """Checks whether the decoders are swapped at a step, counted from 0."""
    swaps = [phase for phase in config.phases if phase.swap_decoders and phase.start * config.steps <= step]
    return len(swaps) % 2 == 1


def swap_decoders(state: TrainingState) -> None:
    """Swaps the two decoders: their weights, averaged weights, and moments in the optimizer."""
    for networks in (state.networks, state.averaged):
        _exchange(networks.decoder_a.weights, networks.decoder_b.weights)
    moments = state.generator_optimizer.variables[2:]  # after step number and learning rate, two variables per weight
    counts = [2 * len(network.trainable_variables) for network in state.networks.generators]
    encoder, decoder = counts[:2]
    _exchange(moments[encoder : encoder + decoder], moments[encoder + decoder :])
    state.swapped = not state.swapped


def _exchange(some: list[keras.Variable], others: list[keras.Variable]) -> None:
    for one, other in zip(some, others, strict=True):
        kept = keras.ops.copy(one.value)
        one.assign(other)
        other.assign(kept)
