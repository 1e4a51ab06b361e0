"""Eyes are asked to be as much wider open as aligned codes leave them shut."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.latent import eye_openness
from faceswap_lib.conversion.latent.expression import LID_NUMBERS, LID_UNIT, describe_motion, measure_lids, open_lids
from faceswap_lib.conversion.latent.eye_openness import LEAST, MOST, calibrate_eye_openness
from faceswap_lib.conversion.latent.mapping import fit_alignment
from faceswap_lib.conversion.latent.samples import LatentSample
from tests.faces68 import template_points_68

COUNT = 12


def with_lids(openness: float) -> np.ndarray:
    """A face whose eyes are so many times as open as the template's."""
    points = template_points_68(256).astype(float)
    for lids in ((37, 41), (38, 40), (43, 47), (44, 46)):
        middle = points[list(lids)].mean(axis=0)
        points[list(lids)] = middle + openness * (points[list(lids)] - middle)
    return points


class Crops:
    def __len__(self):
        return COUNT

    def sample(self, count):
        return self

    def read_crops(self):
        return [None] * COUNT


@dataclasses.dataclass
class Mapped:
    """A swapper that remembers how open eyes were asked to be."""

    openness: float = 1.0

    def with_latent_map(self, latent_map):
        return Mapped(latent_map)


class Meshes:
    """Finds eyes `left` times as open as they were asked to be, in faces that are there."""

    left, presence = 0.8, 1.0

    @staticmethod
    def unavailable_reason():
        return None

    def find_meshes(self, crops):
        return [dataclasses.make_dataclass("Mesh", ["points", "presence"])(crop, self.presence) for crop in crops]


@pytest.fixture
def sample() -> LatentSample:
    points = np.stack([with_lids(value) for value in [1.0] * (2 * COUNT - 2) + [0.1, 1.2]])
    return LatentSample(
        codes=None, motion=describe_motion(points), crops=Crops(), open_lids=open_lids(measure_lids(points))
    )


@pytest.fixture
def meshes(monkeypatch) -> type[Meshes]:
    made = type("These", (Meshes,), {})
    monkeypatch.setattr(eye_openness, "MeshLandmarkDetector", made)
    monkeypatch.setattr(eye_openness, "correct_68", lambda points: points)
    monkeypatch.setattr(
        eye_openness, "swap_crops", lambda crops, mapped, config: [with_lids(made.left * mapped.openness)] * len(crops)
    )
    return made


def fit(sample: LatentSample) -> float:
    return calibrate_eye_openness(lambda openness: openness, Mapped(), sample, sample, ConvertConfig())


@pytest.mark.parametrize(("left", "factor"), [(0.8, 1.25), (1.0, 1.0), (1.1, 1 / 1.1), (0.3, MOST), (2.0, LEAST)])
def test_what_the_mean_shuts_is_asked_for_more(sample, meshes, left, factor):
    meshes.left = left
    assert fit(sample) == pytest.approx(factor, rel=0.02)


def test_nothing_is_changed_where_no_face_is_found_or_no_mesh_runs(sample, meshes, monkeypatch):
    meshes.presence = 0.0
    assert fit(sample) == 1
    meshes.presence = 1.0
    monkeypatch.setattr(meshes, "unavailable_reason", staticmethod(lambda: "not here"))
    assert fit(sample) == 1
    monkeypatch.undo()
    assert fit(dataclasses.replace(sample, open_lids=None)) == 1


def test_lids_are_measured_as_motion_describes_them(sample):
    points = np.stack([with_lids(1.0), with_lids(1.0), with_lids(0.5)])
    shares = measure_lids(points) / open_lids(measure_lids(points))
    np.testing.assert_allclose(shares[:, 0], [1, 1, 0.5], atol=0.01)
    np.testing.assert_allclose(describe_motion(points)[:, LID_NUMBERS] * LID_UNIT, shares)


def test_an_alignment_asks_for_eyes_so_many_times_as_open():
    rng = np.random.default_rng(0)
    motion = np.zeros((60, 12))
    motion[:, LID_NUMBERS] = rng.uniform(2, 10, (60, 1))
    codes = (motion[:, 3, None] * np.linspace(1, 2, 8) + 0.01 * rng.normal(size=(60, 8))).reshape(60, 1, 1, 8)
    plain, wider = (fit_alignment(codes, motion, codes, motion, pull=0.0, openness=value) for value in (1.0, 1.2))
    ratio = wider(codes).mean() / plain(codes).mean()
    assert ratio == pytest.approx(1.2, abs=0.05)
