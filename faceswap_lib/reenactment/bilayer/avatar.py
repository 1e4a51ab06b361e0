"""Runs the published networks: a photo is read once, then every frame needs only its landmarks.

    picture = low-frequency picture + texture[flow]

Source: Zakharov et al., "Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars", 2020, and the program that
its authors published.
"""

import typing

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.bilayer.loading import BilayerNetworks
from faceswap_lib.reenactment.systems.avatar_texture import pixel_places, splat
from faceswap_lib.training.augmentation import grid_sample


class Motion(typing.NamedTuple):
    """What the inference generator makes of landmarks.

    Attributes:
        flow: (B, R, R, 2) x, y: how far from each pixel its place in the texture lies, in half sides.
        low: (B, R, R, 3), the low-frequency picture.
        segmentation: (B, R, R, 1), 0 to 1.
    """

    flow: typing.Any
    low: typing.Any
    segmentation: typing.Any


class Identity(typing.NamedTuple):
    """What the networks read from a photo.

    Attributes:
        texture: (B, R, R, 3), the texture after the enhancer.
        generated: (B, R, R, 3) in [-1, 1], the texture before it.
        parameters: Parameters of the inference generator.
        motion: The motion of the landmarks of the photo itself.
    """

    texture: typing.Any
    generated: typing.Any
    parameters: list[typing.Any]
    motion: Motion


def read_identity(
    networks: BilayerNetworks, photo: typing.Any, person: typing.Any, stick: typing.Any, landmarks: typing.Any
) -> Identity:
    """Reads a photo.

    Args:
        networks: The networks.
        photo: (B, R, R, 3) in [-1, 1].
        person: (B, R, R, 1), 1 on the person and 0 on the background.
        stick: (B, R, R, 3) in [-1, 1], its stick figure.
        landmarks: (B, 136) in [-1, 1].
    """
    seen = ops.concatenate([_on_black(photo, person), stick], axis=-1)
    *embeddings, _ = networks["identity_embedder"](seen, training=False)
    generated = networks["texture_generator"](embeddings, training=False)
    parameters = list(networks["inference_projector"](embeddings, training=False))
    motion = infer_motion(networks, landmarks, parameters)
    return Identity(_enhance(networks, generated, photo, motion), generated, parameters, motion)


def infer_motion(networks: BilayerNetworks, landmarks: typing.Any, parameters: list[typing.Any]) -> Motion:
    """Runs the inference generator on landmarks, (B, 136) in [-1, 1]."""
    start = networks["keypoints_embedder"](landmarks, training=False)
    flow, low, logit = networks["inference_generator"]([start, *parameters], training=False)
    return Motion(flow, low, ops.sigmoid(logit))


def render(texture: typing.Any, motion: Motion) -> typing.Any:
    """Computes the picture of a motion, (B, R, R, 3), about -1 to 1."""
    return motion.low + sample_texture(texture, motion.flow)


def sample_texture(texture: typing.Any, flow: typing.Any) -> typing.Any:
    """Samples a texture with bilinear interpolation; it is 0 outside.

    Args:
        texture: (B, R, R, C), B known.
        flow: (B, R, R, 2) in half sides.

    Returns:
        (B, R, R, C).
    """
    return grid_sample(_pad(texture), _places(flow))


def _enhance(networks: BilayerNetworks, texture: typing.Any, photo: typing.Any, motion: Motion) -> typing.Any:
    """Changes the texture in some steps, each of which sees the gradient of half the squared error of the photo."""
    for _ in range(networks.options.enh_unrolling_depth):
        error = motion.segmentation**2 * (render(texture, motion) - photo)
        gradient = _to_texture(error, motion.flow)
        texture = texture + networks["texture_enhancer"](ops.concatenate([texture, gradient], axis=-1), training=False)
    return texture


def _to_texture(values: typing.Any, flow: typing.Any) -> typing.Any:
    """Carries values of a picture into the texture: the transpose of `sample_texture`."""
    return splat(_pad(values), ops.pad(_places(flow), [[0, 0], [1, 1], [1, 1], [0, 0]]))[:, 1:-1, 1:-1]


def _on_black(photo: typing.Any, mask: typing.Any) -> typing.Any:
    """Replaces what is outside a mask by black, which is -1."""
    return photo * mask - (1 - mask)


def _pad(pictures: typing.Any) -> typing.Any:
    """Adds a border of zeros, one pixel wide."""
    return ops.pad(pictures, [[0, 0], [1, 1], [1, 1], [0, 0]])


def _places(flow: typing.Any) -> typing.Any:
    """Computes the places in the padded texture, in pixels."""
    size = flow.shape[1]
    return pixel_places(size) + 1.0 + flow * (size / 2)
