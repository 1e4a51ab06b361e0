"""Losses of one-shot face reenactment.

The weights are those of the paper, except where `LOSS_WEIGHTS` says otherwise. VGG16 of ImageNet and the ResNet18 for
10,173 identities of the paper are not available. O-Net takes their place: its convolutions for the perceptual loss, its
last layers for the identity. If the option `perceptual` selects VGGFace, it takes both places.

Source: Zhang et al., "One-shot Face Reenactment", 2019.
"""

import dataclasses
import typing

import keras

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.networks.pretrained import onet
from faceswap_lib.reenactment.device_warp import warp_fields, warp_pictures
from faceswap_lib.reenactment.learned_fusion import compose
from faceswap_lib.reenactment.pair_objective import PairObjective
from faceswap_lib.reenactment.pair_views import PairViews
from faceswap_lib.reenactment.shape_pictures import BOUNDARIES
from faceswap_lib.reenactment.systems.one_shot_contours import exchange_contours, mean_outlines
from faceswap_lib.reenactment.systems.one_shot_networks import DISCRIMINATORS, shape_maps
from faceswap_lib.training.loss_model import Batch
from faceswap_lib.training.losses import LossInputs, dssim, lsgan_generator_loss
from faceswap_lib.training.perceptual import PerceptualLoss, resize

LOSS_WEIGHTS = {
    "reconstruction": 25.0,
    "parts": 25.0,
    "perceptual": 10.0,
    "identity": 1.0,
    "appearance": 25.0,
    "adversarial": 1.0,
    "fusion": 25.0,
    "contour_exchange": 0.25,
    "code_noise": 1.0,
    "strangers": 1.0,
}
"""Weights of the losses. Those of the perceptual loss (1 in the paper, with another network and distance) and of the
fusion are ours. Three are no losses: `contour_exchange` is the share of the targets that get another person's outline,
`code_noise` the standard deviation of the noise that is added to the appearance code, 1 in the paper, and `strangers`
is 1 if the fusion also sees generated pictures of other people, 0 if not."""

STRANGERS = 4
"""The fusion sees a picture of another pair instead of one in this number of pictures of a batch."""

FUSION_WEIGHTS = {
    "reconstruction": 1.0,
    "parts": 1.0,
    "dssim": 1.0,
    "perceptual": 0.4,
    "identity": 0.04,
    "adversarial": 0.04,
}
"""Weight of each part of the loss `fusion` of the fused picture. They are those of the generated picture divided by 25,
and the structural dissimilarity, which prefers the detail of the photo to a blurred mean."""

CRITICAL = frozenset({"adversarial"})

PART_WEIGHTS = {
    "face": 1.0,
    "brows": 2.0,
    "eyes": 3.0,
    "nose": 2.0,
    "upper lip": 3.0,
    "lower lip": 3.0,
    "teeth": 2.0,
    "nose bridge": 2.0,
}
GAZE_WEIGHT = 4.0
"""Weight of each boundary map in the pixel loss of the parts, and of the map of the gaze; those of the paper."""

