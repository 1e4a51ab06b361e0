"""The architecture `skip`, or direct layout: an autoencoder with a narrow skip connection around the bottleneck.

Only the output heads run at full resolution.
"""

import typing

import keras
from keras import layers

from faceswap_lib.networks.blocks import apply_attention, normalize, to_mask, to_picture, upsample_nearest
from faceswap_lib.networks.config import NetworkConfig
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.upsampling import IcnrInitializer, PixelShuffle


def build_encoder(config: NetworkConfig) -> keras.Model:
    """Builds the encoder: strided convolutions down to 4x4, a narrow bottleneck, upsampling to 8x8.

    The bottleneck makes the swap possible, but the positions of eyes and mouth are learned only slowly through it.
    Therefore a few channels at 8x8, which carry positions directly, skip the bottleneck. Shapes and ranges are as in
    `models.Networks`.
    Taught in notebooks/03b_networks.
    """
    widths = config.widths
    image = keras.Input((config.resolution, config.resolution, 3), name="warped")
    x = _convolve(image, widths.encoder[0], kernel=5, stride=2)
    places = None
    for channels in widths.encoder[1:]:
        x = normalize(_convolve(x, channels, stride=2), config)
        x = _attend_at_16(x, config)
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
    """Builds a decoder: upsampling from 8x8 to half of the resolution, then one more upsampling for mask and face.

    The heads do the last upsampling, so that no layer with many channels runs at full resolution. Shapes and ranges are
    as in `models.Networks`.
    """
    widths = config.widths
    code = keras.Input(code_shape, name="code")
    x = code
    coarse = []
    for channels in widths.decoder[1:]:
        x = _attend_at_16(_upscale(x, channels, config), config)
        if x.shape[1] == 32:
            x = _residual(x, config)
        if x.shape[1] >= 64:
            coarse.append(x)
    if config.upsampling == "pixel-shuffle":
        heads = layers.Conv2D(16, 3, padding="same", kernel_initializer=_icnr(), name="heads")(x)
        heads = PixelShuffle(2)(heads)  # (B, R, R, 4)
    else:
        heads = upsample_nearest(x, 4, name="heads")
    mask, face = ops.split(heads, [1], axis=-1)
    outputs = [to_mask(mask), to_picture(face)]
    for features in coarse:
        side = layers.Conv2D(3, 5, padding="same", name=f"side_{features.shape[1]}")(features)
        outputs.append(to_picture(side))
    return keras.Model(code, outputs, name=name)


def build_discriminator(config: NetworkConfig, name: str) -> keras.Model:
    """Builds a patch discriminator, whose input is the image and the warped encoder input; shapes as in `Networks`."""
    pair = keras.Input((config.resolution, config.resolution, 6), name="picture_and_warped")
    x = pair
    for index, channels in enumerate(config.widths.discriminator):
        x = _convolve(x, channels, kernel=4, stride=2)
        if index:
            x = normalize(x, config)
    score = layers.Conv2D(1, 4, padding="same", kernel_initializer="he_normal", name="score")(x)
    return keras.Model(pair, ops.cast(score, "float32"), name=name)


def _icnr() -> typing.Any:
    return IcnrInitializer(2)


def _convolve(x, channels: int, *, kernel: int = 3, stride: int = 1):
    x = layers.Conv2D(channels, kernel, strides=stride, padding="same", kernel_initializer="he_normal")(x)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def _upscale(x, channels: int, config: NetworkConfig):
    if config.upsampling == "nearest":
        return normalize(layers.LeakyReLU(negative_slope=0.2)(upsample_nearest(x, channels)), config)
    x = layers.Conv2D(4 * channels, 3, padding="same", kernel_initializer=_icnr())(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return normalize(PixelShuffle(2)(x), config)


def _residual(x, config: NetworkConfig):
    channels = x.shape[-1]
    y = normalize(_convolve(x, channels), config)
    y = layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal")(y)
    return layers.LeakyReLU(negative_slope=0.2)(layers.Add()([x, y]))


def _attend_at_16(x, config: NetworkConfig):
    return apply_attention(x, config) if x.shape[1] == 16 else x
