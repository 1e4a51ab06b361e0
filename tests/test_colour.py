"""Colour correction under a mask."""

import numpy as np
import pytest

from faceswap_lib.conversion.colour import COLOUR_MATCHES, keep_colours, match_histogram, match_mean


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A new face, an old one of other colours, and a mask of the middle; both have a loud background."""
    rng = np.random.default_rng(1)
    new = rng.normal([100, 110, 120], [10, 15, 20], (64, 64, 3))
    old = rng.normal([150, 120, 90], [25, 12, 8], (64, 64, 3))
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 16:48] = 1
    for picture, value in ((new, 255), (old, 0)):
        picture[mask == 0] = value
    return *(np.clip(np.round(p), 0, 255).astype(np.uint8) for p in (new, old)), mask


def inside(picture: np.ndarray) -> np.ndarray:
    return picture[16:48, 16:48].reshape(-1, 3).astype(float)


def test_mean_matching_gives_mean_and_spread_under_the_mask(pair):
    new, old, mask = pair
    matched = match_mean(new, old, mask)
    assert matched.dtype == np.uint8 and matched.shape == new.shape
    assert inside(matched).mean(axis=0) == pytest.approx(inside(old).mean(axis=0), abs=0.5)
    assert inside(matched).std(axis=0) == pytest.approx(inside(old).std(axis=0), rel=0.1)


def test_histogram_matching_gives_the_distribution_under_the_mask(pair):
    new, old, mask = pair
    matched = inside(match_histogram(new, old, mask))
    for share in (5, 25, 50, 75, 95):
        assert np.percentile(matched, share, axis=0) == pytest.approx(np.percentile(inside(old), share, axis=0), abs=3)


def test_histogram_matching_keeps_the_order_of_brightness(pair):
    new, old, mask = pair
    matched = match_histogram(new, old, mask)
    for channel in range(3):
        order = np.argsort(inside(new)[:, channel], kind="stable")
        assert np.all(np.diff(inside(matched)[order, channel]) >= 0)


def test_keeping_keeps(pair):
    new, old, mask = pair
    assert np.array_equal(keep_colours(new, old, mask), new)


@pytest.mark.parametrize("match", COLOUR_MATCHES.values(), ids=COLOUR_MATCHES.keys())
@pytest.mark.parametrize("low", [0, 100, 244])
def test_a_face_matched_to_itself_stays_as_it_is(match, low):
    """Dark and bright pixels, too."""
    face = np.random.default_rng(2).integers(low, low + 12, (32, 32, 3)).astype(np.uint8)
    mask = np.random.default_rng(3).uniform(0, 1, (32, 32)).astype(np.float32)
    assert np.abs(match(face, face, mask).astype(int) - face).max() <= 1


@pytest.mark.parametrize("match", COLOUR_MATCHES.values(), ids=COLOUR_MATCHES.keys())
def test_an_empty_mask_and_flat_pictures_do_no_harm(match):
    flat = np.full((16, 16, 3), 80, np.uint8)
    other = np.full((16, 16, 3), 120, np.uint8)
    assert match(flat, other, np.zeros((16, 16), np.float32)).shape == (16, 16, 3)
    matched = match(flat, other, np.ones((16, 16), np.float32))
    assert np.all(np.abs(matched.astype(int) - (80 if match is keep_colours else 120)) <= 1)
