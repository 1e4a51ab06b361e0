"""What networks cost: counted by hand on layers small enough."""

import keras
import pytest
from keras import layers

from faceswap_lib.networks import PRESETS, build_networks
from faceswap_lib.networks.attention import ChannelAttention, DualAttention, SelfAttention
from faceswap_lib.networks.cost import count_layers
from faceswap_lib.networks.norms import HybridNorm
from faceswap_lib.networks.spade import SpadeResidual


def count_one(layer: layers.Layer, shape: tuple[int, ...]):
    x = keras.Input(shape)
    return count_layers(keras.Model(x, layer(x)))[-1]


@pytest.mark.parametrize(
    ("layer", "weights", "macs", "shape"),
    [
        (layers.Conv2D(5, 3, strides=2, padding="same"), 9 * 4 * 5 + 5, 4 * 3 * 9 * 4 * 5, (4, 3, 5)),
        (layers.LeakyReLU(), 0, 0, (8, 6, 4)),
        (HybridNorm(), 2 * 2 + 2 + 4, 48 * 2 * 2, (8, 6, 4)),
        (SelfAttention(squeeze=4), 4 + 4 + 16 + 1, 48 * (4 + 4 + 16) + 48 * 48 * (1 + 4), (8, 6, 4)),
        (ChannelAttention(), 1, 2 * 48 * 4 * 4, (8, 6, 4)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_layer_is_counted_as_by_hand(layer, weights: int, macs: int, shape: tuple[int, ...]):
    cost = count_one(layer, (8, 6, 4))
    assert (cost.weights, cost.macs, cost.shape) == (weights, macs, shape)
    assert cost.kind == type(layer).__name__


def test_a_spade_residual_is_counted_as_its_convolutions():
    """From 4 to 6 channels with 3 of the map and 2 hidden ones, at 8x6 positions."""
    x, guide = keras.Input((8, 6, 4)), keras.Input((8, 6, 3))
    cost = count_layers(keras.Model([x, guide], SpadeResidual(6, hidden=2)([x, guide])))[-1]
    spade = 9 * 3 * 2 + 2 * 9 * 2 * 4  # from the map to the hidden layer, and to scale and offset of 4 channels
    assert cost.macs == 48 * (3 * spade + 9 * 4 * 4 + 9 * 4 * 6 + 4 * 6)


def test_dense_and_both_kinds_of_attention_together():
    assert count_one(layers.Dense(7), (5,)).macs == 35
    parts = [count_one(layer, (4, 4, 8)).macs for layer in (SelfAttention(), ChannelAttention())]
    assert count_one(DualAttention(), (4, 4, 8)).macs == sum(parts)


@pytest.mark.parametrize("preset", ["tiny", "lite"])
def test_the_layers_have_all_weights_of_a_network(preset: str):
    networks = build_networks(PRESETS[preset])
    for network in (*networks.generators, *networks.discriminators):
        assert sum(layer.weights for layer in count_layers(network)) == network.count_params()
