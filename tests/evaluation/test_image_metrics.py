"""How much two pictures differ, on cases worked by hand: `evaluation/image_metrics.py`."""

import math

import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from faceswap_lib.evaluation.image_metrics import MAX_PSNR, SCALE_WEIGHTS, check_mask, ms_ssim, psnr, sharpness, ssim
from faceswap_lib.faces import align_face
from faceswap_lib.facesets.crop_writer import measure_sharpness
from tests.conftest import annotated_face

LIKENESSES = pytest.mark.parametrize("likeness", [psnr, ssim, ms_ssim])


def gray(value: int, size: int = 200) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def noisy(picture: np.ndarray, deviation: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    return np.clip(np.round(picture + noise), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def crops(portraits) -> list[np.ndarray]:
    return [align_face(portrait.image, annotated_face(portrait)).image for portrait in portraits]


@pytest.mark.parametrize("offset", [1, 5, 100])
def test_psnr_of_an_offset(offset):
    assert psnr(gray(100), gray(100 + offset)) == pytest.approx(20 * math.log10(255 / offset))


def test_psnr_ends_at_both_ends():
    assert psnr(gray(7), gray(7)) == MAX_PSNR == 100
    assert psnr(gray(0), gray(255)) == 0
    one_level = gray(7, 400)
    one_level[0, 0, 0] = 8  # a mean squared error of 1 / 480,000 would be 104.9 dB
    assert psnr(gray(7, 400), one_level) == 100


def test_psnr_where_a_mask_says():
    """A quarter of the pixels is off by 10, so 28.13 dB there, 6.02 more overall, and nothing elsewhere."""
    a, b = gray(50), gray(50)
    b[:100, :100] += 10
    quarter = np.zeros((200, 200), bool)
    quarter[:100, :100] = True
    assert psnr(a, b, quarter) == pytest.approx(28.1308, abs=1e-4)
    assert psnr(a, b) == pytest.approx(28.1308 + 10 * math.log10(4), abs=1e-4)
    assert psnr(a, b, ~quarter) == 100
    assert psnr(a, b, (quarter * 255).astype(np.uint8)) == psnr(a, b, quarter)
    assert math.isnan(psnr(a, b, np.zeros((200, 200), bool)))


def test_ssim_of_flat_pictures_is_the_luminance_term():
    """Without any pattern only (2ab + C1) / (a² + b² + C1) is left, C1 = 2.55²."""
    expected = (2 * 100 * 150 + 2.55**2) / (100**2 + 150**2 + 2.55**2)
    assert ssim(gray(100), gray(150)) == pytest.approx(expected, abs=1e-5)
    assert ms_ssim(gray(100), gray(150)) == pytest.approx(expected ** SCALE_WEIGHTS[4], abs=2e-4)


@LIKENESSES
def test_likeness_of_identical_and_of_inverted_pictures(likeness, crops):
    for crop in crops:
        assert likeness(crop, crop) == pytest.approx(100 if likeness is psnr else 1)
        inverted = likeness(crop, 255 - crop)
        assert inverted < 8 if likeness is psnr else inverted < 0.1


@LIKENESSES
@pytest.mark.parametrize("worsen", [blurred, noisy])
def test_likeness_falls_with_blur_and_noise(likeness, worsen, crops):
    amounts = np.array([0.6, 1.2, 2.4, 4.8, 9.6]) * (3 if worsen is noisy else 1)
    for crop in crops:
        values = [likeness(crop, worsen(crop, amount)) for amount in amounts]
        assert values == sorted(values, reverse=True) and values[-1] < values[0] * 0.95


@LIKENESSES
def test_likeness_does_not_depend_on_the_order(likeness, crops):
    assert likeness(*crops) == pytest.approx(likeness(*crops[::-1]))


def test_ms_ssim_at_one_scale_is_ssim(crops):
    """21 pixels leave 10 for the second scale, one too few."""
    a, b = (np.ascontiguousarray(crop[100:121, 110:140]) for crop in crops)
    assert ms_ssim(a, b) == pytest.approx(max(0, ssim(a, b)), abs=1e-4)


def test_ms_ssim_of_smaller_pictures_uses_the_scales_that_fit(crops):
    """Two scales, put together from scikit-image's maps: contrast and pattern are the map over the luminance term."""
    a, b = (cv2.resize(crop, (40, 40), interpolation=cv2.INTER_AREA).astype(np.float64) for crop in crops)
    options = dict(gaussian_weights=True, use_sample_covariance=False, data_range=255, full=True)
    similarity = []
    for channel in range(3):
        product = 1.0
        for scale, weight in ((1, SCALE_WEIGHTS[0]), (2, SCALE_WEIGHTS[1])):
            x, y = (p[..., channel].reshape(40 // scale, scale, 40 // scale, scale).mean((1, 3)) for p in (a, b))
            _, likeness = structural_similarity(x, y, **options)
            if scale == 1:
                mean_x, mean_y = (cv2.GaussianBlur(p, (11, 11), 1.5) for p in (x, y))
                likeness = likeness * (mean_x**2 + mean_y**2 + 2.55**2) / (2 * mean_x * mean_y + 2.55**2)
            product *= max(likeness[5:-5, 5:-5].mean(), 0) ** (weight / sum(SCALE_WEIGHTS[:2]))
        similarity.append(product)
    small = [p.astype(np.uint8) for p in (a, b)]
    assert ms_ssim(*small) == pytest.approx(np.mean(similarity), abs=1e-3)


def test_a_finer_blur_costs_ms_ssim_less_than_ssim(crops):
    """Coarse scales do not see it: what several scales are for."""
    for crop in crops:
        assert ms_ssim(crop, blurred(crop, 1.2)) > ssim(crop, blurred(crop, 1.2)) + 0.02


def test_sharpness_of_a_known_pattern():
    """Columns 0, 100, 0, 100: the Laplacian is -200 and 200 in turn, its variance 200²."""
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 100
    mask = np.zeros((128, 128), bool)
    mask[10:60, 20:100] = True
    assert sharpness(stripes, mask) == pytest.approx(200**2)
    assert sharpness(gray(90, 128), mask) == 0


def test_sharpness_looks_inside_the_mask_only():
    picture = gray(120, 256)
    picture[:, 128:] = noisy(picture[:, 128:], 30)
    left = np.zeros((256, 256), bool)
    left[20:-20, 20:120] = True
    assert sharpness(picture, left) == 0 and sharpness(picture, left[:, ::-1].copy()) > 100
    assert math.isnan(sharpness(picture, np.zeros((256, 256), bool)))


def test_sharpness_in_the_central_square_is_that_of_the_faceset(crops):
    """But for that one's border, which it mirrors instead of looking across."""
    square = np.zeros((128, 128), np.uint8)
    square[25:-25, 25:-25] = 255
    mask = cv2.resize(square, (256, 256), interpolation=cv2.INTER_NEAREST)
    for crop in crops:
        assert sharpness(crop, mask) == pytest.approx(measure_sharpness(crop), rel=0.06)


def test_blur_lowers_sharpness_and_an_offset_does_not(crops):
    """The offset costs exactly its PSNR and nothing else of note; the blur keeps the mean."""
    inside = np.ones((256, 256), bool)
    for crop in crops:
        low = (crop * 0.8).astype(np.uint8)
        values = [sharpness(blurred(low, sigma), inside) for sigma in (0.6, 1.2, 2.4, 4.8)]
        assert values == sorted(values, reverse=True) and values[0] > 10 * values[-1]
        assert sharpness(low + np.uint8(20), inside) == pytest.approx(sharpness(low, inside))
        assert psnr(low, low + np.uint8(20)) == pytest.approx(20 * math.log10(255 / 20))


@LIKENESSES
def test_wrong_pictures_are_refused(likeness):
    with pytest.raises(ValueError, match=r"of one shape, got \(200, 200, 3\) and \(100, 100, 3\)"):
        likeness(gray(1), gray(1, 100))
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8, got \(200, 200\) uint8"):
        likeness(gray(1)[..., 0], gray(1)[..., 0])
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8, got \(200, 200, 3\) float64"):
        likeness(gray(1), gray(1) / 255)
    if likeness is not psnr:
        with pytest.raises(ValueError, match="at least 11 x 11 pixels, got 10 x 10"):
            likeness(gray(1, 10), gray(1, 10))


def test_masks_of_other_shapes_and_types_are_refused():
    for mask in (np.ones((100, 200), bool), np.ones((200, 200)), np.ones((200, 200, 1), bool)):
        with pytest.raises(ValueError, match=r"mask: expected \(200, 200\) bool or uint8, got"):
            psnr(gray(1), gray(1), mask)
        with pytest.raises(ValueError, match=r"mask: expected \(200, 200\) bool or uint8, got"):
            sharpness(gray(1), mask)
    np.testing.assert_array_equal(check_mask(np.array([[127, 128]], np.uint8), (1, 2)), [[False, True]])
