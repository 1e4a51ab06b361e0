"""Networks of the bilayer avatars: identity embedder, texture generator, inference generator, discriminator.

    photo, its stick figure  ->  embedder  ->  embedding  ->  texture generator  ->  texture (R x R x 3)
    landmarks, embedding     ->  inference generator      ->  flow, low-frequency picture, segmentation

Embedder and texture generator run once per photo. Only the inference generator runs for every frame.

Source: Zakharov et al., "Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars", 2020.
"""

import dataclasses
import itertools
import typing

import keras
from keras import layers

from faceswap_lib.networks.blocks import to_picture
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.norms import standardize, to_float32
from faceswap_lib.networks.spectral_norm import SpectralConv
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.shape_pictures import BOUNDARY_CHANNELS, STICK_CHANNELS

COARSEST = 4
"""Side in pixels at which both generators start."""

NUMBERS = 2 * 68 + 2 * 3
"""Numbers that describe a shape to the inference generator: the landmarks of the paper, and ours, the irises."""

GUIDE_CHANNELS = BOUNDARY_CHANNELS + 2
"""Channels of the guide: boundary maps, and the map from the landmarks to the texture."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AvatarChannels:
    """Channels of the networks of one capacity; a pair is the channels at the finest side and the most at any side.

    Attributes:
        embedder: Channels of the embedder; they double at each halving.
        embedding: Numbers in the embedding of an identity.
        texture: Channels of the texture generator.
        inference: Channels of the inference generator.
        hidden: Units of the three hidden layers that read the landmarks.
        discriminator: Channels of the discriminator.
        discriminator_blocks: Number of its residual blocks.
        shrink: Flow, low-frequency picture and segmentation are computed at R / shrink. They are smooth.
        is_guided: Whether the flow is added to the map between landmarks and texture instead of to the identity, and
            whether the inference generator sees this map and the boundaries of the parts. Ours: the paper's networks
            learn where everything is from numbers alone, in weeks.
    """

    embedder: tuple[int, int]
    embedding: int
    texture: tuple[int, int]
    inference: tuple[int, int]
    hidden: int
    discriminator: tuple[int, int]
    discriminator_blocks: int
    shrink: int = 2
    is_guided: bool = True


WIDTHS = {
    "tiny": AvatarChannels(
        embedder=(8, 32),
        embedding=32,
        texture=(8, 32),
        inference=(16, 32),
        hidden=64,
        discriminator=(8, 32),
        discriminator_blocks=3,
    ),
    "lite": AvatarChannels(
        embedder=(24, 160),
        embedding=128,
        texture=(16, 128),
        inference=(40, 160),
        hidden=256,
        discriminator=(16, 128),
        discriminator_blocks=4,
    ),
    "paper": AvatarChannels(
        embedder=(64, 512),
        embedding=512,
        texture=(64, 512),
        inference=(32, 256),
        hidden=256,
        discriminator=(64, 512),
        discriminator_blocks=6,
        shrink=1,
        is_guided=False,
    ),
}
"""Networks by capacity; those of "paper" have the channels of the paper."""


def build_networks(config: ReenactmentNetworkConfig) -> ReenactmentNetworks:
    """Builds the networks of a configuration."""
    widths, side = WIDTHS[config.capacity], config.resolution
    return ReenactmentNetworks(
        config=config,
        generators=(_embed(side, widths), _texture(side, widths), _infer(side // widths.shrink, widths)),
        discriminators=(_discriminate(side, widths),),
    )


@keras.saving.register_keras_serializable("faceswap_lib")
class AdaptiveNorm(layers.Layer):
    """Instance normalization whose scale and offset are computed from an embedding.

    The input is `[x, embedding]` with shapes (B, H, W, C) and (B, E).
    Source: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", 2017.
    """

    def build(self, input_shape):
        """Creates the projection of the embedding."""
        (_, _, _, channels), (_, size) = input_shape
        self.project = layers.Dense(2 * channels, kernel_initializer="glorot_uniform", name="project", dtype="float32")
        self.project.build((None, size))

    def call(self, inputs):
        """Normalizes `x` of `inputs`, the pair `[x, embedding]`."""
        x, embedding = inputs
        wide = to_float32(x)
        mean, factor = standardize(wide, 1e-5)
        scale, offset = ops.split(self.project(embedding)[:, None, None, :], 2, axis=-1)
        scale = (1 + scale) * factor
        return ops.cast(wide * scale + (offset - mean * scale), x.dtype)

    def compute_output_shape(self, input_shape):
        """Returns the shape of `x`, which does not change."""
        return input_shape[0]


def sides_of(finest: int, coarsest: int = COARSEST) -> list[int]:
    """Returns the sides from the coarsest to the finest, each twice the one before."""
    return [coarsest << level for level in range((finest // coarsest).bit_length())]


def _channels(pair: tuple[int, int], finest: int, side: int) -> int:
    """Computes the channels at a side: they double at each halving, up to a maximum."""
    return min(pair[1], pair[0] * finest // side)


def _convolve(channels: int, kernel: int = 3, *, strides: int = 1) -> layers.Layer:
    return layers.Conv2D(channels, kernel, strides=strides, padding="same", kernel_initializer="he_normal")


def _embed(side: int, widths: AvatarChannels) -> keras.Model:
    """Builds the embedder: strided convolutions down to 8 x 8, and the mean features of the last three scales.

    Args:
        side: Side R of the images.
        widths: The channels.

    Returns:
        Model from the photo without its background, and its stick figure, (B, R, R, 6) in [-1, 1], to the embedding,
        (B, E) float32.
    """
    image = keras.Input((side, side, 3 + STICK_CHANNELS), name="photo_and_stick")
    x, means = image, []
    for size in reversed(sides_of(side // 2, 8)):
        channels = _channels(widths.embedder, side // 2, size)
        x = layers.LeakyReLU(negative_slope=0.2)(_convolve(channels, strides=2)(x))
        y = layers.LeakyReLU(negative_slope=0.2)(_convolve(channels)(x)) if size <= 16 else x
        x = layers.Add()([x, y]) if size <= 16 else x
        means.append(layers.GlobalAveragePooling2D()(x))
    levels = layers.Concatenate()(means[-3:])
    return keras.Model(
        image, layers.Dense(widths.embedding, name="embedding", dtype="float32")(levels), name="embedder"
    )


def _block(x: typing.Any, embedding: typing.Any, channels: int, *, upsamples: bool) -> typing.Any:
    """Applies a residual block with adaptive normalization that first doubles the side if `upsamples`."""
    y = layers.ReLU()(AdaptiveNorm()([x, embedding]))
    if upsamples:
        x, y = (layers.UpSampling2D(2, interpolation="nearest")(z) for z in (x, y))
    y = _convolve(channels)(y)
    y = _convolve(channels)(layers.ReLU()(AdaptiveNorm()([y, embedding])))
    shortcut = x if x.shape[-1] == channels else _convolve(channels, 1)(x)
    return layers.Add()([shortcut, y])


@keras.saving.register_keras_serializable("faceswap_lib")
class LearnedConstant(layers.Layer):
    """Learned feature map (B, side, side, channels) that is the same for every input (B, ...).

    Args:
        side: Side of the map.
        channels: Its channels.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, side: int, channels: int, **kwargs):
        super().__init__(**kwargs)
        self.side, self.channels = side, channels

    def build(self, input_shape):
        """Creates the map."""
        self.map = self.add_weight(shape=(1, self.side, self.side, self.channels), initializer="normal", name="map")

    def call(self, inputs):
        """Repeats the map for the batch of `inputs`."""
        rows = ops.sum(ops.zeros_like(inputs), axis=-1)[:, None, None, None]
        return ops.cast(self.map, rows.dtype) + rows

    def compute_output_shape(self, input_shape):
        """Returns (B, side, side, channels)."""
        return (input_shape[0], self.side, self.side, self.channels)

    def get_config(self):
        """Returns the arguments of the constructor, for saving."""
        return {**super().get_config(), "side": self.side, "channels": self.channels}


