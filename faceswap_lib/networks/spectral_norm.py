"""Convolution with spectral normalization: its kernel is divided by an estimate of its largest singular value.

Keras has a wrapper for this, but it changes the trained kernel itself in the forward pass. A compiled step that returns
its changes, as with JAX, would lose that, and an average of the weights would mix kernels of different scales. Here the
kernel stays as it is, and the division is a part of the forward pass.
"""

import keras
import numpy as np

from faceswap_lib.networks.keras_ops import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class SpectralConv(keras.layers.Layer):
    """Convolution whose kernel is divided by its largest singular value, which bounds how much it can amplify.

    The singular value is that of the kernel as a matrix (window, filters). It only approximates the Lipschitz constant
    of the convolution, whose windows overlap, so the layer may still amplify.

    The singular value is estimated by one step of the power method per forward pass of a training.
    Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.

    Args:
        filters: Number of output channels.
        kernel_size: Side of the kernel.
        strides: Strides of the convolution.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides

    def build(self, input_shape):
        """Creates the kernel, the bias, and the estimated singular vector, (1, filters)."""
        side = self.kernel_size
        self.kernel = self.add_weight(
            shape=(side, side, input_shape[-1], self.filters), initializer="he_normal", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.vector = self.add_weight(
            shape=(1, self.filters),
            initializer=keras.initializers.Constant(1 / np.sqrt(self.filters)),
            trainable=False,
            dtype="float32",
            name="vector",
        )

    def call(self, x, training=None):
        """Convolves `x`, (B, H, W, C), with "same" padding.

        Taught in notebooks/10_landmark_gan.
        """
        kernel = ops.cast(self.kernel, "float32")
        matrix = ops.reshape(kernel, (-1, self.filters))  # (K, filters)
        fixed = ops.stop_gradient(matrix)
        vector = ops.convert_to_tensor(self.vector)
        left = _unit(ops.matmul(vector, ops.transpose(fixed)))  # (1, K)
        right = _unit(ops.matmul(left, fixed))  # (1, filters)
        if training:
            self.vector.assign(right)
        left, right = ops.stop_gradient(left), ops.stop_gradient(right)
        largest = ops.sum(ops.matmul(left, matrix) * right)
        scaled = ops.cast(kernel / ops.maximum(largest, 1e-6), x.dtype)
        y = ops.conv(x, scaled, strides=self.strides, padding="same", data_format="channels_last")
        return y + ops.cast(self.bias, x.dtype)

    def compute_output_shape(self, input_shape):
        """Returns (B, H / strides, W / strides, filters), rounded up."""
        batch, height, width, _ = input_shape
        return (batch, -(-height // self.strides), -(-width // self.strides), self.filters)

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **own}


def _unit(vector):
    """Scales a vector to length 1."""
    return vector / ops.maximum(ops.sqrt(ops.sum(vector**2)), 1e-12)
