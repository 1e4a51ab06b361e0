"""MTCNN's three networks in Keras: P-Net proposes faces, R-Net refines proposals, O-Net also predicts landmarks.

All read RGB normalized by `preprocess`. `dtype` is the compute type of their layers; None takes Keras's default. A
detector runs them on the processor, where a frame takes milliseconds. On a GPU, compiling for every new number of
proposals would take seconds.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016; its
layers and weights as the package `mtcnn` has them.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.devices import open_predictor
from faceswap_lib.faces.mtcnn_weights import load_weights

if typing.TYPE_CHECKING:
    import keras

R_NET_SIDE = 24
"""Side in pixels of the squares that R-Net reads."""

O_NET_SIDE = 48
"""Side in pixels of the squares that O-Net reads."""

DEVICE = "cpu"

LEAST_PADDED = 8
"""Size of the smallest padded batch: two views of two faces in two frames."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convolution:
    """One block: a convolution, a PReLU, and an optional max pooling with stride 2.

    Attributes:
        channels: Number of output channels.
        kernel: Side of the convolution's kernel.
        pool: Side of the pooling window; 0 for no pooling.
        padding: The pooling's padding, as Keras names it.
    """

    channels: int
    kernel: int
    pool: int = 0
    padding: str = "same"


P_NET = (
    Convolution(channels=10, kernel=3, pool=2),
    Convolution(channels=16, kernel=3),
    Convolution(channels=32, kernel=3),
)

R_NET = (
    Convolution(channels=28, kernel=3, pool=3),
    Convolution(channels=48, kernel=3, pool=3, padding="valid"),
    Convolution(channels=64, kernel=2),
)

O_NET = (
    Convolution(channels=32, kernel=3, pool=3),
    Convolution(channels=64, kernel=3, pool=3, padding="valid"),
    Convolution(channels=64, kernel=3, pool=2),
    Convolution(channels=128, kernel=2),
)


def preprocess(pictures):
    """Normalizes (..., 3) RGB, 0 to 255, to the range that the networks read, about -1 to 1."""
    return (pictures - 127.5) / 128.0


def build_pnet(dtype: str | None = None) -> "keras.Model":
    """Builds P-Net, fully convolutional, with its weights.

    Args:
        dtype: Compute type of the layers; None takes Keras's default.

    Returns:
        A model from images (B, h, w, 3), normalized by `preprocess`, to box offsets (B, rows, columns, 4) and
        probabilities of no face and face (B, rows, columns, 2); not trainable.
    """
    import keras
    from keras import layers

    picture = keras.Input((None, None, 3), name="picture")
    x = convolve(picture, P_NET, dtype)[-1]
    heads = [
        layers.Conv2D(4, 1, name="box", dtype=dtype)(x),
        layers.Conv2D(2, 1, activation="softmax", name="score", dtype=dtype)(x),
    ]
    return with_weights(keras.Model(picture, heads, name="pnet"), "pnet")


def build_rnet(dtype: str | None = None) -> "keras.Model":
    """Builds R-Net with its weights.

    Args:
        dtype: Compute type of the layers; None takes Keras's default.

    Returns:
        A model from images (B, 24, 24, 3), normalized by `preprocess`, to box offsets (B, 4) and probabilities of no
        face and face (B, 2); not trainable.
    """
    import keras
    from keras import layers

    picture = keras.Input((R_NET_SIDE, R_NET_SIDE, 3), name="picture")
    x = _connect(convolve(picture, R_NET, dtype)[-1], 128, dtype)
    heads = [
        layers.Dense(4, name="box", dtype=dtype)(x),
        layers.Dense(2, activation="softmax", name="score", dtype=dtype)(x),
    ]
    return with_weights(keras.Model(picture, heads, name="rnet"), "rnet")


