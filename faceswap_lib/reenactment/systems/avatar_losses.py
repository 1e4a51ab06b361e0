"""Losses of the bilayer avatars, each a pure function.

Source: Zakharov et al., "Fast Bi-layer Neural Synthesis of One-Shot Realistic Head Avatars", 2020, section 3.3.
"""

import typing

from faceswap_lib.networks.keras_ops import ops
from faceswap_lib.training.perceptual import resize

BLUR = 4
"""The low-frequency picture is compared with the target at 1 / BLUR of the side."""


def relativistic_hinge(real: typing.Any, fake: typing.Any) -> typing.Any:
    """Computes the relativistic average hinge loss of a discriminator; that of a generator with the arguments swapped.

    A real patch should score higher than the generated ones on average, by at least 1, and the other way round.
    Source: Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2018.

    Args:
        real: (B, p, p, 1) scores of real pictures.
        fake: (B, p, p, 1) scores of generated pictures.

    Returns:
        Scalar, 2 if all scores are equal.
    """
    real_lead, fake_lead = real - ops.mean(fake), fake - ops.mean(real)
    return ops.mean(ops.relu(1 - real_lead)) + ops.mean(ops.relu(1 + fake_lead))


def feature_matching(reals: typing.Sequence, fakes: typing.Sequence) -> typing.Any:
    """Computes the mean absolute distance of the discriminator's features, averaged over its blocks.

    Source: Salimans et al., "Improved Techniques for Training GANs", 2016.

    Args:
        reals: Features of real pictures, one (B, h, w, C) per block; they are not trained.
        fakes: Features of generated pictures.
    """
    distances = [ops.mean(ops.abs(ops.stop_gradient(r) - f)) for r, f in zip(reals, fakes, strict=True)]
    return sum(distances) / len(distances)


def low_frequency(low: typing.Any, target: typing.Any, head: typing.Any) -> typing.Any:
    """Computes the mean absolute error of the low-frequency picture against a blurred target, inside the head.

    Both are reduced by `BLUR`, so finer detail does not count and is left to the texture.

    Args:
        low: (B, R, R, 3), low-frequency picture.
        target: (B, R, R, 3) target in [-1, 1].
        head: (B, R, R, 1), 0 to 1.
    """
    side = target.shape[1] // BLUR
    return masked_l1(resize(low, side), resize(target, side), resize(head, side))


def masked_l1(made: typing.Any, target: typing.Any, mask: typing.Any) -> typing.Any:
    """Computes the mean absolute error inside a mask, (B, R, R, 1)."""
    error = ops.mean(ops.abs(made - target), axis=-1, keepdims=True)
    return ops.sum(error * mask) / (ops.sum(mask) + 1.0)


def cross_entropy(logits: typing.Any, mask: typing.Any) -> typing.Any:
    """Computes the mean binary cross-entropy of logits against a mask in [0, 1]."""
    return ops.mean(ops.softplus(logits) - logits * mask)
