"""The training step on TensorFlow.

TensorFlow sums three or more gradients of one tensor in whatever order their memory becomes free, and so gives last
digits that differ from run to run. Summed in pairs, and with the optimiser that would merge the pairs again switched
off, the same step gives the same bytes, which exact resume rests on.
"""

import functools
import math
import typing

import tensorflow as tf

from faceswap_lib.training.backends.variables import StepVariables
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.objective import Batch, Objective

WORTH_COMPILING = 10_000_000
"""Weights from which XLA's update saves more than the seconds that compiling it takes on a CPU: two fifths of it."""


def build_programs(objective: Objective, state: TrainingState) -> tuple[typing.Callable, typing.Callable]:
    """See `faceswap_lib.training.backends`."""
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    variables = StepVariables.of(state)
    generators, discriminators = variables.players
    # XLA makes the networks slower on a CPU.
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    compile_update = on_gpu or sum(math.prod(w.shape) for w in generators.weights) >= WORTH_COMPILING

    @functools.cache
    def program_for(active: frozenset[str]):
        @tf.function(autograph=False, jit_compile=on_gpu)
        def program(index_a, index_b, weights):
            batch = Batch(index_a=index_a, index_b=index_b)
            generator_loss, discriminator_loss, terms = objective(batch, weights, active=active)
            gradients = [_gradients(generator_loss, generators.weights)]
            if discriminator_loss is not None:
                gradients.append(_gradients(discriminator_loss, discriminators.weights))
            return gradients, terms

        return program

    def take_gradients(batch, weights, active):
        return program_for(active)(tf.constant(batch.index_a), tf.constant(batch.index_b), _tensors(weights))

    @tf.function(autograph=False, jit_compile=compile_update)
    def update(gradients, decay):
        for player, found in zip(variables.players, gradients, strict=False):
            player.optimiser.apply(found, player.weights)
        for average, weight in zip(variables.averages, generators.weights, strict=True):
            average.assign(decay * average + (1 - decay) * weight)
        for source, follower in variables.copies:
            follower.assign(source)

    return take_gradients, lambda gradients, decay: update(gradients, tf.constant(decay))


def _tensors(numbers):
    return {name: tf.constant(value) for name, value in numbers.items()}


def _gradients(loss, weights):
    return tf.gradients(
        loss,
        [weight.value for weight in weights],
        aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
