"""Learned fusion of a generated picture with a warped photo: a small network decides pixel by pixel what to show.

A generated picture is right everywhere and sharp nowhere; a warped photo is sharp, and wrong where it hides something
or is torn. The network sees both, and how far the warp moves each pixel. It outputs an alpha mask of the photo and a
small residual that is added, for what neither of them has. It works for any system whose result is a picture of the
target shape.

Source: Zhang et al., "One-shot Face Reenactment", 2019, has a fusion network; its layers and losses here are ours.
"""

import keras
import numpy as np
from keras import layers

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.norms import GroupNorm
from faceswap_lib.networks.upsampling import PixelShuffle
from faceswap_lib.reenactment.shape_pictures import BOUNDARY_CHANNELS

NAME = "fusion"
"""Name of the network."""

LARGEST_RESIDUAL = 0.5
"""Largest change of a color by the residual, where colors are from -1 to 1."""

FIELD_UNIT = 1 / 32
"""Displacement, in sides of the picture, that the network reads as 1."""


def build_fusion_network(resolution: int, channels: tuple[int, int, int]) -> keras.Model:
    """Builds the fusion network, a U-Net of three scales.

    Its last convolution starts with zeros: before its first step it shows half of each picture; see `is_trained`.

    Args:
        resolution: R, side of the pictures in pixels.
        channels: Channels at R / 2, R / 4 and R / 8.

    Returns:
        A model from [generated (B, R, R, 3) and warped (B, R, R, 3) in [-1, 1], field (B, R, R, 2) in pixels of
        `device_warp.warp_fields`, boundary maps (B, R / 2, R / 2, 9)] to (B, R, R, 4) float32: logit of the alpha of
        the warped photo, and the residual before its tanh.
    """
    generated = keras.Input((resolution, resolution, 3), name="generated")
    warped = keras.Input((resolution, resolution, 3), name="warped")
    field = keras.Input((resolution, resolution, 2), name="field")
    maps = keras.Input((resolution // 2, resolution // 2, BOUNDARY_CHANNELS), name="maps")
    seen = layers.Concatenate()([generated, warped, layers.Rescaling(1 / (FIELD_UNIT * resolution))(field)])
    x = layers.Concatenate()([_convolve(seen, channels[0], 4, stride=2), maps])
    fine = _convolve(x, channels[0])
    middle = _convolve(fine, channels[1], stride=2)
    x = _convolve(_convolve(middle, channels[2], stride=2), channels[2])
    x = layers.Concatenate()([layers.UpSampling2D(2)(x), middle])
    x = layers.Concatenate()([layers.UpSampling2D(2)(_convolve(x, channels[1])), fine])
    x = _convolve(x, channels[0])
    x = layers.Conv2D(4 * 4, 3, padding="same", kernel_initializer="zeros", dtype="float32", name="last")(x)
    return keras.Model([generated, warped, field, maps], PixelShuffle(2, dtype="float32")(x), name=NAME)


def compose(generated, warped, decision):
    """Composes a generated picture and a warped photo.

    Args:
        generated: (B, R, R, 3) in [-1, 1].
        warped: (B, R, R, 3) in [-1, 1].
        decision: (B, R, R, 4), the output of the fusion network.

    Returns:
        The fused picture (B, R, R, 3) in [-1, 1], and the alpha mask of the warped photo (B, R, R, 1) in [0, 1].
    """
    logit, residual = ops.split(ops.cast(decision, "float32"), [1], axis=-1)
    alpha = ops.sigmoid(logit)
    mixed = generated + alpha * (warped - generated) + LARGEST_RESIDUAL * ops.tanh(residual)
    return ops.clip(mixed, -1.0, 1.0), alpha


def is_trained(network: keras.Model) -> bool:
    """Checks whether the network ever learned; if not, its output means nothing, and the generated picture is used."""
    return any(np.any(array) for array in network.get_layer("last").get_weights())


def _convolve(x, channels: int, side: int = 3, *, stride: int = 1):
    """Applies a convolution, group normalization and a leaky ReLU."""
    x = layers.Conv2D(channels, side, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.LeakyReLU(0.2)(GroupNorm(groups=8)(x))
