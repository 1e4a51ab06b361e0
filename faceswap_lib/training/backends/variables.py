"""The variables that a training step changes."""

import dataclasses
import typing

import keras

from faceswap_lib.training.checkpoint import TrainingState


class Programs(typing.NamedTuple):
    """Programs of a step, from `build_programs` of a backend.

    Attributes:
        take_gradients: Computes the gradients of each active optimizer group, and the loss terms, from (batch, weights,
            active).
        update: Changes weights, optimizers and averages with (gradients, decay).
        step: Does both and returns the loss terms, from (batch, weights, decay, active); None if it would not be
            faster.
    """

    take_gradients: typing.Callable
    update: typing.Callable
    step: typing.Callable | None = None


class OptimizerGroup(typing.NamedTuple):
    """Weights that one loss trains, and their optimizer."""

    optimizer: keras.Optimizer
    weights: list[keras.Variable]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class StepVariables:
    """Variables of a training, grouped by how a step changes them.

    Attributes:
        players: The optimizer groups: the generators, then the discriminators.
        averages: Moving averages of the generators' weights, in the same order.
        statistics: Variables that the networks change in a forward pass, such as means of batch normalization.
        copies: Pairs of a non-trainable weight of the generators and the weight of the averaged networks that is a copy
            of it.
    """

    players: tuple[OptimizerGroup, OptimizerGroup]
    averages: list[keras.Variable]
    statistics: list[keras.Variable]
    copies: list[tuple[keras.Variable, keras.Variable]]

    @classmethod
    def of(cls, state: TrainingState) -> "StepVariables":
        """Collects the variables of a training state."""
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