def _texture(side: int, widths: AvatarChannels) -> keras.Model:
    """Builds the texture generator: a learned constant, residual blocks with adaptive normalization.

    Args:
        side: Side R of the texture.
        widths: The channels.

    Returns:
        Model from the embedding, (B, E), to the texture, (B, R, R, 3) in [-1, 1] float32.
    """
    embedding = keras.Input((widths.embedding,), name="embedding")
    coarsest, *sizes = sides_of(side)
    x = LearnedConstant(coarsest, _channels(widths.texture, side, coarsest))(embedding)
    for size in sizes:
        x = _block(x, embedding, _channels(widths.texture, side, size), upsamples=True)
    x = layers.ReLU()(AdaptiveNorm()([x, embedding]))
    return keras.Model(embedding, to_picture(_head(3, "texture_head", 0.1)(x)), name="texture")


def _infer(side: int, widths: AvatarChannels) -> keras.Model:
    """Builds the inference generator: dense layers that read the landmarks, residual blocks, three heads.

    Args:
        side: Side r of its outputs.
        widths: The channels.

    Returns:
        Model from the numbers of a shape, (B, NUMBERS) in [-1, 1], the embedding, (B, E), and, if it is guided, the
        guide, (B, r, r, GUIDE_CHANNELS), to a list of float32 outputs: the flow, (B, r, r, 2) in [-1, 1]; the
        low-frequency picture, (B, r, r, 3) in [-1, 1]; and the logit of the segmentation, (B, r, r, 1).
    """
    numbers = keras.Input((NUMBERS,), name="numbers")
    embedding = keras.Input((widths.embedding,), name="embedding")
    guide = keras.Input((side, side, GUIDE_CHANNELS), name="guide") if widths.is_guided else None
    guides = {} if guide is None else dict(zip((side, side // 2, side // 4), _halvings(guide), strict=True))
    coarsest, *sizes = sides_of(side)
    channels, x = _channels(widths.inference, side, coarsest), numbers
    for _ in range(3):
        x = layers.ReLU()(layers.Dense(widths.hidden, kernel_initializer="he_normal")(x))
    x = layers.Dense(coarsest * coarsest * channels)(x)
    x = layers.Reshape((coarsest, coarsest, channels))(x)
    for size in sizes:
        channels = _channels(widths.inference, side, size)
        if size in guides:
            x = layers.UpSampling2D(2, interpolation="nearest")(x)
            x = layers.Concatenate()([x, guides[size]])
            x = _convolve(channels, 1)(x)
        x = _block(x, embedding, channels, upsamples=size not in guides)
    x = layers.ReLU()(AdaptiveNorm()([x, embedding]))
    flow = to_picture(_head(2, "flow", 0.01)(x))
    low = to_picture(_head(3, "low", 0.1)(x))
    segmentation = ops.cast(_head(1, "segmentation", 0.1)(x), "float32")
    inputs = [numbers, embedding] if guide is None else [numbers, embedding, guide]
    return keras.Model(inputs, [flow, low, segmentation], name="inference")


def _halvings(guide: typing.Any) -> list[typing.Any]:
    """Returns the guide at its side, at a half and at a quarter of it."""
    pool = layers.AveragePooling2D(2)
    return list(itertools.accumulate(range(2), lambda x, _: pool(x), initial=guide))


def _head(channels: int, name: str, scale: float) -> layers.Layer:
    """Builds the last convolution of a generator in float32; its first outputs are small."""
    start = typing.cast(typing.Any, keras.initializers.VarianceScaling(scale**2))
    return layers.Conv2D(channels, 3, padding="same", kernel_initializer=start, name=name, dtype="float32")


def _discriminate(side: int, widths: AvatarChannels) -> keras.Model:
    """Builds the patch discriminator: residual blocks with spectral normalization.

    Args:
        side: Side R of the images.
        widths: The channels.

    Returns:
        Model from the image and the stick figure, (B, R, R, 6) in [-1, 1], to a list of float32 outputs: a score per
        patch, (B, p, p, 1), and the features of each block.
    """
    image = keras.Input((side, side, 3 + STICK_CHANNELS), name="picture_and_stick")
    x: typing.Any = image
    features = []
    for index in range(widths.discriminator_blocks):
        channels = min(widths.discriminator[1], widths.discriminator[0] << index)
        y = x if index == 0 else layers.LeakyReLU(negative_slope=0.2)(x)
        shrinks = x.shape[1] > 8
        y = SpectralConv(channels, 3, strides=2 if shrinks else 1)(y)
        y = SpectralConv(channels, 3)(layers.LeakyReLU(negative_slope=0.2)(y))
        shortcut = SpectralConv(channels, 1)(layers.AveragePooling2D(2)(x) if shrinks else x)
        x = layers.Add()([y, shortcut])
        features.append(ops.cast(x, "float32"))
    score = SpectralConv(1, 3)(layers.LeakyReLU(negative_slope=0.2)(x))
    return keras.Model(image, [ops.cast(score, "float32"), *features], name="discriminator")
