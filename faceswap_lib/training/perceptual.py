"""Networks that were trained on faces and judge pictures by what they see in them: perceptual and landmark losses."""

import dataclasses
import logging

import keras
import numpy as np
from keras import ops

from faceswap_lib.errors import InputError
from faceswap_lib.networks.pretrained import onet, vggface
from faceswap_lib.networks.pretrained.vggface_files import explain_missing, find_weights
from faceswap_lib.training import losses
from faceswap_lib.training.config import TrainConfig

logger = logging.getLogger(__name__)

VGGFACE_LAYERS = {
    "resnet50": ("conv1_7x7_s2", "conv2_3_relu", "conv3_4_relu", "conv5_3_relu"),
    "vgg16": ("conv2_2", "conv3_3", "conv4_3", "conv5_3"),
}
"""Layers whose features are compared; those of `resnet50` are faceswap-GAN v2.2's."""

VGGFACE_WEIGHTS = (0.01, 0.1, 0.3, 0.1)
"""How much each layer counts in faceswap-GAN v2.2."""

ONET_WEIGHTS = (0.1, 0.1, 0.1, 0.1)

ONET_SIDE = 64
"""Side in pixels at which O-Net looks: a seventh more time per step; at 128 it would be two thirds, for no more."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PerceptualLoss:
    """A network and how its features are compared.

    Attributes:
        name: Which network.
        side: Side of its pictures in pixels.
        preprocess: From RGB, 0 to 255, to what it reads.
        model: From that to a list of (B, h, w, C).
        layer_weights: One per feature map.
    """

    name: str
    side: int
    preprocess: object
    model: keras.Model
    layer_weights: tuple[float, ...]

    def distance(self, fake, real):
        """How different two pictures (B, R, R, 3), RGB 0 to 255, look to the network; scalar."""
        both = self.preprocess(resize(ops.concatenate([fake, ops.stop_gradient(real)]), self.side))
        features = [ops.split(ops.cast(feature, "float32"), 2) for feature in self.model(both, training=False)]
        return losses.feature_distance(*zip(*features, strict=True), self.layer_weights)


def open_perceptual_loss(config: TrainConfig, resolution: int) -> PerceptualLoss | None:
    """Opens the network of `config.perceptual`, VGGFace at `config.perceptual_resolution`, O-Net at `ONET_SIDE`.

    Returns:
        None for "none".

    Raises:
        InputError: If VGGFace was asked for by name and its file is not there; nothing is fetched.
        CheckpointError: If the file is damaged or of another network.
    """
    if config.perceptual == "none":
        return None
    architecture = "vgg16" if config.perceptual == "vggface-vgg16" else "resnet50"
    if config.perceptual != "onet":
        path = find_weights(architecture, config.vggface)
        if path is None and config.perceptual != "auto":
            raise InputError(explain_missing(architecture))
        if path is not None:
            network = vggface.open_vggface(architecture, path, input_size=config.perceptual_resolution)
            return judge_by_vggface(network, architecture)
        logger.warning("perceptual loss: O-Net instead of VGGFace; %s", explain_missing(architecture))
    side = min(ONET_SIDE, resolution)
    return PerceptualLoss(
        name="onet",
        side=side,
        preprocess=onet.preprocess,
        model=onet.build_onet_features(side),
        layer_weights=ONET_WEIGHTS,
    )


def judge_by_vggface(network: keras.Model, architecture: str) -> PerceptualLoss:
    """Compares pictures by features of a VGGFace network, as `vggface.open_vggface` gives it; it is trained no more."""
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
    """O-Net's five landmarks, as shares of the picture's side.

    Attributes:
        model: As `networks.pretrained.onet.build_onet_points` gives.
    """

    model: keras.Model

    def distance(self, fake, real):
        """How far the landmarks of two pictures (B, R, R, 3), RGB 0 to 255, lie apart; scalar, a share of the side."""
        both = onet.preprocess(resize(ops.concatenate([fake, ops.stop_gradient(real)]), onet.SIDE))
        points, expected = ops.split(ops.cast(self.model(both, training=False), "float32"), 2)
        return losses.landmark_distance(points, expected)


def open_landmark_loss(config: TrainConfig) -> LandmarkLoss | None:
    """Opens O-Net where `config.landmarks_weight` asks for it; otherwise None."""
    return LandmarkLoss(model=onet.build_onet_points()) if config.landmarks_weight else None


def resize(pictures, side: int):
    """Resizes (B, R, R, C) to (B, side, side, C): means over areas when shrinking, linearly when enlarging."""
    had, channels = pictures.shape[1], pictures.shape[3]
    if had == side:
        return pictures
    weights = ops.convert_to_tensor(resize_matrix(had, side))
    rows = ops.matmul(weights, ops.reshape(pictures, (-1, had, had * channels)))
    return ops.reshape(ops.matmul(weights, ops.reshape(rows, (-1, had, channels))), (-1, side, side, channels))


def resize_matrix(had: int, side: int) -> np.ndarray:
    """(side, had) float32 weights that resize a line of pixels."""
    if side < had:
        edges = np.arange(side + 1) * had / side
        at = np.arange(had)
        covered = np.minimum(edges[1:, None], at + 1) - np.maximum(edges[:-1, None], at)
        weights = np.maximum(covered, 0)
    else:
        centers = np.clip((np.arange(side) + 0.5) * had / side - 0.5, 0, had - 1)
        weights = np.maximum(0, 1 - np.abs(centers[:, None] - np.arange(had)))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
