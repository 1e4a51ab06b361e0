"""Upsampling without checkerboard or border artifacts: pixel shuffle, its initializer, and reflection padding."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class PixelShuffle(keras.layers.Layer):
    """Pixel shuffle (sub-pixel convolution): rearranges (B, H, W, C * f * f) to (B, H * f, W * f, C).

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network", 2016. Channel (i * f + j) * C + c goes to row i, column j of its block, channel c.
    Taught in notebooks/03b_networks.

    Args:
        factor: The upsampling factor f.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, factor: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        """Rearranges the channels of `x` to pixels."""
        _, height, width, channels = x.shape
        f = self.factor
        x = ops.reshape(x, (-1, height, width, f, f, channels // (f * f)))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, H, f, W, f, C)
        return ops.reshape(x, (-1, height * f, width * f, channels // (f * f)))

    def compute_output_shape(self, input_shape):
        """Returns the shape with `factor` times the height and width and fewer channels."""
        batch, height, width, channels = input_shape
        return batch, height * self.factor, width * self.factor, channels // self.factor**2

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("faceswap_lib")
class IcnrInitializer(keras.initializers.Initializer):
    """ICNR initializer for a convolution before a pixel shuffle, which prevents checkerboard artifacts.

    All f * f channels of a block start with the same weights, so the initial output equals nearest-neighbor upsampling.
    Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.

    Args:
        factor: The upsampling factor f.
        seed: Seed of the random weights; None for the global seed of Keras.
    """

    def __init__(self, factor: int = 2, seed: int | None = None):
        self.factor = factor
        self._he = keras.initializers.HeNormal(seed=seed)
        self.seed = seed

    def __call__(self, shape, dtype=None):
        """Creates a kernel of a shape (height, width, input channels, output channels)."""
        height, width, channels_in, channels_out = shape
        blocks = self.factor**2
        kernel = self._he((height, width, channels_in, channels_out // blocks), dtype)
        return ops.tile(kernel, (1, 1, 1, blocks))

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {"factor": self.factor, "seed": self.seed}


@keras.saving.register_keras_serializable("faceswap_lib")
class ReflectPad(keras.layers.Layer):
    """Reflection padding, which does not repeat the outermost pixels.

    Zero padding before a convolution would cause visible artifacts at the image border.

    Args:
        size: Number of pixels that are added on each side.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, size: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape):
        """Checks the input size.

        Raises:
            ValueError: If height or width is not larger than `size`.
        """
        if min(input_shape[1:3]) <= self.size:
            raise ValueError(f"expected sides above {self.size} pixels, got {input_shape}; mirror fewer pixels")

    def call(self, x):
        """Pads `x`, (B, H, W, C)."""
        return ops.pad(x, ((0, 0), (self.size, self.size), (self.size, self.size), (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        """Returns the shape with `2 * size` more rows and columns."""
        batch, height, width, channels = input_shape
        return batch, height + 2 * self.size, width + 2 * self.size, channels

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "size": self.size}
