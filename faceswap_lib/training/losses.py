"""Loss functions, each a pure function of images, masks or scores; `training/loss_model.py` combines them.

Images are (B, R, R, 3) in [-1, 1], masks are (B, R, R, 1) in [0, 1]. Reconstruction losses have almost no weight
outside the face, because networks that must also learn two backgrounds have less capacity for expressions.

The code splits tensors and never slices them, because on a CPU the gradient of a slice costs several times as much.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.networks.keras_ops import ops


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LossInputs:
    """Inputs of the losses for one person.

    Attributes:
        warped: The warped view.
        encoder_input: The input of the encoder: `warped`, set to 0 outside the face.
        real: The target of the decoder.
        eyes, mouth: Masks of eyes and mouth in `real`.
        face: Mask of the pixels that must be reconstructed: the face, or all of `real` with input mode "full".
        tones: (B, 2, 3) mean and standard deviation of the colors, 0 to 255, that restore the colors of the images.
        visible: Mask of the pixels in `real` that nothing covers; None without occlusion masks.
    """

    warped: typing.Any
    encoder_input: typing.Any
    real: typing.Any
    eyes: typing.Any
    mouth: typing.Any
    face: typing.Any
    tones: typing.Any
    visible: typing.Any = None


def replace_covered(picture, sample: LossInputs):
    """Replaces the covered pixels of a generated image with those of the target, so that they have no error.

    No reconstruction loss then depends on what was generated there, not even one that compares windows or edges.

    Args:
        picture: (B, r, r, 3) in [-1, 1], of the same resolution as the target or a lower one.
        sample: The target, and its visible pixels.

    Returns:
        The image; unchanged without occlusion masks.
    """
    if sample.visible is None:
        return picture
    factor, real, visible = sample.real.shape[1] // picture.shape[1], sample.real, sample.visible
    if factor > 1:  # the strides are explicit because Keras 3.15 fails on JAX without them
        real, visible = (ops.average_pool(value, factor, factor) for value in (real, visible))
    return real + visible * (picture - real)


def region_weights(sample: LossInputs, *, eyes: float, mouth: float, surroundings: float):
    """Computes the weight of each pixel: 1 in the face, more on eyes and mouth, less outside; (B, R, R, 1).

    Args:
        sample: Masks of face, eyes and mouth.
        eyes: Extra weight of the eyes.
        mouth: Extra weight of the mouth.
        surroundings: Weight outside the face.

    Taught in notebooks/04_losses.
    """
    return surroundings + sample.face * (1.0 - surroundings + eyes * sample.eyes + mouth * sample.mouth)


def weighted_mean(error, weights, face):
    """Computes the weighted sum of an error, divided by the area of the face, as a scalar.

    With this divisor, weights above 1 on eyes and mouth increase the total loss and do not reduce the loss of other
    pixels.

    Args:
        error: (B, R, R, C).
        weights: (B, R, R, 1).
        face: (B, R, R, 1) mask of the face.
    """
    return ops.sum(ops.mean(error, axis=-1, keepdims=True) * weights) / (ops.sum(face) + 1.0)


def reconstruction(fake, sample: LossInputs, weights):
    """Computes the mean absolute error per pixel of the face.

    Args:
        fake: (B, R, R, 3) output of the decoder in [-1, 1].
        sample: Target and face mask.
        weights: (B, R, R, 1) weight of each pixel, from `region_weights`.

    Taught in notebooks/04_losses.
    """
    return weighted_mean(ops.abs(fake - sample.real), weights, sample.face)


def edge_loss(fake, sample: LossInputs, weights):
    """Computes the mean absolute error of the first differences along x and y, per pixel of the face.

    Args:
        fake: (B, R, R, 3) output of the decoder in [-1, 1].
        sample: Target and face mask.
        weights: (B, R, R, 1) weight of each pixel, from `region_weights`.

    Taught in notebooks/04_losses.
    """
    error = fake - sample.real
    _, weights_across = ops.split(weights, [1], axis=2)
    _, weights_down = ops.split(weights, [1], axis=1)
    across = weighted_mean(ops.abs(first_difference(error, 2)), weights_across, sample.face)
    return across + weighted_mean(ops.abs(first_difference(error, 1)), weights_down, sample.face)


def first_difference(x, axis: int):
    """Computes the differences of neighboring rows (`axis` 1) or columns (`axis` 2) of (B, R, R, C)."""
    _, after = ops.split(x, [1], axis=axis)
    before, _ = ops.split(x, [x.shape[axis] - 1], axis=axis)
    return after - before


def dssim(fake, sample: LossInputs, window: int = 7, stride: int = 2):
    """Computes the structural dissimilarity (1 - SSIM) / 2 in the face, with a uniform window and data range 2.

    Args:
        fake: (B, R, R, 3) output of the decoder in [-1, 1].
        sample: Target and face mask.
        window: Side of the window in pixels.
        stride: Distance of neighboring windows in pixels.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
    Taught in notebooks/04_losses.
    """
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # stabilize the division, as in the paper
    real = sample.real
    products = ops.concatenate([fake, real, fake * fake, real * real, fake * real, sample.face], axis=-1)
    at = [3, 6, 9, 12, 15]
    mean_f, mean_r, square_f, square_r, product, face = ops.split(window_means(products, window, stride), at, axis=-1)
    mean_product, mean_squares = mean_f * mean_r, mean_f * mean_f + mean_r * mean_r
    variances, covariance = square_f + square_r - mean_squares, product - mean_product
    ssim = (2 * mean_product + c1) * (2 * covariance + c2)
    ssim /= (mean_squares + c1) * (variances + c2)
    return weighted_mean((1 - ssim) / 2, face, face)


def window_means(x, window: int, stride: int):
    """Computes the means of `x`, (B, R, R, C), in windows that lie inside it: (B, S, S, C).

    Uses two matrix products, which are faster than average pooling: on a CPU, the gradient of average pooling costs a
    fifth as much as all convolutions.

    Args:
        x: (B, R, R, C).
        window: Side of the windows in pixels.
        stride: Distance of neighboring windows in pixels.
    """
    side, channels = x.shape[1], x.shape[3]
    starts = np.arange(0, side - window + 1, stride)[:, None]
    inside = (np.arange(side) >= starts) & (np.arange(side) < starts + window)  # (S, R)
    mean = ops.convert_to_tensor((inside / window).astype(np.float32))
    rows = ops.matmul(mean, ops.reshape(x, (-1, side, side * channels)))
    means = ops.matmul(mean, ops.reshape(rows, (-1, side, channels)))
    return ops.reshape(means, (-1, len(starts), len(starts), channels))


def feature_distance(fakes: typing.Sequence, reals: typing.Sequence, layer_weights: typing.Sequence[float]):
    """Computes the weighted sum over layers of the mean squared distance of features.

    Every channel of the features is first normalized per image.

    Args:
        fakes: Features of the generated images, one (B, h, w, C) per layer.
        reals: Features of the real images, one (B, h, w, C) per layer.
        layer_weights: One weight per layer.

    Source: the perceptual loss of faceswap-GAN v2.2, after Johnson et al., "Perceptual Losses for Real-Time Style
    Transfer and Super-Resolution", 2016.
    Taught in notebooks/04b_perceptual_loss.
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
    """Computes the mean absolute distance of landmarks (B, N), in their own unit."""
    return ops.mean(ops.abs(fake - ops.stop_gradient(real)))


