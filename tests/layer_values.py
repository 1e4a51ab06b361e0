"""Every layer and three small sets of networks with the same weights and input on whichever Keras backend runs.

Usage: KERAS_BACKEND=jax python -m tests.layer_values VALUES.npz
"""

import dataclasses
import functools
import pathlib
import sys
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from faceswap_lib.networks import NetworkConfig, build_networks
from faceswap_lib.networks.attention import ChannelAttention, DualAttention, SelfAttention
from faceswap_lib.networks.norms import GroupNorm, HybridNorm, InstanceNorm
from faceswap_lib.networks.spade import Spade, SpadeResidual
from faceswap_lib.networks.upsampling import IcnrInitializer, PixelShuffle, ReflectPad

BACKENDS = ("tensorflow", "jax", "torch")


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer, the shapes (B, H, W, C) of what goes in, and the shape that must come out."""

    build: Callable[..., keras.layers.Layer]
    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]


def layer_case(layer: type, output: tuple[int, ...], *inputs: tuple[int, ...], **options) -> Case:
    return Case(functools.partial(layer, **options), inputs or (output,), output)


def icnr_convolution(**options) -> keras.layers.Layer:
    return keras.layers.Conv2D(8, 3, padding="same", kernel_initializer=IcnrInitializer(2, seed=3), **options)


PLAIN = (2, 8, 4, 16)

LAYERS = {
    "pixel_shuffle": layer_case(PixelShuffle, (2, 8, 12, 3), (2, 4, 6, 12)),
    "pixel_shuffle_3": layer_case(PixelShuffle, (1, 12, 12, 1), (1, 4, 4, 9), factor=3),
    "reflect_pad": layer_case(ReflectPad, (2, 10, 6, 16), PLAIN),
    "reflect_pad_2": layer_case(ReflectPad, (2, 12, 8, 16), PLAIN, size=2),
    "instance_norm": layer_case(InstanceNorm, PLAIN),
    "instance_norm_epsilon": layer_case(InstanceNorm, PLAIN, epsilon=1e-2),
    "group_norm": layer_case(GroupNorm, (2, 8, 4, 24)),
    "group_norm_layer": layer_case(GroupNorm, PLAIN, groups=1, epsilon=1e-3),
    "hybrid_norm": layer_case(HybridNorm, PLAIN),
    "hybrid_norm_odd": layer_case(HybridNorm, (2, 8, 4, 7)),
    "self_attention": layer_case(SelfAttention, PLAIN),
    "self_attention_bias": layer_case(SelfAttention, PLAIN, squeeze=2, use_bias=True),
    "channel_attention": layer_case(ChannelAttention, PLAIN),
    "dual_attention": layer_case(DualAttention, PLAIN, squeeze=4, use_bias=True),
    "spade": layer_case(Spade, PLAIN, PLAIN, (2, 8, 4, 3), hidden=8),
    "spade_larger_map": layer_case(Spade, PLAIN, PLAIN, (2, 16, 8, 3), hidden=8, epsilon=1e-3),
    "spade_groups": layer_case(Spade, PLAIN, PLAIN, (2, 8, 4, 3), hidden=8, groups=4),
    "spade_residual": layer_case(SpadeResidual, PLAIN, PLAIN, (2, 16, 8, 3), hidden=8),
    "spade_residual_wider": layer_case(SpadeResidual, (2, 8, 4, 24), PLAIN, (2, 8, 4, 3), filters=24, hidden=8),
    "icnr_convolution": Case(icnr_convolution, ((2, 8, 4, 6),), (2, 8, 4, 8)),
}

NETWORKS = {
    "skip": NetworkConfig(capacity="tiny", resolution=64),
    "direct_other": NetworkConfig(
        capacity="tiny", resolution=64, attention="dual", norm="group", upsampling="nearest", input_mode="full"
    ),
    "faceswap-gan": NetworkConfig(capacity="tiny", resolution=64, architecture="faceswap-gan", norm="instance"),
}


def draw(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def draw_inputs(case: Case) -> list[np.ndarray]:
    return [draw(shape, seed) for seed, shape in enumerate(case.inputs)]


def fill_weights(model: keras.Model) -> None:
    """Gives every weight a value that depends only on its place in the model; none leaves a layer the identity."""
    for seed, weight in enumerate(model.weights):
        noise = draw(weight.shape, seed)
        if len(weight.shape) > 1:
            weight.assign(noise / np.sqrt(np.prod(weight.shape[:-1])))
        elif weight.name in ("gamma", "scale"):
            weight.assign(0.7 + 0.1 * noise)
        else:
            weight.assign(0.1 * noise)


def build_layer(case: Case, **options) -> tuple[keras.layers.Layer, keras.Model]:
    """A layer with the weights every backend gives it, and a model of it alone."""
    layer = case.build(**options)
    inputs = [keras.Input(shape[1:]) for shape in case.inputs]
    model = keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))
    fill_weights(model)
    return layer, model


def find_gradients(model: keras.Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Gradients of the output, weighted at random and summed, by every input and every trainable weight."""
    weighting = draw((inputs[0].shape[0], *model.output.shape[1:]), 99)
    inputs = [ops.convert_to_tensor(x) for x in inputs]
    gradients = {"tensorflow": _gradients_tensorflow, "jax": _gradients_jax, "torch": _gradients_torch}
    return [ops.convert_to_numpy(g) for g in gradients[keras.backend.backend()](model, inputs, weighting)]


