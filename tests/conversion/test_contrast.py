"""Contrast of the new face between that of the two people."""

import types

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.contrast import FACTORS, fit_contrast, measure_contrast
from faceswap_lib.conversion.swapper import GeneratorSwapper
from faceswap_lib.errors import InputError
from faceswap_lib.faces.alignment import VIEW_COVERAGE

NETWORKS = types.SimpleNamespace(resolution=64, stored_size=64, face_region="ellipse")


def striped(level: float, swing: float, count: int = 3) -> np.ndarray:
    """Views of gray stripes, `swing` below and above a level: their contrast is swing / level."""
    stripes = np.where(np.arange(64) % 2 == 0, level - swing, level + swing)
    return np.broadcast_to(stripes[None, None, :, None], (count, 64, 64, 3)).astype(np.uint8)


class People:
    """Stands for a faceset."""

    def __init__(self, views: np.ndarray):
        self.views_of_it = views

    def sample(self, count):
        return self

    def load(self, size, *, face_region):
        assert (size, face_region) == (NETWORKS.stored_size, NETWORKS.face_region)
        return types.SimpleNamespace(
            views=lambda resolution: (self.views_of_it, np.full((len(self.views_of_it), 64, 64), 255, np.uint8))
        )


class Writer:
    """Stands for a swapper that writes given faces."""

    coverage = VIEW_COVERAGE

    def __init__(self, written: np.ndarray):
        self.written = written

    def with_contrast(self, factor, color_spread):
        other = Writer(self.written)
        other.contrast, other.color_spread = factor, color_spread
        return other

    def swap(self, views, faces):
        return np.ones(self.written.shape[:3], np.float32), self.written


def test_contrast_is_the_spread_as_a_share_of_the_mean():
    assert measure_contrast(striped(100, 20), VIEW_COVERAGE) == pytest.approx(0.2, abs=0.005)
    assert measure_contrast(striped(200, 40), VIEW_COVERAGE) == pytest.approx(0.2, abs=0.005)
    assert measure_contrast(striped(100, 0), VIEW_COVERAGE) == 0
    assert measure_contrast(np.zeros((2, 64, 64, 3), np.uint8), VIEW_COVERAGE) == 0


@pytest.mark.parametrize(("share", "factor"), [(0.5, 2**0.5), (1.0, 2.0), (0.25, 2**0.25)])
def test_a_new_face_stands_between_the_two_by_ratio(share, factor):
    wanted, written = People(striped(150, 60)), Writer(striped(100, 20))
    found = fit_contrast(written, NETWORKS, People(striped(100, 20)), wanted, share)
    assert found.contrast == pytest.approx(factor, rel=0.02)
    assert found.color_spread == pytest.approx([0.4] * 3, rel=0.02)


def test_no_factor_is_believed_that_turns_a_face_into_a_drawing():
    strong, faint = striped(100, 90), striped(100, 2)
    assert fit_contrast(Writer(faint), NETWORKS, People(faint), People(strong), 1.0).contrast == FACTORS[1]
    assert fit_contrast(Writer(strong), NETWORKS, People(strong), People(faint), 1.0).contrast == FACTORS[0]
    black = np.zeros_like(faint)
    assert fit_contrast(Writer(black), NETWORKS, People(black), People(strong), 1.0).contrast == FACTORS[1]


class Striper(GeneratorSwapper):
    """Decodes to stripes, in whatever tone is asked for."""

    def __init__(self, input_mode: str = "masked"):
        config = types.SimpleNamespace(
            resolution=64, view_coverage=VIEW_COVERAGE, face_region="ellipse", input_mode=input_mode
        )
        super().__init__(types.SimpleNamespace(config=config), "a2b")

    def _encode(self, seen):
        return seen

    def _decode(self, codes):
        raw = np.broadcast_to(np.where(np.arange(64) % 2 == 0, -0.35, 0.35)[None, None, :, None], (1, 64, 64, 3))
        return np.ones((1, 64, 64), np.float32), raw


def test_contrast_changes_the_spread_of_a_face_and_not_its_mean():
    tones = np.array([[[120.0] * 3, [20.0] * 3]], np.float32)
    swapper = Striper()
    _, plain = swapper.decode(np.zeros((1, 1)), tones)
    _, strong = swapper.with_contrast(1.5).decode(np.zeros((1, 1)), tones)
    assert set(np.unique(plain)) == {100, 140} and set(np.unique(strong)) == {90, 150}
    assert set(np.unique(swapper.decode(np.zeros((1, 1)), tones)[1])) == {100, 140}  # the first one is as it was


def test_networks_that_see_the_whole_picture_keep_their_own_tone():
    tones = np.array([[[120.0] * 3, [20.0] * 3]], np.float32)
    _, written = Striper("full").with_contrast(1.5).decode(np.zeros((1, 1)), tones)
    assert set(np.unique(written)) == {100, 140}


def test_a_swapper_gives_its_faces_the_hues_of_the_wanted_person():
    tones, spread = np.array([[[200.0, 150.0, 100.0], [40.0, 30.0, 20.0]]], np.float32), np.array([0.1, 0.2, 0.3])
    _, written = Striper().with_contrast(1.0, spread).decode(np.zeros((1, 1)), tones)
    dark, light = np.unique(written.reshape(-1, 3), axis=0).astype(float)
    rise = light / dark
    assert rise / rise[1] == pytest.approx(np.array([1.1 / 0.9, 1.2 / 0.8, 1.3 / 0.7]) / (1.2 / 0.8), rel=0.02)
    _, written = Striper("full").with_contrast(1.0, spread).decode(np.zeros((1, 1)), tones)
    assert set(map(tuple, np.unique(written.reshape(-1, 3), axis=0))) == {(160, 120, 80), (240, 180, 120)}


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_a_contrast_that_is_no_share_is_refused(value):
    with pytest.raises(InputError, match="contrast"):
        ConvertConfig(contrast=value)
