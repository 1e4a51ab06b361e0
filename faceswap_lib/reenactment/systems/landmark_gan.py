"""The landmark GAN: a generator turns a photo and a picture of keypoints into the same person with these keypoints.

Four networks learn together. The discriminator distinguishes real pictures from generated ones; the identity
discriminator checks whether two pictures show the same person; the keypoint detector finds the keypoints in a picture.
The generator learns from all three. The detector always gets a noisy picture and never stops learning, because the
generator would learn to fool a detector that does not change.

Source: the landmark GAN that won the second prize for face generation in the first BIGO short video challenge, held at
PRCV 2019 (no paper).
"""

import dataclasses
import typing

import keras
import numpy as np

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.pair_objective import PairObjective
from faceswap_lib.reenactment.rendering import compiled_call, shape_arrays, shapes_of, to_float, to_uint8
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, keypoint_picture
from faceswap_lib.reenactment.system import System
from faceswap_lib.reenactment.systems.landmark_gan_networks import build_networks
from faceswap_lib.training.loss_model import Batch

LOSS_WEIGHTS = {
    "reconstruction": 4.0,
    "keypoints": 20.0,
    "adversarial": 0.1,
    "identity": 0.1,
    "perceptual": 2.0,
    "detector_noise": 0.4,
}
"""Weights of the original; `perceptual` is its distance of ResNet features. `detector_noise` is not a loss but the
standard deviation of the noise in the detector's input. The original has 100 for `keypoints`, and another distance: the
gradient of `keypoint_loss` is larger, and with 100 the pictures got worse in 400 steps."""

CRITICAL = frozenset({"keypoints", "adversarial", "identity"})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Objective(PairObjective):
    """Losses of the landmark GAN; see `PairObjective`."""

    def __call__(self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]):
        """Computes the losses of a batch; see `System.build_objective`.

        Taught in notebooks/10_landmark_gan.
        """
        networks, resolution = self.networks, self.networks.config.resolution
        pairs = self.view(batch)
        keypoints = keypoint_picture(pairs.target_shapes, resolution, ops=ops)
        made = _run(networks["generator"], ops.concatenate([pairs.source, keypoints], axis=-1))
        terms = {"reconstruction": ops.mean(ops.abs(made - pairs.target))}
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual.distance((made + 1) * 127.5, (pairs.target + 1) * 127.5)
        if "adversarial" not in active:
            return _weighted(terms, weights), None, terms
        noise = [
            keras.random.normal(made.shape, stddev=1.0, seed=self.seed) * weights["detector_noise"] for _ in range(2)
        ]
        detector, discriminator = networks["keypoint_detector"], networks["discriminator"]
        identity = networks["identity_discriminator"]
        terms["keypoints"] = keypoint_loss(_run(detector, made + noise[0]), keypoints)
        terms["adversarial"] = _is_true(_run(discriminator, made))
        terms["identity"] = _is_true(_run(identity, ops.concatenate([pairs.source, made], axis=-1)))
        generator_loss = _weighted(terms, weights)

        fake = ops.stop_gradient(made)
        critics = {
            "detector": keypoint_loss(_run(detector, pairs.target + noise[1]), keypoints),
            "discriminator": _is_true(_run(discriminator, pairs.target)) + _is_false(_run(discriminator, fake)),
            "identity_discriminator": self._identity_loss(pairs, fake),
        }
        loss = weights["keypoints"] * critics["detector"]
        return generator_loss, loss + critics["discriminator"] + critics["identity_discriminator"], terms | critics

    def _identity_loss(self, pairs, fake):
        """Computes the loss of the identity discriminator.

        True are two pictures of one person; false are a picture with a generated one, and with one of another person:
        that of the next pair of the batch, if it shows somebody else.
        """
        identity, source = self.networks["identity_discriminator"], pairs.source
        others = ops.roll(pairs.target, 1, axis=0)
        differ = ops.cast(ops.not_equal(ops.roll(pairs.person, 1, axis=0), pairs.person), "float32")
        same = _is_true(_run(identity, ops.concatenate([source, pairs.target], axis=-1)))
        made = _is_false(_run(identity, ops.concatenate([source, fake], axis=-1)))
        score = ops.softplus(_run(identity, ops.concatenate([source, others], axis=-1)))[:, 0]
        return same + made + ops.sum(score * differ) / (ops.sum(differ) + 1e-6)


def keypoint_loss(found, expected):
    """Computes the binary cross-entropy of two keypoint pictures (B, R, R, 3) in [0, 1].

    The original has the mean absolute difference, which is lowest for the most probable value of a pixel. Dots cover
    about one pixel in fifty, so that value is black: after 1,200 steps with it, the detector's output was black for
    every face, and the loss said nothing to the generator.
    Taught in notebooks/10_landmark_gan.
    """
    return ops.mean(ops.binary_crossentropy(expected, found))


def _run(network, picture):
    """Runs a network of any precision in training; float32."""
    return ops.cast(network(picture, training=True), "float32")


def _is_true(logits):
    """Computes the loss for logits that should be high, softplus(-x)."""
    return ops.mean(ops.softplus(-logits))


def _is_false(logits):
    """Computes the loss for logits that should be low, softplus(x)."""
    return ops.mean(ops.softplus(logits))


def _weighted(terms: dict, weights: typing.Mapping):
    return sum(weights[name] * value for name, value in terms.items())


class LandmarkGanRenderer:
    """Renderer of one photo; see `system.Renderer`.

    Args:
        networks: The networks.
        photo: (R, R, 3) uint8 RGB aligned crop.
        shape: Its shape; not used by this system.
    """

    def __init__(self, networks: ReenactmentNetworks, photo: np.ndarray, shape: FaceShape):
        del shape
        resolution = networks.config.resolution

        def run(inputs):
            keypoints = keypoint_picture(shapes_of(inputs), resolution, ops=ops)
            seen = ops.concatenate([inputs["photo"], keypoints], axis=-1)
            return {"picture": networks["generator"](seen, training=False)}

        self._call = compiled_call(networks, "render", run)
        self._photo = {"photo": to_float(photo)[None]}

    def render(self, shapes: ShapeBatch) -> np.ndarray:
        """Renders the person of the photo with other shapes; see `system.Renderer.render`."""
        return to_uint8(self._call(shape_arrays(shapes), self._photo)["picture"])


SYSTEM = System(
    name="landmark-gan",
    source="landmark GAN, second prize of the BIGO short video challenge, PRCV 2019",
    loss_weights=LOSS_WEIGHTS,
    critical_losses=CRITICAL,
    build_networks=build_networks,
    build_objective=Objective,
    build_renderer=LandmarkGanRenderer,
)
