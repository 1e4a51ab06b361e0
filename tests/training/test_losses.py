"""Every loss on a case that can be worked out by hand."""

import numpy as np
import pytest
from keras import ops

from faceswap_lib.training import losses


def number(value) -> float:
    return float(ops.convert_to_numpy(value))


def plain(value: float, channels: int = 1, side: int = 4) -> np.ndarray:
    return np.full((1, side, side, channels), value, np.float32)


def make_sample(side: int = 4, **parts: np.ndarray) -> losses.LossInputs:
    nothing = {
        "warped": plain(0, 3, side),
        "encoder_input": plain(0, 3, side),
        "real": plain(0, 3, side),
        "tones": None,
    }
    masks = {name: plain(0, 1, side) for name in ("eyes", "mouth", "face")}
    return losses.LossInputs(**(nothing | masks | parts))


def half(side: int = 4) -> np.ndarray:
    """1 in the left half, 0 in the right."""
    mask = plain(0, 1, side)
    mask[:, :, : side // 2] = 1
    return mask


def test_region_weights_are_more_on_eyes_and_mouth_and_little_outside():
    eyes, mouth = plain(0), plain(0)
    eyes[0, 0, 0], mouth[0, 1, 0], mouth[0, 1, 3] = 1, 0.5, 1
    weights = losses.region_weights(
        make_sample(face=half(), eyes=eyes, mouth=mouth), eyes=4.0, mouth=2.0, surroundings=0.25
    )
    weights = ops.convert_to_numpy(weights)[0, :, :, 0]
    expected = np.array([[1, 1, 0.25, 0.25]] * 4)
    expected[0, 0], expected[1, 0] = 5, 2
    assert weights == pytest.approx(expected)


def test_a_weighted_mean_is_per_pixel_of_face():
    """Eight pixels of face, an error of 3 on each: 24 over 8 + 1; doubled weights double it."""
    error = plain(3, 3)
    face = half()
    assert number(losses.weighted_mean(error, face, face)) == pytest.approx(24 / 9)
    assert number(losses.weighted_mean(error, 2 * face, face)) == pytest.approx(48 / 9)
    assert number(losses.weighted_mean(error, face, 0 * face)) == pytest.approx(24)


def test_reconstruction_is_the_mean_distance_inside_the_face():
    fake = plain(0.5, 3)
    fake[:, :, 2:] = 77  # outside the face
    fake[..., 1] += 0.3
    sample = make_sample(face=half())
    assert number(losses.reconstruction(fake, sample, half())) == pytest.approx((0.5 + 0.8 + 0.5) / 3 * 8 / 9)
    same = make_sample(real=fake, face=half())
    assert number(losses.reconstruction(fake, same, half())) == 0


def test_edges_see_differences_and_not_brightness():
    sample = make_sample(face=plain(1))
    assert number(losses.edge_loss(plain(0.7, 3), sample, plain(1))) == 0
    step = plain(0, 3)
    step[:, :, 2:] = 1  # one upright edge: four pixels of height 1
    assert number(losses.edge_loss(step, sample, plain(1))) == pytest.approx(4 / 17)
    assert number(losses.edge_loss(np.swapaxes(step, 1, 2), sample, plain(1))) == pytest.approx(4 / 17)
    assert number(losses.edge_loss(step, make_sample(real=step, face=plain(1)), plain(1))) == 0
    left_only = plain(1)
    left_only[:, :, 2] = 0
    assert number(losses.edge_loss(step, sample, left_only)) == 0


def test_dissimilarity_runs_from_0_to_1():
    rng = np.random.default_rng(1)
    real = 0.5 + rng.uniform(-0.4, 0.4, (1, 16, 16, 3)).astype(np.float32)
    sample = make_sample(16, real=real, face=plain(1, 1, 16))
    share = 25 / 26  # five windows of 7, two apart, either way
    assert number(losses.dssim(real, sample)) == pytest.approx(0, abs=1e-5)
    opposite = number(losses.dssim(1 - real, sample))
    noisy = number(losses.dssim(real + 0.2 * rng.normal(size=real.shape).astype(np.float32), sample))
    assert 0.02 < noisy < 0.4 < 0.8 < opposite < share


def test_dissimilarity_of_flat_pictures_is_the_formula():
    """Without contrast SSIM is (2 a b + c) / (a a + b b + c), c = (0.01 * 2)^2."""
    a, b = 0.8, 0.2
    sample = make_sample(16, real=plain(b, 3, 16), face=plain(1, 1, 16))
    ssim = (2 * a * b + 0.0004) / (a * a + b * b + 0.0004)
    value = number(losses.dssim(plain(a, 3, 16), sample))
    assert value == pytest.approx((1 - ssim) / 2 * 25 / 26, rel=1e-3)


def test_dissimilarity_of_textures_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(2)
    real, fake = rng.uniform(-1, 1, (2, 1, 32, 32, 3)).astype(np.float32)
    fake = 0.5 * (real + fake)
    middle = np.zeros((1, 32, 32, 1), np.float32)
    middle[:, 8:24, 8:24] = 1
    _, likeness = structural_similarity(
        fake[0], real[0], data_range=2, channel_axis=-1, win_size=7, use_sample_covariance=False, full=True
    )
    centers = slice(3, 29, 2)
    middles = range(3, 29, 2)
    face = np.array([[middle[0, y - 3 : y + 4, x - 3 : x + 4].mean() for x in middles] for y in middles])
    expected = ((1 - likeness[centers, centers].mean(-1)) / 2 * face).sum() / (face.sum() + 1)
    value = number(losses.dssim(fake, make_sample(32, real=real, face=middle)))
    assert value == pytest.approx(expected, abs=1e-4)


def test_first_differences_are_of_neighbors():
    picture = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1) ** 2
    for axis in (1, 2):
        found = ops.convert_to_numpy(losses.first_difference(picture, axis))
        assert np.array_equal(found, np.diff(picture, axis=axis))


