"""Steadying a color match along a track."""

import math

import numpy as np
import pytest

from faceswap_lib.conversion.color_transfer.registry import MATCHES, find_match
from faceswap_lib.conversion.color_transfer.skin_mask import SkinSample
from faceswap_lib.conversion.color_transfer.temporal import TemporalColorTransfer

CHANGING = [mode for mode in MATCHES if mode != "none"]


def follow(steady: TemporalColorTransfer, values, track: int | None = 0) -> list[float]:
    return [float(steady.smooth(track, np.array([value], np.float32))[0]) for value in values]


def test_the_average_by_hand():
    """The first frames count equally; from the time constant on the newest counts 1 - 1 / sqrt(e), here."""
    steady = TemporalColorTransfer(find_match("adain"), 2)
    newest = 1 - math.exp(-1 / 2)
    assert follow(steady, [6, 3]) == pytest.approx([6, 4.5])
    third = 4.5 + newest * (10.5 - 4.5)
    assert newest > 1 / 3
    assert follow(steady, [10.5, 0]) == pytest.approx([third, third * (1 - newest)])


def test_every_track_starts_anew():
    steady = TemporalColorTransfer(find_match("adain"), 10)
    follow(steady, [5, 5, 5], track=3)
    assert follow(steady, [90], track=4) == [90]
    assert follow(steady, [5], track=3) == [5]
    assert follow(steady, [70, 80], track=None) == [70, 80]
    assert follow(TemporalColorTransfer(find_match("adain"), 0), [5, 90], track=3) == [5, 90]


def faces(light: float, seed: int, side: int = 32) -> tuple[np.ndarray, SkinSample]:
    """Noisy samples of two people in one light; the noise stands for what differs from frame to frame."""
    rng = np.random.default_rng(seed)
    shade = np.linspace(-30, 30, side)[:, None, None] + np.zeros((side, side, 1))
    pictures = []
    for mean, gain in (([120, 100, 90], 1.0), ([135, 95, 80], 1.3)):
        picture = np.array(mean) + gain * rng.uniform(0.8, 1.2) * shade + rng.normal(0, 2, (side, side, 3))
        pictures.append(np.clip(np.round(light * picture), 0, 255).astype(np.uint8))
    weights = np.ones((side, side), np.float32)
    return pictures[0], SkinSample(new=pictures[0], old=pictures[1], weights=weights, skin=weights, foreign=1 - weights)


@pytest.mark.parametrize("mode", CHANGING)
def test_spread_is_steadied_and_level_is_each_frames_own(mode):
    """A fixed picture, recolored by the match of every frame: how far its contrast changes from frame to frame."""
    contrasts = {}
    for frames in (0, 10):
        steady = TemporalColorTransfer(find_match(mode), frames)
        contrasts[frames] = []
        for seed in range(40):
            new, sample = faces(1.0, seed)
            result = steady.apply(new, sample, 0).astype(float)
            assert result.mean((0, 1)) == pytest.approx(sample.old.mean((0, 1)), abs=0.7)
            own = new.astype(float).std((0, 1)).mean()
            contrasts[frames].append(result.std((0, 1)).mean() / own)
    change = {frames: np.abs(np.diff(values[10:])).mean() for frames, values in contrasts.items()}
    assert change[10] < 0.5 * change[0]


@pytest.mark.parametrize("mode", CHANGING)
@pytest.mark.parametrize("light", [0.5, 1.25])
def test_a_sudden_change_of_light_does_not_lag(mode, light):
    steady, alone = (TemporalColorTransfer(find_match(mode), frames) for frames in (25, 0))
    for _ in range(30):
        new, sample = faces(1.0, 1)
        steady.apply(new, sample, 0)
    new, sample = faces(light, 1)
    late, right = (colors.apply(new, sample, 0).astype(float) for colors in (steady, alone))
    assert np.abs(late - right).mean() < 1.5
    before = alone.apply(*faces(1.0, 1), 0).astype(float)
    assert np.abs(before - right).mean() > 20  # so much there was to lag behind
