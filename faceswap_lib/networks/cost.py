"""What networks cost: the numbers they learn, and the multiplications of one picture."""

import dataclasses
import math

import keras
from keras import layers

from faceswap_lib.networks.attention import ChannelAttention, DualAttention, SelfAttention
from faceswap_lib.networks.norms import HybridNorm

COUNTED = (layers.Conv2D, layers.Dense, HybridNorm, SelfAttention, ChannelAttention, DualAttention)
"""Layers that multiply more than once per number they read or write."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One layer of a network.

    Attributes:
        name: As Keras calls it.
        kind: Its class.
        shape: Of its output, without the batch; of its first output if it has several.
        weights: Numbers it learns.
        multiplications: For one picture.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    weights: int
    macs: int


def count_layers(network: keras.Model) -> list[LayerCost]:
    """Counts weights and multiplications of every layer.

    Multiplications are those of convolutions, dense layers and attention, also inside of other layers; what is done
    once per number, as by normalization and activations, is not counted.

    Args:
        network: Built from functional layers, with a fixed input size.

    Returns:
        One entry per layer, in the order in which they are computed.
    """
    return [
        LayerCost(
            name=layer.name,
            kind=type(layer).__name__,
            shape=tuple(_first(layer.output).shape[1:]),
            weights=layer.count_params(),
            macs=_multiply(layer, layer.input.shape) if isinstance(layer, COUNTED) else 0,
        )
        for layer in network.layers
    ]


def _first(tensors):
    return tensors[0] if isinstance(tensors, list | tuple) else tensors


def _multiply(layer: layers.Layer, shape: tuple) -> int:
    """Multiplications of a layer of `COUNTED` for one picture of shape (B, ..., C)."""
    if isinstance(layer, layers.Conv2D | layers.Dense):
        places = math.prod(layer.compute_output_shape(shape)[1:-1])
        return places * math.prod(layer.kernel.shape)  # the kernel once at every place
    positions, channels = math.prod(shape[1:-1]), shape[-1]
    if isinstance(layer, HybridNorm):
        return positions * math.prod(layer.mix.kernel.shape)
    if isinstance(layer, DualAttention):
        return _multiply(layer.position, shape) + _multiply(layer.channel, shape)
    if isinstance(layer, ChannelAttention):
        return 2 * positions * channels**2
    squeezed = layer.query.kernel.shape[-1]
    return positions * (channels * (2 * squeezed + channels) + positions * (squeezed + channels))