def test_features_are_compared_by_their_pattern():
    """Standardized, [0, 2] is [-1, 1] and [2, 0] its opposite: a distance of 2 at every place, squared 4."""
    ramp = np.array([0, 2], np.float32).reshape(1, 1, 2, 1)
    louder, opposite = 5 * ramp + 3, ramp[:, :, ::-1]
    share = 1 / (1 + 1e-3)
    assert number(losses.feature_distance([ramp], [louder], [1.0])) == pytest.approx(0, abs=1e-5)
    assert number(losses.feature_distance([ramp], [opposite], [1.0])) == pytest.approx(4 * share)
    two = losses.feature_distance([ramp, ramp], [opposite, ramp], [0.25, 10.0])
    assert number(two) == pytest.approx(share)


def test_landmarks_are_compared_by_their_distance():
    assert number(losses.landmark_distance(np.array([[0.1, 0.5]]), np.array([[0.3, 0.4]]))) == pytest.approx(0.15)


def test_a_cycle_pays_for_what_is_lost_and_for_the_mask():
    value = number(losses.cycle_consistency(plain(0.5, 3), plain(0.2, 3), plain(0.6)))
    assert value == pytest.approx(10 * 0.3 + 0.1 * 0.6)


def test_weight_decay_is_the_sum_of_squares():
    assert number(losses.weight_decay([np.full((2, 3), 2.0), np.array([[3.0]])])) == pytest.approx(6 * 4 + 9)


def test_total_variation_counts_steps():
    assert number(losses.total_variation(plain(0.4))) == 0
    assert number(losses.total_variation(half())) == pytest.approx(1 / 3)  # one step of three, in every row
    stripes = plain(0)
    stripes[:, ::2] = 0.5
    assert number(losses.total_variation(stripes)) == pytest.approx(0.5)


def test_mask_l1_is_the_mean():
    assert number(losses.mask_l1(half())) == pytest.approx(0.5)


def test_the_mask_prior_is_the_distance_from_the_face():
    assert number(losses.mask_prior(half(), half())) == 0
    assert number(losses.mask_prior(plain(0.25), half())) == pytest.approx((0.75 + 0.25) / 2)


def test_the_hinge_pays_only_below_the_level_and_inside_the_face():
    assert number(losses.mask_hinge(plain(0.7), half(), 0.6)) == 0
    assert number(losses.mask_hinge(plain(0.2), half(), 0.6)) == pytest.approx(0.4 / 2)
    assert number(losses.mask_hinge(half(), 1 - half(), 0.6)) == pytest.approx(0.6 / 2)
    assert number(losses.mask_hinge(half(), half(), 0.6)) == 0


def test_composing_paints_where_the_mask_says():
    picture = ops.convert_to_numpy(losses.alpha_composite(half(), plain(1, 3), plain(-1, 3)))
    assert np.all(picture[:, :, :2] == 1) and np.all(picture[:, :, 2:] == -1)
    assert np.all(ops.convert_to_numpy(losses.alpha_composite(plain(0.25), plain(1, 3), plain(-1, 3))) == -0.5)


def test_a_generator_pays_for_scores_below_1():
    assert number(losses.lsgan_generator_loss(plain(1))) == 0
    assert number(losses.lsgan_generator_loss(plain(0))) == 1
    assert number(losses.lsgan_generator_loss(plain(-1))) == 4


def test_a_discriminator_pays_for_missing_the_share():
    score = np.concatenate([plain(0.25), plain(1.0)])
    share = np.array([0.25, 0.5], np.float32)[:, None, None, None]
    assert number(losses.mixup_discriminator_loss(score, share)) == pytest.approx(0.25 / 2)
    assert number(losses.mixup_discriminator_loss(np.broadcast_to(share, score.shape), share)) == 0


def test_relative_scores_count_against_the_other_kind():
    """Reals at 2 and fakes at 0 lead by 2 and -2: 1 each off for the discriminator, 3 for the generator."""
    telling, fooling = (number(loss) for loss in losses.relativistic_lsgan_losses(plain(2), plain(0)))
    assert telling == pytest.approx(1) and fooling == pytest.approx(9)
    telling, fooling = (number(loss) for loss in losses.relativistic_lsgan_losses(plain(0.5), plain(-0.5)))
    assert telling == pytest.approx(0) and fooling == pytest.approx(4)
