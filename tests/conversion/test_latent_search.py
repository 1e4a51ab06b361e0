"""Which latent map is taken: the one whose faces are plausible, the wanted person's, and do what the input does."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.latent.identities import SAMPLED
from faceswap_lib.conversion.latent.search import MapJudge, MapQuality, choose_latent_map, swap_crops
from faceswap_lib.faces.landmarks import FivePointDetector
from faceswap_lib.facesets import Faceset

PLAIN = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")

GOOD = MapQuality(likeness=(0.9, 0.8, 0.76), drift=0.05, nearer=1.0)
SMEARED = MapQuality(likeness=(0.4, 0.3, 0.3), drift=0.04, nearer=1.0)
FAR = MapQuality(likeness=(0.9, 0.9, 0.9), drift=0.19, nearer=1.0)
ORIGINAL = MapQuality(likeness=(0.7, 0.7, 0.7), drift=0.0, nearer=0.0)
FAIR = MapQuality(likeness=(0.7, 0.7, 0.6), drift=0.08, nearer=0.9)


class Painter:
    """Writes one color everywhere."""

    resolution, coverage = 64, 0.8

    def __init__(self, color: np.ndarray):
        self.color = color

    def swap(self, views, faces):
        new = np.broadcast_to(np.round(self.color).astype(np.uint8), views.shape)
        return np.ones(views.shape[:3], np.float32), new


class Copier:
    """Gives the faces of a faceset, in the order of its crops, whatever it is shown; none copies the input."""

    resolution, coverage = 64, 0.8

    def __init__(self, faceset: Faceset | None, count: int):
        self.views = faceset.sample(count).load(80).views(64)[0] if faceset is not None else None

    def swap(self, views, faces):
        return np.ones(views.shape[:3], np.float32), views if self.views is None else self.views[: len(views)]


@pytest.mark.parametrize("bad", [SMEARED, FAR, ORIGINAL], ids=["smeared", "far", "original"])
def test_what_ruins_one_measure_is_not_made_good_by_the_others(bad):
    qualities = {"align": bad, "project": FAIR, "none": bad}
    name, tried = choose_latent_map({name: name for name in qualities}, qualities.get)
    assert name == "project" and tried == qualities


def test_a_good_map_is_taken_without_trying_others():
    qualities = {"align": GOOD, "project": FAIR}
    assert choose_latent_map({name: name for name in qualities}, qualities.get) == ("align", {"align": GOOD})


@pytest.mark.parametrize(("drift", "name"), [(0.078, "align"), (0.06, "project")])
def test_the_likeliest_map_is_left_only_for_a_clearly_better_one(drift, name):
    qualities = {"align": FAIR, "project": dataclasses.replace(FAIR, drift=drift)}
    assert qualities["project"].score > FAIR.score
    assert choose_latent_map({name: name for name in qualities}, qualities.get)[0] == name


def test_the_wanted_persons_own_faces_are_judged_above_smears_and_the_input(tiny_run):
    """Also where nothing tells people apart."""
    facesets = [Faceset.open(tiny_run.workspace, side) for side in ("src", "dst")]
    judge = MapJudge.open(*facesets, FivePointDetector(), None)
    count = len(judge.crops)
    own, copied = (judge.judge(Copier(faceset, count), PLAIN) for faceset in (facesets[1], None))
    smeared = judge.judge(Painter(np.array([180, 140, 120])), PLAIN)
    assert own.nearer > 0.9 and copied.nearer < 0.1
    assert min(own.likeness) > 0.8 > 0.5 > max(smeared.likeness)
    assert own.score > 0.7 and max(copied.score, smeared.score) < 0.3


def test_new_faces_are_pasted_where_the_faces_are(tiny_run):
    crops = Faceset.open(tiny_run.workspace, "src").sample(SAMPLED).read_crops()
    painted = swap_crops(crops, Painter(np.array([255, 0, 0])), PLAIN)
    assert len(painted) == len(crops)
    for before, after in zip(crops, painted, strict=True):
        assert np.array_equal(after.landmarks, before.landmarks)
        assert np.abs(after.image[118:138, 118:138].astype(int) - [255, 0, 0]).max() <= 1
        assert np.array_equal(after.image[:4], before.image[:4])


def test_a_face_is_placed_unless_it_shall_not_be(tiny_run):
    facesets = [Faceset.open(tiny_run.workspace, side) for side in ("src", "dst")]
    judge = MapJudge.open(*facesets, FivePointDetector(), None)
    copier = Copier(None, 8)
    assert judge.judge(copier, PLAIN).placement.view_from_new.shape == (2, 3)
    assert judge.judge(copier, dataclasses.replace(PLAIN, placement="none")).placement is None
