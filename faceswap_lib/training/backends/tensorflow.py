"""The training step on TensorFlow: one `tf.function` for both people and both players.

TensorFlow sums three or more gradients of one tensor in whatever order their memory becomes free, and so gives last
digits that differ from run to run. Summed in pairs, and with the optimiser that would merge the pairs again switched
off, the same step gives the same bytes, which exact resume rests on.
"""

import typing

import tensorflow as tf

from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.objective import Batch, Objective


def build_step(objective: Objective, state: TrainingState) -> typing.Callable:
    """See `faceswap_lib.training.backends.build_step`."""
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    generators, discriminators = state.networks.generators, state.networks.discriminators
    generator_weights = [w for network in generators for w in network.trainable_variables]
    discriminator_weights = [w for network in discriminators for w in network.trainable_variables]
    averages = [w for network in state.averaged.generators for w in network.trainable_variables]

    @tf.function(autograph=False)
    def step(index_a, index_b, weights, decay, adversarial):
        batch = Batch(index_a=index_a, index_b=index_b)
        generator_loss, discriminator_loss, terms = objective(batch, weights, adversarial=adversarial)
        # All gradients are taken before any weight changes.
        gradients = _gradients(generator_loss, generator_weights)
        against = _gradients(discriminator_loss, discriminator_weights) if adversarial else None
        state.generator_optimiser.apply(gradients, generator_weights)
        if adversarial:
            state.discriminator_optimiser.apply(against, discriminator_weights)
        for average, weight in zip(averages, generator_weights, strict=True):
            average.assign(decay * average + (1 - decay) * weight)
        return terms

    def run(batch: Batch, weights, decay: float, *, adversarial: bool) -> dict[str, float]:
        index = [tf.convert_to_tensor(x, tf.int32) for x in (batch.index_a, batch.index_b)]
        numbers = [tf.convert_to_tensor(x, tf.float32) for x in (weights, decay)]
        return {name: float(value) for name, value in step(*index, *numbers, adversarial).items()}

    return run


def _gradients(loss, weights):
    variables = [weight.value for weight in weights]
    return tf.gradients(loss, variables, aggregation_method=tf.AggregationMethod.EXPERIMENTAL_TREE)
