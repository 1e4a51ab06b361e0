"""Color normalization, and the colors of a generated face in the light of another one."""

import cv2
import numpy as np
import pytest

from faceswap_lib.faces.color_normalization import (
    color_statistics,
    denormalize_color,
    measure_color_spread,
    normalize_color,
    restore_colors,
)

ALL = np.full((64, 64), 255, np.uint8)


def paint_face(skin: tuple[int, int, int], dark: tuple[int, int, int], *, part: float = 0.2) -> np.ndarray:
    """A face of two colors, (64, 64, 3) uint8 RGB: skin, and hair in the upper part."""
    image = np.full((64, 64, 3), skin, np.uint8)
    image[: round(64 * part)] = dark
    return image


def make_tones(*images: np.ndarray) -> np.ndarray:
    return np.stack([color_statistics(image, ALL) for image in images])


def test_denormalization_inverts_normalization():
    image = paint_face((200, 150, 120), (40, 30, 30))
    tones = make_tones(image)
    normalized = normalize_color(image[None].astype(np.float32), tones)
    assert normalized.mean(axis=(0, 1, 2)) == pytest.approx([0, 0, 0], abs=1e-4)
    assert denormalize_color(normalized, tones)[0] == pytest.approx(image, abs=1e-3)


def test_a_face_keeps_its_colors_in_its_own_light():
    image = paint_face((180, 130, 110), (32, 30, 31))
    tones, spread = make_tones(image), measure_color_spread(image[None], ALL[None])
    raw = normalize_color(image[None].astype(np.float32), tones)
    assert restore_colors(raw, tones, spread, 1.0)[0] == pytest.approx(image, abs=0.5)


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
def test_black_hair_stays_black_in_the_tone_of_another_complexion(factor):
    generated, target = paint_face((160, 112, 90), (30, 28, 27)), paint_face((225, 165, 140), (50, 45, 60), part=0.3)
    spread = measure_color_spread(generated[None], ALL[None])
    raw = normalize_color(generated[None].astype(np.float32), make_tones(generated))
    tones = make_tones(target)
    hair = restore_colors(raw, tones, spread, factor)[0, 0, 0]
    light = tones[0, 0] / make_tones(generated)[0, 0]  # brighter, and a little warmer or colder
    expected, skin = (color / color.mean() for color in (light * [30, 28, 27], light * [160, 112, 90]))
    found = hair / hair.mean()
    if factor == 0.7:  # a veil in the color of the skin
        assert expected[0] < found[0] < skin[0] and expected[2] > found[2] > skin[2]
    else:
        assert found == pytest.approx(expected, abs=0.02)
    red, _, blue = denormalize_color(raw, tones)[0, 0, 0]
    assert blue > red + 15  # with the ratios of the target face, the hair is blue


def test_brightness_has_the_contrast_of_the_target_times_the_factor():
    random = np.random.default_rng(0)
    blocks = random.uniform(0.5, 1.2, (2, 16, 16, 1)).repeat(4, axis=1).repeat(4, axis=2)
    generated, target = (blocks * [[[[160, 112, 90]]], [[[200, 170, 150]]]]).astype(np.uint8)
    target = cv2.addWeighted(target, 0.5, np.full_like(target, 150), 0.5, 0)
    raw = normalize_color(generated[None].astype(np.float32), make_tones(generated))
    spread = measure_color_spread(generated[None], ALL[None])
    for factor in (0.7, 1.0, 1.2):
        found = restore_colors(raw, make_tones(target), spread, factor)[0].mean(axis=-1)
        expected = target.mean(axis=-1)
        assert found.std() / found.mean() == pytest.approx(factor * expected.std() / expected.mean(), rel=0.03)


def test_the_color_spread_of_a_person_is_the_median_over_the_faces():
    images = np.stack([paint_face((200, 100, 50), (100, 50, 25), part=0.5)] * 2 + [np.full((64, 64, 3), 9, np.uint8)])
    assert measure_color_spread(images, np.stack([ALL] * 3)) == pytest.approx([1 / 3] * 3, abs=0.01)
    assert measure_color_spread(np.zeros_like(images), np.stack([ALL] * 3)) == pytest.approx([1, 1, 1])
