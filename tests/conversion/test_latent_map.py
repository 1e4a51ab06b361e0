"""Bringing one person's latent codes to what the other person's decoder knows."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.latent import mapping, samples
from faceswap_lib.conversion.latent.expression import describe_gaze, describe_motion
from faceswap_lib.conversion.latent.mapping import LatentShift, fit_alignment, fit_projection
from faceswap_lib.conversion.latent.samples import sample_codes
from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks_68 import MIRRORED, mirror_landmarks
from faceswap_lib.faces.mesh import FaceMesh
from faceswap_lib.facesets import Faceset
from faceswap_lib.pipeline import convert, open_swapper
from faceswap_lib.training import load_run
from tests.faces68 import template_points_68

SHAPE = (2, 2, 25)

OPEN = 1 / 0.11
"""How open eyes are that are as open as this person's usually are."""


def draw_people(motion_a: np.ndarray, motion_b: np.ndarray, seed: int = 0):
    """Codes of two people, each of whom says the same motion in directions of their own, and the true codes of B."""
    random = np.random.default_rng(seed)
    offsets = 20 * random.normal(size=(2, 100))
    ways = random.normal(size=(2, motion_a.shape[1], 100))

    def code(person: int, motion: np.ndarray) -> np.ndarray:
        noise = 0.05 * random.normal(size=(len(motion), 100))
        return (offsets[person] + motion @ ways[person] + noise).reshape(-1, *SHAPE).astype(np.float32)

    return code(0, motion_a), code(1, motion_b), lambda motion: code(1, motion)


def test_alignment_gives_the_codes_of_the_same_motion():
    random = np.random.default_rng(1)
    motion_a, motion_b = random.normal(size=(200, 4)), random.normal(size=(150, 4))
    codes_a, codes_b, true_b = draw_people(motion_a, motion_b)
    aligned = fit_alignment(codes_a[:160], motion_a[:160], codes_b, motion_b, limit=5, pull=0)(codes_a[160:])
    shifted = LatentShift(shift=codes_b.mean(0) - codes_a.mean(0))(codes_a[160:])
    expected = true_b(motion_a[160:])
    errors = [np.square(codes - expected).mean() / codes_b.var(axis=0).mean() for codes in (aligned, shifted)]
    assert errors[0] < 0.05 < 1 < errors[1]
    assert aligned.shape == (40, *SHAPE) and aligned.dtype == np.float32


def test_alignment_does_not_mistake_what_one_person_always_does_for_the_person():
    """A's head is turned where B's is not, as far as B goes both ways."""
    random = np.random.default_rng(2)
    motion_a, motion_b = random.normal(size=(200, 3)), random.normal(size=(200, 3))
    motion_a[:, 0] = 2 + 0.3 * motion_a[:, 0]
    motion_b[:, 0] *= 2
    codes_a, codes_b, true_b = draw_people(motion_a, motion_b)
    aligned = fit_alignment(codes_a, motion_a, codes_b, motion_b, limit=5, pull=0)(codes_a)
    assert np.square(aligned - true_b(motion_a)).mean() < 0.1 * codes_b.var(axis=0).mean()


def test_what_the_wanted_person_never_does_is_done_as_far_as_she_goes():
    random = np.random.default_rng(3)
    motion_a, motion_b = random.uniform(0, 9, (200, 1)), random.uniform(0, 1, (200, 1))
    codes_a, codes_b, true_b = draw_people(motion_a, motion_b)
    aligned = fit_alignment(codes_a, motion_a, codes_b, motion_b)(codes_a)
    reach = np.abs(codes_b - codes_b.mean(axis=0)).max()
    assert np.abs(aligned - codes_b.mean(axis=0)).max() < 1.5 * reach
    far = motion_a[:, 0] > 2
    assert np.square(aligned[far] - true_b(np.full((far.sum(), 1), 1.2))).mean() < 0.3 * codes_b.var(axis=0).mean()


