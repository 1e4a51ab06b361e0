"""Normalization layers: what mean and variance are taken over, and what is left alone.

    instance   each channel of each picture
    group      neighboring channels of each picture together, in groups; with one group: layer normalization
    hybrid     half of the channels as instance, the other half mixed by a 1x1 convolution

Batch normalization is Keras' own. Statistics are float32 whatever the policy computes in.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class InstanceNorm(keras.layers.Layer):
    """Gives every channel of every picture mean 0 and variance 1, then a learned scale and offset.

    Source: Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.gamma, self.beta = _add_scale_and_offset(self, input_shape[-1])

    def call(self, x):
        return _normalize(x, self.gamma, self.beta, self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("faceswap_lib")
class GroupNorm(keras.layers.Layer):
    """Gives every group of channels of a picture mean 0 and variance 1, then each channel a learned scale and offset.

    With `groups=1` this is layer normalization over height, width and channels. Channels that `groups` does not divide
    are split into the largest smaller number of groups that does.
    Source: Wu and He, "Group Normalization", 2018.
    """

    def __init__(self, groups: int = 16, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups
        self.epsilon = epsilon

    def build(self, input_shape):
        channels = input_shape[-1]
        self._groups = next(n for n in range(min(self.groups, channels), 0, -1) if channels % n == 0)
        self.gamma, self.beta = _add_scale_and_offset(self, channels)

    def call(self, x):
        return _normalize(x, self.gamma, self.beta, self.epsilon, self._groups)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("faceswap_lib")
class HybridNorm(keras.layers.Layer):
    """Normalizes half of the channels per picture and mixes the other half by a 1x1 convolution.

    The first half keeps contrast and tone, which instance normalization would erase.
    """

    def build(self, input_shape):
        self._half = input_shape[-1] // 2
        dtype = self.dtype_policy
        self.mix = keras.layers.Conv2D(self._half, 1, kernel_initializer="he_normal", name="mix", dtype=dtype)
        self.mix.build((*input_shape[:-1], self._half))
        self.norm = InstanceNorm(name="norm", dtype=dtype)
        self.norm.build((*input_shape[:-1], input_shape[-1] - self._half))

    def call(self, x):
        # Split, not sliced: the gradient of a slice costs a CPU several times as much.
        mixed, normalized = ops.split(x, [self._half], axis=-1)
        return ops.concatenate([self.mix(mixed), self.norm(normalized)], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape


def standardize(x, epsilon: float, groups: int | None = None):
    """Finds what gives `x` mean 0 and variance 1.

    Args:
        x: (B, H, W, C) float32.
        epsilon: Added to the variance.
        groups: Groups of neighboring channels that share their statistics, a divisor of C; None for every channel
            on its own.

    Returns:
        Mean and factor, (B, 1, 1, C) each: `(x - mean) * factor` is the normalized picture.
    """
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    square = ops.mean(ops.square(x), axis=(1, 2), keepdims=True)
    if groups is not None:
        mean, square = _pool(mean, groups), _pool(square, groups)
    return mean, ops.rsqrt(ops.maximum(square - ops.square(mean), 0.0) + epsilon)


def to_float32(x):
    """Widens half precision to float32 and leaves everything else as it is."""
    return ops.cast(x, keras.backend.result_type(keras.backend.standardize_dtype(x.dtype), "float32"))


def _pool(statistic, groups: int):
    """Averages (B, 1, 1, C) over each group of channels."""
    channels = statistic.shape[-1]
    grouped = ops.mean(ops.reshape(statistic, (-1, groups, channels // groups)), axis=-1)
    return ops.reshape(ops.repeat(grouped, channels // groups, axis=-1), (-1, 1, 1, channels))


def _add_scale_and_offset(layer: keras.layers.Layer, channels: int):
    gamma = layer.add_weight(shape=(channels,), initializer="ones", name="gamma", autocast=False)
    return gamma, layer.add_weight(shape=(channels,), initializer="zeros", name="beta", autocast=False)


def _normalize(x, gamma, beta, epsilon: float, groups: int | None = None):
    wide = to_float32(x)
    mean, factor = standardize(wide, epsilon, groups)
    scale = gamma * factor
    return ops.cast(wide * scale + (beta - mean * scale), x.dtype)
