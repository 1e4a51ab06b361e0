"""The training step on TensorFlow: one `tf.function` for both people and both players."""

import typing

import tensorflow as tf

from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.objective import Batch, Objective


def build_step(objective: Objective, state: TrainingState) -> typing.Callable:
    """See `faceswap_lib.training.backends.build_step`."""
    generators, discriminators = state.networks.generators, state.networks.discriminators
    generator_weights = [w for network in generators for w in network.trainable_variables]
    discriminator_weights = [w for network in discriminators for w in network.trainable_variables]
    averages = [w for network in state.averaged.generators for w in network.trainable_variables]

    def descend(tape, loss, optimiser, weights):
        optimiser.apply(tape.gradient(loss, [w.value for w in weights]), weights)

    @tf.function
    def step(index_a, index_b, weights, decay, adversarial):
        batch = Batch(index_a=index_a, index_b=index_b)
        with tf.GradientTape(persistent=adversarial) as tape:
            generator_loss, discriminator_loss, terms = objective(batch, weights, adversarial=adversarial)
        descend(tape, generator_loss, state.generator_optimiser, generator_weights)
        if adversarial:
            descend(tape, discriminator_loss, state.discriminator_optimiser, discriminator_weights)
        for average, weight in zip(averages, generator_weights, strict=True):
            average.assign(decay * average + (1 - decay) * weight)
        return terms

    def run(batch: Batch, weights, decay: float, *, adversarial: bool) -> dict[str, float]:
        index = [tf.convert_to_tensor(x, tf.int32) for x in (batch.index_a, batch.index_b)]
        numbers = [tf.convert_to_tensor(x, tf.float32) for x in (weights, decay)]
        return {name: float(value) for name, value in step(*index, *numbers, adversarial).items()}

    return run
