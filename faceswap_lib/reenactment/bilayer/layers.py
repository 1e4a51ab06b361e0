"""Layers of the published bilayer networks that Keras does not have; every layer has the name of its part in PyTorch.

Normalization uses the statistics that are stored with the weights, so it is one factor and one offset per channel.
"""

import typing

from keras import layers

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.bilayer.options import LEAK


def layer_name(name: str) -> str:
    """Returns the name in Keras of a part of a network in PyTorch: `enc-0` for `enc.0`, as Keras allows no dots."""
    return name.replace(".", "-")


def torch_name(layer: layers.Layer) -> str:
    """Returns the name in PyTorch of the part that a layer stands for."""
    return layer.name.replace("-", ".")


def convolve(name: str, channels: int, kernel: int = 3) -> layers.Layer:
    """Builds a convolution that keeps the side."""
    return layers.Conv2D(
        channels, kernel, padding="same", kernel_initializer="zeros", name=layer_name(name), dtype="float32"
    )


def dense(name: str, channels: int) -> layers.Layer:
    """Builds a dense layer."""
    return layers.Dense(channels, kernel_initializer="zeros", name=layer_name(name), dtype="float32")


def leaky_relu(x: typing.Any) -> typing.Any:
    """Applies the activation of all networks."""
    # TensorFlow's graph optimizer fails at `leaky_relu` and `maximum` in these blocks, and writes an error.
    return ops.where(x > 0, x, LEAK * x)


def double(x: typing.Any) -> typing.Any:
    """Doubles the side of (B, H, W, C): every value is repeated."""
    return ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)


def halve(x: typing.Any) -> typing.Any:
    """Halves the side of (B, H, W, C): means of 2 x 2 values."""
    return ops.average_pool(x, 2, strides=2, padding="valid")


def pointwise(x: typing.Any, weight: typing.Any, bias: typing.Any) -> typing.Any:
    """Applies a 1 x 1 convolution that differs between the examples of a batch.

    Args:
        x: (B, H, W, C).
        weight: (B, D, C).
        bias: (B, D).

    Returns:
        (B, H, W, D).
    """
    _, height, width, channels = x.shape
    flat = ops.reshape(x, (-1, height * width, channels))
    mixed = ops.matmul(flat, ops.transpose(weight, (0, 2, 1))) + bias[:, None, :]
    return ops.reshape(mixed, (-1, height, width, weight.shape[1]))


class Standardize(layers.Layer):
    """Batch normalization with stored statistics; with `has_affine`, also with a learned factor and offset."""

    def __init__(self, name: str, *, has_affine: bool):
        super().__init__(name=layer_name(name), dtype="float32")
        self.has_affine = has_affine

    def build(self, input_shape):
        """Creates factor and offset."""
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.offset = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="offset")

    def call(self, inputs):
        """Normalizes every channel."""
        return inputs * self.scale + self.offset

    def compute_output_shape(self, input_shape):
        """Returns the shape, which does not change."""
        return input_shape


class SpatialNorm(Standardize):
    """Batch normalization whose factor and offset for every pixel come from a learned map and the identity (SPADE).

    The inputs are x, (B, H, W, C), and weight and bias, (B, C, C) and (B, C), of two 1 x 1 convolutions of the learned
    map, for the factor and for the offset.
    """

    def __init__(self, name: str):
        super().__init__(name, has_affine=False)

    def build(self, input_shape):
        """Creates the stored statistics and the map."""
        super().build(input_shape[0])
        self.map = self.add_weight(shape=(1, *input_shape[0][1:]), initializer="zeros", name="map")

    def call(self, inputs):
        """Normalizes x, the first of the inputs."""
        x, factor_weight, factor_bias, offset_weight, offset_bias = inputs
        factor = pointwise(self.map, factor_weight, factor_bias) + 1.0
        return super().call(x) * factor + pointwise(self.map, offset_weight, offset_bias)

    def compute_output_shape(self, input_shape):
        """Returns the shape of x, which does not change."""
        return input_shape[0]


class LearnedMap(layers.Layer):
    """Learned feature map, (side, side, channels), that is repeated for every example of the inputs (B, H, W, C).

    Args:
        name: Name of the map in PyTorch.
        side: Its side.
        channels: Its channels.
    """

    def __init__(self, name: str, side: int, channels: int):
        super().__init__(name=layer_name(name), dtype="float32")
        self.side, self.channels = side, channels

    def build(self, input_shape):
        """Creates the map."""
        self.map = self.add_weight(shape=(1, self.side, self.side, self.channels), initializer="zeros", name="map")

    def call(self, inputs):
        """Repeats the map."""
        return self.map + ops.sum(ops.zeros_like(inputs), axis=(1, 2, 3), keepdims=True)

    def compute_output_shape(self, input_shape):
        """Returns (B, side, side, channels)."""
        return (input_shape[0], self.side, self.side, self.channels)
