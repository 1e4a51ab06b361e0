"""The losses, each a pure function of pictures, and the sum that trains.

Pictures are (B, R, R, 3) in [-1, 1], masks (B, R, R, 1) in [0, 1]. Everything that rewards likeness looks almost only
inside the face: networks that must also remember two backgrounds have no room left for expressions.
"""

import dataclasses

from keras import ops


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """What the losses compare, for one person.

    Attributes:
        warped: The warped view.
        seen: The encoder's input, `warped` with everything but the face taken out.
        real: What the decoder should give back.
        eyes, mouth, face: Where these are in `real`.
    """

    warped: object
    seen: object
    real: object
    eyes: object
    mouth: object
    face: object


def region_weights(sample: Sample, *, eyes: float, mouth: float, surroundings: float):
    """Weights per pixel: 1 in the face and more on eyes and mouth, little outside; (B, R, R, 1)."""
    return surroundings + sample.face * (1.0 - surroundings + eyes * sample.eyes + mouth * sample.mouth)


def weighted_mean(error, weights, face):
    """Sums an error (B, R, R, C) under weights (B, R, R, 1) and divides by the area of the face.

    Weights above 1 on eyes and mouth so add to the loss of the rest rather than dilute it.
    """
    return ops.sum(ops.mean(error, axis=-1, keepdims=True) * weights) / (ops.sum(face) + 1.0)


def reconstruction(fake, sample: Sample, weights):
    """Mean absolute error per pixel of face."""
    return weighted_mean(ops.abs(fake - sample.real), weights, sample.face)


def edges(fake, sample: Sample, weights):
    """Mean absolute error of the first differences along x and y, per pixel of face."""
    error = fake - sample.real
    across = ops.abs(error[:, :, 1:] - error[:, :, :-1])
    down = ops.abs(error[:, 1:] - error[:, :-1])
    return weighted_mean(across, weights[:, :, 1:], sample.face) + weighted_mean(down, weights[:, 1:], sample.face)


def dissimilarity(fake, sample: Sample, weights, window: int = 7):
    """Structural dissimilarity (1 - SSIM) / 2 with a uniform window; data range 2.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
    """
    stabilise_mean, stabilise_contrast = (0.01 * 2) ** 2, (0.03 * 2) ** 2

    def local_mean(x):
        return ops.average_pool(x, window, strides=1, padding="same")

    real = sample.real
    stacked = ops.concatenate([fake, real, fake * fake, real * real, fake * real], axis=-1)
    mean_f, mean_r, square_f, square_r, product = ops.split(local_mean(stacked), 5, axis=-1)
    variance_f, variance_r = square_f - mean_f * mean_f, square_r - mean_r * mean_r
    covariance = product - mean_f * mean_r
    likeness = (2 * mean_f * mean_r + stabilise_mean) * (2 * covariance + stabilise_contrast)
    likeness /= (mean_f**2 + mean_r**2 + stabilise_mean) * (variance_f + variance_r + stabilise_contrast)
    return weighted_mean((1 - likeness) / 2, weights, sample.face)


def total_variation(mask):
    """Mean absolute first difference of a mask along x and y."""
    return ops.mean(ops.abs(mask[:, :, 1:] - mask[:, :, :-1])) + ops.mean(ops.abs(mask[:, 1:] - mask[:, :-1]))


def mask_prior(mask, face):
    """Mean absolute distance of the attention mask from the face's shape."""
    return ops.mean(ops.abs(mask - face))


def mask_hinge(mask, face, level):
    """How far the mask falls below a level inside the face; 0 where it is above."""
    return ops.mean(face * ops.maximum(0.0, level - mask))


def compose(mask, raw, warped):
    """Paints the raw face over the input where the mask says so."""
    return mask * raw + (1 - mask) * warped


def judge_fake(score):
    """What a generator pays for a picture whose score is not 1 (least squares).

    Source: Mao et al., "Least Squares Generative Adversarial Networks", 2017.
    """
    return ops.mean(ops.square(score - 1.0))


def judge_mixture(score, share):
    """What a discriminator pays for a mixture whose score is not its share of real (mixup with least squares).

    Args:
        score: (B, h, w, 1) discriminator output for `share * real + (1 - share) * fake`.
        share: (B, 1, 1, 1) share of the real picture in it.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
    """
    return ops.mean(ops.square(score - share))
