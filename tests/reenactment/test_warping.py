"""Warps move landmarks where they shall be, agree with plain affine maps, and survive faces that fold."""

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.faces.alignment import map_points, scale_points, similarity_transform
from faceswap_lib.faces.landmarks_68 import mirror_landmarks
from faceswap_lib.reenactment import warping
from faceswap_lib.reenactment.control_points import (
    HEAD_POINTS,
    extend_points,
    find_triangles,
    fixed_frame,
    forehead_arc,
    signed_areas,
)
from faceswap_lib.reenactment.part_warp import fit_affine, part_map
from faceswap_lib.reenactment.warping import (
    measure_shrinking,
    piecewise_affine_map,
    pixel_grid,
    sample_image,
    thin_plate_map,
    warp_piecewise_affine,
    warp_similarity,
    warp_thin_plate_spline,
)
from tests.reenactment.faces import between, open_mouth, points_68, smooth_texture

WARPS = (warp_similarity, warp_piecewise_affine, warp_thin_plate_spline)


def turned(points: np.ndarray, *, degrees: float = 8.0, scale: float = 0.94, shift=(7.0, -5.0)) -> np.ndarray:
    """Points after a similarity about the middle of the crop."""
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (CROP_SIZE - 1) / 2
    return (points - middle) @ turn.T + middle + shift


def folded(points: np.ndarray) -> np.ndarray:
    """A head turned so far that the nose and the near half hide the far half."""
    far = points.copy()
    far[:, 0] = 60 + 0.25 * (points[:, 0] - points[:, 0].min())
    far[27:36, 0] -= 45
    return far


@pytest.mark.parametrize("warp", WARPS)
@pytest.mark.parametrize("size", [128, 256, 320])
def test_equal_landmarks_leave_the_image_as_it_is(warp, size):
    image = np.random.default_rng(1).integers(0, 256, (size, size, 3), np.uint8)
    warped = warp(image, points_68(), points_68())
    assert np.abs(warped.image.astype(int) - image).max() <= 2
    assert np.allclose(warped.source_pixels, pixel_grid(size), atol=1e-3)


@pytest.mark.parametrize("warp", [warp_similarity, warp_piecewise_affine])
@pytest.mark.parametrize("size", [192, 256])
def test_a_similarity_of_the_landmarks_warps_the_face_by_that_similarity(warp, size):
    image, source = smooth_texture(size), points_68()
    target = turned(source)
    # Independently: the known matrix, applied to the image by OpenCV.
    factor = size / CROP_SIZE
    matrix = similarity_transform(scale_points(source, factor), scale_points(target, factor))
    expected = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    difference = np.abs(warp(image, source, target).image.astype(int) - expected)
    face = cv2.resize(between(target[:17]).astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST) > 0
    assert difference[face].max() <= 3 and difference[face].mean() < 0.3


