"""Duplicates: the distance by its definition, the best of a group kept, slow motion not dropped as a whole."""

import math

import numpy as np
import pytest

from faceswap_lib.curation import duplicates, find_duplicates
from faceswap_lib.curation.duplicates import nearest_distances


def signatures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), np.uint8)


def distance(one: np.ndarray, two: np.ndarray) -> float:
    difference = one.astype(float) - two
    return math.sqrt(np.mean((difference - difference.mean()) ** 2))


@pytest.mark.parametrize("rows", [3, 1024])
def test_the_distance_is_that_of_the_most_similar_other_crop(rows, monkeypatch):
    monkeypatch.setattr(duplicates, "ROWS", rows)
    crops = signatures(10)
    expected = [min(distance(a, b) for j, b in enumerate(crops) if j != i) for i, a in enumerate(crops)]
    assert nearest_distances(crops) == pytest.approx(expected, abs=1e-3)
    assert np.isnan(nearest_distances(crops[:1])).all()


@pytest.mark.parametrize("rows", [2, 1024])
def test_the_best_of_each_group_is_kept(rows, monkeypatch):
    monkeypatch.setattr(duplicates, "ROWS", rows)
    base = signatures(3) // 2 + 40
    crops = np.concatenate([base, base + 3, base[:1]])  # brighter copies, and one that is equal
    quality = np.array([1, 5, 2, 4, 3, 9, np.nan])
    assert find_duplicates(crops, quality, 0.5).tolist() == [3, -1, 5, -1, 1, -1, 3]


def test_a_face_that_moves_slowly_is_not_one_duplicate():
    ramp = np.stack([np.tile(np.linspace(0, 10 + step, 8), (8, 1)) for step in range(30)]).round().astype(np.uint8)
    copies = find_duplicates(ramp, np.arange(30.0)[::-1], 1.0)
    kept = np.flatnonzero(copies < 0)
    assert 3 < len(kept) < 30
    assert all(distance(ramp[index], ramp[copies[index]]) <= 1.0 + 1e-3 for index in np.flatnonzero(copies >= 0))
    assert all(distance(ramp[a], ramp[b]) > 1.0 - 1e-3 for a in kept for b in kept if a < b)
