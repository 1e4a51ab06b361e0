r"""Networks of one-shot face reenactment: appearance autoencoder, decoder with SPADE, fusion, and discriminators.

    photo (R)  ->  appearance encoder  ->  code  ->  appearance decoder  ->  features, reconstruction of the photo
    target shape  ->  boundary maps  ->  SPADE      |                            |
                                           \-->  decoder: 4x4 ... R/2  <--------/   ->  picture (R)

Source: Zhang et al., "One-shot Face Reenactment", 2019. There the shape encoder is a network that finds the boundary
maps in the driver's picture and is not trained with the rest. Here a landmark detector finds the shape, and
`shape_pictures.boundary_maps` draws the same maps.
"""

import dataclasses
import typing

import keras
from keras import layers

from faceswap_lib.networks.blocks import to_picture, upsample_nearest
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.norms import GroupNorm, InstanceNorm
from faceswap_lib.networks.spade import SpadeResidual
from faceswap_lib.networks.upsampling import IcnrInitializer, PixelShuffle
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig
from faceswap_lib.reenactment.learned_fusion import build_fusion_network
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.shape_pictures import BOUNDARY_CHANNELS, ShapeBatch, boundary_maps

FIRST_SIDE = 4
"""Side of the first feature map of both decoders."""

JOINED = 4
"""Number of scales, the finest ones, at which the decoder reads features of the appearance decoder."""

GROUPS = 8
"""Groups of channels with common statistics. With statistics per channel the colors of the code would be removed."""