@pytest.mark.parametrize(
    ("size", "map_of", "furthest"),
    [
        (256, piecewise_affine_map, 0.5),
        (128, piecewise_affine_map, 0.6),
        (256, lambda a, b, s: thin_plate_map(extend_points(a), extend_points(b), s, smoothing=0), 0.5),
        (256, part_map, 4.0),  # lips are not stretched, so that the middle of an opened mouth is missed
    ],
)
def test_landmarks_reach_their_new_positions(size, map_of, furthest):
    source, target = points_68(), open_mouth(turned(points_68(), degrees=3), 15)
    factor = size / CROP_SIZE
    shown = map_of(source, target, size)
    places = scale_points(target, factor).astype(np.float32)
    found = cv2.remap(shown, places[None], np.empty(0), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    assert np.linalg.norm(found - scale_points(source, factor), axis=1).max() < furthest * factor


def test_the_frame_around_the_crop_stays():
    source, target = points_68(), turned(points_68(), degrees=0, scale=1, shift=(10, 0))
    moved = piecewise_affine_map(source, target, 256) - pixel_grid(256)
    assert np.allclose(moved[128, 128], [-10, 0], atol=0.01)
    corners = moved[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.abs(corners).max() < 1.5 and np.abs(moved[[0, -1]]).max() < 9
    assert np.array_equal(extend_points(target)[HEAD_POINTS:], fixed_frame())


@pytest.mark.parametrize("warp", WARPS)
def test_folded_and_coinciding_landmarks_make_an_image(warp):
    image, source = smooth_texture(256), points_68()
    closed = source.copy()
    closed[60:68] = closed[66]  # all inner lips in one place
    closed[[37, 38]] = closed[[41, 40]]
    for before, after in ((source, folded(source)), (folded(source), source), (source, closed), (closed, source)):
        warped = warp(image, before, after)
        assert np.isfinite(warped.source_pixels).all() and warped.image.shape == image.shape
        assert np.abs(warped.source_pixels).max() < 4 * 256


def test_triangles_in_front_hide_those_behind():
    """The tip of the nose is shown although it is in front of the far cheek."""
    source = points_68()
    target = folded(source)
    assert (signed_areas(extend_points(target), find_triangles()) < 0).any()
    shown = piecewise_affine_map(source, target, 256)
    x, y = np.round(target[30]).astype(int)
    assert np.linalg.norm(shown[y, x] - source[30]) < 6


def test_triangles_cover_every_pixel_once():
    triangles = find_triangles()
    points = extend_points(points_68())
    areas = signed_areas(points, triangles)
    edge = np.ptp(fixed_frame(), axis=0)
    assert (areas > 0).all() and np.isclose(areas.sum() / 2, edge[0] * edge[1])
    assert triangles.max() == len(points) - 1 and len(points) == HEAD_POINTS + len(fixed_frame())


def test_points_of_the_head_move_with_a_similarity_and_not_with_the_expression():
    source = points_68()
    matrix = similarity_transform(source, turned(source))
    inside = slice(0, HEAD_POINTS)
    expected = map_points(matrix, extend_points(source)[inside])
    found = extend_points(turned(source))[inside]
    low, high = fixed_frame().min(0) + 3, fixed_frame().max(0) - 3
    free = ((expected > low) & (expected < high)).all(axis=1)
    assert free.sum() > 80 and np.allclose(found[free], expected[free], atol=1e-6)
    raised = source.copy()
    raised[17:27] -= [0, 10]
    angles = np.radians([60, 90, 120])
    assert np.allclose(forehead_arc(raised, angles), forehead_arc(source, angles))


def test_a_spline_with_smoothing_bends_less_and_misses_more():
    source, target = points_68(), open_mouth(points_68(), 20)
    image = smooth_texture(128)
    places = scale_points(target, 0.5).astype(np.float32)[None]
    missed, bent = [], []
    for smoothing in (0.0, 1e-3, 1e-1):
        shown = warp_thin_plate_spline(image, source, target, smoothing=smoothing).source_pixels
        found = cv2.remap(shown, places, np.empty(0), cv2.INTER_LINEAR)[0]
        missed.append(np.linalg.norm(found - scale_points(source, 0.5), axis=1).mean())
        bent.append(np.abs(cv2.Laplacian(shown, cv2.CV_32F)).mean())
    assert missed == sorted(missed) and bent == sorted(bent, reverse=True)
    with pytest.raises(ValueError, match="smoothing"):
        warp_thin_plate_spline(image, source, target, smoothing=-1)


def test_shrinking_does_not_alias():
    """Stripes of one pixel become gray where two or more of them fall into a pixel."""
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    half = pixel_grid(128) * np.float32(2.5)
    assert np.allclose(measure_shrinking(half)[5:-5, 5:-5], 2.5, atol=1e-3)
    inside = sample_image(stripes, half)[5:45, 5:45].astype(float)
    assert abs(inside.mean() - 127.5) < 4 and inside.std() < 12
    plain = cv2.remap(stripes, half, np.empty(0), cv2.INTER_LINEAR)[5:45, 5:45]
    assert plain.std() > 40


def test_an_affine_map_of_a_part_is_exact_where_its_points_determine_it():
    matrix = np.array([[1.2, 0.1, 5.0], [-0.1, 0.8, 2.0]])
    mouth = points_68()[48:60] * 3  # spread by far more than the ridge
    mapped = map_points(matrix, mouth)
    assert np.linalg.norm(map_points(fit_affine(mouth, mapped), mouth) - mapped, axis=1).max() < 0.2
    line = np.stack([np.arange(10.0), np.zeros(10)], axis=1)  # says nothing about the height
    stretched = fit_affine(line, 1.5 * line)
    assert np.allclose(stretched[:, :2], 1.5 * np.eye(2), atol=1e-9)
    same = np.ones((5, 2))
    assert np.allclose(map_points(fit_affine(same, same + 3), same), same + 3)


def wrong_faces() -> dict[str, np.ndarray]:
    points = points_68()
    outside = points.copy()
    outside[8, 1] = 400
    return {
        "all in one place": np.full((68, 2), 100.0),
        "outside": outside,
        "mirrored": mirror_landmarks(points, CROP_SIZE)[
            [*range(16, -1, -1), *range(17, 36), *range(42, 48), *range(36, 42), *range(48, 68)]
        ],
        "upright": (CROP_SIZE - 1) - points,
    }


@pytest.mark.parametrize("warp", WARPS)
@pytest.mark.parametrize("problem", ["all in one place", "outside", "mirrored", "upright"])
def test_landmarks_of_no_face_are_an_error(warp, problem):
    image, good, bad = smooth_texture(64), points_68(), wrong_faces()[problem]
    for source, target, name in ((bad, good, "source"), (good, bad, "target")):
        with pytest.raises(InputError, match=f"{name}: .*{problem}"):
            warp(image, source, target)


@pytest.mark.parametrize("warp", WARPS)
def test_wrong_arrays_are_an_error(warp):
    image, points = smooth_texture(64), points_68()
    with pytest.raises(ValueError, match="source"):
        warp(image, points[:67], points)
    with pytest.raises(ValueError, match="target"):
        warp(image, points, np.where(np.arange(68)[:, None] == 3, np.nan, points))
    with pytest.raises(ValueError, match="square"):
        warp(image[:32], points, points)
    with pytest.raises(ValueError, match="uint8"):
        warp(image.astype(np.float32), points, points)


@pytest.mark.parametrize("smoothing", [0.0, 1e-4])
def test_a_spline_that_is_solved_in_two_parts_is_the_solution_of_the_whole_system(monkeypatch, smoothing):
    random = np.random.default_rng(4)
    source, target = (extend_points(points_68() + random.normal(0, 3, (68, 2))) for _ in range(2))
    parts = thin_plate_map(source, target, 96, smoothing=smoothing)
    monkeypatch.setattr(warping, "ONE_THREAD", 1000)
    whole = thin_plate_map(source, target, 96, smoothing=smoothing)
    assert len(source) > 93 and np.abs(parts - whole).max() < 1e-3
