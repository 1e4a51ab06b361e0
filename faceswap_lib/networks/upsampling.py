"""Enlarging without checkerboard or frame: pixel shuffle with its initializer, padding that mirrors the border."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("faceswap_lib")
class PixelShuffle(keras.layers.Layer):
    """Turns channels into pixels: (B, H, W, C * f * f) becomes (B, H * f, W * f, C).

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network", 2016. Channel (i * f + j) * C + c goes to row i, column j of its block.
    Taught in notebooks/03_networks.
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
    """Starts a convolution before a pixel shuffle as nearest-neighbor enlargement, which has no checkerboard.

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
class ReflectPad(keras.layers.Layer):
    """Continues a picture beyond its border as its mirror image, without repeating the outermost pixels.

    A convolution after it sees at the border what it sees elsewhere; zeros would draw a frame.
    """

    def __init__(self, size: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def build(self, input_shape):
        if min(input_shape[1:3]) <= self.size:
            raise ValueError(f"expected sides above {self.size} pixels, got {input_shape}; mirror fewer pixels")

    def call(self, x):
        return ops.pad(x, ((0, 0), (self.size, self.size), (self.size, self.size), (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return batch, height + 2 * self.size, width + 2 * self.size, channels

    def get_config(self):
        return {**super().get_config(), "size": self.size}
