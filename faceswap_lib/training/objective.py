"""One batch through all networks: views, faces, composites, and every loss by name.

Both people and both players share one forward pass. The result is two sums, one for the generators and one for the
discriminators; how gradients are taken is the business of `training/backends`.
"""

import dataclasses

import keras
from keras import ops

from faceswap_lib.faces.tone import to_standard_tone
from faceswap_lib.networks import Networks
from faceswap_lib.training import losses
from faceswap_lib.training.augmentation import DeviceFaces, random_map, sample
from faceswap_lib.training.config import TrainConfig

MASK_VARIATION = 0.1
"""Weight of the mask's total variation."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Which crops a step reads.

    Attributes:
        index_a, index_b: (B,) int32 crops of A and of B.
    """

    index_a: object
    index_b: object


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Objective:
    """Everything a step's losses depend on but the batch.

    Attributes:
        networks: The five networks.
        faces_a, faces_b: Both people's crops.
        config: Options.
        seed: Source of randomness on the device.
    """

    networks: Networks
    faces_a: DeviceFaces
    faces_b: DeviceFaces
    config: TrainConfig
    seed: keras.random.SeedGenerator

    def __call__(self, batch: Batch, scheduled, *, adversarial: bool):
        """Computes the losses of one batch.

        Args:
            batch: Which crops.
            scheduled: (4,) float32 weights of the phase: adversarial, composite, mask prior, mask level.
            adversarial: Whether the discriminators take part.

        Returns:
            Generators' loss, discriminators' loss (both scalars), and a dict of named terms.
        """
        count = self.config.batch_size
        sample_a = self._view(self.faces_a, batch.index_a)
        sample_b = self._view(self.faces_b, batch.index_b)
        codes = self.networks.encoder(ops.concatenate([sample_a.seen, sample_b.seen]), training=True)
        sides = (
            ("a", sample_a, codes[:count], self.networks.decoder_a, self.networks.discriminator_a),
            ("b", sample_b, codes[count:], self.networks.decoder_b, self.networks.discriminator_b),
        )
        generator_loss, discriminator_loss, terms = 0.0, 0.0, {}
        for name, real, code, decoder, discriminator in sides:
            mask, raw, *coarse = decoder(code, training=True)
            side_terms = self._likeness(real, raw, coarse)
            side_terms |= self._masking(real, mask, raw, scheduled)
            if adversarial:
                fooling, telling = self._contest(real, mask, raw, discriminator)
                side_terms["adversarial"] = scheduled[0] * fooling
                discriminator_loss += telling
                terms[f"discriminator_{name}"] = telling
            generator_loss += sum(side_terms.values())
            terms |= {f"{term}_{name}": value for term, value in side_terms.items()}
            terms[f"mask_mean_{name}"] = ops.sum(mask * real.face) / (ops.sum(real.face) + 1.0)
        return generator_loss, discriminator_loss, terms

    def _view(self, faces: DeviceFaces, index) -> losses.Sample:
        resolution = self.networks.config.resolution
        plain_map, warped_map = random_map(self.config, resolution, faces.size, self.seed)
        plain, warped = sample(faces, index, plain_map), sample(faces, index, warped_map)
        tones = ops.take(faces.tones, index, axis=0)
        warped_picture = ops.clip(to_standard_tone(warped[..., :3], tones), -1.0, 1.0)
        return losses.Sample(
            warped=warped_picture,
            seen=warped_picture * warped[..., 5:6] / 255,
            real=ops.clip(to_standard_tone(plain[..., :3], tones), -1.0, 1.0),
            eyes=plain[..., 3:4] / 255,
            mouth=plain[..., 4:5] / 255,
            face=plain[..., 5:6] / 255,
        )

    def _likeness(self, real: losses.Sample, raw, coarse) -> dict:
        config = self.config
        weights = losses.region_weights(
            real, eyes=config.eye_weight, mouth=config.mouth_weight, surroundings=config.surroundings_weight
        )
        terms = {
            "reconstruction": losses.reconstruction(raw, real, weights),
            "structure": config.structure_weight * losses.dissimilarity(raw, real, real.face),
            "edges": config.edge_weight * losses.edges(raw, real, weights),
        }
        for picture in coarse:
            factor = real.real.shape[1] // picture.shape[1]
            small, face = (ops.average_pool(x, factor) for x in (real.real, real.face))
            terms["coarse"] = losses.weighted_mean(ops.abs(picture - small), face, face)
        return terms

    def _masking(self, real: losses.Sample, mask, raw, scheduled) -> dict:
        # What the composite teaches the mask must not teach the face to be a picture seen through it.
        composite = losses.compose(mask, ops.stop_gradient(raw), real.warped)
        return {
            "composite": scheduled[1] * ops.mean(ops.abs(composite - real.real)),
            "mask_prior": scheduled[2] * losses.mask_prior(mask, real.face),
            "mask_hinge": losses.mask_hinge(mask, real.face, scheduled[3]),
            "mask_variation": MASK_VARIATION * losses.total_variation(mask),
        }

    def _contest(self, real: losses.Sample, mask, raw, discriminator):
        """Generator's and discriminator's adversarial losses, over the composite and the face set into its frame."""
        fakes = ops.concatenate([losses.compose(mask, raw, real.warped), losses.compose(real.face, raw, real.real)])
        reals = ops.concatenate([real.real, real.real])
        seen = ops.concatenate([real.seen, real.seen])
        share = keras.random.beta((2 * self.config.batch_size, 1, 1, 1), 0.2, 0.2, seed=self.seed)
        mixture = share * reals + (1 - share) * ops.stop_gradient(fakes)
        telling = losses.judge_mixture(discriminator(ops.concatenate([mixture, seen], -1), training=True), share)
        fooling = losses.judge_fake(discriminator(ops.concatenate([fakes, seen], -1), training=True))
        return fooling, telling
