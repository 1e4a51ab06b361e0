"""Whether an output is a swap, and what is said if it is not."""

import dataclasses
import pathlib

import numpy as np
import pytest

from faceswap_lib.conversion.latent.identities import IdentityPair
from faceswap_lib.conversion.swap_check.check import check_swap
from faceswap_lib.conversion.video_conversion import ConversionReport
from faceswap_lib.facesets import Faceset
from tests.fakes import make_face

RED, BLUE, GRAY = (200, 40, 40), (40, 40, 200), (120, 40, 120)


class ColorEmbedder:
    """People are told apart by the color in the middle of their faces."""

    name, same_person = "color", 10.0

    def embed(self, crops):
        return np.stack([crop.image[64:192, 64:192].reshape(-1, 3).mean(axis=0) for crop in crops])


PEOPLE = IdentityPair(
    embedder=ColorEmbedder(), crops=(), original=np.array(RED, np.float64), wanted=np.array(BLUE, np.float64)
)


def report_of(before, after, mask: float = 0.5, count: int = 6) -> ConversionReport:
    def paint(color):
        return np.full((256, 256, 3), color, np.uint8)

    return ConversionReport(
        out=pathlib.Path("o.mp4"),
        frames=90,
        swapped=90,
        mask_mean=mask,
        samples=(np.stack([paint(before), paint(after)]),) * count,
        points=(make_face(128, 110, 70).landmarks,) * count,
    )


def test_a_swap_is_one():
    check = check_swap(report_of(RED, (60, 45, 190)), PEOPLE, direction="a2b", step=500)
    assert check.trouble is None and check.looked_at == 6 and check.nearer == 1
    assert check.change == pytest.approx((140 + 5 + 150) / 3)
    assert check.to_wanted == pytest.approx(np.linalg.norm([20, 5, 10]), abs=1e-6)
    assert check.to_text() == "100% of 6 faces looked at are more like the wanted person than like the original"


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (report_of(RED, RED), "the faces are almost the input's (0.0 of 255): the run has 500 steps"),
        (report_of(RED, (199, 42, 41)), "almost the input's"),
        (report_of(RED, RED, mask=0.01), "the attention mask has collapsed (0.01)"),
        (report_of(RED, (150, 42, 60)), "still look more like the original person"),
        (report_of(BLUE, (45, 45, 180)), "pass --direction b2a"),
    ],
    ids=["copied", "nearly copied", "mask", "too little", "direction"],
)
def test_why_it_is_none(report, said):
    assert said in check_swap(report, PEOPLE, direction="a2b", step=500).trouble


@pytest.mark.parametrize(("latent_shift", "is_told"), [(None, False), (0.0, True), (0.5, True), (1.0, False)])
def test_a_larger_code_shift_is_advised_only_where_there_is_one(latent_shift, is_told):
    report = report_of(RED, (150, 42, 60))
    check = check_swap(report, PEOPLE, direction="a2b", step=500, latent_shift=latent_shift)
    assert ("--latent-shift" in check.trouble) == is_told and "train on" in check.trouble


def test_the_other_direction_is_named():
    check = check_swap(report_of(BLUE, BLUE), PEOPLE, direction="b2a", step=1)
    assert "(b2a puts A's face in): pass --direction a2b" in check.trouble


def test_without_a_network_for_people_the_pixels_tell():
    check = check_swap(report_of(RED, BLUE), None, direction="a2b", step=1)
    assert check.trouble is None and check.nearer is None and check.change == pytest.approx(320 / 3)
    assert "was not measured" in check.to_text() and "pip install 'faceswap_lib[dlib]'" in check.to_text()
    assert "almost the input's" in check_swap(report_of(RED, RED), None, direction="a2b", step=1).trouble


def test_half_of_the_faces_must_be_nearer():
    swapped, copied = report_of(RED, BLUE, count=3), report_of(RED, GRAY, count=3)
    mixed = dataclasses.replace(
        swapped, samples=swapped.samples + copied.samples, points=swapped.points + copied.points
    )
    assert check_swap(mixed, PEOPLE, direction="a2b", step=1).nearer == 0.5
    assert check_swap(mixed, PEOPLE, direction="a2b", step=1).trouble is None


def test_people_are_measured_from_the_workspace(tiny_run):
    a2b, b2a = (IdentityPair.measure(tiny_run.workspace, direction, ColorEmbedder()) for direction in ("a2b", "b2a"))
    assert np.array_equal(a2b.original, b2a.wanted) and np.array_equal(a2b.wanted, b2a.original)
    crops = Faceset.open(tiny_run.workspace, "src").sample(60).read_crops()
    assert a2b.original == pytest.approx(ColorEmbedder().embed(crops).mean(axis=0))
    assert a2b.distance == pytest.approx(np.linalg.norm(a2b.original - a2b.wanted)) and a2b.distance > 0