def build_onet(dtype: str | None = None) -> "keras.Model":
    """Builds O-Net with its weights.

    Args:
        dtype: Compute type of the layers; None takes Keras's default.

    Returns:
        A model from images (B, 48, 48, 3), normalized by `preprocess`, to box offsets (B, 4), landmarks (B, 10) (x of
        left eye, right eye, nose, left and right mouth corner, then their y, as fractions of the side), and
        probabilities of no face and face (B, 2); not trainable.
    """
    import keras
    from keras import layers

    picture = keras.Input((O_NET_SIDE, O_NET_SIDE, 3), name="picture")
    x = _connect(convolve(picture, O_NET, dtype)[-1], 256, dtype)
    heads = [
        layers.Dense(4, name="box", dtype=dtype)(x),
        layers.Dense(10, name="points", dtype=dtype)(x),
        layers.Dense(2, activation="softmax", name="score", dtype=dtype)(x),
    ]
    return with_weights(keras.Model(picture, heads, name="onet"), "onet")


def convolve(x, convolutions: typing.Sequence[Convolution], dtype: str | None = None) -> list:
    """Applies convolution blocks in sequence to (B, h, w, 3); returns the feature map of each before its pooling."""
    from keras import layers

    outputs = []
    for block in convolutions:
        x = layers.Conv2D(block.channels, block.kernel, dtype=dtype)(x)
        x = layers.PReLU(shared_axes=[1, 2], dtype=dtype)(x)
        outputs.append(x)
        if block.pool:
            x = layers.MaxPooling2D(block.pool, strides=2, padding=block.padding, dtype=dtype)(x)
    return outputs


def with_weights(model: "keras.Model", network: str) -> "keras.Model":
    """Sets the weights of a network, or of its first layers, and freezes them."""
    model.set_weights(load_weights(network)[: len(model.weights)])
    model.trainable = False
    return model


def _connect(x, units: int, dtype: str | None):
    """Flattens feature maps and applies a dense layer with PReLU.

    Columns come first, as in Caffe, from which the weights come.
    """
    from keras import layers

    x = layers.Flatten(dtype=dtype)(layers.Permute((2, 1, 3), dtype=dtype)(x))
    return layers.PReLU(dtype=dtype)(layers.Dense(units, dtype=dtype)(x))


class CpuNetwork:
    """A network that always runs on the processor; TensorFlow's XLA never compiles it.

    JAX compiles a program for every shape, which takes 0.3 seconds each time. With JAX, batches are therefore padded to
    powers of two, at least to `LEAST_PADDED`. With `singly`, images are processed one by one instead, which is meant
    for networks that gain little from batches: P-Net, whose images have many sizes, and the recognition network, which
    takes seconds to compile.

    Args:
        build: Builds the network for a compute type.
        singly: Whether JAX processes images one by one.
    """

    def __init__(self, build: typing.Callable[[str], "keras.Model"], *, singly: bool = False):
        import keras

        self._is_compiled = keras.backend.backend() == "jax"
        self._singly = singly and self._is_compiled
        with keras.device(DEVICE):
            self._model = build("float32")
            # Keras takes a bool too, but its annotation is inferred from the default "auto"
            self._model.compile(jit_compile=self._is_compiled)  # pyright: ignore[reportArgumentType]
            self._predictor = open_predictor(self._model)

    def __call__(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Computes the network's outputs, float32, for (N, h, w, 3) float32 preprocessed images; N is at least 1."""
        if self._singly:
            predictions = [self._predict(picture[None]) for picture in pictures]
            return [np.concatenate(outputs) for outputs in zip(*predictions, strict=True)]
        count = len(pictures)
        if self._is_compiled:
            missing = max(LEAST_PADDED, padded_size(count)) - count
            pictures = np.pad(pictures, [(0, missing), (0, 0), (0, 0), (0, 0)])
        return [output[:count] for output in self._predict(pictures)]

    def _predict(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Runs the predictor on the processor."""
        import keras

        with keras.device(DEVICE):
            return self._predictor(pictures)


def padded_size(count: int) -> int:
    """Computes the smallest power of two that is at least `count`, for a count of at least 1."""
    return 1 << (count - 1).bit_length()
