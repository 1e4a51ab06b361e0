"""The outline of a face from its mesh and the colors of its forehead: `faces/outline.py`."""

import cv2
import numpy as np
import pytest

from faceswap_lib.demo.animate import PortraitAnimator
from faceswap_lib.demo.motion import Pose
from faceswap_lib.faces import align_face
from faceswap_lib.faces.alignment import EYE_DISTANCE, invert_affine, map_points
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mesh import FaceMesh
from faceswap_lib.faces.mesh_landmarks import nearest_68
from faceswap_lib.faces.mesh_topology import OVAL
from faceswap_lib.faces.outline import HIGHEST, face_outline, outline_mask
from tests.conftest import annotated_face

UNIT = EYE_DISTANCE * 256


@pytest.fixture(scope="module")
def finder() -> MeshLandmarkDetector:
    if lack := MeshLandmarkDetector.unavailable_reason():
        pytest.skip(lack)
    return MeshLandmarkDetector()


@pytest.fixture(scope="module")
def faces(finder, portraits) -> list[tuple[np.ndarray, FaceMesh]]:
    crops = [align_face(portrait.image, annotated_face(portrait)) for portrait in portraits]
    return [(crop.image, mesh) for crop, mesh in zip(crops, finder.find_meshes(crops), strict=True)]


def is_inside(outline: np.ndarray, points: np.ndarray) -> np.ndarray:
    polygon = outline.astype(np.float32)
    return np.array([cv2.pointPolygonTest(polygon, tuple(map(float, point)), True) > -0.5 for point in points])


def painted(mesh: FaceMesh, line: float, skin=(190, 150, 130), hair=(40, 30, 25)) -> np.ndarray:
    """A picture that is skin below a row and hair above it."""
    picture = np.full((256, 256, 3), skin, np.uint8)
    picture[: max(0, round(line))] = hair
    return picture


def top_of(outline: np.ndarray, mesh: FaceMesh) -> float:
    """The row in which the outline crosses the middle of the forehead."""
    column = mesh.points[10, 0]
    near = outline[(np.abs(outline[:, 0] - column) < 0.2 * UNIT) & (outline[:, 1] < mesh.points[168, 1])]
    return float(near[:, 1].mean())


def test_the_parts_of_the_face_are_inside(faces):
    for image, mesh in faces:
        outline = face_outline(image, mesh)
        assert outline.shape == (128, 2) and np.isfinite(outline).all()
        assert is_inside(outline, nearest_68(mesh.points)).all()
        assert is_inside(outline, mesh.points[468:, :2]).all()


def test_chin_and_jaw_are_those_of_the_portraits(finder, portraits):
    for portrait in portraits:
        crop = align_face(portrait.image, annotated_face(portrait))
        outline = face_outline(crop.image, finder.find_meshes([crop])[0])
        jaw = map_points(crop.crop_from_frame, portrait.jaw)
        polygon = outline.astype(np.float32)
        off = [abs(cv2.pointPolygonTest(polygon, tuple(map(float, point)), True)) for point in jaw]
        assert np.mean(off) < 0.09 * UNIT, portrait.name
        assert invert_affine(crop.crop_from_frame).shape == (2, 3)


@pytest.mark.parametrize("above", [0.0, 0.1, 0.2, 0.3])
def test_the_forehead_ends_at_the_hair(faces, above):
    for _, mesh in faces:
        line = mesh.points[10, 1] - above * UNIT
        assert top_of(face_outline(painted(mesh, line), mesh), mesh) == pytest.approx(line, abs=0.08 * UNIT)


def test_a_fringe_stays_outside_and_hair_of_any_color_ends_the_forehead(faces):
    for _, mesh in faces:
        line = mesh.points[10, 1] + 0.2 * UNIT
        for hair in ((40, 30, 25), (120, 120, 125), (230, 215, 170), (150, 60, 30)):
            outline = face_outline(painted(mesh, line, hair=hair), mesh)
            assert top_of(outline, mesh) == pytest.approx(line, abs=0.1 * UNIT), hair
        dark = painted(mesh, line, skin=(75, 50, 40), hair=(20, 16, 15))
        assert top_of(face_outline(dark, mesh), mesh) == pytest.approx(line, abs=0.1 * UNIT)


def test_odd_pictures_leave_an_average_forehead(faces):
    """Nothing but skin, nothing but noise, nothing at all: never above what a forehead may reach."""
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    for _, mesh in faces:
        for picture in (painted(mesh, 0), noise, np.zeros((256, 256, 3), np.uint8), np.full_like(noise, 255)):
            outline = face_outline(picture, mesh)
            top = mesh.points[10, 1] - top_of(outline, mesh)
            assert -0.5 * UNIT < top < (HIGHEST + 0.02) * UNIT
            assert is_inside(outline, nearest_68(mesh.points)).all()


def test_a_shaded_forehead_is_not_cut(faces):
    """Light that falls off evenly by half towards one temple is no edge."""
    for _, mesh in faces:
        light = np.linspace(1, 0.5, 256)[None, :, None]
        line = mesh.points[10, 1] - 0.2 * UNIT
        even, shaded = painted(mesh, line), (painted(mesh, line) * light).astype(np.uint8)
        moved = np.linalg.norm(face_outline(shaded, mesh) - face_outline(even, mesh), axis=1)
        assert np.median(moved) < 0.02 * UNIT and moved.max() < 0.25 * UNIT


def test_the_chin_of_an_opened_mouth_is_inside(finder, portraits):
    animator, face = PortraitAnimator(portraits[0]), annotated_face(portraits[0])
    depths = []
    for mouth in (0.0, 1.0):
        crop = align_face(animator.render(Pose(mouth=mouth)), face)
        (mesh,) = finder.find_meshes([crop])
        outline = face_outline(crop.image, mesh)
        depths.append(outline[:, 1].max())
        assert depths[-1] > mesh.points[list(OVAL), 1].max()  # below the mesh's own border
    assert depths[1] > depths[0]


def test_the_mask_is_half_at_the_outline_and_the_same_share_of_any_side():
    angles = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = outline_mask(127.5 + 60 * circle, 256)
    assert mask.shape == (256, 256) and mask.dtype == np.uint8 and mask[128, 128] == 255 and mask[0, 0] == 0
    assert mask[128, 187:189].mean() == pytest.approx(127.5, abs=20)
    assert (outline_mask(127.5 + 60 * circle, 256, softness=0) > 127).mean() == pytest.approx(
        np.pi * 60**2 / 256**2, rel=0.02
    )
    large = outline_mask((127.5 + 60 * circle + 0.5) * 2 - 0.5, 512)
    assert large.mean() == pytest.approx(mask.mean(), rel=0.01)


@pytest.mark.parametrize("picture", [np.zeros((256, 256), np.uint8), np.zeros((256, 256, 3), np.float32)])
def test_other_pictures_are_refused(faces, picture):
    with pytest.raises(ValueError, match=r"expected \(S, S, 3\) uint8"):
        face_outline(picture, faces[0][1])
