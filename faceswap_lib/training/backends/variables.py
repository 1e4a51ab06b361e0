"""Which variables a step changes."""

import dataclasses
import typing

import keras

from faceswap_lib.training.checkpoint import TrainingState


class Programs(typing.NamedTuple):
    """The programs of a step, as a backend's `build_programs` gives them.

    Attributes:
        take_gradients: (batch, weights, active) to gradients of each player that takes part, and terms.
        update: (gradients, decay) changes weights, optimizers and averages.
        step: (batch, weights, decay, active) to terms; both in one where that is faster, None where it is not.
    """

    take_gradients: typing.Callable
    update: typing.Callable
    step: typing.Callable | None = None


class OptimizerGroup(typing.NamedTuple):
    """Weights that one loss trains, and the optimizer that does it."""

    optimizer: keras.Optimizer
    weights: list[keras.Variable]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StepVariables:
    """The variables of a training, sorted by how a step changes them.

    Attributes:
        players: The generators, then the discriminators.
        averages: Moving averages of the generators' weights, in the same order.
        statistics: What the networks change themselves while they are used, such as means of batch normalization.
        copies: Pairs of one of the generators' statistics and the variable of the averaged networks that follows it.
    """

    players: tuple[OptimizerGroup, OptimizerGroup]
    averages: list[keras.Variable]
    statistics: list[keras.Variable]
    copies: list[tuple[keras.Variable, keras.Variable]]

    @classmethod
    def of(cls, state: TrainingState) -> "StepVariables":
        """Collects those of a training."""
        generators, averaged = state.networks.generators, state.averaged.generators
        discriminators = state.networks.discriminators
        sources = [v for network in generators for v in network.non_trainable_weights]
        followers = [v for network in averaged for v in network.non_trainable_weights]
        return cls(
            players=(
                OptimizerGroup(state.generator_optimizer, _trainable(generators)),
                OptimizerGroup(state.discriminator_optimizer, _trainable(discriminators)),
            ),
            averages=_trainable(averaged),
            statistics=[v for network in (*generators, *discriminators) for v in network.non_trainable_variables],
            copies=list(zip(sources, followers, strict=True)),
        )


def _trainable(networks: typing.Iterable[keras.Model]) -> list[keras.Variable]:
    return [variable for network in networks for variable in network.trainable_variables]
