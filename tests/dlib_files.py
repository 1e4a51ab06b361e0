"""Writes recognition networks in dlib's file format, for the tests of its reader."""

import math
import struct
import typing

import numpy as np

from faceswap_lib.faces.recognition_network import (
    Architecture,
    Block,
    Convolution,
    ConvolutionWeights,
    RecognitionWeights,
)

SMALL = Architecture(
    side=75,  # 75 -> 35 -> 17 -> 8 -> 3 and 4, which differ: zeros are appended
    stem=4,
    blocks=(
        Block(channels=4),
        Block(channels=6, halves=True),
        Block(channels=6),
        Block(channels=9, halves=True),
    ),
    embedding=5,
)
"""An architecture with every kind of block, small enough to be computed in loops."""


def random_weights(architecture: Architecture, seed: int = 0) -> RecognitionWeights:
    """Weights that keep the values of all layers at about the same size."""
    rng = np.random.default_rng(seed)

    def draw(*sizes: int) -> np.ndarray:
        return rng.normal(0, 1 / math.sqrt(math.prod(sizes[1:])), sizes).astype(np.float32)

    def one(shape: Convolution) -> ConvolutionWeights:
        return ConvolutionWeights(
            kernel=draw(shape.channels, shape.inputs, shape.kernel, shape.kernel),
            bias=draw(shape.channels),
            factor=rng.uniform(0.5, 1.5, shape.channels).astype(np.float32),
            offset=draw(shape.channels),
        )

    shapes = [architecture.stem_convolution]
    for pair in architecture.block_convolutions():
        shapes += pair
    return RecognitionWeights(
        convolutions=tuple(one(shape) for shape in shapes),
        projection=draw(architecture.blocks[-1].channels, architecture.embedding),
    )


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(value: float, digits: int = 53) -> bytes:
    """A number with a mantissa of some binary digits, whose trailing zero bytes are moved to the exponent."""
    fraction, exponent = math.frexp(value)
    mantissa, exponent = int(math.ldexp(fraction, digits)), exponent - digits
    for _ in range(8):
        if mantissa & 0xFF == 0:
            mantissa, exponent = mantissa >> 8, exponent + 8
    return integer(mantissa) + integer(exponent)


def single(value: float) -> bytes:
    """A number that was a float32."""
    return real(float(np.float32(value)), 24)


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def integers(*values: int) -> bytes:
    return b"".join(map(integer, values))


def tensor(values: np.ndarray, sizes: tuple[int, int, int, int]) -> bytes:
    flat = [float(value) for value in values.ravel()]
    return integers(2, *sizes) + struct.pack(f"<{len(flat)}f", *flat)


def layer(name: str, content: bytes = b"", *, before_relu: bool = False) -> bytes:
    """A layer: its name, its content, three truth values, and three tensors that are empty after the training."""
    empty = tensor(np.empty(0), (0, 0, 0, 0))
    return text(name) + content + b"11" + (b"1" if before_relu else b"0") + 3 * empty


def parts(*sizes: tuple[int, int, int, int]) -> bytes:
    return b"".join(integers(1, *one) for one in sizes)


def rates() -> bytes:
    return real(1) + real(1) + real(1) + real(0)


def convolution(shape: Convolution, weights: ConvolutionWeights, *, before_relu: bool, end: bytes = b"") -> bytes:
    """A convolution and its affine layer."""
    channels, kernel = shape.channels, (shape.channels, shape.inputs, shape.kernel, shape.kernel)
    values = np.concatenate([weights.kernel.ravel(), weights.bias])
    content = tensor(values, (values.size, 1, 1, 1))
    content += integers(channels, shape.kernel, shape.kernel, shape.stride, shape.stride, shape.padding, shape.padding)
    content += parts(kernel, (1, channels, 1, 1)) + rates()
    affine = tensor(np.concatenate([weights.factor, weights.offset]), (2 * channels, 1, 1, 1))
    affine += parts((1, channels, 1, 1), (1, channels, 1, 1)) + integer(0)
    return layer("con_4", content) + end + layer("affine_", affine, before_relu=before_relu)


def write_network(architecture: Architecture, weights: RecognitionWeights) -> bytes:
    """The file of a network, as dlib writes it."""
    return b"".join(network_parts(architecture, weights))


def network_parts(architecture: Architecture, weights: RecognitionWeights) -> typing.Iterator[bytes]:
    """The file in pieces: the loss, the versions, the input, each layer."""
    yield integer(1) + text("loss_metric_2") + single(0.04) + single(0.6)
    versions = [3, 2, 2, 2]
    for block in architecture.blocks:
        versions += [1, 2, 2, 2, 2, 2, 1, 1, 2, 2, 2] if block.halves else [1, 2, 2, 2, 2, 2, 2, 2]
    yield integers(*reversed([*versions, 2, 2]))
    colors = b"".join(single(value) for value in (122.782, 117.001, 104.298))
    yield text("input_rgb_image_sized") + colors + integers(architecture.side, architecture.side)
    left = iter(weights.convolutions)
    yield convolution(architecture.stem_convolution, next(left), before_relu=True, end=integer(1))
    yield layer("relu_")
    yield layer("max_pool_2", integers(3, 3, 2, 2, 0, 0))
    for block, (first, second) in zip(architecture.blocks, architecture.block_convolutions(), strict=True):
        yield convolution(first, next(left), before_relu=True)
        yield layer("relu_")
        yield convolution(second, next(left), before_relu=False)
        if block.halves:
            yield layer("avg_pool_2", integers(2, 2, 2, 2, 0, 0))
        yield layer("add_prev_", before_relu=True)
        yield layer("relu_")
    yield layer("avg_pool_2", integers(0, 0, 1, 1, 0, 0))
    inputs, outputs = weights.projection.shape
    content = integers(outputs, inputs) + tensor(weights.projection, (inputs, outputs, 1, 1))
    yield layer("fc_2", content + parts((inputs, outputs, 1, 1), (0, 0, 0, 0)) + integer(1) + rates())
