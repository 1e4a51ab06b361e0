"""Attention layers over positions and over channels.

Each layer multiplies its output by a learned scalar and adds it to the input. The scalar starts at 0, so a newly built
layer is the identity.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class SelfAttention(keras.layers.Layer):
    """Self-attention over all positions of a feature map.

    The output is multiplied by a learned scalar, which starts at 0, and added to the input. N positions need N * N
    numbers per image: 0.3 MB at 16x16 and 67 MB at 64x64 in float32. The gradient needs the same amount again.
    Source: Zhang et al., "Self-Attention Generative Adversarial Networks", 2018.
    Taught in notebooks/03c_attention_mask.

    Args:
        squeeze: Queries and keys have C // squeeze channels, at least 1; the source uses 8.
        use_bias: Whether the projections have a bias.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, squeeze: int = 8, use_bias: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.squeeze = squeeze
        self.use_bias = use_bias

    def build(self, input_shape):
        """Creates the query, key and value projections and the scale of the output."""
        channels = input_shape[-1]
        options = {"use_bias": self.use_bias, "dtype": self.dtype_policy}
        self.query = keras.layers.Dense(max(channels // self.squeeze, 1), name="query", **options)
        self.key = keras.layers.Dense(max(channels // self.squeeze, 1), name="key", **options)
        self.value = keras.layers.Dense(channels, name="value", **options)
        for layer in (self.query, self.key, self.value):
            layer.build((None, None, channels))
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")

    def call(self, x):
        """Adds the scaled attention output to `x`, (B, H, W, C)."""
        _, height, width, channels = x.shape
        positions = ops.reshape(x, (-1, height * width, channels))  # (B, N, C)
        attended = ops.matmul(self.look(positions), self.value(positions))  # (B, N, C)
        return x + self.scale * ops.reshape(attended, (-1, height, width, channels))

    def look(self, positions):
        """Computes the attention weights of positions (B, N, C): (B, N, N), where each row sums to 1."""
        scores = ops.matmul(self.query(positions), ops.transpose(self.key(positions), (0, 2, 1)))  # (B, N, N)
        return ops.softmax(scores, axis=-1)

    def compute_output_shape(self, input_shape):
        """Returns the input shape, which does not change."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "squeeze": self.squeeze, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable("faceswap_lib")
class ChannelAttention(keras.layers.Layer):
    """Self-attention over all channels of a feature map.

    The output is multiplied by a learned scalar, which starts at 0, and added to the input. The attention score of two
    channels is their dot product over the N positions, divided by the square root of N. The paper does not divide; at
    16x16 positions every channel would then attend only to itself.
    Source: the channel attention module of Fu et al., "Dual Attention Network for Scene Segmentation", 2019.
    """

    def build(self, input_shape):
        """Creates the scale of the output."""
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")

    def call(self, x):
        """Adds the scaled attention output to `x`, (B, H, W, C)."""
        _, height, width, channels = x.shape
        positions = ops.reshape(x, (-1, height * width, channels))  # (B, N, C)
        scores = ops.matmul(ops.transpose(positions, (0, 2, 1)), positions) / (height * width) ** 0.5  # (B, C, C)
        attended = ops.matmul(positions, ops.transpose(ops.softmax(scores, axis=-1), (0, 2, 1)))  # (B, N, C)
        return x + self.scale * ops.reshape(attended, (-1, height, width, channels))

    def compute_output_shape(self, input_shape):
        """Returns the input shape, which does not change."""
        return input_shape


@keras.saving.register_keras_serializable("faceswap_lib")
class DualAttention(keras.layers.Layer):
    """Mean of self-attention over positions and over channels.

    A newly built layer is the identity.
    Source: Fu et al., "Dual Attention Network for Scene Segmentation", 2019, without the convolutions before and after
    the two modules, and with the mean in place of the sum.

    Args:
        squeeze: See `SelfAttention`.
        use_bias: See `SelfAttention`.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, squeeze: int = 8, use_bias: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.squeeze = squeeze
        self.use_bias = use_bias

    def build(self, input_shape):
        """Creates the two attention layers."""
        self.position = SelfAttention(self.squeeze, self.use_bias, name="position", dtype=self.dtype_policy)
        self.channel = ChannelAttention(name="channel", dtype=self.dtype_policy)
        self.position.build(input_shape)
        self.channel.build(input_shape)

    def call(self, x):
        """Computes the mean of both attention layers of `x`, (B, H, W, C)."""
        return (self.position(x) + self.channel(x)) / 2

    def compute_output_shape(self, input_shape):
        """Returns the input shape, which does not change."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "squeeze": self.squeeze, "use_bias": self.use_bias}
