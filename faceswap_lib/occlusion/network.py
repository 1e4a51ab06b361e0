"""Occlusion network: a small U-Net that predicts which pixels of an aligned crop nothing covers.

It reads crops of 256 x 256 pixels and computes at half that size, because the border of an object is smooth at this
scale; the last step enlarges its output.

Source: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015.
"""

import typing

import numpy as np

if typing.TYPE_CHECKING:
    import keras

SIDE = 256
"""Side of the crops in pixels."""

CHANNELS = (16, 24, 40, 64, 88)
"""Channels at sides of 128, 64, 32, 16 and 8 pixels."""

NECK, DESCRIPTION = 12, 64
"""Channels of the description of the whole crop at the coarsest scale, and numbers in it."""

BATCH = 16
"""Number of crops per call of the network."""


class OcclusionPredictor(typing.Protocol):
    """Protocol of a network that finds the visible pixels of aligned faces."""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predicts which pixels show the face.

        Args:
            images: (N, 256, 256, 3) uint8 RGB, aligned crops.

        Returns:
            (N, 256, 256) float32 in [0, 1]: 1 where the face is visible, 0 where it is covered. Around the face it
            depends on the network: the networks of this program say 1 where nothing covers the background, others 0.
        """
        ...


def build_occlusion_network(channels: tuple[int, ...] = CHANNELS, *, seed: int = 0) -> "keras.Model":
    """Builds an untrained occlusion network.

    Args:
        channels: Number of channels at each scale, the finest first.
        seed: Seed of the random weights.

    Returns:
        A Keras model from crops (B, 256, 256, 3), 0 to 255, to logits (B, 256, 256, 1).
    """
    import keras
    from keras import layers

    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def convolve(x: typing.Any, count: int, *, stride: int = 1, side: int = 3) -> typing.Any:
        start = typing.cast(typing.Any, keras.initializers.HeNormal(seed=next(seeds)))
        x = layers.Conv2D(count, side, stride, "same", use_bias=False, kernel_initializer=start)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))

    def neck(x: typing.Any) -> typing.Any:
        """Adds global context: encodes the coarsest feature map as a vector, and decodes it to a map of that size."""
        _, height, width, _ = x.shape
        starts = [typing.cast(typing.Any, keras.initializers.HeNormal(seed=next(seeds))) for _ in range(2)]
        x = layers.Flatten()(convolve(x, NECK, side=1))
        x = layers.Dense(DESCRIPTION, "relu", kernel_initializer=starts[0])(x)
        x = layers.Dense(height * width * NECK, "relu", kernel_initializer=starts[1])(x)
        return layers.Reshape((height, width, NECK))(x)

    image = keras.Input((SIDE, SIDE, 3))
    x, skips = layers.Rescaling(1 / 127.5, offset=-1)(image), []
    for level, count in enumerate(channels):
        x = convolve(x, count, stride=2, side=5 if level == 0 else 3)
        if level:
            x = convolve(x, count)
        skips.append(x)
    x = layers.Concatenate()([x, neck(x)])
    for count, skip in zip(channels[-2::-1], skips[-2::-1], strict=True):
        x = layers.UpSampling2D(2, interpolation="nearest")(convolve(x, count, side=1))
        x = convolve(layers.Concatenate()([x, skip]), count)
    start = typing.cast(typing.Any, keras.initializers.GlorotUniform(seed=next(seeds)))
    x = layers.Conv2D(1, 3, 1, "same", kernel_initializer=start, dtype="float32")(x)
    logits = layers.UpSampling2D(2, interpolation="bilinear", dtype="float32")(x)
    return keras.Model(image, logits, name="occlusion")


class OcclusionNetwork:
    """Occlusion network that is run by Keras.

    Args:
        network: The model of `build_occlusion_network`.
    """

    def __init__(self, network: "keras.Model"):
        self._network = network

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predicts which pixels show the face; see `OcclusionPredictor.predict`."""
        parts = []
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH].astype(np.float32)
            size = 1 << (len(batch) - 1).bit_length()  # few batch sizes, because each one is compiled
            filled = np.pad(batch, [(0, size - len(batch)), (0, 0), (0, 0), (0, 0)], mode="edge")
            logits = np.asarray(self._network.predict_on_batch(filled), np.float32)[: len(batch), ..., 0]
            parts.append(1 / (1 + np.exp(-np.clip(logits, -30, 30))))
        return np.concatenate(parts) if parts else np.empty((0, SIDE, SIDE), np.float32)
