"""Computational cost of networks: parameters, and multiply-accumulate operations (MACs) for one image."""

import dataclasses
import math
import typing

import keras
from keras import layers

from faceswap_lib.networks.attention import ChannelAttention, DualAttention, SelfAttention
from faceswap_lib.networks.norms import HybridNorm
from faceswap_lib.networks.spade import Spade, SpadeResidual

COUNTED = (
    *(layers.Conv2D, layers.Dense, HybridNorm, SelfAttention, ChannelAttention, DualAttention),
    *(Spade, SpadeResidual),
)
"""Layers that need more than one multiplication per input or output element."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerCost:
    """Cost of one layer of a network.

    Attributes:
        name: Name of the layer in Keras.
        kind: Name of its class.
        shape: Shape of its output without the batch axis; shape of the first output if there are several.
        weights: Number of parameters.
        macs: Number of multiply-accumulate operations (MACs) for one image.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    weights: int
    macs: int


def count_layers(network: keras.Model) -> list[LayerCost]:
    """Counts the parameters and the multiply-accumulate operations (MACs) of every layer.

    Counts the MACs of convolutions, dense layers and attention, even if they are part of other layers. Does not count
    element-wise operations, such as normalization and activations.

    Args:
        network: A functional model with a fixed input size.

    Returns:
        One entry per layer, in the order of computation.
    """
    return [
        LayerCost(
            name=layer.name,
            kind=type(layer).__name__,
            shape=tuple(_first_tensor(layer.output).shape[1:]),
            weights=layer.count_params(),
            macs=_multiply(layer, _first_tensor(layer.input).shape) if isinstance(layer, COUNTED) else 0,
        )
        for layer in network.layers
    ]


def _first_tensor(tensors: typing.Any) -> typing.Any:
    return tensors[0] if isinstance(tensors, list | tuple) else tensors


def _multiply(layer: layers.Layer, shape: tuple) -> int:
    """Counts the MACs for one image in a layer of `COUNTED`, whose input has the shape (B, ..., C)."""
    if isinstance(layer, layers.Conv2D | layers.Dense):
        positions = math.prod(layer.compute_output_shape(shape)[1:-1])
        return positions * math.prod(layer.kernel.shape)  # the kernel is applied once at every position
    positions, channels = math.prod(shape[1:-1]), shape[-1]
    if isinstance(layer, Spade | SpadeResidual):  # all convolutions are at the resolution of `x`
        return positions * sum(math.prod(v.shape) for v in layer.trainable_weights if len(v.shape) == 4)
    if isinstance(layer, HybridNorm):
        return positions * math.prod(layer.mix.kernel.shape)
    if isinstance(layer, DualAttention):
        return _multiply(layer.position, shape) + _multiply(layer.channel, shape)
    if isinstance(layer, ChannelAttention):
        return 2 * positions * channels**2
    squeezed = layer.query.kernel.shape[-1]
    return positions * (channels * (2 * squeezed + channels) + positions * (squeezed + channels))
