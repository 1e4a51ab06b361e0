"""Networks of the landmark GAN: generator, keypoint detector, and two discriminators.

Source: the landmark GAN of the BIGO challenge, see `landmark_gan`, whose generator and keypoint detector are those of
Choi et al., "StarGAN", 2018.
"""

import dataclasses
import typing

import keras
from keras import layers

from faceswap_lib.networks.blocks import to_mask, to_picture, upsample_nearest
from faceswap_lib.networks.norms import InstanceNorm
from faceswap_lib.networks.spectral_norm import SpectralConv
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.shape_pictures import KEYPOINT_CHANNELS

EMPTY = -4.0
"""First bias of the keypoint detector: its first output is almost black, as most of a keypoint picture is."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LandmarkGanChannels:
    """Channels and depth of the networks of one capacity.

    Attributes:
        generator: Channels of the generator's first layer; they double twice.
        generator_blocks: Number of residual blocks of the generator.
        detector: Channels of the keypoint detector's first layer.
        detector_blocks: Number of residual blocks of the keypoint detector.
        discriminator: Channels of the first layer of both discriminators; they double in each block.
        deepest: Largest number of channels in the discriminators, as a multiple of those of the first layer.
    """

    generator: int
    generator_blocks: int
    detector: int
    detector_blocks: int
    discriminator: int
    deepest: int = 8


WIDTHS = {
    "tiny": LandmarkGanChannels(
        generator=8, generator_blocks=2, detector=4, detector_blocks=1, discriminator=8, deepest=4
    ),
    "lite": LandmarkGanChannels(generator=24, generator_blocks=5, detector=8, detector_blocks=2, discriminator=16),
    "paper": LandmarkGanChannels(generator=64, generator_blocks=6, detector=64, detector_blocks=6, discriminator=64),
}
"""Networks by capacity; those of "paper" have the channels of the original."""


def build_networks(config: ReenactmentNetworkConfig) -> ReenactmentNetworks:
    """Builds the networks of a configuration."""
    widths, side = WIDTHS[config.capacity], config.resolution
    return ReenactmentNetworks(
        config=config,
        generators=(
            _translate(
                side, 3 + KEYPOINT_CHANNELS, 3, widths.generator, widths.generator_blocks, "generator", to_picture
            ),
        ),
        discriminators=(
            _discriminate(side, 3, widths, "discriminator"),
            _discriminate(side, 6, widths, "identity_discriminator"),
            _translate(
                side, 3, KEYPOINT_CHANNELS, widths.detector, widths.detector_blocks, "keypoint_detector", to_mask
            ),
        ),
    )


def _translate(side: int, channels_in: int, channels_out: int, width: int, blocks: int, name: str, head) -> keras.Model:
    """Builds an image translation network of StarGAN: 7x7 convolution, two halvings, residual blocks, two doublings.

    The authors of the original call the checkerboard pattern of its generator a weakness. So the image is enlarged by
    repeating pixels before a 3x3 convolution, instead of by transposed convolutions.

    Args:
        side: Side R of the images.
        channels_in: Channels of the input, in [-1, 1].
        channels_out: Channels of the output.
        width: Channels of the first layer.
        blocks: Number of residual blocks, at R / 4.
        name: Name of the model.
        head: Maps the last convolution to the range of the output.

    Returns:
        Model from (B, R, R, channels_in) to (B, R, R, channels_out).
    """
    image = keras.Input((side, side, channels_in), name="image")
    x = _activate(layers.Conv2D(width, 7, padding="same", use_bias=False)(image))
    for channels in (2 * width, 4 * width):
        x = _activate(layers.Conv2D(channels, 4, strides=2, padding="same", use_bias=False)(x))
    for _ in range(blocks):
        y = _activate(layers.Conv2D(4 * width, 3, padding="same", use_bias=False)(x))
        x = layers.Add()([x, InstanceNorm()(layers.Conv2D(4 * width, 3, padding="same", use_bias=False)(y))])
    for channels in (2 * width, width):
        x = _activate(upsample_nearest(x, channels))
    start = EMPTY if head is to_mask else 0.0
    output = head(
        layers.Conv2D(
            channels_out,
            7,
            padding="same",
            bias_initializer=typing.cast(typing.Any, keras.initializers.Constant(start)),
            name="output",
        )(x)
    )
    return keras.Model(image, output, name=name)


def _activate(x):
    return layers.ReLU()(InstanceNorm()(x))


def _discriminate(side: int, channels_in: int, widths: LandmarkGanChannels, name: str) -> keras.Model:
    """Builds a discriminator: residual blocks with spectral normalization that halve the image, and a sum.

    Args:
        side: Side R of the images.
        channels_in: Channels of the input, in [-1, 1].
        widths: The channels.
        name: Name of the model.

    Returns:
        Model from (B, R, R, channels_in) to logits (B, 1).
    """
    image = keras.Input((side, side, channels_in), name="image")
    x = SpectralConv(widths.discriminator, 4, strides=2)(image)
    size, multiple = side // 2, 1
    while size > 4:
        multiple = min(2 * multiple, widths.deepest)
        channels, size = multiple * widths.discriminator, size // 2
        y = SpectralConv(channels, 3)(layers.ReLU()(x))
        y = SpectralConv(channels, 3)(layers.ReLU()(y))
        shortcut = SpectralConv(channels, 1)(layers.AveragePooling2D(2)(x))
        x = layers.Add()([layers.AveragePooling2D(2)(y), shortcut])
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(image, layers.Dense(1, name="logit", dtype="float32")(x), name=name)
