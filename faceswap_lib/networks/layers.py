"""Layers that Keras lacks, written in `keras.ops`; all can be saved and loaded."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class PixelShuffle(keras.layers.Layer):
    """Turns channels into pixels: (B, H, W, C * f * f) becomes (B, H * f, W * f, C).

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network", 2016. Channel (i * f + j) * C + c goes to row i, column j of its block.
    """

    def __init__(self, factor: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        _, height, width, channels = x.shape
        f = self.factor
        x = ops.reshape(x, (-1, height, width, f, f, channels // (f * f)))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, H, f, W, f, C)
        return ops.reshape(x, (-1, height * f, width * f, channels // (f * f)))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, height * self.factor, width * self.factor, channels // self.factor**2

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("faceswap_lib")
class IcnrInitializer(keras.initializers.Initializer):
    """Starts a convolution before a pixel shuffle as nearest-neighbour enlargement, which has no checkerboard.

    All f * f channels that become one block begin with the same weights.
    Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.
    """

    def __init__(self, factor: int = 2, seed: int | None = None):
        self.factor = factor
        self._he = keras.initializers.HeNormal(seed=seed)
        self.seed = seed

    def __call__(self, shape, dtype=None):
        height, width, channels_in, channels_out = shape
        blocks = self.factor**2
        kernel = self._he((height, width, channels_in, channels_out // blocks), dtype)
        return ops.tile(kernel, (1, 1, 1, blocks))

    def get_config(self):
        return {"factor": self.factor, "seed": self.seed}


@keras.saving.register_keras_serializable("faceswap_lib")
class InstanceNorm(keras.layers.Layer):
    """Gives every channel of every picture mean 0 and variance 1, then a learned scale and offset.

    Source: Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        variance = ops.maximum(ops.mean(ops.square(x), axis=(1, 2), keepdims=True) - ops.square(mean), 0.0)
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return x * scale + (self.beta - mean * scale)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("faceswap_lib")
class HybridNorm(keras.layers.Layer):
    """Normalises half of the channels per picture and mixes the other half by a 1x1 convolution.

    The first half keeps contrast and tone, which instance normalisation would erase.
    """

    def build(self, input_shape):
        self._half = input_shape[-1] // 2
        self.mix = keras.layers.Conv2D(self._half, 1, kernel_initializer="he_normal", name="mix")
        self.mix.build((*input_shape[:-1], self._half))
        self.norm = InstanceNorm(name="norm")
        self.norm.build((*input_shape[:-1], input_shape[-1] - self._half))

    def call(self, x):
        return ops.concatenate([self.mix(x[..., : self._half]), self.norm(x[..., self._half :])], axis=-1)


@keras.saving.register_keras_serializable("faceswap_lib")
class SelfAttention(keras.layers.Layer):
    """Lets every position look at all others; its output is added with a learned weight that starts at 0.

    Source: Zhang et al., "Self-Attention Generative Adversarial Networks", 2018. Queries and keys have an eighth of
    the channels.
    """

    def __init__(self, squeeze: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.squeeze = squeeze

    def build(self, input_shape):
        channels = input_shape[-1]
        self.query = keras.layers.Dense(channels // self.squeeze, use_bias=False, name="query")
        self.key = keras.layers.Dense(channels // self.squeeze, use_bias=False, name="key")
        self.value = keras.layers.Dense(channels, use_bias=False, name="value")
        for layer in (self.query, self.key, self.value):
            layer.build((None, None, channels))
        self.scale = self.add_weight(shape=(), initializer="zeros", name="scale")

    def call(self, x):
        _, height, width, channels = x.shape
        positions = ops.reshape(x, (-1, height * width, channels))  # (B, N, C)
        scores = ops.matmul(self.query(positions), ops.transpose(self.key(positions), (0, 2, 1)))  # (B, N, N)
        seen = ops.matmul(ops.softmax(scores, axis=-1), self.value(positions))  # (B, N, C)
        return x + self.scale * ops.reshape(seen, (-1, height, width, channels))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "squeeze": self.squeeze}
