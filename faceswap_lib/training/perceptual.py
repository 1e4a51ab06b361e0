"""Perceptual and landmark losses, which compare images by the outputs of pretrained face networks."""

import dataclasses
import logging
import typing

import keras
import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.pretrained import onet, vggface
from faceswap_lib.networks.pretrained.vggface_files import explain_missing, find_weights
from faceswap_lib.networks.pretrained.vggface_release import Architecture
from faceswap_lib.training import losses
from faceswap_lib.training.config import BaseTrainConfig, TrainConfig

logger = logging.getLogger(__name__)

VGGFACE_LAYERS = {
    "resnet50": ("conv1_7x7_s2", "conv2_3_relu", "conv3_4_relu", "conv5_3_relu"),
    "vgg16": ("conv2_2", "conv3_3", "conv4_3", "conv5_3"),
}
"""Layers whose features are compared, by architecture; the layers of `resnet50` are as in faceswap-GAN v2.2."""

VGGFACE_WEIGHTS = (0.1, 0.3, 0.1, 0.01)
"""Weight of each layer in faceswap-GAN v2.2, whose own list begins with the deepest layer."""

ONET_WEIGHTS = (0.1, 0.1, 0.1, 0.1)
"""Weight of each layer of O-Net."""

ONET_SIDE = 64
"""Side in pixels of the input of O-Net. A step takes one seventh longer than without O-Net. At 128 pixels it would take
two thirds longer, without better results."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PerceptualLoss:
    """Perceptual loss: a distance of the features of a pretrained network.

    Attributes:
        name: Name of the network.
        side: Side of its input in pixels.
        preprocess: Converts RGB, 0 to 255, to the input of the network.
        model: Computes a list of feature maps (B, h, w, C) from the preprocessed input.
        layer_weights: One weight per feature map.
    """

    name: str
    side: int
    preprocess: typing.Callable[[typing.Any], typing.Any]
    model: keras.Model
    layer_weights: tuple[float, ...]

    def distance(self, fake, real):
        """Computes the perceptual distance of two batches of images (B, R, R, 3), RGB 0 to 255; scalar.

        Taught in notebooks/04b_perceptual_loss.
        """
        both = self.preprocess(resize(ops.concatenate([fake, ops.stop_gradient(real)]), self.side))
        outputs = typing.cast(list, self.model(both, training=False))
        fakes, reals = zip(*(ops.split(ops.cast(feature, "float32"), 2) for feature in outputs), strict=True)
        return losses.feature_distance(fakes, reals, self.layer_weights)


def open_perceptual_loss(config: BaseTrainConfig, resolution: int) -> PerceptualLoss | None:
    """Opens the perceptual loss that `config.perceptual` names.

    The input side of VGGFace is `config.perceptual_resolution`, the input side of O-Net is at most `ONET_SIDE`.

    Args:
        config: Options of the training.
        resolution: R, the resolution of the trained networks.

    Returns:
        The loss; None for "none".

    Raises:
        InputError: If VGGFace was requested by name and its file is missing; nothing is downloaded.
        CheckpointError: If the file is damaged or belongs to another network.
    """
    if config.perceptual == "none":
        return None
    architecture: Architecture = "vgg16" if config.perceptual == "vggface-vgg16" else "resnet50"
    if config.perceptual != "onet":
        path = find_weights(architecture, config.vggface)
        if path is None and config.perceptual != "auto":
            raise InputError(explain_missing(architecture))
        if path is not None:
            network = vggface.open_vggface(architecture, path, input_size=config.perceptual_resolution)
            return vggface_perceptual_loss(network, architecture)
        logger.warning("perceptual loss: O-Net instead of VGGFace; %s", explain_missing(architecture))
    side = min(ONET_SIDE, resolution)
    return PerceptualLoss(
        name="onet",
        side=side,
        preprocess=onet.preprocess,
        model=onet.build_onet_features(side),
        layer_weights=ONET_WEIGHTS,
    )


def vggface_perceptual_loss(network: keras.Model, architecture: str) -> PerceptualLoss:
    """Builds a perceptual loss from a VGGFace network of `vggface.open_vggface`; the weights are frozen."""
    model = vggface.build_feature_extractor(network, VGGFACE_LAYERS[architecture])
    model.trainable = False
    version = vggface.VERSIONS[architecture]
    return PerceptualLoss(
        name=f"vggface-{architecture}",
        side=network.input_shape[1],
        preprocess=lambda pictures: vggface.preprocess(pictures, version),
        model=model,
        layer_weights=VGGFACE_WEIGHTS,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LandmarkLoss:
    """Landmark loss: a distance of the five landmarks that O-Net predicts.

    Attributes:
        model: The network from `networks.pretrained.onet.build_onet_points`.
    """

    model: keras.Model

    def distance(self, fake, real):
        """Computes the mean absolute distance of the landmarks of two batches of images (B, R, R, 3), RGB 0 to 255.

        The result is a scalar, as a fraction of the side of the image.
        """
        both = onet.preprocess(resize(ops.concatenate([fake, ops.stop_gradient(real)]), onet.SIDE))
        points, expected = ops.split(ops.cast(self.model(both, training=False), "float32"), 2)
        return losses.landmark_distance(points, expected)


def open_landmark_loss(config: TrainConfig) -> LandmarkLoss | None:
    """Opens the landmark loss if `config.landmarks_weight` is above 0; otherwise returns None."""
    return LandmarkLoss(model=onet.build_onet_points()) if config.landmarks_weight else None


def resize(pictures, side: int):
    """Resizes images (B, R, R, C) to (B, side, side, C): area averages for downsampling, else linear interpolation."""
    before, channels = pictures.shape[1], pictures.shape[3]
    if before == side:
        return pictures
    weights = ops.convert_to_tensor(resize_matrix(before, side))
    rows = ops.matmul(weights, ops.reshape(pictures, (-1, before, before * channels)))
    return ops.reshape(ops.matmul(weights, ops.reshape(rows, (-1, before, channels))), (-1, side, side, channels))


def resize_matrix(had: int, side: int) -> np.ndarray:
    """Computes the (side, had) float32 weights that resize a line of `had` pixels to `side` pixels."""
    if side < had:
        edges = np.arange(side + 1) * had / side
        at = np.arange(had)
        covered = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
        weights = np.maximum(covered, 0)
    else:
        centers = np.clip((np.arange(side) + 0.5) * had / side - 0.5, 0, had - 1)
        weights = np.maximum(0, 1 - np.abs(centers[:, None] - np.arange(had)))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
