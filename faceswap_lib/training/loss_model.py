"""Forward pass of one batch through all networks: views, faces, composites, and every loss by name.

Both people, and generators and discriminators, share one forward pass. The result is two sums, the loss of the
generators and the loss of the discriminators. The gradients are computed in `training/backends`.
"""

import dataclasses
import typing

import keras

from faceswap_lib.faces.color_normalization import NEUTRAL_TONE, denormalize_color, normalize_color
from faceswap_lib.networks import Networks
from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.training import losses
from faceswap_lib.training.augmentation import (
    DeviceFaceset,
    augment_colors,
    draw_beta,
    grid_sample,
    motion_blur,
    random_warp_grid,
)
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.perceptual import LandmarkLoss, PerceptualLoss, open_landmark_loss, open_perceptual_loss


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Indices of the crops in one batch, and the crops themselves if they are not on the device.

    Attributes:
        index_a, index_b: (B,) int32, indices of the crops of A and of B.
        crops_a, crops_b: (B, S, S, 6 or 7) uint8, as `DeviceFaceset.take` returns them; None if they are on the device.
            For a reenactment (B, S, S, 4) uint8: red, green, blue and head mask.
        shapes_a, shapes_b: (B, 143) float32, the face shapes of the crops of a reenactment, see
            `reenactment.identity_store.pack_shapes`; None if they are on the device.
    """

    index_a: typing.Any
    index_b: typing.Any
    crops_a: typing.Any = None
    crops_b: typing.Any = None
    shapes_a: typing.Any = None
    shapes_b: typing.Any = None

    def arrays(self) -> dict[str, typing.Any]:
        """Returns the arrays by name, without those that are None."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value is not None}


