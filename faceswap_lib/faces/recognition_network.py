"""dlib's face recognition network in Keras: a residual network of 29 convolutions that computes face embeddings.

A convolution of 7 x 7 with stride 2 and a max pooling halve the image twice. 14 residual blocks follow, each of which
adds the output of two convolutions of 3 x 3 to its input. Some of them halve the sides: their first convolution has
stride 2, and their input is averaged over 2 x 2 pixels before it is added. If the two summands have different numbers
of channels, rows or columns, zeros are appended to the smaller one. The mean over all pixels and a dense layer without
bias give the embedding. Every convolution is followed by an affine layer, one factor and one offset per channel, which
is what remains of a batch normalization after training. `fold_affine` merges it into the convolution.

Source: King, 2017, "High Quality Face Recognition with Deep Metric Learning"; He et al., "Deep Residual Learning for
Image Recognition", 2016.
"""

import dataclasses
import typing

import numpy as np

if typing.TYPE_CHECKING:
    import keras

MEAN_COLOR = (122.782, 117.001, 104.298)
"""Mean of red, green and blue that is subtracted from the image, 0 to 255."""

COLOR_SCALE = 256


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """Residual block of two convolutions.

    Attributes:
        channels: Number of output channels.
        halves: Whether it halves the sides of the feature map.
    """

    channels: int
    halves: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convolution:
    """Shape of one convolution.

    Attributes:
        inputs: Number of input channels.
        channels: Number of output channels.
        kernel: Side of the kernel.
        stride: Step between two positions of the kernel.
        padding: Number of zeros that are added at each border.
    """

    inputs: int
    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """Architecture of the network; the defaults are dlib's.

    Attributes:
        side: Side of the image in pixels.
        stem: Number of channels of the first convolution.
        blocks: The residual blocks in order.
        embedding: Number of values of an embedding.
    """

    side: int = 150
    stem: int = 32
    blocks: tuple[Block, ...] = (
        *(Block(channels=32), Block(channels=32), Block(channels=32)),
        *(Block(channels=64, halves=True), Block(channels=64), Block(channels=64), Block(channels=64)),
        *(Block(channels=128, halves=True), Block(channels=128), Block(channels=128)),
        *(Block(channels=256, halves=True), Block(channels=256), Block(channels=256)),
        Block(channels=256, halves=True),
    )
    embedding: int = 128

    @property
    def stem_convolution(self) -> Convolution:
        """The first convolution, which reads the image."""
        return Convolution(inputs=3, channels=self.stem, kernel=7, stride=2)

    @property
    def features(self) -> int:
        """Number of channels that the last layer reads."""
        return self.blocks[-1].channels

    def block_convolutions(self) -> list[tuple[Convolution, Convolution]]:
        """Lists the two convolutions of each block."""
        pairs, inputs = [], self.stem
        for block in self.blocks:
            first = Convolution(
                inputs=inputs,
                channels=block.channels,
                kernel=3,
                stride=2 if block.halves else 1,
                padding=0 if block.halves else 1,
            )
            second = Convolution(inputs=block.channels, channels=block.channels, kernel=3, padding=1)
            pairs.append((first, second))
            inputs = block.channels
        return pairs


ARCHITECTURE = Architecture()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ConvolutionWeights:
    """Weights of a convolution and of the affine layer behind it, float32, in dlib's order.

    Attributes:
        kernel: (channels, inputs, rows, columns).
        bias: (channels,).
        factor: (channels,) by which the affine layer multiplies.
        offset: (channels,) that the affine layer adds.
    """

    kernel: np.ndarray
    bias: np.ndarray
    factor: np.ndarray
    offset: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RecognitionWeights:
    """Weights of the network.

    Attributes:
        convolutions: Those of each convolution, in the order of computation.
        projection: (features, embedding) float32, of the last layer.
    """

    convolutions: tuple[ConvolutionWeights, ...]
    projection: np.ndarray


def preprocess(chips: np.ndarray) -> np.ndarray:
    """Normalizes (..., 3) uint8 RGB to the float32 range that the network reads, about -0.5 to 0.6."""
    return (chips.astype(np.float32) - np.array(MEAN_COLOR, np.float32)) / np.float32(COLOR_SCALE)


def build_recognition_network(
    weights: RecognitionWeights, *, architecture: Architecture = ARCHITECTURE, dtype: str | None = None
) -> "keras.Model":
    """Builds the network with its weights.

    Args:
        weights: The weights.
        architecture: The architecture to which they belong.
        dtype: Compute type of the layers; None takes Keras's default.

    Returns:
        A model from images (B, side, side, 3), normalized by `preprocess`, to embeddings (B, embedding); not trainable.
    """
    import keras
    from keras import layers

    picture = keras.Input((architecture.side, architecture.side, 3), name="picture")
    x = _convolve(picture, architecture.stem_convolution, dtype, activation="relu")
    x = layers.MaxPooling2D(3, strides=2, dtype=dtype)(x)
    for block, (first, second) in zip(architecture.blocks, architecture.block_convolutions(), strict=True):
        y = _convolve(_convolve(x, first, dtype, activation="relu"), second, dtype)
        skipped = layers.AveragePooling2D(2, dtype=dtype)(x) if block.halves else x
        x = layers.ReLU(dtype=dtype)(_add_padded(y, skipped, dtype))
    x = layers.GlobalAveragePooling2D(dtype=dtype)(x)
    embedding = layers.Dense(
        architecture.embedding, use_bias=False, kernel_initializer="zeros", name="embedding", dtype=dtype
    )(x)
    model = keras.Model(picture, embedding, name="recognition")
    folded = [array for convolution in weights.convolutions for array in fold_affine(convolution)]
    model.set_weights([*folded, weights.projection])
    model.trainable = False
    return model


def fold_affine(weights: ConvolutionWeights) -> tuple[np.ndarray, np.ndarray]:
    """Merges an affine layer into the convolution before it.

    Args:
        weights: The weights of both.

    Returns:
        Kernel (rows, columns, inputs, channels) and bias (channels,) of one convolution that computes the same, in
        Keras's order, float32.
    """
    factor = weights.factor.astype(np.float64)
    kernel = weights.kernel.transpose(2, 3, 1, 0) * factor
    return kernel.astype(np.float32), (weights.bias * factor + weights.offset).astype(np.float32)


def _convolve(x, convolution: Convolution, dtype: str | None, activation: str | None = None):
    """Applies a convolution; a padding of 1 for a kernel of 3 with stride 1 is the one that Keras calls "same"."""
    from keras import layers

    return layers.Conv2D(
        convolution.channels,
        convolution.kernel,
        strides=convolution.stride,
        padding="same" if convolution.padding else "valid",
        activation=activation,
        kernel_initializer="zeros",  # replaced by the weights; random values would take longer
        dtype=dtype,
    )(x)


def _add_padded(x, y, dtype: str | None):
    """Adds two feature maps; zeros are appended at the right, at the bottom and in the channels to make them equal."""
    from keras import layers, ops

    sizes = [max(pair) for pair in zip(x.shape[1:], y.shape[1:], strict=True)]
    padded = []
    for value in (x, y):
        missing = [wanted - size for wanted, size in zip(sizes, value.shape[1:], strict=True)]
        padded.append(ops.pad(value, [(0, 0), *((0, count) for count in missing)]) if any(missing) else value)
    return layers.Add(dtype=dtype)(padded)
