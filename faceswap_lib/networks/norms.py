"""Normalization layers, which differ in the axes over which mean and variance are computed.

    instance   each channel of each image
    group      groups of neighboring channels of each image; one group is layer normalization
    hybrid     instance normalization of half of the channels, a 1x1 convolution of the other half

Batch normalization comes from Keras. Statistics are always computed in float32, independent of the dtype policy.
"""

import keras

from faceswap_lib.networks.keras_ops import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class InstanceNorm(keras.layers.Layer):
    """Instance normalization: each channel of each image gets mean 0 and variance 1, then a learned scale and offset.

    Source: Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016.

    Args:
        epsilon: Added to the variance.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        """Creates the scale and the offset of each channel."""
        self.gamma, self.beta = _add_scale_and_offset(self, input_shape[-1])

    def call(self, x):
        """Normalizes `x`, (B, H, W, C)."""
        return _normalize(x, self.gamma, self.beta, self.epsilon)

    def compute_output_shape(self, input_shape):
        """Returns the input shape, which does not change."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("faceswap_lib")
class GroupNorm(keras.layers.Layer):
    """Group normalization: each group of channels of an image gets mean 0 and variance 1.

    Each channel then gets a learned scale and offset. With `groups=1` this is layer normalization over height, width
    and channels. If `groups` does not divide the number of channels, the largest smaller divisor is used.
    Source: Wu and He, "Group Normalization", 2018.

    Args:
        groups: Number of groups of neighboring channels.
        epsilon: Added to the variance.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, groups: int = 16, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups
        self.epsilon = epsilon

    def build(self, input_shape):
        """Chooses the number of groups, and creates the scale and the offset of each channel."""
        channels = input_shape[-1]
        self._groups = next(n for n in range(min(self.groups, channels), 0, -1) if channels % n == 0)
        self.gamma, self.beta = _add_scale_and_offset(self, channels)

    def call(self, x):
        """Normalizes `x`, (B, H, W, C)."""
        return _normalize(x, self.gamma, self.beta, self.epsilon, self._groups)

    def compute_output_shape(self, input_shape):
        """Returns the input shape, which does not change."""
        return input_shape

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("faceswap_lib")
class HybridNorm(keras.layers.Layer):
    """Instance normalization of the second half of the channels, and a 1x1 convolution of the first half.

    The first half preserves contrast and tone, which instance normalization would remove.
    """

    def build(self, input_shape):
        """Creates the 1x1 convolution and the instance normalization."""
        self._half = input_shape[-1] // 2
        dtype = self.dtype_policy
        self.mix = keras.layers.Conv2D(self._half, 1, kernel_initializer="he_normal", name="mix", dtype=dtype)
        self.mix.build((*input_shape[:-1], self._half))
        self.norm = InstanceNorm(name="norm", dtype=dtype)
        self.norm.build((*input_shape[:-1], input_shape[-1] - self._half))

    def call(self, x):
        """Applies the convolution and the normalization to `x`, (B, H, W, C)."""
        # A split instead of slices: on a CPU the gradient of a slice costs several times as much.
        mixed, normalized = ops.split(x, [self._half], axis=-1)
        return ops.concatenate([self.mix(mixed), self.norm(normalized)], axis=-1)

    def compute_output_shape(self, input_shape):
        """Returns the input shape, which does not change."""
        return input_shape


def standardize(x, epsilon: float, groups: int | None = None):
    """Computes the mean and the factor that normalize `x` to mean 0 and variance 1.

    Args:
        x: (B, H, W, C) float32.
        epsilon: Added to the variance.
        groups: Number of groups of neighboring channels that share their statistics, a divisor of C; None for separate
            statistics of each channel.

    Returns:
        Mean and factor, (B, 1, 1, C) each: `(x - mean) * factor` is the normalized feature map.
    """
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    square = ops.mean(ops.square(x), axis=(1, 2), keepdims=True)
    if groups is not None:
        mean, square = _pool(mean, groups), _pool(square, groups)
    return mean, ops.rsqrt(ops.maximum(square - ops.square(mean), 0.0) + epsilon)


def to_float32(x):
    """Converts half precision to float32; other floats keep their dtype."""
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
