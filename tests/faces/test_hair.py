"""Hair in front of a face: what hangs over it from outside is found, brows and shade are not."""

import numpy as np
import pytest

from faceswap_lib.faces import align_face
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.hair import hair_mask
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.outline import face_outline, outline_mask
from tests.conftest import annotated_face

UNIT = EYE_DISTANCE * 256
COLORS = [((190, 150, 130), (40, 30, 25)), ((75, 50, 40), (20, 16, 15)), ((220, 180, 165), (150, 60, 30))]


@pytest.fixture(scope="module")
def face(portraits):
    """A mesh, its outline and what is inside."""
    if lack := MeshLandmarkDetector.unavailable_reason():
        pytest.skip(lack)
    crop = align_face(portraits[1].image, annotated_face(portraits[1]))
    (mesh,) = MeshLandmarkDetector().find_meshes([crop])
    outline = face_outline(crop.image, mesh)
    return mesh, outline, outline_mask(outline, 256, softness=0.0) > 127


def painted(inside: np.ndarray, skin, hair) -> np.ndarray:
    """Hair everywhere but inside of the face, and on the left over the cheek as well."""
    picture = np.full((256, 256, 3), hair, np.uint8)
    picture[inside] = skin
    left = np.nonzero(inside)[1].min()
    picture[:, : left + round(0.4 * UNIT)] = hair
    return picture


@pytest.mark.parametrize(("skin", "hair"), COLORS)
def test_what_hangs_over_a_cheek_is_found(face, skin, hair):
    mesh, outline, inside = face
    picture = painted(inside, skin, hair)
    found = hair_mask(picture, mesh, outline) > 0
    expected = inside & (picture == hair).all(axis=2)
    assert expected.sum() > 0.05 * inside.sum()
    overlap = (found & expected).sum() / (found | expected).sum()
    assert overlap > 0.8
    assert not (found & ~inside).any()


@pytest.mark.parametrize(("skin", "hair"), COLORS)
def test_brows_of_hairs_color_and_a_spot_that_touches_nothing_are_none(face, skin, hair):
    mesh, outline, inside = face
    picture = np.full((256, 256, 3), hair, np.uint8)
    picture[inside] = skin
    without = hair_mask(picture, mesh, outline)
    assert (without > 0).sum() < 0.02 * inside.sum()
    x, y = mesh.points[63, :2].round().astype(int)
    picture[y - 4 : y + 4, x - 10 : x + 10] = hair
    x, y = mesh.points[205, :2].round().astype(int)
    picture[y - 5 : y + 5, x - 5 : x + 5] = hair
    assert np.array_equal(hair_mask(picture, mesh, outline), without)


def test_a_head_without_hair_and_shade_on_a_cheek_have_none(face):
    mesh, outline, inside = face
    skin = np.full((256, 256, 3), (190, 150, 130), np.uint8)
    assert not hair_mask(skin, mesh, outline).any()
    shade = np.linspace(0.55, 1, 256)[None, :, None]
    picture = np.full((256, 256, 3), (150, 160, 170), np.uint8)  # a wall
    picture[inside] = (190, 150, 130)
    picture = (picture * shade).astype(np.uint8)
    assert (hair_mask(picture, mesh, outline) > 0).sum() < 0.03 * inside.sum()
    assert not hair_mask(np.zeros((256, 256, 3), np.uint8), mesh, outline).any()
