"""The five networks of a face swap and how they are connected.

    warped face (R)  ->  encoder  ->  8x8 code  ->  decoder A or B  ->  mask, face (R)

Both people share one encoder, so the latent code can represent only what they have in common: pose, expression and
lighting. Each decoder learns one person. Encoding a face of A and decoding it with decoder B produces the face of B
with the pose and expression of A.
Source: the attention-mask autoencoder GAN of faceswap-GAN v2.2 (shaoanlu, 2018).
"""

import dataclasses
import functools
import typing

import keras
import numpy as np

from faceswap_lib.networks import faceswap_gan, skip_autoencoder
from faceswap_lib.networks.config import NetworkConfig

Direction = typing.Literal["a2a", "b2b", "a2b", "b2a"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """The five networks of one run.

    Attributes:
        config: The configuration they were built from.
        encoder: (B, R, R, 3) in [-1, 1] to (B, 8, 8, C).
        decoder_a, decoder_b: (B, 8, 8, C) to mask (B, R, R, 1) in [0, 1] and face (B, R, R, 3) in [-1, 1]. If R is
            above 64, there is also an output with the face at 64 pixels; if R is above 128, then also one at 128. All
            outputs are float32.
        discriminator_a, discriminator_b: Image and warped input, concatenated to (B, R, R, 6), to (B, P, P, 1) float32.
            With the architecture `skip`, P is R / 8 and at most 16; with `faceswap-gan` it is 8.
    """

    config: NetworkConfig
    encoder: keras.Model
    decoder_a: keras.Model
    decoder_b: keras.Model
    discriminator_a: keras.Model
    discriminator_b: keras.Model

    @property
    def generators(self) -> tuple[keras.Model, ...]:
        """The encoder and both decoders."""
        return self.encoder, self.decoder_a, self.decoder_b

    @property
    def discriminators(self) -> tuple[keras.Model, ...]:
        """Both discriminators."""
        return self.discriminator_a, self.discriminator_b

    def generate(self, faces, direction: Direction):
        """Generates faces in one direction.

        Args:
            faces: (B, R, R, 3) float32 in [-1, 1].
            direction: The person of the input and the person of the output; "a2b" encodes A and decodes with B.

        Returns:
            Mask (B, R, R, 1) in [0, 1] and raw face (B, R, R, 3) in [-1, 1], float32 tensors.
        """
        decoder = self.decoder_a if direction.endswith("a") else self.decoder_b
        return decoder(self.encoder(faces))[:2]

    def predict(self, faces: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Generates faces with both decoders in one compiled program.

        `generate` runs operation by operation. JAX compiles each operation separately, which takes a minute.

        Args:
            faces: (B, R, R, 3) in [-1, 1]; a new B or R causes a new compilation.

        Returns:
            Mask (B, R, R, 1) in [0, 1] and raw face (B, R, R, 3) in [-1, 1] of decoder "a" and of decoder "b", as
            float32 arrays.
        """
        return self._predictor.predict_on_batch(np.asarray(faces, np.float32))

    @functools.cached_property
    def _predictor(self) -> keras.Model:
        faces = keras.Input(self.encoder.input_shape[1:], name="faces")
        code = self.encoder(faces)
        return keras.Model(faces, {"a": self.decoder_a(code)[:2], "b": self.decoder_b(code)[:2]}, name="predictor")


def build_networks(config: NetworkConfig) -> Networks:
    """Builds the networks with random weights; `keras.utils.set_random_seed` makes the weights reproducible."""
    layout = faceswap_gan if config.architecture == "faceswap-gan" else skip_autoencoder
    encoder = layout.build_encoder(config)
    code_shape = encoder.output_shape[1:]
    return Networks(
        config=config,
        encoder=encoder,
        decoder_a=layout.build_decoder(config, code_shape, "decoder_a"),
        decoder_b=layout.build_decoder(config, code_shape, "decoder_b"),
        discriminator_a=layout.build_discriminator(config, "discriminator_a"),
        discriminator_b=layout.build_discriminator(config, "discriminator_b"),
    )
