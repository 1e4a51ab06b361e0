"""The losses, each a pure function of pictures, masks or scores; `training/loss_model.py` puts them together.

Pictures are (B, R, R, 3) in [-1, 1], masks (B, R, R, 1) in [0, 1]. Everything that rewards likeness looks almost only
inside the face: networks that must also remember two backgrounds have no room left for expressions.

Pictures are taken apart by splitting, never by slicing: the gradient of a slice costs a CPU several times as much.
"""

import dataclasses
import typing

import numpy as np
from keras import ops


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LossInputs:
    """What the losses compare, for one person.

    Attributes:
        warped: The warped view.
        seen: The encoder's input, `warped` with everything but the face taken out.
        real: What the decoder should give back.
        eyes, mouth: Where these are in `real`.
        face: Where likeness counts: the face, or all of `real` for networks that see the whole picture.
        tones: (B, 2, 3) mean and spread of the colors, 0 to 255, to which the pictures go back.
    """

    warped: object
    encoder_input: object
    real: object
    eyes: object
    mouth: object
    face: object
    tones: object


def region_weights(sample: LossInputs, *, eyes: float, mouth: float, surroundings: float):
    """Weights per pixel: 1 in the face and more on eyes and mouth, little outside; (B, R, R, 1).

    Taught in notebooks/04_losses.
    """
    return surroundings + sample.face * (1.0 - surroundings + eyes * sample.eyes + mouth * sample.mouth)


def weighted_mean(error, weights, face):
    """Sums an error (B, R, R, C) under weights (B, R, R, 1) and divides by the area of the face.

    Weights above 1 on eyes and mouth so add to the loss of the rest rather than dilute it.
    """
    return ops.sum(ops.mean(error, axis=-1, keepdims=True) * weights) / (ops.sum(face) + 1.0)


def reconstruction(fake, sample: LossInputs, weights):
    """Mean absolute error per pixel of face.

    Taught in notebooks/04_losses.
    """
    return weighted_mean(ops.abs(fake - sample.real), weights, sample.face)


def edge_loss(fake, sample: LossInputs, weights):
    """Mean absolute error of the first differences along x and y, per pixel of face.

    Taught in notebooks/04_losses.
    """
    error = fake - sample.real
    _, weights_across = ops.split(weights, [1], axis=2)
    _, weights_down = ops.split(weights, [1], axis=1)
    across = weighted_mean(ops.abs(first_difference(error, 2)), weights_across, sample.face)
    return across + weighted_mean(ops.abs(first_difference(error, 1)), weights_down, sample.face)


def first_difference(x, axis: int):
    """What every row or column of (B, R, R, C) has more than the one before; one fewer along `axis`, 1 or 2."""
    _, after = ops.split(x, [1], axis=axis)
    before, _ = ops.split(x, [x.shape[axis] - 1], axis=axis)
    return after - before


def dssim(fake, sample: LossInputs, window: int = 7, stride: int = 2):
    """Structural dissimilarity (1 - SSIM) / 2 in the face, with a uniform window; data range 2.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
    Taught in notebooks/04_losses.
    """
    stabilise_mean, stabilise_contrast = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    real = sample.real
    products = ops.concatenate([fake, real, fake * fake, real * real, fake * real, sample.face], axis=-1)
    at = [3, 6, 9, 12, 15]
    mean_f, mean_r, square_f, square_r, product, face = ops.split(window_means(products, window, stride), at, axis=-1)
    mean_product, mean_squares = mean_f * mean_r, mean_f * mean_f + mean_r * mean_r
    variances, covariance = square_f + square_r - mean_squares, product - mean_product
    likeness = (2 * mean_product + stabilise_mean) * (2 * covariance + stabilise_contrast)
    likeness /= (mean_squares + stabilise_mean) * (variances + stabilise_contrast)
    return weighted_mean((1 - likeness) / 2, face, face)


def window_means(x, window: int, stride: int):
    """Means over windows that lie wholly inside (B, R, R, C), as two matrix products: (B, S, S, C).

    The gradient of average pooling costs a CPU as much as a fifth of all convolutions.
    """
    side, channels = x.shape[1], x.shape[3]
    starts = np.arange(0, side - window + 1, stride)[:, None]
    inside = (np.arange(side) >= starts) & (np.arange(side) < starts + window)  # (S, R)
    mean = ops.convert_to_tensor((inside / window).astype(np.float32))
    rows = ops.matmul(mean, ops.reshape(x, (-1, side, side * channels)))
    means = ops.matmul(mean, ops.reshape(rows, (-1, side, channels)))
    return ops.reshape(means, (-1, len(starts), len(starts), channels))