class AnyObjective(typing.Protocol):
    """Protocol of the losses that a training step takes: those of a face swap or of a reenactment."""

    @property
    def seed(self) -> keras.random.SeedGenerator:
        """Random seed generator on the device."""
        ...

    def __call__(
        self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]
    ) -> tuple[typing.Any, typing.Any, dict[str, typing.Any]]:
        """Computes the losses of one batch; see `Objective`."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Objective:
    """Computation of the losses; contains everything that they depend on except the batch.

    Attributes:
        networks: The five networks.
        faces_a, faces_b: The crops of A and of B.
        config: Options of the training.
        seed: Random seed generator on the device.
        perceptual_loss, landmark_loss: Losses with pretrained networks; None if the options do not use them.
    """

    networks: Networks
    faces_a: DeviceFaceset
    faces_b: DeviceFaceset
    config: TrainConfig
    seed: keras.random.SeedGenerator

    perceptual_loss: PerceptualLoss | None = dataclasses.field(init=False)
    landmark_loss: LandmarkLoss | None = dataclasses.field(init=False)

    def __post_init__(self):
        # Opened here because networks cannot be built while a step is being compiled.
        object.__setattr__(self, "perceptual_loss", open_perceptual_loss(self.config, self.networks.config.resolution))
        object.__setattr__(self, "landmark_loss", open_landmark_loss(self.config))

    def __call__(
        self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]
    ) -> tuple[typing.Any, typing.Any, dict[str, typing.Any]]:
        """Computes the losses of one batch.

        Args:
            batch: The indices of the crops.
            weights: The scheduled weights from `Phase.weights`, as scalars of the backend.
            active: The active groups of losses from `Phase.active`; the networks of the other groups do not run.

        Returns:
            The loss of the generators (scalar), the loss of the discriminators (scalar; None if they are not active),
            and a dict of all loss terms by name.

        Taught in notebooks/03_autoencoder.
        """
        networks, count = self.networks, self.config.batch_size
        sample_a = self.view(self.faces_a, batch.index_a, batch.crops_a)
        sample_b = self.view(self.faces_b, batch.index_b, batch.crops_b)
        codes = networks.encoder(ops.concatenate([sample_a.encoder_input, sample_b.encoder_input]), training=True)
        code_a, code_b = ops.split(codes, [count])
        sides = (
            ("a", sample_a, code_a, networks.decoder_a, networks.decoder_b, networks.discriminator_a),
            ("b", sample_b, code_b, networks.decoder_b, networks.decoder_a, networks.discriminator_b),
        )
        generator_loss, discriminator_loss, terms = 0.0, 0.0, {}
        for name, real, code, decoder, other, discriminator in sides:
            mask, raw, *coarse = _floats(decoder(code, training=True))
            raw, *coarse = (losses.replace_covered(picture, real) for picture in (raw, *coarse))
            side_terms = self._reconstruction_losses(real, raw, coarse)
            side_terms |= self._mask_losses(real, mask, raw, weights)
            side_terms |= self._perceptual_losses(real, mask, raw, weights, active)
            if "cycle" in active:
                side_terms["cycle"] = weights["cycle"] * self._cycle(real, code, decoder, other)
            if "adversarial" in active:
                generator_term, discriminator_term = self._adversarial_losses(real, mask, raw, discriminator)
                side_terms["adversarial"] = weights["adversarial"] * generator_term
                discriminator_loss += discriminator_term
                terms[f"discriminator_{name}"] = discriminator_term
            generator_loss += sum(side_terms.values())
            terms |= {f"{term}_{name}": value for term, value in side_terms.items()}
            terms[f"mask_mean_{name}"] = ops.sum(mask * real.face) / (ops.sum(real.face) + 1.0)
        if self.config.weight_decay:
            terms["weight_decay"] = self._decay(networks.generators)
            generator_loss += terms["weight_decay"]
            discriminator_loss += self._decay(networks.discriminators)
        return generator_loss, discriminator_loss if "adversarial" in active else None, terms

    def view(self, faces: DeviceFaceset, index, crops=None) -> losses.LossInputs:
        """Draws the augmented views of one person in a batch.

        Args:
            faces: The crops of the person.
            index: (B,) int32, indices of the crops.
            crops: The crops, see `Batch`; None if they are on the device.

        Returns:
            The plain and the warped view of each crop, with masks and tones.
        """
        config, network_config = self.config, self.networks.config
        plain_map, warped_map = random_warp_grid(config, network_config.resolution, faces.size, self.seed)
        crops = faces.take(index) if crops is None else crops
        crop_tones = ops.take(faces.tones, index, axis=0)
        tones = crop_tones
        if config.color_augmentation_prob:
            tones = augment_colors(faces.tones, config, index, faces.count, self.seed)

        def view(coordinates):
            """Samples the image, with colors as the networks expect them, and the masks of eyes, mouth and face."""
            sampled = grid_sample(crops, coordinates)
            picture, eyes, mouth, face, *visible = ops.split(sampled, [3, 4, 5, 6][: sampled.shape[-1] - 3], axis=-1)
            picture = normalize_color(picture, crop_tones)
            if network_config.input_mode == "full":
                picture = denormalize_color(picture, tones) / 127.5 - 1
                face = ops.ones_like(face) * 255
            seen = visible[0] / 255 if visible else None
            return ops.clip(picture, -1.0, 1.0), eyes / 255, mouth / 255, face / 255, seen

        real, eyes, mouth, face, visible = view(plain_map)
        warped, _, _, warped_face, _ = view(warped_map)
        if network_config.input_mode == "full" and visible is not None:
            face = face * visible  # the encoder still reads the whole view, as in the conversion
        if config.motion_blur_prob:
            warped = motion_blur(warped, config, self.seed)
        if network_config.input_mode == "full":
            tones = ops.broadcast_to(ops.convert_to_tensor(NEUTRAL_TONE), (config.batch_size, 2, 3))
        return losses.LossInputs(
            warped=warped,
            encoder_input=warped * warped_face,
            real=real,
            eyes=eyes,
            mouth=mouth,
            face=face,
            tones=tones,
            visible=visible,
        )

    def _reconstruction_losses(self, real: losses.LossInputs, raw, coarse) -> dict:
        config = self.config
        weights = losses.region_weights(
            real, eyes=config.eye_weight, mouth=config.mouth_weight, surroundings=config.background_weight
        )
        terms = {"reconstruction": losses.reconstruction(raw, real, weights)}
        if config.dssim_weight:
            terms["dssim"] = config.dssim_weight * losses.dssim(raw, real)
        if config.edge_weight:
            terms["edges"] = config.edge_weight * losses.edge_loss(raw, real, weights)
        for picture in coarse:
            factor = real.real.shape[1] // picture.shape[1]
            # The strides are explicit because Keras 3.15 fails on JAX without them.
            small, face = (ops.average_pool(x, factor, factor) for x in (real.real, real.face))
            terms[f"coarse_{picture.shape[1]}"] = losses.weighted_mean(ops.abs(picture - small), face, face)
        return terms

    def _mask_losses(self, real: losses.LossInputs, mask, raw, weights) -> dict:
        # The composite loss must train only the mask; its gradient must not change the raw face.
        composite = losses.alpha_composite(mask, ops.stop_gradient(raw), real.warped)
        composite = losses.replace_covered(composite, real)
        return {
            "composite": weights["composite"] * ops.mean(ops.abs(composite - real.real)),
            "mask_prior": weights["mask_prior"] * losses.mask_prior(mask, real.face, real.visible),
            "mask_l1": weights["mask_l1"] * losses.mask_l1(mask),
            "mask_hinge": weights["mask_hinge"] * losses.mask_hinge(mask, real.face, weights["mask_level"]),
            "mask_tv": self.config.mask_tv_weight * losses.total_variation(mask),
        }

    def _perceptual_losses(self, real: losses.LossInputs, mask, raw, weights, active: frozenset[str]) -> dict:
        """Computes the losses with pretrained networks.

        Their input is a random mixture of two composites: the raw face in the real image, inside the face region, and
        the composite with the predicted mask.
        """
        criteria = {"perceptual": self.perceptual_loss, "landmarks": self.landmark_loss}
        criteria = {name: criterion for name, criterion in criteria.items() if criterion and name in active}
        if not criteria:
            return {}
        ratio = draw_beta((self.config.batch_size, 1, 1, 1), self.seed)
        whole = losses.alpha_composite(real.face, raw, real.real)
        mixed = ratio * whole + (1 - ratio) * losses.alpha_composite(mask, raw, real.warped)
        fake, target = (denormalize_color(picture, real.tones) for picture in (mixed, real.real))
        return {name: weights[name] * criterion.distance(fake, target) for name, criterion in criteria.items()}

    def _cycle(self, real: losses.LossInputs, code, decoder, other):
        _, swapped, *_ = _floats(other(code, training=True))
        back_mask, back, *_ = _floats(decoder(self.networks.encoder(swapped * real.face, training=True), training=True))
        return losses.cycle_consistency(back * real.face, real.real * real.face, back_mask)

    def _adversarial_losses(self, real: losses.LossInputs, mask, raw, discriminator):
        """Computes the adversarial losses of the generator and of the discriminator.

        The fake images are the composite with the predicted mask, and the raw face in the real image, inside the face
        region.
        """
        fakes = ops.concatenate(
            [losses.alpha_composite(mask, raw, real.warped), losses.alpha_composite(real.face, raw, real.real)]
        )
        reals = ops.concatenate([real.real, real.real])
        condition = ops.concatenate([real.encoder_input, real.encoder_input])

        def discriminate(pictures):
            return ops.cast(discriminator(ops.concatenate([pictures, condition], -1), training=True), "float32")

        if self.config.adversarial == "relativistic":
            real_score = discriminate(reals)
            discriminator_term, _ = losses.relativistic_lsgan_losses(real_score, discriminate(ops.stop_gradient(fakes)))
            _, generator_term = losses.relativistic_lsgan_losses(real_score, discriminate(fakes))
            return generator_term, discriminator_term
        ratio = draw_beta((2 * self.config.batch_size, 1, 1, 1), self.seed)
        mixture = ratio * reals + (1 - ratio) * ops.stop_gradient(fakes)
        generator_term = losses.lsgan_generator_loss(discriminate(fakes))
        return generator_term, losses.mixup_discriminator_loss(discriminate(mixture), ratio)

    def _decay(self, networks: typing.Sequence[keras.Model]):
        kernels = [w for network in networks for w in network.trainable_variables if len(w.shape) > 1]
        return self.config.weight_decay * losses.weight_decay(kernels)


def _floats(outputs) -> list:
    """Converts the outputs of networks of any precision to float32."""
    return [ops.cast(output, "float32") for output in outputs]
