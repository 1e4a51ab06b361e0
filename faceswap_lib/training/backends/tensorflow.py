"""The training step on TensorFlow.

TensorFlow sums three or more gradients of one tensor in an order that depends on memory allocation, so the last digits
differ from run to run. Here gradients are summed in pairs, and the graph optimization that would merge the pairs again
is disabled. Then the same step produces the same bytes, which is necessary for an exact resume.
"""

import functools
import typing

import keras
import tensorflow as tf

from faceswap_lib.training.backends import StackedTerms
from faceswap_lib.training.backends.variables import OptimizerGroup, Programs, StepVariables
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import Batch


def build_programs(objective: StackedTerms, state: TrainingState, *, xla: bool) -> Programs:
    """Builds the programs of a step, see `faceswap_lib.training.backends`."""
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    variables = StepVariables.of(state)
    generators, discriminators = variables.players

    def differentiate(batch, weights, active):
        generator_loss, discriminator_loss, terms = objective(Batch(**batch), weights, active=active)
        gradients = [_gradients(generator_loss, generators.weights)]
        if discriminator_loss is not None:
            gradients.append(_gradients(discriminator_loss, discriminators.weights))
        return gradients, terms

    def apply(gradients, decay):
        for player, found in zip(variables.players, gradients, strict=False):
            apply_gradients(player, found)
        for average, weight in zip(variables.averages, generators.weights, strict=True):
            average.assign(decay * average + (1 - decay) * weight)
        for source, follower in variables.copies:
            follower.assign(source)

    def step_once(batch, weights, decay, active):
        gradients, terms = differentiate(batch, weights, active)
        apply(gradients, decay)
        return terms

    @functools.cache
    def compiled(function, active: frozenset[str]):
        return tf.function(functools.partial(function, active=active), autograph=False, jit_compile=xla)

    def take_gradients(batch, weights, active):
        return compiled(differentiate, active)(*_tensors([batch.arrays(), weights]))

    def step(batch, weights, decay, active):
        return compiled(step_once, active)(*_tensors([batch.arrays(), weights, decay]))

    update = tf.function(apply, autograph=False, jit_compile=xla)
    # The combined program halves the number of programs that XLA compiles. Without XLA it is not faster, and two
    # programs produce the same bytes.
    return Programs(
        take_gradients, lambda gradients, decay: update(gradients, tf.constant(decay)), step if xla else None
    )


def apply_gradients(player: OptimizerGroup, gradients) -> None:
    """Applies gradients with the optimizer of a group.

    Adam uses the kernel of TensorFlow, which needs one pass over memory instead of ten.

    Args:
        player: The weights and their optimizer.
        gradients: One gradient per weight.
    """
    optimizer = player.optimizer
    if type(optimizer) is not keras.optimizers.Adam or optimizer.amsgrad or optimizer.weight_decay or optimizer.use_ema:
        optimizer.apply(gradients, player.weights)
        return
    adam = typing.cast(typing.Any, optimizer)  # Keras declares no types for its variables
    if adam.global_clipnorm:
        gradients, _ = tf.clip_by_global_norm(gradients, adam.global_clipnorm)
    adam.iterations.assign_add(1)
    count = tf.cast(adam.iterations.value, tf.float32)
    moments = adam.variables[2:]  # after the step number and the learning rate, two variables per weight
    for weight, first, second, gradient in zip(player.weights, moments[::2], moments[1::2], gradients, strict=True):
        tf.raw_ops.ResourceApplyAdam(
            var=weight.value.handle,
            m=first.value.handle,
            v=second.value.handle,
            beta1_power=adam.beta_1**count,
            beta2_power=adam.beta_2**count,
            lr=adam.learning_rate.value,
            beta1=adam.beta_1,
            beta2=adam.beta_2,
            epsilon=adam.epsilon,
            grad=gradient,
        )


def _tensors(arguments: list) -> list:
    """Converts arrays, numbers, and dicts of numbers to tensors: every new Python number would cause a compilation."""
    return tf.nest.map_structure(tf.constant, arguments)


def _gradients(loss, weights):
    return tf.gradients(
        loss,
        [weight.value for weight in weights],
        aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
