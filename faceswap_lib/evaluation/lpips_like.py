"""Perceptual distance of two images: the distance of their features in a trained network, not of their pixels.

Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018 (LPIPS), without
its channel weights, which were learned from people's answers: the features of each position are scaled to length 1, and
the squared difference is averaged over positions and layers.
"""

import dataclasses
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.evaluation import feature_networks
from faceswap_lib.evaluation.feature_networks import FeatureNetwork

if typing.TYPE_CHECKING:
    import keras

BATCH = 4
"""Image pairs per batch; VGG16 needs about 130 MB for each."""

PerceptualNetwork = typing.Literal["auto", "vgg16", "vggface", "onet"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PerceptualResult:
    """Perceptual distances of image pairs.

    Attributes:
        network: Name of the feature network; distances of different networks are not comparable.
        distances: (N,) float64, 0 for identical images, larger for less similar ones; at most 2 for networks whose
            features come from a ReLU (`onet`: 4).
    """

    network: str
    distances: np.ndarray


class PerceptualMeter:
    """Perceptual distance with the features of one network.

    Args:
        features: The feature network.

    Attributes:
        network: Name of the feature network.
    """

    def __init__(self, features: FeatureNetwork):
        self.network = features.name
        self._features = features
        self._compare = _build_comparison(features)

    def measure(self, pictures_a: np.ndarray, pictures_b: np.ndarray) -> PerceptualResult:
        """Computes the perceptual distance of each image pair; images are resized to the network's input size.

        Args:
            pictures_a: (N, H, W, 3) uint8 RGB, 0 to 255.
            pictures_b: (N, H, W, 3) uint8 RGB.

        Returns:
            The distances. They are symmetric: swapping the two arguments does not change them.

        Raises:
            ValueError: If the shapes differ or are not (N, H, W, 3).
        """
        shape = np.shape(pictures_a)
        if shape != np.shape(pictures_b) or len(shape) != 4 or shape[-1] != 3 or 0 in shape[1:]:
            raise ValueError(f"expected two (N, H, W, 3) of one shape, got {shape} and {np.shape(pictures_b)}")
        rows = [np.empty(0)]
        for start in range(0, len(pictures_a), BATCH):
            part = slice(start, start + BATCH)
            pair = [self._prepare(images[part]) for images in (pictures_a, pictures_b)]
            rows.append(self._compare.predict_on_batch(pair))
        return PerceptualResult(network=self.network, distances=np.concatenate(rows))

    def _prepare(self, images: np.ndarray) -> np.ndarray:
        """Resizes images to the network's input size and preprocesses them."""
        side = self._features.side
        shrinks = max(np.shape(images)[1:3]) > side
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = [cv2.resize(image, (side, side), interpolation=interpolation) for image in images]
        return self._features.preprocess(np.stack(resized))


def open_perceptual(network: PerceptualNetwork = "auto", path: pathlib.Path | None = None) -> PerceptualMeter:
    """Opens a feature network for perceptual distances.

    Args:
        network: `vgg16` (ImageNet, as in LPIPS), `vggface` (ResNet50, or VGG16 if it is missing), `onet` (MTCNN's last
            network, always available but small), or `auto`: the first of these whose weights are on this machine.
            Nothing is downloaded.
        path: The weight file of `vgg16` or `vggface` (ResNet50); None searches the usual folders.

    Returns:
        The meter; its results name the network.

    Raises:
        InputError: If the requested weights are missing, the network is unknown, or a path is passed for `auto` or
            `onet`.
        CheckpointError: If a weight file is damaged or belongs to another network.
    """
    return PerceptualMeter(feature_networks.open_features(network, path))


def _build_comparison(features: FeatureNetwork) -> "keras.Model":
    """Builds the model that maps two batches (B, S, S, 3) to (B,) distances."""
    import keras
    from keras import ops

    def unit(x: typing.Any) -> typing.Any:
        length = typing.cast(typing.Any, ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True)))
        return x / (length + 1e-10)

    pair = [keras.Input(features.model.input_shape[1:]) for _ in range(2)]
    layers = zip(*(features.model(images) for images in pair), strict=True)
    squares = [ops.sum(ops.square(unit(a) - unit(b)), axis=-1) for a, b in layers]
    return keras.Model(pair, ops.mean(ops.stack([ops.mean(s, axis=(1, 2)) for s in squares], axis=-1), axis=-1))
