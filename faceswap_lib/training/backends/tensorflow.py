"""The training step on TensorFlow.

TensorFlow sums three or more gradients of one tensor in whatever order their memory becomes free, and so gives last
digits that differ from run to run. Summed in pairs, and with the optimizer that would merge the pairs again switched
off, the same step gives the same bytes, which exact resume rests on.
"""

import functools

import keras
import tensorflow as tf

from faceswap_lib.training.backends.variables import OptimizerGroup, Programs, StepVariables
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import Batch, Objective


def build_programs(objective: Objective, state: TrainingState, *, xla: bool) -> Programs:
    """See `faceswap_lib.training.backends`."""
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    variables = StepVariables.of(state)
    generators, discriminators = variables.players

    def differentiate(index_a, index_b, weights, active):
        batch = Batch(index_a=index_a, index_b=index_b)
        generator_loss, discriminator_loss, terms = objective(batch, weights, active=active)
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

    def step_once(index_a, index_b, weights, decay, active):
        gradients, terms = differentiate(index_a, index_b, weights, active)
        apply(gradients, decay)
        return terms

    @functools.cache
    def compiled(function, active: frozenset[str]):
        return tf.function(functools.partial(function, active=active), autograph=False, jit_compile=xla)

    def take_gradients(batch, weights, active):
        return compiled(differentiate, active)(*_tensors([batch.index_a, batch.index_b, weights]))

    def step(batch, weights, decay, active):
        return compiled(step_once, active)(*_tensors([batch.index_a, batch.index_b, weights, decay]))

    update = tf.function(apply, autograph=False, jit_compile=xla)
    # Half as many programs for XLA to compile. Without it one program is no faster, and two give the same bytes.
    return Programs(
        take_gradients, lambda gradients, decay: update(gradients, tf.constant(decay)), step if xla else None
    )


def apply_gradients(player: OptimizerGroup, gradients) -> None:
    """Lets the optimizer change the weights; Adam by TensorFlow's own kernel, one pass over memory instead of ten."""
    adam = player.optimizer
    if type(adam) is not keras.optimizers.Adam or adam.amsgrad or adam.weight_decay or adam.use_ema:
        adam.apply(gradients, player.weights)
        return
    if adam.global_clipnorm:
        gradients, _ = tf.clip_by_global_norm(gradients, adam.global_clipnorm)
    adam.iterations.assign_add(1)
    count = tf.cast(adam.iterations.value, tf.float32)
    moments = adam.variables[2:]  # behind the step's number and the learning rate, two per weight
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
    """Arrays, numbers, and dicts of numbers as tensors: Python numbers would each be compiled for."""
    return tf.nest.map_structure(tf.constant, arguments)


def _gradients(loss, weights):
    return tf.gradients(
        loss,
        [weight.value for weight in weights],
        aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE,
        unconnected_gradients=tf.UnconnectedGradients.ZERO,
    )
