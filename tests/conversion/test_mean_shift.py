"""Moving codes from one person's average to the other's."""

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig, KerasSwapper
from faceswap_lib.conversion.latent.expression import describe_expression
from faceswap_lib.conversion.latent.mapping import LatentShift
from faceswap_lib.conversion.latent.mean_shift import mean_code_difference, measure_shift
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.networks.preprocessing import preprocess_views
from faceswap_lib.pipeline import convert
from faceswap_lib.training import load_run
from tests.faces68 import template_points_68


@pytest.fixture(scope="module")
def networks(tiny_run):
    return load_run(tiny_run.workspace)[0]


def network_views(workspace: Workspace, side: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    return Faceset.open(workspace, side).load(round(size / VIEW_COVERAGE), face_region="auto").views(size)


def test_it_takes_one_average_code_onto_the_other(networks, tiny_run):
    averages = {}
    for side in ("src", "dst"):
        seen, _ = preprocess_views(*network_views(tiny_run.workspace, side, networks.config.resolution))
        averages[side] = networks.encoder.predict_on_batch(seen).mean(axis=0)
    shift = measure_shift(networks, tiny_run.workspace, "a2b")
    assert np.abs(shift).max() > 0.01
    np.testing.assert_allclose(averages["src"] + shift, averages["dst"], atol=1e-4)
    np.testing.assert_allclose(measure_shift(networks, tiny_run.workspace, "b2a"), -shift, atol=1e-6)


def test_the_swapper_adds_it_to_the_code(networks, tiny_run):
    views, faces = network_views(tiny_run.workspace, "src", networks.config.resolution)
    shift = measure_shift(networks, tiny_run.workspace, "a2b")
    seen, _ = preprocess_views(views[:2], faces[:2])
    wanted = networks.decoder_b.predict_on_batch(networks.encoder.predict_on_batch(seen) + shift)[0][..., 0]
    masks, shifted = KerasSwapper(networks, "a2b", LatentShift(shift=shift)).swap(views[:2], faces[:2])
    np.testing.assert_allclose(masks, wanted, atol=1e-4)
    assert (shifted != KerasSwapper(networks, "a2b").swap(views[:2], faces[:2])[1]).any()


def test_the_option_reaches_the_video(tiny_run, portrait_clips, tmp_path):
    reports = [
        convert(
            portrait_clips[0], tiny_run.workspace, tmp_path / f"{share}.mp4", config=ConvertConfig(latent_shift=share)
        ).report
        for share in (0.0, 1.0)
    ]
    assert reports[0].swapped == reports[1].swapped == 38
    assert reports[0].mask_mean != reports[1].mask_mean


def test_what_it_cannot_do_is_said(networks, tmp_path):
    with pytest.raises(InputError, match="latent_shift must be between 0 and 1"):
        ConvertConfig(latent_shift=1.5)
    with pytest.raises(WorkspaceError, match="no faces in"):
        measure_shift(networks, Workspace(tmp_path), "a2b")


def test_the_difference_of_people_is_taken_at_the_same_expression():
    """Codes are a person's own part and what the face does; one person does more of it than the other."""
    random = np.random.default_rng(0)
    own_a, own_b, doing = random.normal(size=(3, 2, 2, 4))
    mouth_a, mouth_b = random.normal(0.2, 0.1, (60, 2)), random.normal(0.9, 0.1, (80, 2))
    codes_a = own_a + mouth_a[:, 0, None, None, None] * 10 * doing
    codes_b = own_b + mouth_b[:, 0, None, None, None] * 10 * doing
    expected = own_b - own_a
    known = mean_code_difference(codes_a, codes_b, mouth_a, mouth_b)
    unknown = mean_code_difference(codes_a, codes_b, None, mouth_b)
    assert np.abs(known - expected).max() < 0.05 * np.abs(unknown - expected).max()
    np.testing.assert_allclose(unknown, codes_b.mean(0) - codes_a.mean(0))


def test_expression_is_told_from_the_landmarks():
    face = template_points_68(256)
    still = describe_expression(face[None])[0]
    np.testing.assert_allclose(describe_expression(3 * face[None] + 40)[0], still, atol=1e-9)  # neither size nor place
    unit = np.linalg.norm(face[42:48].mean(0) - face[36:42].mean(0))

    def change(points, offset) -> np.ndarray:
        moved = face.copy()
        moved[points] += np.array(offset) * unit
        return describe_expression(moved[None])[0] - still

    opened = change([57, 66], (0, 0.2))
    np.testing.assert_allclose(opened[:2], 0.2, atol=1e-6)
    np.testing.assert_allclose(change(slice(17, 27), (0, -0.1))[6], 0.1, atol=1e-6)
    turned = change(slice(27, 36), (0.1, 0))
    assert abs(turned[4]) > 0.1 and np.abs(turned[[0, 1, 2, 3, 6, 7]]).max() < 1e-6
    np.testing.assert_allclose(change([48, 54], (0, 0.05))[7], 0.05, atol=1e-6)