def feature_distance(fakes: typing.Sequence, reals: typing.Sequence, layer_weights: typing.Sequence[float]):
    """Weighted sum over layers of the mean squared distance of features, every channel normalized per picture.

    Args:
        fakes, reals: Features of the two pictures, one (B, h, w, C) per layer.
        layer_weights: One weight per layer.

    Source: the perceptual loss of faceswap-GAN v2.2, after Johnson et al., "Perceptual Losses for Real-Time Style
    Transfer and Super-Resolution", 2016.
    Taught in notebooks/04_losses.
    """
    distances = [
        ops.mean(ops.square(_standardize(fake) - ops.stop_gradient(_standardize(real))))
        for fake, real in zip(fakes, reals, strict=True)
    ]
    return sum(weight * distance for weight, distance in zip(layer_weights, distances, strict=True))


def _standardize(features):
    mean, variance = ops.moments(features, axes=(1, 2), keepdims=True)
    return (features - mean) * ops.rsqrt(variance + 1e-3)


def landmark_distance(fake, real):
    """Mean absolute distance of landmarks (B, N), in whatever unit they have."""
    return ops.mean(ops.abs(fake - ops.stop_gradient(real)))


def cycle_consistency(back, real, mask):
    """What is lost on the way to the other person and back: mean absolute error, and a tenth of what the mask shows.

    Args:
        back: The picture that came back.
        real: The picture that set out.
        mask: The attention mask of the way back.

    Source: Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017.
    """
    return 10 * ops.mean(ops.abs(back - real)) + 0.1 * ops.mean(mask)


def weight_decay(kernels: typing.Sequence):
    """Sum of squares of all numbers of the kernels."""
    return sum(ops.sum(ops.square(kernel)) for kernel in kernels)


def total_variation(mask):
    """Mean absolute first difference of a mask along x and y.

    Taught in notebooks/04_losses.
    """
    return sum(ops.mean(ops.abs(first_difference(mask, axis))) for axis in (1, 2))


def mask_l1(mask):
    """Mean of the mask: what it takes from the input costs."""
    return ops.mean(ops.abs(mask))


def mask_prior(mask, face):
    """Mean absolute distance of the attention mask from the face's shape.

    Taught in notebooks/04_losses.
    """
    return ops.mean(ops.abs(mask - face))


def mask_hinge(mask, face, level):
    """How far the mask falls below a level inside the face; 0 where it is above.

    Taught in notebooks/04_losses.
    """
    return ops.mean(face * ops.maximum(0.0, level - mask))


def alpha_composite(mask, raw, warped):
    """Paints the raw face over the input where the mask says so.

    Taught in notebooks/03_networks.
    """
    return mask * raw + (1 - mask) * warped


def lsgan_generator_loss(score):
    """What a generator pays for a picture whose score is not 1 (least squares).

    Source: Mao et al., "Least Squares Generative Adversarial Networks", 2017.
    Taught in notebooks/04_losses.
    """
    return ops.mean(ops.square(score - 1.0))


def mixup_discriminator_loss(score, share):
    """What a discriminator pays for a mixture whose score is not its share of real (mixup with least squares).

    Args:
        score: (B, h, w, 1) discriminator output for `share * real + (1 - share) * fake`.
        share: (B, 1, 1, 1) share of the real picture in it.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
    Taught in notebooks/04_losses.
    """
    return ops.mean(ops.square(score - share))


def relativistic_lsgan_losses(real_score, fake_score):
    """What both players pay when a score counts only against the other kind's average (relativistic least squares).

    Args:
        real_score, fake_score: (B, h, w, 1) discriminator outputs.

    Returns:
        The discriminator's and the generator's loss.

    Source: Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2018.
    """
    real_lead, fake_lead = real_score - ops.mean(fake_score), fake_score - ops.mean(real_score)
    telling = (ops.mean(ops.square(real_lead - 1.0)) + ops.mean(ops.square(fake_lead + 1.0))) / 2
    fooling = (ops.mean(ops.square(real_lead + 1.0)) + ops.mean(ops.square(fake_lead - 1.0))) / 2
    return telling, fooling