def cycle_consistency(back, real, mask):
    """Computes the cycle consistency loss: 10 times the mean absolute error plus 0.1 times the mean of the mask.

    Args:
        back: (B, R, R, 3) image after the translation to the other person and back.
        real: (B, R, R, 3) original image.
        mask: (B, R, R, 1) attention mask of the translation back.

    Source: Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017, for the
    first term and its factor. The second term keeps the mask small; it is not in the paper.
    """
    return 10 * ops.mean(ops.abs(back - real)) + 0.1 * ops.mean(mask)


def weight_decay(kernels: typing.Sequence):
    """Computes the sum of squares of all numbers in the kernels."""
    return sum(ops.sum(ops.square(kernel)) for kernel in kernels)


def total_variation(mask):
    """Computes the total variation of a mask (B, R, R, 1): the mean absolute first differences along x and y.

    Example:
        >>> float(total_variation(np.zeros((1, 8, 8, 1), np.float32)))
        0.0

    Taught in notebooks/04_losses.
    """
    return sum(ops.mean(ops.abs(first_difference(mask, axis))) for axis in (1, 2))


def mask_l1(mask):
    """Computes the mean absolute value of a mask (B, R, R, 1), the L1 loss of the mask."""
    return ops.mean(ops.abs(mask))


def mask_prior(mask, face, visible=None):
    """Computes the mean absolute difference between attention mask and face mask, all (B, R, R, 1) in [0, 1].

    Args:
        mask: Attention mask.
        face: Face mask.
        visible: Mask of the pixels that count; None for all.

    Taught in notebooks/04_losses.
    """
    error = ops.abs(mask - face)
    return ops.mean(error if visible is None else error * visible)