DISCRIMINATORS = ("discriminator_full", "discriminator_half", "discriminator_quarter")
"""Names of the discriminators, which see the picture at R, R / 2 and R / 4."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneShotChannels:
    """Channels of the networks of one capacity; every tuple begins at the finest scale.

    Attributes:
        code: Length of the appearance code.
        encoder: Channels of the appearance encoder at R / 2, R / 4 ...; if there are more scales, the last repeats.
        appearance: Channels of the appearance decoder in the same way.
        decoder: Channels of the decoder in the same way.
        hidden: Channels of SPADE between the maps and the scale and offset.
        head: Channels of the decoder at R.
        discriminator: Channels of the discriminators.
        fusion: Channels of the fusion network.
    """

    code: int
    encoder: tuple[int, ...]
    appearance: tuple[int, ...]
    decoder: tuple[int, ...]
    hidden: int
    head: int
    discriminator: tuple[int, ...]
    fusion: tuple[int, int, int]


WIDTHS = {
    "tiny": OneShotChannels(
        code=32,
        encoder=(8, 16, 16, 24),
        appearance=(8, 16, 16, 24),
        decoder=(8, 16, 24, 24),
        hidden=8,
        head=8,
        discriminator=(8, 16),
        fusion=(8, 8, 8),
    ),
    "lite": OneShotChannels(
        code=256,
        encoder=(16, 32, 64, 96, 128, 192),
        appearance=(16, 32, 64, 96),
        decoder=(24, 48, 80, 112, 128),
        hidden=16,
        head=8,
        discriminator=(16, 32, 64),
        fusion=(16, 32, 32),
    ),
    "paper": OneShotChannels(
        code=1024,
        encoder=(64, 128, 256, 512, 1024),
        appearance=(128, 256, 512, 1024),
        decoder=(128, 256, 512, 1024),
        hidden=128,
        head=64,
        discriminator=(64, 128, 256, 512),
        fusion=(64, 128, 128),
    ),
}
"""Networks by capacity; those of "paper" have the channels of the paper's appearance autoencoder and of SPADE's
generator."""


def build_networks(config: ReenactmentNetworkConfig) -> ReenactmentNetworks:
    """Builds the networks of a configuration."""
    widths, side = WIDTHS[config.capacity], config.resolution
    return ReenactmentNetworks(
        config=config,
        generators=(
            _build_appearance_encoder(widths, side),
            _build_appearance_decoder(widths, side),
            _build_decoder(widths, side),
            build_fusion_network(side, widths.fusion),
        ),
        discriminators=tuple(
            _build_discriminator(widths, side >> level, name) for level, name in enumerate(DISCRIMINATORS)
        ),
    )


def shape_maps(shapes: ShapeBatch, resolution: int, *, ops: typing.Any = ops) -> list:
    """Draws the boundary maps at all scales of the decoder.

    Args:
        shapes: The target shapes, tensors.
        resolution: R.
        ops: The module of array operations.

    Returns:
        (B, S, S, 9) float32 for S = 4, 8 ... R / 2.
    """
    maps = [boundary_maps(shapes, resolution // 2, ops=ops)]
    while maps[0].shape[1] > FIRST_SIDE:
        maps.insert(0, ops.average_pool(maps[0], 2, 2, data_format="channels_last"))
    return maps


def decoder_sides(resolution: int) -> list[int]:
    """Returns the sides of the scales of both decoders: 4, 8 ... R / 2."""
    sides = [FIRST_SIDE]
    while sides[-1] < resolution // 2:
        sides.append(2 * sides[-1])
    return sides


def joined_sides(resolution: int) -> list[int]:
    """Returns the sides at which the decoder reads appearance features, the coarsest first."""
    return decoder_sides(resolution)[-JOINED:]


def _at_side(channels: tuple[int, ...], resolution: int, side: int) -> int:
    """Returns the channels at a side, from channels that begin at R / 2."""
    level = (resolution // 2 // side).bit_length() - 1
    return channels[min(level, len(channels) - 1)]


def _build_appearance_encoder(widths: OneShotChannels, resolution: int) -> keras.Model:
    """Builds a model from photos (B, R, R, 3) in [-1, 1] to the means of their codes (B, N) float32."""
    photo = keras.Input((resolution, resolution, 3), name="photo")
    x, side = photo, resolution // 2
    while side >= 2:
        x = layers.Conv2D(
            _at_side(widths.encoder, resolution, side),
            4 if x is photo else 3,
            strides=2,
            padding="same",
            kernel_initializer="he_normal",
        )(x)
        x, side = layers.LeakyReLU(0.2)(GroupNorm(GROUPS)(x)), side // 2
    code = layers.Dense(widths.code, dtype="float32", name="code")(layers.Flatten()(x))
    return keras.Model(photo, code, name="appearance_encoder")


def _build_appearance_decoder(widths: OneShotChannels, resolution: int) -> keras.Model:
    """Builds a model from codes (B, N) to features at `joined_sides` (B, S, S, C) and the photos (B, R, R, 3)."""
    code = keras.Input((widths.code,), name="code")
    x, features = None, []
    for side in decoder_sides(resolution):
        channels = _at_side(widths.appearance, resolution, side)
        x = _spread_code(code, channels) if x is None else upsample_nearest(x, channels)
        x = layers.LeakyReLU(0.2)(GroupNorm(GROUPS)(x))
        if side in joined_sides(resolution):
            features.append(x)
    photo = _to_pixels(x, 3)
    return keras.Model(code, [*features, to_picture(photo)], name="appearance_decoder")


def _build_decoder(widths: OneShotChannels, resolution: int) -> keras.Model:
    """Builds a model from [code, features at `joined_sides`, maps at `decoder_sides`] to pictures (B, R, R, 3)."""
    code = keras.Input((widths.code,), name="code")
    features = {
        side: keras.Input((side, side, _at_side(widths.appearance, resolution, side)), name=f"features_{side}")
        for side in joined_sides(resolution)
    }
    maps = {
        side: keras.Input((side, side, BOUNDARY_CHANNELS), name=f"maps_{side}") for side in decoder_sides(resolution)
    }
    x = None
    for side, guide in maps.items():
        channels = _at_side(widths.decoder, resolution, side)
        x = _spread_code(code, channels) if x is None else layers.UpSampling2D(2, interpolation="nearest")(x)
        if side in features:
            x = layers.Concatenate()([x, features[side]])
        x = SpadeResidual(channels, widths.hidden, groups=GROUPS)([x, guide])
    x = layers.LeakyReLU(0.2)(_to_pixels(layers.LeakyReLU(0.2)(x), widths.head))
    picture = to_picture(layers.Conv2D(3, 3, padding="same", name="picture")(x))
    return keras.Model([code, *features.values(), *maps.values()], picture, name="decoder")


def _spread_code(code, channels: int):
    """Maps codes (B, N) to feature maps (B, 4, 4, channels)."""
    x = layers.Dense(FIRST_SIDE**2 * channels, kernel_initializer="he_normal")(code)
    return layers.Reshape((FIRST_SIDE, FIRST_SIDE, channels))(x)


def _to_pixels(x, channels: int):
    """Upsamples (B, H, W, C) with a pixel shuffle to (B, 2 H, 2 W, channels)."""
    start = typing.cast(typing.Any, IcnrInitializer(2))  # Keras annotates the argument as str
    x = layers.Conv2D(4 * channels, 3, padding="same", kernel_initializer=start)(x)
    return PixelShuffle(2)(x)


def _build_discriminator(widths: OneShotChannels, side: int, name: str) -> keras.Model:
    """Builds a PatchGAN from pictures and their boundary maps, (B, S, S, 3 + 9), to scores (B, P, P, 1) float32.

    Source: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017.
    """
    picture = keras.Input((side, side, 3 + BOUNDARY_CHANNELS), name="picture")
    x = picture
    for index, channels in enumerate(widths.discriminator):
        x = layers.Conv2D(channels, 4, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.LeakyReLU(0.2)(InstanceNorm()(x) if index else x)
    return keras.Model(picture, layers.Conv2D(1, 3, padding="same", dtype="float32", name="score")(x), name=name)