def test_aligned_codes_are_pulled_towards_the_persons_own():
    """What a regression cannot explain comes out as a mean, which is none of the person's codes."""
    random = np.random.default_rng(6)
    motion_a, motion_b = random.normal(size=(200, 3)), random.normal(size=(200, 3))
    codes_a, codes_b, _ = draw_people(motion_a, motion_b)
    gaze = random.choice([-1.0, 1.0], 200)[:, None] * random.normal(size=(1, 100)) * 3  # told by no landmark
    codes_b = codes_b + gaze.reshape(-1, *SHAPE).astype(np.float32)

    def distance_to_own(pull: float) -> float:
        aligned = fit_alignment(codes_a, motion_a, codes_b, motion_b, pull=pull)(codes_a).reshape(200, -1)
        return np.mean([np.linalg.norm(codes_b.reshape(200, -1) - code, axis=1).min() for code in aligned])

    near, between, far = (distance_to_own(pull) for pull in (1.0, 0.5, 0.0))
    assert near < between < far and near < 0.8 * far


def test_projection_keeps_the_persons_own_codes_and_takes_the_rest_away():
    random = np.random.default_rng(4)
    own = (random.normal(size=(100, 6)) @ random.normal(size=(6, 100))).reshape(-1, *SHAPE).astype(np.float32)
    projection = fit_projection(own, components=6, limit=10)
    np.testing.assert_allclose(projection(own), own, atol=1e-3)
    np.testing.assert_allclose(projection.components @ projection.components.T, np.eye(6), atol=1e-4)
    strange = own + 5 * random.normal(size=own.shape).astype(np.float32)
    assert np.square(projection(strange) - own).mean() < 0.15 * np.square(strange - own).mean()
    limited = fit_projection(own, components=6, limit=1)
    reached = np.abs(limited.coordinates(limited(100 * own))) / limited.deviations
    assert reached.max() < 1.001 and np.median(reached) > 0.999


@pytest.mark.parametrize(("products", "rows"), [(2**17, 3), (1000, 7), (1, 2)])
def test_products_in_pieces_are_the_whole_ones(products, rows, monkeypatch):
    """No piece so large that the threads of a matrix product would wait for each other."""
    monkeypatch.setattr(mapping, "PRODUCTS", products)
    own = np.random.default_rng(8).normal(size=(40, 2, 3, 173)).astype(np.float32)
    projection, codes = fit_projection(own, limit=1), own[:rows]
    coordinates = (codes.reshape(rows, -1) - projection.mean) @ projection.components.T
    np.testing.assert_allclose(projection.coordinates(codes), coordinates, atol=1e-4)
    whole = np.clip(coordinates, -projection.deviations, projection.deviations) @ projection.components
    np.testing.assert_allclose(projection(codes).reshape(rows, -1), projection.mean + whole, atol=1e-4)
    sizes = [rows * len(projection.components) * len(piece) for piece in cut(rows, projection.components)]
    assert sum(sizes) == rows * projection.components.size
    assert max(sizes) <= max(products, rows * len(projection.components))


def cut(rows: int, components: np.ndarray) -> list[range]:
    """Which numbers of a code each piece of a product takes."""
    pieces = mapping._blocks(rows, components)
    return [range(components.shape[1])[piece] for piece in pieces]


def test_few_codes_have_few_components():
    codes = np.random.default_rng(5).normal(size=(4, *SHAPE)).astype(np.float32)
    assert fit_projection(codes).components.shape == (3, 100)


def test_mirroring_landmarks_twice_changes_nothing_and_turns_the_head_the_other_way():
    assert sorted(MIRRORED) == list(range(68)) and (MIRRORED[MIRRORED] == np.arange(68)).all()
    face = template_points_68(256)
    winking = face.copy()
    winking[[37, 38]] = winking[[41, 40]]
    winking[27:36, 0] += 8
    faces = np.stack([face, face, face, winking])
    np.testing.assert_allclose(mirror_landmarks(mirror_landmarks(faces, 256), 256), faces)
    plain, mirrored = (describe_motion(points)[3] for points in (faces, mirror_landmarks(faces, 256)))
    assert abs(plain[0]) > 1 and mirrored[0] == pytest.approx(-plain[0], abs=0.6)
    assert plain[3] < 1 and abs(plain[4] - OPEN) < 1
    np.testing.assert_allclose(mirrored[[4, 3, 7, 6, 9, 8]], plain[[3, 4, 6, 7, 8, 9]], atol=0.3)


def test_a_smile_is_told_against_a_mouth_at_rest():
    face = template_points_68(256)
    smiling = face.copy()
    smiling[[48, 54], 0] += [-8, 8]
    faces = np.stack([face, face, smiling])
    moved = describe_motion(faces)
    assert moved[2, 5] > moved[0, 5] + 2
    always = describe_motion(np.stack([smiling] * 3))
    assert always[0, 5] > 2  # who smiles all the time still smiles


