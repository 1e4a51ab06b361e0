"""A new face is moved and scaled so that its features lie on the original's, no further than alignment explains, and
bent smoothly towards the original's proportions."""

import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.placement import FURTHEST, FURTHEST_BEND, SIZES, Placement, fit_placement, make_placement
from faceswap_lib.conversion.stages.swap import swap_faces
from faceswap_lib.faces import CROP_SIZE, align_face
from faceswap_lib.faces.alignment import EYE_DISTANCE, map_points
from tests.conftest import annotated_face
from tests.faces.test_region import as_face
from tests.faces68 import template_points_68
from tests.fakes import IdentitySwapper

UNIT = EYE_DISTANCE * CROP_SIZE


def make_faces(count: int = 12, *, shift=(0.0, 0.0), scale: float = 1.0, seed: int = 0):
    """Original faces that move a little, and the new ones: scaled about the crop's middle, moved, all misread a bit."""
    numbers = np.random.default_rng(seed)
    old = [template_points_68(CROP_SIZE) + numbers.normal(0, 0.1 * UNIT, 2) for _ in range(count)]
    middle = CROP_SIZE / 2
    new = [middle + scale * (face - middle) + UNIT * np.array(shift) for face in old]
    return old, [face + numbers.normal(0, 0.005 * UNIT, face.shape) for face in new]


@pytest.mark.parametrize(("shift", "scale"), [((0.05, -0.04), 1.0), ((0.0, 0.03), 0.97), ((0.0, 0.0), 1.03)])
def test_a_face_that_lies_aside_is_brought_back(shift, scale):
    old, new = make_faces(shift=shift, scale=scale)
    matrix = fit_placement(old, new, CROP_SIZE)
    before, after = (
        np.mean([np.linalg.norm(one[17:] - face[17:], axis=1).mean() for one, face in zip(faces, old, strict=True)])
        for faces in (new, [map_points(matrix, face) for face in new])
    )
    assert after < 0.5 * before and after < 0.012 * UNIT


def test_single_misread_faces_do_not_count():
    old, new = make_faces(shift=(0.04, 0.0))
    right = fit_placement(old, new, CROP_SIZE)
    new[3] = new[3] + UNIT
    new[7] = new[7][::-1]
    assert np.allclose(fit_placement(old, new, CROP_SIZE), right, atol=0.03 * UNIT)


def test_more_than_alignment_explains_is_not_mended():
    old, new = make_faces(shift=(0.5, 0.0), scale=1.4)
    matrix = fit_placement(old, new, CROP_SIZE)
    assert SIZES[0] <= matrix[0, 0] <= SIZES[1] and matrix[0, 1] == 0
    middle = np.median(np.stack(new)[:, 17:], axis=0).mean(axis=0)
    assert np.linalg.norm(map_points(matrix, middle[None])[0] - middle) <= FURTHEST * UNIT + 1e-6


def test_too_few_faces_or_none_found_leave_it_where_it_is():
    old, new = make_faces(shift=(0.05, 0.0))
    identity = np.eye(2, 3)
    assert np.array_equal(fit_placement(old[:3], new[:3], CROP_SIZE), identity)
    assert np.array_equal(fit_placement(old, [None] * len(old), CROP_SIZE), identity)
    mixed = [face if index % 2 else face[:5] for index, face in enumerate(new)]
    assert np.array_equal(fit_placement(mixed, mixed, CROP_SIZE), identity)
    assert np.array_equal(fit_placement([], [], CROP_SIZE), identity)


def test_the_view_moves_as_the_crop_does(portraits):
    """What moves by 6 pixels of a crop moves by as much of the frame, whatever the size of the view."""
    portrait = portraits[0]
    face = annotated_face(portrait)
    crop = align_face(portrait.image, face)
    moved = np.eye(2, 3)
    moved[0, 2] = 6.0 / (0.8 * CROP_SIZE)

    class Moved(IdentitySwapper):
        placement = Placement(moved)

    config = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none", blend="face")
    (swapped,) = swap_faces([(crop.image, as_face(crop))], Moved(128))
    result = Compositor(config, 0.8).composite(crop.image, swapped)
    x, y = np.round(crop.landmarks[2]).astype(int)
    got = result.frame[y - 20 : y + 20, x - 20 : x + 20].astype(float)
    want = crop.image[y - 20 : y + 20, x - 26 : x + 14].astype(float)
    stays = crop.image[y - 20 : y + 20, x - 20 : x + 20].astype(float)
    assert np.abs(got - want).mean() < 0.5 * np.abs(stays - want).mean()