WIDENING = 2
"""Factor by which the boundary maps are wider in the loss of the parts, so that they cover eyes and lips."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """What the networks made of a batch.

    Attributes:
        picture: (B, R, R, 3) in [-1, 1], the picture of the decoder.
        rebuilt: (B, R, R, 3) in [-1, 1], the reconstruction of the source.
        fused: (B, R, R, 3) in [-1, 1], the picture fused with the warped source; no gradient reaches the decoder.
    """

    picture: typing.Any
    rebuilt: typing.Any
    fused: typing.Any


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityLoss:
    """Mean absolute distance of the features of the last layers of a face network.

    Attributes:
        name: Name of the network.
        side: Side of its input in pixels.
        preprocess: Converts RGB, 0 to 255, to its input.
        model: Computes features (B, ...) from the preprocessed input.
    """

    name: str
    side: int
    preprocess: typing.Callable[[typing.Any], typing.Any]
    model: keras.Model

    def distance(self, fake, real):
        """Computes the distance of two batches (B, R, R, 3), RGB 0 to 255, relative to the size of the features."""
        both = self.preprocess(resize(ops.concatenate([fake, ops.stop_gradient(real)]), self.side))
        features: typing.Any = self.model(both, training=False)
        made, expected = ops.split(ops.cast(features, "float32"), 2)
        expected = ops.stop_gradient(expected)
        return ops.mean(ops.abs(made - expected)) / (ops.mean(ops.abs(expected)) + 1e-6)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Objective(PairObjective):
    """Losses of one-shot face reenactment; see `PairObjective`.

    Attributes:
        outlines: (P, 17, 2) mean outline of each person.
        identity: The identity loss; None if there is no perceptual loss.
    """

    outlines: typing.Any = dataclasses.field(init=False)
    identity: IdentityLoss | None = dataclasses.field(init=False)

    def __post_init__(self):
        super().__post_init__()
        identity = None if self.perceptual is None else open_identity_loss(self.perceptual)
        object.__setattr__(self, "outlines", mean_outlines(self.people))
        object.__setattr__(self, "identity", identity)

    def __call__(self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]):
        """Computes the losses of a batch; see `System.build_objective`."""
        resolution = self.networks.config.resolution
        pairs = self.view(batch)
        pairs = exchange_contours(pairs, self.outlines, weights["contour_exchange"], self.seed)
        maps = shape_maps(pairs.target_shapes, resolution)
        made = self._make(pairs, maps, weights["code_noise"], weights["strangers"])
        large = resize(maps[-1], resolution)
        terms = self._compare(made.picture, pairs.target, part_weights(large))
        terms["appearance"] = ops.mean(ops.abs(made.rebuilt - pairs.source))
        fused = self._compare(made.fused, pairs.target, part_weights(large))
        fused["dssim"] = picture_dssim(made.fused, pairs.target)
        critics = {}
        if "adversarial" in active:
            (own, of_fused), critics["discriminator"] = self._adversarial_losses(made, pairs.target, large)
            terms["adversarial"], fused["adversarial"] = own, of_fused
        terms["fusion"] = sum(FUSION_WEIGHTS[name] * value for name, value in fused.items())
        loss = sum(weights[name] * value for name, value in terms.items())
        return loss, critics.get("discriminator"), terms | critics

    def _make(self, pairs: PairViews, maps: list, noise: typing.Any, strangers: typing.Any) -> Made:
        """Runs the generators."""
        networks = self.networks
        code = networks["appearance_encoder"](pairs.source, training=True)
        code = code + noise * keras.random.normal(code.shape, seed=self.seed)
        *features, rebuilt = networks["appearance_decoder"](code, training=True)
        picture = networks["decoder"]([code, *features, *maps], training=True)
        fields = warp_fields(pairs.source_shapes.points, pairs.target_shapes.points, picture.shape[1])
        warped = warp_pictures(pairs.source, fields)
        seen = self._show_strangers(ops.stop_gradient(picture), [code, *features], maps, strangers)
        fused, _ = compose(seen, warped, networks["fusion"]([seen, warped, fields, maps[-1]], training=True))
        return Made(picture=picture, rebuilt=rebuilt, fused=fused)

    def _show_strangers(self, pictures: typing.Any, appearance: list, maps: list, share: typing.Any) -> typing.Any:
        """Replaces the first pictures of a batch, before their fusion, by those with the appearance of other pairs.

        To networks that were trained on a few people, everybody else looks like one of them. So the fusion must learn
        to distrust a generated picture that is of somebody else than the warped photo.
        """
        count = self.config.batch_size
        some = count // STRANGERS
        if not some:
            return pictures
        turned = [_first(ops.roll(values, -some, axis=0), some) for values in appearance]
        others = self.networks["decoder"]([*turned, *(_first(own, some) for own in maps)], training=False)
        first, rest = ops.split(pictures, [some])
        return ops.concatenate([first + share * (ops.stop_gradient(others) - first), rest])

    def _compare(self, picture: typing.Any, target: typing.Any, weights: typing.Any) -> dict[str, typing.Any]:
        """Computes the distances of a picture from the target; `weights` are those of `part_weights`."""
        error = ops.abs(picture - target)
        terms = {"reconstruction": ops.mean(error), "parts": weighted_error(error, weights)}
        pair = (picture + 1) * 127.5, (target + 1) * 127.5
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual.distance(*pair)
        if self.identity is not None:
            terms["identity"] = self.identity.distance(*pair)
        return terms

    def _adversarial_losses(self, made: Made, target: typing.Any, maps: typing.Any) -> tuple[list, typing.Any]:
        """Computes the LSGAN losses, means over the three scales.

        Returns:
            The loss of the generated pictures and that of the fused ones, and the loss of the discriminators.
        """
        fooling, telling, count = [0.0, 0.0], 0.0, len(DISCRIMINATORS)
        fakes, real = ops.concatenate([made.picture, made.fused]), ops.concatenate([target, maps], axis=-1)
        fakes = ops.concatenate([fakes, ops.tile(maps, (2, 1, 1, 1))], axis=-1)
        for name in DISCRIMINATORS:
            discriminator = self.networks[name]
            small_fakes, small_real = (resize(pictures, discriminator.input_shape[1]) for pictures in (fakes, real))
            scores = ops.split(discriminator(small_fakes, training=True), 2)
            fooling = [loss + lsgan_generator_loss(score) / count for loss, score in zip(fooling, scores, strict=True)]
            true = discriminator(small_real, training=True)
            false = discriminator(ops.stop_gradient(small_fakes), training=True)
            telling += (lsgan_generator_loss(true) + ops.mean(ops.square(false))) / (2 * count)
        return fooling, telling


def _first(values: typing.Any, count: int) -> typing.Any:
    """Returns the first rows of a batch, without gradients."""
    return ops.split(ops.stop_gradient(values), [count])[0]


def part_weights(maps: typing.Any) -> typing.Any:
    """Computes the weight of each pixel in the loss of the parts from boundary maps, (B, R, R, 9) to (B, R, R, 1).

    Where maps overlap, the largest weight counts.
    """
    values = [*(PART_WEIGHTS[name] for name in BOUNDARIES), GAZE_WEIGHT]
    wide = ops.maximum(maps, 0.0) ** (1 / WIDENING**2)  # the power of a normal distribution is a wider one
    return ops.max(wide * ops.convert_to_tensor(values, "float32"), axis=-1, keepdims=True)


def picture_dssim(picture: typing.Any, target: typing.Any) -> typing.Any:
    """Computes the structural dissimilarity (1 - SSIM) / 2 of two batches (B, R, R, 3) in [-1, 1]."""
    whole = ops.ones_like(ops.max(target, axis=-1, keepdims=True))
    inputs = LossInputs(warped=None, encoder_input=None, real=target, eyes=None, mouth=None, face=whole, tones=None)
    return dssim(picture, inputs)


def weighted_error(error: typing.Any, weights: typing.Any) -> typing.Any:
    """Computes the weighted mean of an error (B, R, R, 3) with the weights (B, R, R, 1)."""
    return ops.sum(ops.mean(error, axis=-1, keepdims=True) * weights) / (ops.sum(weights) + 1e-6)


def open_identity_loss(perceptual: PerceptualLoss) -> IdentityLoss:
    """Opens the identity loss that belongs to a perceptual loss: VGGFace if that has it, otherwise O-Net."""
    if perceptual.name == "onet":
        whole = onet.build_onet()
        features = keras.Model(whole.input, whole.get_layer(index=-4).output, name="onet_identity")
        features.trainable = False
        return IdentityLoss(name="onet", side=onet.SIDE, preprocess=onet.preprocess, model=features)
    last = typing.cast(list, perceptual.model.outputs)[-1]
    features = keras.Model(perceptual.model.input, keras.layers.GlobalAveragePooling2D()(last), name="identity")
    features.trainable = False
    return IdentityLoss(name=perceptual.name, side=perceptual.side, preprocess=perceptual.preprocess, model=features)
