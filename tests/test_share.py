"""How far codes must move: as little as makes the sampled faces the wanted person's."""

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.people import SAMPLED, People
from faceswap_lib.conversion.share import SHARES, choose_share, swap_crops
from faceswap_lib.facesets import Faceset

PLAIN = ConvertConfig(colour="none", sharpen=0, texture=0)


class ColourEmbedder:
    """People are told apart by the colour in the middle of their faces."""

    name, same_person = "colour", 10.0

    def embed(self, crops):
        return np.stack([crop.image[108:148, 108:148].reshape(-1, 3).mean(axis=0) for crop in crops])


class Painter:
    """Writes one colour everywhere."""

    resolution, coverage = 64, 0.8

    def __init__(self, colour: np.ndarray):
        self.colour = colour

    def swap(self, views, faces):
        new = np.broadcast_to(np.round(self.colour).astype(np.uint8), views.shape)
        return np.ones(views.shape[:3], np.float32), new


@pytest.fixture(scope="module")
def people(tiny_run) -> dict[str, np.ndarray]:
    sides = ("src", "dst")
    crops = {side: Faceset.open(tiny_run.workspace, side).sample(SAMPLED).read_crops() for side in sides}
    return {side: ColourEmbedder().embed(crops[side]).mean(axis=0) for side in sides}


@pytest.mark.parametrize(
    ("slope", "expected"), [(0.3, 1.0), (0.5, 1.0), (0.9, 0.7), (1.7, 0.4), (7.0, 0.1)], ids=lambda value: f"{value:g}"
)
@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_the_smallest_part_that_is_enough_is_taken(tiny_run, people, direction, slope, expected):
    """Faces reach `slope` times the part; they are the wanted person's from .575 of the way on."""
    read, wanted = ("src", "dst") if direction == "a2b" else ("dst", "src")
    tried = []

    def make_swapper(share: float) -> Painter:
        tried.append(share)
        return Painter(people[read] + min(slope * share, 1) * (people[wanted] - people[read]))

    config = ConvertConfig(colour="none", sharpen=0, texture=0, direction=direction)
    both = People.measure(tiny_run.workspace, direction, ColourEmbedder())
    assert choose_share(make_swapper, both, config) == expected
    assert set(tried) <= set(SHARES) and len(tried) <= 6


def test_nothing_moves_where_the_swap_is_one_already(tiny_run, people):
    tried = []

    def make_swapper(share: float) -> Painter:
        tried.append(share)
        return Painter(people["dst"])

    assert choose_share(make_swapper, People.measure(tiny_run.workspace, "a2b", ColourEmbedder()), PLAIN) == 0
    assert tried == [0]


def test_new_faces_are_pasted_where_the_faces_are(tiny_run):
    crops = Faceset.open(tiny_run.workspace, "src").sample(SAMPLED).read_crops()
    painted = swap_crops(crops, Painter(np.array([255, 0, 0])), PLAIN)
    assert len(painted) == len(crops)
    for before, after in zip(crops, painted, strict=True):
        assert np.array_equal(after.landmarks, before.landmarks)
        assert np.abs(after.image[118:138, 118:138].astype(int) - [255, 0, 0]).max() <= 1
        assert np.array_equal(after.image[:4], before.image[:4])