def test_sampled_codes_are_those_of_the_crops_and_of_their_mirror_images(tiny_run):
    networks, _ = load_run(tiny_run.workspace)
    faceset = Faceset.open(tiny_run.workspace, "src")
    sample = sample_codes(networks, faceset)
    assert len(sample.codes) == 2 * len(sample.filmed) and sample.codes.dtype == np.float32
    assert np.abs(sample.codes[0] - sample.codes[len(sample.filmed)]).max() > 1e-3
    assert sample.motion is None or sample.motion.shape in ((len(sample.codes), 12), (len(sample.codes), 14))


class MeshesOfTemplates:
    """Finds an average face that looks aside, in all crops but those it is told are empty."""

    def __init__(self, empty: set[int]):
        self.empty = empty

    def __call__(self):
        return self

    def unavailable_reason(self):
        return None

    def find_meshes(self, crops):
        points = np.zeros((478, 3))
        points[:468, :2] = np.random.default_rng(0).uniform(60, 200, (468, 2))
        return [FaceMesh(points=points + 0.1 * n, presence=0.0 if n in self.empty else 1.0) for n in range(len(crops))]


@pytest.mark.parametrize(("empty", "left"), [({}, 1), ({0, 3}, 2), (range(1000), None)])
def test_crops_without_a_face_do_not_take_the_motion_of_the_others(tiny_run, monkeypatch, caplog, empty, left):
    networks, _ = load_run(tiny_run.workspace)
    monkeypatch.setattr(samples, "MeshLandmarkDetector", MeshesOfTemplates(set(empty)))
    faceset = Faceset.open(tiny_run.workspace, "src")
    five = tuple(dataclasses.replace(record, landmarks_68=None) for record in faceset.records)
    faceset = dataclasses.replace(faceset, records=five)
    caplog.set_level("INFO")
    sample = sample_codes(networks, faceset)
    if left is None:
        assert sample.motion is None and len(sample.crops) == len(faceset)
        return
    count = len(faceset) - len(empty)
    assert len(sample.crops) == count and len(sample.codes) == 2 * count and sample.motion.shape == (2 * count, 14)
    assert (f"{len(empty)} of {len(faceset)} crops" in caplog.text) == bool(empty)


def test_gaze_counts_open_eyes_and_is_0_where_both_are_shut():
    shut = [np.nan, np.nan]
    eyes = [[[0.16, 0.0], [0.16, 0.0]], [[-0.16, 0.24], shut], [[0, -0.08], [0, 0.08]], [shut, shut]]
    looks = describe_gaze(np.array(eyes))
    np.testing.assert_allclose(looks, [[2, 0], [-2, 3], [0, 0], [0, 0]])
    assert describe_gaze(np.full((3, 2, 2), np.nan)).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("latent_map", ["project", "shift", "none"])
def test_every_map_reaches_the_video(tiny_run, portrait_clips, tmp_path, latent_map):
    config = ConvertConfig(latent_map=latent_map)
    converted = convert(portrait_clips[0], tiny_run.workspace, tmp_path / "swap.mp4", config=config)
    assert converted.report.swapped == 38


def test_maps_give_different_faces(tiny_run):
    networks, _ = load_run(tiny_run.workspace)
    views, faces = Faceset.open(tiny_run.workspace, "src").sample(2).load(networks.config.stored_size).views(64)
    made = {
        name: open_swapper(networks, tiny_run.workspace, ConvertConfig(latent_map=name)).swap(views, faces)[1]
        for name in ("project", "shift", "none")
    }
    assert (made["project"] != made["none"]).any() and (made["shift"] != made["none"]).any()
    as_before = open_swapper(networks, tiny_run.workspace, ConvertConfig(latent_shift=0.5)).swap(views, faces)[1]
    assert (as_before == made["shift"]).all()


def test_a_shift_with_another_map_is_refused():
    with pytest.raises(InputError, match="latent_shift: latent_map align has no shift"):
        ConvertConfig(latent_map="align", latent_shift=0.5)
    with pytest.raises(InputError, match="latent_limit must be between 0.5 and 10"):
        ConvertConfig(latent_limit=0)
