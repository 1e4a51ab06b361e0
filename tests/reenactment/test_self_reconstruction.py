"""Self-reconstruction: noise is told from a known face."""

import logging
import pathlib

import numpy as np
import pytest

from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.reenactment.self_reconstruction import LEAST_PSNR, self_reconstruction, warn_unknown_person
from tests.reenactment.faces import portrait_crop


class FixedRenderer:
    """Renders the same picture for every shape."""

    def __init__(self, picture: np.ndarray):
        self.picture = picture

    def render(self, shapes):
        return np.stack([self.picture] * len(shapes))


def test_a_known_face_and_noise(portraits):
    crop, shape = portrait_crop(portraits[0])
    small = shrink(crop, 64).copy()
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 256, small.shape, np.uint8)
    close = np.clip(small + rng.normal(0, 8, small.shape), 0, 255).astype(np.uint8)
    assert self_reconstruction(FixedRenderer(noisy), crop, shape) < LEAST_PSNR - 5
    assert self_reconstruction(FixedRenderer(close), crop, shape) == pytest.approx(
        20 * np.log10(255 / 8), abs=1
    )  # the noise has a standard deviation of 8


def test_the_photo_itself_is_perfect(portraits):
    crop, shape = portrait_crop(portraits[0])
    assert self_reconstruction(FixedRenderer(shrink(crop, 64)), crop, shape) == pytest.approx(120)


@pytest.mark.parametrize(("psnr", "warns"), [(LEAST_PSNR - 0.1, True), (LEAST_PSNR + 0.1, False)])
def test_the_warning_says_what_to_do(caplog, psnr: float, warns: bool):
    with caplog.at_level(logging.WARNING):
        warn_unknown_person(pathlib.Path("her.png"), psnr)
    text = caplog.text
    assert ("her.png" in text and "--init-from" in text and "--without-network" in text) is warns
