"""Bilayer head avatars: a low-frequency picture plus a detailed texture that a flow moves.

    picture = low-frequency picture + texture[flow]    inside the head; outside, the background of the photo

The texture belongs to the photo and is computed once. For every frame a small network computes from the landmarks
where each pixel of the texture goes, and what shading it gets.

Differences from the paper: the background is the photo's, not black; a pixel loss is added, and O-Net or VGGFace
replaces VGG-19; the texture enhancer has no network (`avatar_texture.read_detail`); "tiny" and "lite" start from a map
between landmarks and texture (`AvatarChannels.is_guided`); the crops have no segmentation network (`head_masks`).

Source: Zakharov et al., "Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars", 2020.
"""

import dataclasses
import typing

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.reenactment.pair_objective import PairObjective
from faceswap_lib.reenactment.pair_views import PairViews
from faceswap_lib.reenactment.shape_pictures import ShapeBatch, stick_figure
from faceswap_lib.reenactment.system import System
from faceswap_lib.reenactment.systems import avatar_losses
from faceswap_lib.reenactment.systems.avatar_networks import WIDTHS, build_networks
from faceswap_lib.reenactment.systems.avatar_renderer import AvatarRenderer
from faceswap_lib.reenactment.systems.avatar_texture import Layers, compose, infer_layers, read_detail
from faceswap_lib.training.loss_model import Batch

LOSS_WEIGHTS = {
    "reconstruction": 10.0,
    "base": 3.0,
    "adversarial": 0.5,
    "feature_matching": 10.0,
    "perceptual": 10.0,
    "low_frequency": 10.0,
    "segmentation": 10.0,
    "enhancer": 1.0,
}
"""Weights of the paper, except `reconstruction` and `base`, which are ours: the absolute error of the picture with and
without the detail of the photo. `enhancer` is no loss but the share of the photo's detail in the texture."""

OUTSIDE = 0.2
"""Weight of the errors outside the head. It keeps the motion of neck and hair near the head's."""

CRITICAL = frozenset({"adversarial", "feature_matching"})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Objective(PairObjective):
    """Losses of the avatars; see `PairObjective`."""

    def __call__(self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]):
        """Computes the losses of a batch; see `System.build_objective`."""
        pairs = self.view(batch)
        head, count = pairs.target_heads, self.config.batch_size
        texture, both = self._run(pairs)
        of_source, of_target = (Layers(*layers) for layers in zip(*(ops.split(x, [count]) for x in both), strict=True))
        detail = read_detail(texture, pairs.source, of_source)
        made, base, _ = compose(texture, detail, of_target, weights["enhancer"])
        pictures = ops.concatenate([pairs.source, pairs.target])
        heads = ops.concatenate([pairs.source_heads, head])
        focus = OUTSIDE + (1 - OUTSIDE) * heads
        _, target_focus = ops.split(focus, 2)
        terms = {
            "reconstruction": avatar_losses.masked_l1(made, pairs.target, target_focus),
            "base": avatar_losses.masked_l1(base, pairs.target, target_focus),
            "low_frequency": avatar_losses.low_frequency(both.low, pictures, focus),
            "segmentation": avatar_losses.cross_entropy(both.segmentation, heads),
        }
        # The background is that of the target, so it is not judged.
        fake = ops.clip(head * made + (1 - head) * pairs.target, -1.0, 1.0)
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual.distance((fake + 1) * 127.5, (pairs.target + 1) * 127.5)
        critics, critic_loss = {}, None
        if "adversarial" in active:
            critic_loss, adversarial = self._contest(fake, pairs)
            terms |= adversarial
            critics = {"discriminator": critic_loss}
        return sum(weights[name] * value for name, value in terms.items()), critic_loss, terms | critics

    def _run(self, pairs: PairViews) -> tuple[typing.Any, Layers]:
        """Runs the generators; returns the textures, and the layers of the sources followed by those of the targets."""
        networks, resolution = self.networks, self.networks.config.resolution
        sticks = stick_figure(pairs.source_shapes, resolution, ops=ops) * 2 - 1
        seen = ops.concatenate([pairs.source * pairs.source_heads, sticks], axis=-1)
        embedding = networks["embedder"](seen, training=True)
        texture = ops.cast(networks["texture"](embedding, training=True), "float32")
        sources, targets = vars(pairs.source_shapes), vars(pairs.target_shapes)
        shapes = ShapeBatch(**{name: ops.concatenate([sources[name], targets[name]]) for name in sources})
        widths, embeddings = WIDTHS[networks.config.capacity], ops.concatenate([embedding, embedding])
        return texture, infer_layers(networks["inference"], widths, shapes, embeddings, resolution, training=True)

    def _contest(self, fake: typing.Any, pairs: PairViews) -> tuple[typing.Any, dict[str, typing.Any]]:
        """Computes the loss of the discriminator, and the terms of the generators that depend on it."""
        stick = stick_figure(pairs.target_shapes, self.networks.config.resolution, ops=ops) * 2 - 1
        discriminator = self.networks["discriminator"]

        def judge(picture):
            """Scores the targets and a generated picture; returns the real and the generated output of each layer."""
            seen = ops.concatenate(
                [ops.concatenate([pairs.target, stick], axis=-1), ops.concatenate([picture, stick], axis=-1)]
            )
            outputs = [ops.split(x, 2) for x in discriminator(seen, training=True)]
            return [real for real, _ in outputs], [made for _, made in outputs]

        (real, *reals), (made, *mades) = judge(fake)
        terms = {
            "adversarial": avatar_losses.relativistic_hinge(made, real),
            "feature_matching": avatar_losses.feature_matching(reals, mades),
        }
        (real, *_), (made, *_) = judge(ops.stop_gradient(fake))
        return avatar_losses.relativistic_hinge(real, made), terms


SYSTEM = System(
    name="avatar",
    source="Zakharov et al., Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars, 2020",
    loss_weights=LOSS_WEIGHTS,
    critical_losses=CRITICAL,
    build_networks=build_networks,
    build_objective=Objective,
    build_renderer=AvatarRenderer,
    needs_heads=True,
)
