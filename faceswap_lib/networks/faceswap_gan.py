"""The reference layout: the networks of faceswap-GAN v2.2, for comparison.

This is a new implementation from their description. Differences from the direct layout: the first convolution runs at
the full input resolution, no channels skip the bottleneck, convolutions have no bias except in upsampling and in the
decoders' heads, attention has up to 64x64 positions, and the heads run at the full output resolution. Weight decay is
applied in training, not here.
Source: shaoanlu, faceswap-GAN v2.2, 2018.
"""

import typing

import keras
from keras import layers, ops

from faceswap_lib.networks.blocks import apply_attention, normalize, to_mask, to_picture, upsample_nearest
from faceswap_lib.networks.config import NetworkConfig
from faceswap_lib.networks.upsampling import IcnrInitializer, PixelShuffle


def build_encoder(config: NetworkConfig) -> keras.Model:
    """Builds the encoder: a 5x5 convolution, strided convolutions down to 4x4, two dense layers, upsampling to 8x8.

    Attention follows the second and the third strided convolution: 16x16 and 8x8 positions for an input of 64 pixels.

    Args:
        config: The configuration; R is its resolution, 64, 128 or 256.

    Returns:
        Model from the warped face, (B, R, R, 3) in [-1, 1], to the code, (B, 8, 8, C), C = `widths.decoder[0]`.
    """
    widths = config.widths
    image = keras.Input((config.resolution, config.resolution, 3), name="warped")
    x = layers.Conv2D(widths.encoder[0], 5, padding="same", use_bias=False)(image)
    for index, channels in enumerate(widths.encoder[1:]):
        x = layers.ReLU()(_convolve(x, channels, stride=2))
        if index:
            x = normalize(x, config)
        if index in (1, 2):
            x = _attend(x, config)
    x = layers.Flatten()(x)
    x = layers.Dense(widths.code, name="code")(x)
    x = layers.Dense(4 * 4 * widths.encoder[-1], name="decode")(x)
    x = layers.Reshape((4, 4, widths.encoder[-1]))(x)
    return keras.Model(image, _upscale(x, widths.decoder[0], config), name="encoder")


def build_decoder(config: NetworkConfig, code_shape: tuple[int, ...], name: str) -> keras.Model:
    """Builds a decoder: upsampling from 8x8 to R, a residual block at 64x64, output heads.

    Attention runs over 32x32 and 64x64 positions. Before every upsampling above 64 pixels, a side output predicts the
    face at the current resolution.

    Args:
        config: The configuration; R is its resolution, 64, 128 or 256.
        code_shape: (8, 8, C), the output shape of the encoder without the batch axis.
        name: Name of the model.

    Returns:
        Model from the code, (B, 8, 8, C), to a list of float32 outputs: the mask, (B, R, R, 1) in [0, 1]; the face,
        (B, R, R, 3) in [-1, 1]; and for R above 64 the side outputs in [-1, 1], (B, 64, 64, 3) and, for R = 256,
        (B, 128, 128, 3).
    """
    widths = config.widths
    code = keras.Input(code_shape, name="code")
    x = _upscale(code, widths.decoder[1], config)
    x = _attend(_upscale(x, widths.decoder[2], config), config)
    x = _residual(_upscale(x, widths.decoder[3], config))
    x = layers.ReLU()(_convolve(x, widths.decoder[3])) if config.attention == "none" else _attend(x, config)
    coarse = []
    for channels in widths.decoder[4:]:
        side = layers.Conv2D(3, 5, padding="same", name=f"side_{x.shape[1]}")(x)
        coarse.append(to_picture(side))
        x = layers.ReLU()(_convolve(_upscale(x, channels, config), channels))
    mask = to_mask(layers.Conv2D(1, 5, padding="same", name="mask")(x))
    face = to_picture(layers.Conv2D(3, 5, padding="same", name="face")(x))
    return keras.Model(code, [mask, face, *coarse], name=name)


def build_discriminator(config: NetworkConfig, name: str) -> keras.Model:
    """Builds a patch discriminator, whose input is the image and the warped encoder input.

    Args:
        config: The configuration; R is its resolution, 64, 128 or 256.
        name: Name of the model.

    Returns:
        Model from both images, concatenated to (B, R, R, 6) in [-1, 1], to one unbounded score per patch, (B, 8, 8, 1)
        float32.
    """
    pair = keras.Input((config.resolution, config.resolution, 6), name="picture_and_warped")
    x = pair
    for index, channels in enumerate(config.widths.discriminator):
        x = layers.LeakyReLU(negative_slope=0.2)(_convolve(x, channels, kernel=4, stride=2))
        if index:
            x = normalize(x, config)
        if index >= 2:
            x = _attend(x, config)
    score = layers.Conv2D(1, 4, padding="same", use_bias=False, name="score")(x)
    return keras.Model(pair, ops.cast(score, "float32"), name=name)


def _convolve(x, channels: int, *, kernel: int = 3, stride: int = 1):
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    return layers.Conv2D(channels, kernel, strides=stride, **options)(x)


def _upscale(x, channels: int, config: NetworkConfig):
    if config.upsampling == "nearest":
        return normalize(upsample_nearest(x, channels), config)
    icnr = typing.cast(typing.Any, IcnrInitializer(2))  # Keras annotates initializers as str
    x = layers.Conv2D(4 * channels, 3, padding="same", kernel_initializer=icnr)(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    return PixelShuffle(2)(normalize(x, config))


def _residual(x):
    y = layers.LeakyReLU(negative_slope=0.2)(_convolve(x, x.shape[-1]))
    y = layers.Add()([x, _convolve(y, x.shape[-1])])
    return layers.LeakyReLU(negative_slope=0.2)(y)


def _attend(x, config: NetworkConfig):
    return apply_attention(x, config, use_bias=True)
