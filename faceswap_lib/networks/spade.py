"""Spatially-adaptive normalization (SPADE): a map controls the scale and the offset at each position.

Source: Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization", 2019.
"""

import keras

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.norms import standardize, to_float32


@keras.saving.register_keras_serializable("faceswap_lib")
class Spade(keras.layers.Layer):
    """Normalization followed by a scale and an offset that convolutions compute from a map.

    The input is `[x, map]` with shapes (B, H, W, C) and (B, H * n, W * n, M); average pooling reduces a larger map. The
    statistics are computed per image; the paper computes them over the batch. Without `groups` every channel has its
    own statistics, and what a channel has everywhere in the image, such as its color, is removed. With `groups`,
    neighboring channels share their statistics, and the differences between their means stay.
    Source: Park et al., 2019, equation 1.

    Args:
        hidden: Channels of the hidden layer between the map and the scale and offset.
        epsilon: Added to the variance.
        groups: Number of groups of neighboring channels that share their statistics, a divisor of C; None for separate
            statistics of each channel.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, hidden: int = 128, epsilon: float = 1e-5, groups: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.epsilon = epsilon
        self.groups = groups

    def build(self, input_shape):
        """Creates the convolutions.

        Raises:
            ValueError: If the size of the map is not a whole multiple of the size of `x`, or `groups` does not divide
                its channels.
        """
        (_, height, width, channels), (_, map_height, map_width, map_channels) = input_shape
        if self.groups is not None and channels % self.groups:
            raise ValueError(f"expected channels that {self.groups} groups divide, got {channels}")
        self._shrink = max(map_height // height, 1)
        if (map_height, map_width) != (height * self._shrink, width * self._shrink):
            raise ValueError(
                f"expected a map of {height}x{width} or a whole multiple of it, got {map_height}x{map_width}; resize it"
            )
        self.read = _convolution(self, self.hidden, "read")
        self.scale, self.offset = _convolution(self, channels, "scale"), _convolution(self, channels, "offset")
        self.read.build((None, height, width, map_channels))
        self.scale.build((None, height, width, self.hidden))
        self.offset.build((None, height, width, self.hidden))

    def call(self, inputs):
        """Normalizes `x` of `inputs`, the pair `[x, map]`.

        Taught in notebooks/11_one_shot.
        """
        x, guide = inputs
        if self._shrink > 1:
            guide = ops.average_pool(guide, self._shrink, self._shrink, data_format="channels_last")
        features = ops.relu(self.read(guide))
        wide = to_float32(x)
        mean, factor = standardize(wide, self.epsilon, self.groups)
        normalized = ops.cast((wide - mean) * factor, x.dtype)
        return normalized * (1 + self.scale(features)) + self.offset(features)

    def compute_output_shape(self, input_shape):
        """Returns the shape of `x`, which does not change."""
        return input_shape[0]

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "hidden": self.hidden, "epsilon": self.epsilon, "groups": self.groups}


@keras.saving.register_keras_serializable("faceswap_lib")
class SpadeResidual(keras.layers.Layer):
    """Residual block of two convolutions, each after a `Spade` layer.

    If the number of channels changes, a third convolution projects the shortcut. The input is `[x, map]` with shapes
    (B, H, W, C) and (B, H * n, W * n, M); the output is (B, H, W, `filters`).
    Source: Park et al., 2019, figure 4.

    Args:
        filters: Channels of the output; None means C.
        hidden, groups: See `Spade`.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, filters: int | None = None, hidden: int = 128, groups: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.hidden = hidden
        self.groups = groups

    def build(self, input_shape):
        """Creates the `Spade` layers and the convolutions."""
        x_shape, map_shape = input_shape
        channels = x_shape[-1]
        filters = self.filters or channels
        middle = min(channels, filters)
        middle_shape = (*x_shape[:-1], middle)
        self.spade_1 = Spade(self.hidden, groups=self.groups, name="spade_1", dtype=self.dtype_policy)
        self.spade_1.build([x_shape, map_shape])
        self.convolution_1 = _convolution(self, middle, "convolution_1")
        self.convolution_1.build(x_shape)
        self.spade_2 = Spade(self.hidden, groups=self.groups, name="spade_2", dtype=self.dtype_policy)
        self.spade_2.build([middle_shape, map_shape])
        self.convolution_2 = _convolution(self, filters, "convolution_2")
        self.convolution_2.build(middle_shape)
        self.shortcut_spade = self.shortcut = None
        if filters != channels:
            self.shortcut_spade = Spade(self.hidden, groups=self.groups, name="shortcut_spade", dtype=self.dtype_policy)
            self.shortcut_spade.build([x_shape, map_shape])
            self.shortcut = _convolution(self, filters, "shortcut", kernel=1, use_bias=False)
            self.shortcut.build(x_shape)

    def call(self, inputs):
        """Applies the block to `inputs`, the pair `[x, map]`."""
        x, guide = inputs
        y = self.convolution_1(ops.leaky_relu(self.spade_1([x, guide]), 0.2))
        y = self.convolution_2(ops.leaky_relu(self.spade_2([y, guide]), 0.2))
        if self.shortcut is None or self.shortcut_spade is None:  # both are None, or neither
            return y + x
        return y + self.shortcut(self.shortcut_spade([x, guide]))

    def compute_output_shape(self, input_shape):
        """Returns the shape of `x` with `filters` channels."""
        return (*input_shape[0][:-1], self.filters or input_shape[0][-1])

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "filters": self.filters, "hidden": self.hidden, "groups": self.groups}


def _convolution(layer: keras.layers.Layer, filters: int, name: str, *, kernel: int = 3, use_bias: bool = True):
    return keras.layers.Conv2D(
        filters,
        kernel,
        padding="same",
        use_bias=use_bias,
        kernel_initializer="he_normal",
        name=name,
        dtype=layer.dtype_policy,
    )