def in_view(points: np.ndarray) -> np.ndarray:
    """Pixels of a crop as places in the view."""
    return (points + 0.5 - CROP_SIZE / 2) / (0.8 * CROP_SIZE) + 0.5


def long_and_narrow(faces: list[np.ndarray]) -> list[np.ndarray]:
    return [(face - CROP_SIZE / 2) * [0.93, 1.07] + CROP_SIZE / 2 for face in faces]


@pytest.mark.parametrize(("proportions", "left"), [(0.0, 1.0), (0.5, 0.6), (1.0, 0.25)])
def test_a_face_takes_the_originals_proportions_as_far_as_asked(proportions, left):
    new, _ = make_faces()
    placement = make_placement(long_and_narrow(new), new, CROP_SIZE, 0.8, proportions)
    assert (placement.bend is None) == (proportions == 0)
    wanted, own = in_view(long_and_narrow(new)[0]), Placement(placement.view_from_new).map_points(in_view(new[0]))
    off = np.linalg.norm(placement.map_points(in_view(new[0])) - wanted, axis=1).mean()
    assert off <= left * np.linalg.norm(own - wanted, axis=1).mean() + 1e-9
    assert off >= (left - 0.3) * np.linalg.norm(own - wanted, axis=1).mean()


def test_pictures_move_as_points_do():
    """A dot at a landmark is shown where the landmark comes to lie, at every side."""
    new, _ = make_faces()
    for proportions in (0.0, 1.0):
        placement = make_placement(long_and_narrow(new), new, CROP_SIZE, 0.8, proportions)
        for size in (64, 128, 256):
            for index in (36, 45, 33, 48, 57):
                place = in_view(new[0][index])
                picture = np.zeros((size, size), np.float32)
                x, y = np.round(size * place - 0.5).astype(int)
                picture[y - 1 : y + 2, x - 1 : x + 2] = 1
                moved = placement.move(picture)
                rows, columns = np.mgrid[0:size, 0:size] + 0.5
                shown = np.array([(columns * moved).sum(), (rows * moved).sum()]) / moved.sum() / size
                expected = placement.map_points((np.array([[x, y]]) + 0.5) / size)[0]
                assert np.abs(shown - expected).max() < 0.3 / size


def test_lids_and_lips_are_not_opened_by_a_bend():
    """The originals' mouths are open in the median, the new ones' shut: an expression, no proportion."""
    new, _ = make_faces()
    old = [face.copy() for face in new]
    for face in old:
        face[55:60, 1] += 0.1 * UNIT
        face[65:68, 1] += 0.1 * UNIT
    placement = make_placement(old, new, CROP_SIZE, 0.8, 1.0)
    moved = placement.map_points(in_view(new[0])) - Placement(placement.view_from_new).map_points(in_view(new[0]))
    opened = (moved[66, 1] - moved[62, 1]) * 0.8 * CROP_SIZE
    assert 0 <= opened < 0.03 * UNIT


def test_no_landmark_is_bent_far_or_without_68():
    new, _ = make_faces()
    old = [face.copy() for face in new]
    for face in old:
        face[:17] *= 1.5
    bend = make_placement(old, new, CROP_SIZE, 0.8, 1.0).bend
    assert np.linalg.norm(bend, axis=-1).max() <= FURTHEST_BEND * EYE_DISTANCE / 0.8
    assert make_placement(old[:3], new[:3], CROP_SIZE, 0.8, 1.0).bend is None
    assert make_placement([face[:5] for face in old], [face[:5] for face in new], CROP_SIZE, 0.8, 1.0).bend is None