def mask_hinge(mask, face, level):
    """Computes the hinge loss of a mask that is too low inside the face; it is 0 where the mask is above `level`.

    Args:
        mask: (B, R, R, 1) attention mask in [0, 1].
        face: (B, R, R, 1) face mask in [0, 1].
        level: Required minimum of the attention mask, 0 to 1.

    Taught in notebooks/04_losses.
    """
    return ops.mean(face * ops.maximum(0.0, level - mask))


def alpha_composite(mask, raw, warped):
    """Composites the raw face over the input image with the mask as alpha.

    Args:
        mask: (B, R, R, 1) in [0, 1].
        raw: (B, R, R, 3) raw face in [-1, 1].
        warped: (B, R, R, 3) input image in [-1, 1].

    Taught in notebooks/03c_attention_mask.
    """
    return mask * raw + (1 - mask) * warped


def lsgan_generator_loss(score):
    """Computes the least-squares GAN loss of a generator: the mean squared distance of scores (B, h, w, 1) from 1.

    Source: Mao et al., "Least Squares Generative Adversarial Networks", 2017.

    Example:
        >>> float(lsgan_generator_loss(np.zeros((1, 4, 4, 1), np.float32)))
        1.0

    Taught in notebooks/04c_gan.
    """
    return ops.mean(ops.square(score - 1.0))


def mixup_discriminator_loss(score, share):
    """Computes the loss of a discriminator with mixup: the mean squared distance of the score from the mixing ratio.

    Args:
        score: (B, h, w, 1) discriminator output for `share * real + (1 - share) * fake`.
        share: (B, 1, 1, 1) fraction of the real image in the mixture.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
    Taught in notebooks/04c_gan.
    """
    return ops.mean(ops.square(score - share))


def relativistic_lsgan_losses(real_score, fake_score):
    """Computes the relativistic average least-squares GAN losses of the discriminator and the generator.

    Each score is compared with the mean score of the images of the other class.

    Args:
        real_score: (B, h, w, 1) discriminator output for real images.
        fake_score: (B, h, w, 1) discriminator output for generated images.

    Returns:
        The loss of the discriminator and the loss of the generator.

    Source: Jolicoeur-Martineau, "The relativistic discriminator: a key element missing from standard GAN", 2018.
    Taught in notebooks/04c_gan.
    """
    real_lead, fake_lead = real_score - ops.mean(fake_score), fake_score - ops.mean(real_score)
    discriminator_loss = (ops.mean(ops.square(real_lead - 1.0)) + ops.mean(ops.square(fake_lead + 1.0))) / 2
    generator_loss = (ops.mean(ops.square(real_lead + 1.0)) + ops.mean(ops.square(fake_lead - 1.0))) / 2
    return discriminator_loss, generator_loss
