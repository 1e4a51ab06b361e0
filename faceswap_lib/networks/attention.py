"""Attention layers: positions that look at positions, channels that look at channels.

All are added to their input with a learned weight that starts at 0, so a fresh one is the identity.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class SelfAttention(keras.layers.Layer):
    """Lets every position look at all others; its output is added with a learned weight that starts at 0.

    N positions need N * N numbers per picture: 0.3 MB at 16x16, 67 MB at 64x64 in float32, and as much again for the
    gradient.
    Source: Zhang et al., "Self-Attention Generative Adversarial Networks", 2018. Queries and keys have an eighth of
    the channels.
    Taught in notebooks/03_networks.
    """

    def __init__(self, squeeze: int = 8, use_bias: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.squeeze = squeeze
        self.use_bias = use_bias

    def build(self, input_shape):
        channels = input_shape[-1]
        options = {"use_bias": self.use_bias, "dtype": self.dtype_policy}
        self.query = keras.layers.Dense(max(channels // self.squeeze, 1), name="query", **options)
        self.key = keras.layers.Dense(max(channels // self.squeeze, 1), name="key", **options)
        self.value = keras.layers.Dense(channels, name="value", **options)
        for layer in (self.query, self.key, self.value):
            layer.build((None, None, channels))
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")

    def call(self, x):
        _, height, width, channels = x.shape
        positions = ops.reshape(x, (-1, height * width, channels))  # (B, N, C)
        seen = ops.matmul(self.look(positions), self.value(positions))  # (B, N, C)
        return x + self.scale * ops.reshape(seen, (-1, height, width, channels))

    def look(self, positions):
        """How much every position of (B, N, C) looks at each: (B, N, N), of which every row sums to 1."""
        scores = ops.matmul(self.query(positions), ops.transpose(self.key(positions), (0, 2, 1)))  # (B, N, N)
        return ops.softmax(scores, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "squeeze": self.squeeze, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable("faceswap_lib")
class ChannelAttention(keras.layers.Layer):
    """Lets every channel look at all others; its output is added with a learned weight that starts at 0.

    Two channels look at each other as much as they agree over the picture. The agreement of N positions is divided by
    the root of N, which the paper does not do: at 16x16 positions every channel would see only itself.
    Source: the channel attention module of Fu et al., "Dual Attention Network for Scene Segmentation", 2019.
    """

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")

    def call(self, x):
        _, height, width, channels = x.shape
        positions = ops.reshape(x, (-1, height * width, channels))  # (B, N, C)
        scores = ops.matmul(ops.transpose(positions, (0, 2, 1)), positions) / (height * width) ** 0.5  # (B, C, C)
        seen = ops.matmul(positions, ops.transpose(ops.softmax(scores, axis=-1), (0, 2, 1)))  # (B, N, C)
        return x + self.scale * ops.reshape(seen, (-1, height, width, channels))

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("faceswap_lib")
class DualAttention(keras.layers.Layer):
    """The mean of attention over positions and attention over channels; a fresh one is the identity.

    Source: Fu et al., "Dual Attention Network for Scene Segmentation", 2019, without the convolutions before and after
    the two modules, and with the mean in place of the sum.
    """

    def __init__(self, squeeze: int = 8, use_bias: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.squeeze = squeeze
        self.use_bias = use_bias

    def build(self, input_shape):
        self.position = SelfAttention(self.squeeze, self.use_bias, name="position", dtype=self.dtype_policy)
        self.channel = ChannelAttention(name="channel", dtype=self.dtype_policy)
        self.position.build(input_shape)
        self.channel.build(input_shape)

    def call(self, x):
        return (self.position(x) + self.channel(x)) / 2

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "squeeze": self.squeeze, "use_bias": self.use_bias}
