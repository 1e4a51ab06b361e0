"""The five networks of a swap and how they are put together.

    warped face (R)  ->  encoder  ->  8x8 code  ->  decoder A or B  ->  mask, face (R)

One encoder reads both people, so that its code can only say what they share: pose, expression, light. Each decoder
knows one person. Reading A and writing with decoder B gives B's face doing what A does.
Source: the attention-mask autoencoder GAN of faceswap-GAN v2.2 (shaoanlu, 2018).
"""

import dataclasses
import typing

import keras
from keras import layers, ops

from faceswap_lib.networks.config import NetworkConfig
from faceswap_lib.networks.layers import HybridNorm, IcnrInitializer, InstanceNorm, PixelShuffle, SelfAttention

Direction = typing.Literal["a2a", "b2b", "a2b", "b2a"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """The five networks of one run.

    Attributes:
        config: What they were built from.
        encoder: (B, R, R, 3) in [-1, 1] to (B, 8, 8, C).
        decoder_a, decoder_b: (B, 8, 8, C) to mask (B, R, R, 1) in [0, 1] and face (B, R, R, 3) in [-1, 1]; above 64
            pixels also the face at 64.
        discriminator_a, discriminator_b: Picture and warped input, (B, R, R, 6), to (B, R / 8, R / 8, 1).
    """

    config: NetworkConfig
    encoder: keras.Model
    decoder_a: keras.Model
    decoder_b: keras.Model
    discriminator_a: keras.Model
    discriminator_b: keras.Model

    @property
    def generators(self) -> tuple[keras.Model, ...]:
        """The networks that make pictures."""
        return self.encoder, self.decoder_a, self.decoder_b

    @property
    def discriminators(self) -> tuple[keras.Model, ...]:
        """The networks that judge pictures."""
        return self.discriminator_a, self.discriminator_b

    def generate(self, faces, direction: Direction):
        """Writes faces in one direction.

        Args:
            faces: (B, R, R, 3) in [-1, 1].
            direction: Who is read, and who is written.

        Returns:
            Mask (B, R, R, 1) and raw face (B, R, R, 3).
        """
        decoder = self.decoder_a if direction.endswith("a") else self.decoder_b
        return decoder(self.encoder(faces))[:2]


def build_networks(config: NetworkConfig) -> Networks:
    """Builds the networks with fresh weights; `keras.utils.set_random_seed` makes them repeatable."""
    encoder = build_encoder(config)
    code_shape = encoder.output_shape[1:]
    return Networks(
        config=config,
        encoder=encoder,
        decoder_a=build_decoder(config, code_shape, "decoder_a"),
        decoder_b=build_decoder(config, code_shape, "decoder_b"),
        discriminator_a=build_discriminator(config, "discriminator_a"),
        discriminator_b=build_discriminator(config, "discriminator_b"),
    )


def build_encoder(config: NetworkConfig) -> keras.Model:
    """Builds the encoder: strided convolutions to 4x4, a narrow bottleneck, back up to 8x8.

    The bottleneck is what makes a swap of it, but it learns late where eyes and mouth are, for it must say so in words,
    as it were. A few channels at 8x8 go past it and point at the places.
    """
    widths = config.widths
    image = keras.Input((config.resolution, config.resolution, 3), name="warped")
    x = _convolve(image, widths.encoder[0], kernel=5, stride=2)
    for channels in widths.encoder[1:]:
        x = _normalise(_convolve(x, channels, stride=2), config)
        x = _attend(x, config)
        if x.shape[1] == 8:
            places = layers.Conv2D(widths.places, 1, kernel_initializer="he_normal", name="places")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(widths.code, name="code")(x)
    x = layers.Dense(4 * 4 * widths.encoder[-1], name="decode")(x)
    x = layers.Reshape((4, 4, widths.encoder[-1]))(x)
    x = _upscale(x, widths.decoder[0], config)
    x = layers.Concatenate()([x, places])
    return keras.Model(image, x, name="encoder")


def build_decoder(config: NetworkConfig, code_shape: tuple[int, ...], name: str) -> keras.Model:
    """Builds a decoder: pixel-shuffle upscaling from 8x8 to half the resolution, one more for mask and face.

    The last doubling happens in the head, so that no wide layer ever runs at full resolution.
    """
    widths = config.widths
    code = keras.Input(code_shape, name="code")
    x = code
    for channels in widths.decoder[1:]:
        x = _attend(_upscale(x, channels, config), config)
        if x.shape[1] == 32:
            x = _residual(x, config)
    heads = layers.Conv2D(16, 3, padding="same", kernel_initializer=IcnrInitializer(2), name="heads")(x)
    heads = PixelShuffle(2)(heads)  # (B, R, R, 4)
    outputs = [ops.sigmoid(heads[..., :1]), ops.tanh(heads[..., 1:])]
    if config.resolution > 64:
        outputs.append(layers.Conv2D(3, 5, padding="same", activation="tanh", name="side_64")(x))
    return keras.Model(code, outputs, name=name)


def build_discriminator(config: NetworkConfig, name: str) -> keras.Model:
    """Builds a patch discriminator that also sees the warped input the picture was made from."""
    pair = keras.Input((config.resolution, config.resolution, 6), name="picture_and_warped")
    x = pair
    for index, channels in enumerate(config.widths.discriminator):
        x = _convolve(x, channels, kernel=4, stride=2)
        if index:
            x = _normalise(x, config)
    score = layers.Conv2D(1, 4, padding="same", kernel_initializer="he_normal", name="score")(x)
    return keras.Model(pair, score, name=name)


def _convolve(x, channels: int, *, kernel: int = 3, stride: int = 1):
    x = layers.Conv2D(channels, kernel, strides=stride, padding="same", kernel_initializer="he_normal")(x)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def _upscale(x, channels: int, config: NetworkConfig):
    x = layers.Conv2D(4 * channels, 3, padding="same", kernel_initializer=IcnrInitializer(2))(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return _normalise(PixelShuffle(2)(x), config)


def _residual(x, config: NetworkConfig):
    channels = x.shape[-1]
    y = _normalise(_convolve(x, channels), config)
    y = layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal")(y)
    return layers.LeakyReLU(negative_slope=0.2)(layers.Add()([x, y]))


def _normalise(x, config: NetworkConfig):
    if config.norm == "none":
        return x
    return InstanceNorm()(x) if config.norm == "instance" else HybridNorm()(x)


def _attend(x, config: NetworkConfig):
    return SelfAttention()(x) if config.attention and x.shape[1] == 16 else x