def _gradients_tensorflow(model, inputs, weighting):
    import tensorflow as tf

    variables = [weight.value for weight in model.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = ops.sum(model(inputs) * weighting)
    return tape.gradient(total, [*inputs, *variables])


def _gradients_jax(model, inputs, weighting):
    import jax

    def total(inputs, trainable):
        output, _ = model.stateless_call(trainable, [w.value for w in model.non_trainable_variables], inputs)
        return ops.sum(output * weighting)

    by_input, by_weight = jax.grad(total, argnums=(0, 1))(inputs, [w.value for w in model.trainable_variables])
    return [*by_input, *by_weight]


def _gradients_torch(model, inputs, weighting):
    import torch

    leaves = [x.requires_grad_() for x in inputs] + [weight.value for weight in model.trainable_variables]
    return torch.autograd.grad(ops.sum(model(inputs) * ops.convert_to_tensor(weighting)), leaves)


def layer_values(case: Case) -> np.ndarray:
    """Output and gradients of one layer, one after the other."""
    _, model = build_layer(case)
    inputs = draw_inputs(case)
    output = ops.convert_to_numpy(model(inputs))
    return np.concatenate([array.ravel() for array in (output, *find_gradients(model, inputs))])


def network_values(config: NetworkConfig) -> np.ndarray:
    """Code, mask, face and score for one picture, one after the other."""
    networks = build_networks(config)
    for model in (networks.encoder, networks.decoder_a, networks.discriminator_a):
        fill_weights(model)
    x = np.tanh(draw((1, config.resolution, config.resolution, 3), 0))
    code = networks.encoder(x)
    mask, face = networks.decoder_a(code)
    score = networks.discriminator_a(ops.concatenate([face, x], axis=-1))
    return np.concatenate([ops.convert_to_numpy(array).ravel() for array in (code, mask, face, score)])


def all_values() -> dict[str, np.ndarray]:
    """The numbers of every case on this backend."""
    values = {name: layer_values(case) for name, case in LAYERS.items()}
    return values | {f"networks_{name}": network_values(config) for name, config in NETWORKS.items()}


CASES = (*LAYERS, *(f"networks_{name}" for name in NETWORKS))

if __name__ == "__main__":
    np.savez(pathlib.Path(sys.argv[1]), backend=keras.backend.backend(), **all_values())
