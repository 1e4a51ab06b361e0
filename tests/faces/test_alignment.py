"""Turning faces upright: `faces/alignment.py` and the values of `faces/types.py`."""

import cv2
import numpy as np
import pytest

from faceswap_lib.faces import CROP_SIZE, Face, FaceCrop, FaceTrack, align_face, crop_from_frame
from faceswap_lib.faces.alignment import (
    EYE_DISTANCE,
    MEAN_FACE,
    VIEW_COVERAGE,
    five_points,
    invert_affine,
    map_points,
    points_in_crop,
    shrink_factor,
    similarity_transform,
    template_points,
    view_matrix,
    warp_frame,
)
from tests.conftest import annotated_face
from tests.fakes import make_face


def similarity(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def blob(width: int, height: int, x: float, y: float, sigma: float) -> np.ndarray:
    """A soft white spot around (x, y) on black."""
    rows, columns = np.mgrid[:height, :width]
    spot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.round(spot).astype(np.uint8)[..., None], 3, axis=-1)


def centroid(picture: np.ndarray) -> np.ndarray:
    weights = picture[..., 0].astype(float)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


@pytest.mark.parametrize("angle", [-170, -30, 0, 12, 90])
@pytest.mark.parametrize("scale", [0.2, 1, 7])
def test_a_known_transform_is_recovered(angle, scale):
    points = np.random.default_rng(1).normal(size=(5, 2)) * 50
    known = similarity(angle, scale, (12.5, -300))
    assert similarity_transform(points, map_points(known, points)) == pytest.approx(known, abs=1e-9)


def test_a_mirrored_face_is_not_mirrored_back():
    points = MEAN_FACE * 40
    found = similarity_transform(points, points * [-1, 1])
    assert np.linalg.det(found[:, :2]) > 0
    a, b = found[0, :2]
    assert found[1, :2] == pytest.approx([-b, a])


def test_the_transform_is_the_best_one():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 5, 2)) * 30
    best = similarity_transform(a, b)

    def error(matrix: np.ndarray) -> float:
        return float(((map_points(matrix, a) - b) ** 2).sum())

    for dm, dn, dx, dy in rng.normal(size=(50, 4)) * 0.01:
        assert error(best + np.array([[dm, -dn, dx], [dn, dm, dy]])) >= error(best)


def test_points_that_fix_nothing_are_refused():
    with pytest.raises(ValueError, match="at least two different points"):
        similarity_transform(np.ones((5, 2)), MEAN_FACE)
    with pytest.raises(ValueError, match=r"got \(4, 2\) and \(5, 2\)"):
        similarity_transform(MEAN_FACE[:4], MEAN_FACE)


def test_frame_to_crop_and_back_is_where_it_was():
    matrix = crop_from_frame(make_face(200, 150, 61, angle=17))
    points = np.random.default_rng(3).uniform(0, 400, (20, 2))
    assert map_points(invert_affine(matrix), map_points(matrix, points)) == pytest.approx(points)


def test_the_template_is_upright_centered_and_has_its_eye_distance():
    points = template_points(256)
    assert points[0, 1] == points[1, 1]
    assert points[1, 0] - points[0, 0] == pytest.approx(EYE_DISTANCE * 256)
    assert points[:2, 0].mean() == pytest.approx(127.5) and points[3:, 0].mean() == pytest.approx(127.5)
    assert points[0, 1] < points[2, 1] < points[3, 1]


@pytest.mark.parametrize("size", [64, 128, 1000])
def test_template_points_of_all_sizes_are_one_place_by_pixel_centers(size):
    assert (template_points(size) + 0.5) / size == pytest.approx((template_points(256) + 0.5) / 256)


@pytest.mark.parametrize("angle", [-60, 0, 25])
@pytest.mark.parametrize("eye_distance", [12, 70, 300])
def test_an_average_face_lands_on_the_template(angle, eye_distance):
    face = make_face(210, 130, eye_distance, angle=angle)
    crop = align_face(np.zeros((400, 500, 3), np.uint8), face)
    assert crop.image.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert crop.landmarks == pytest.approx(template_points(CROP_SIZE))


def test_eyes_and_mouth_of_the_portraits_come_close_to_the_template(portraits):
    for portrait in portraits:
        crop = align_face(portrait.image, annotated_face(portrait))
        assert np.abs(crop.landmarks - template_points(CROP_SIZE)).max() < 0.25 * EYE_DISTANCE * CROP_SIZE
        for x, y in np.round(crop.landmarks[:2]).astype(int):
            pupil = crop.image[y - 3 : y + 4, x - 3 : x + 4].mean()
            cheek = crop.image[y + 22 : y + 29, x - 3 : x + 4].mean()
            assert pupil < 0.7 * cheek, portrait.name


@pytest.mark.parametrize("eye_distance", [15, 40, 90, 180, 400])
def test_a_picture_lands_where_its_points_do(eye_distance):
    """Shrinking or enlarging, a spot's center of mass is where the matrix says, to a fraction of a pixel."""
    face = make_face(400, 380, eye_distance, angle=10)
    matrix = crop_from_frame(face)
    x, y = 400 + 0.3 * eye_distance, 380 + 0.5 * eye_distance
    crop = warp_frame(blob(800, 800, x, y, 0.12 * eye_distance), matrix, CROP_SIZE)
    assert centroid(crop) == pytest.approx(map_points(matrix, np.array([[x, y]]))[0], abs=0.12)


def test_pixel_centers_are_whole_numbers():
    """Enlarging twice puts the center of pixel 0 between pixels 0 and 1, at 0.5."""
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[3, 5] = 255
    double = warp_frame(frame, np.array([[2, 0, 0.5], [0, 2, 0.5]]), 16)
    assert centroid(double) == pytest.approx([10.5, 6.5], abs=0.02)
    half = warp_frame(frame, np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]]), 4)
    assert half[1, 2, 0] == pytest.approx(64, abs=1) and np.count_nonzero(half[..., 0]) == 1


@pytest.mark.parametrize("shrink", [2.0, 3.1, 6.0])
def test_shrinking_does_not_alias(shrink):
    """Noise finer than the crop's pixels averages out; plain interpolation would keep its full strength."""
    noise = np.random.default_rng(4).integers(0, 256, (900, 900, 3)).astype(np.uint8)
    matrix = np.array([[1 / shrink, 0, 0], [0, 1 / shrink, 0]])
    aligned = warp_frame(noise, matrix, 128)
    plain = cv2.warpAffine(noise, matrix, (128, 128), flags=cv2.INTER_LINEAR)
    assert aligned.std() < 1.4 * 74 / shrink
    assert aligned.std() < 0.8 * plain.std()
    assert aligned.mean() == pytest.approx(127.5, abs=1)


def test_a_mirrored_square_is_the_mirror_image():
    noise = np.random.default_rng(5).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    matrix = np.array([[0.4, 0.0, 0.0], [0.0, 0.4, 0.0]])
    mirrored = np.array([[-0.4, 0.0, 31.0], [0.0, 0.4, 0.0]])
    assert shrink_factor(mirrored) == shrink_factor(matrix) == pytest.approx(2.5)
    plain, other = (warp_frame(noise, each, 32).astype(int) for each in (matrix, mirrored))
    assert np.abs(plain[:, ::-1] - other).max() <= 1


def test_outside_the_frame_its_border_repeats():
    frame = np.full((40, 40, 3), 90, np.uint8)
    crop = warp_frame(frame, np.array([[1.0, 0, 20], [0, 1.0, 20]]), 80)
    assert np.all(crop == 90)


def test_the_view_is_the_middle_of_the_crop(portraits):
    """Cutting the center out of a crop and warping straight to the view give the same picture."""
    portrait = portraits[1]
    crop_size = 320
    view_size = round(VIEW_COVERAGE * crop_size)
    margin = (crop_size - view_size) // 2
    matrix = crop_from_frame(annotated_face(portrait), crop_size)
    crop = warp_frame(portrait.image, matrix, crop_size).astype(int)
    view = warp_frame(portrait.image, view_matrix(matrix, crop_size, view_size, VIEW_COVERAGE), view_size).astype(int)
    inside = slice(margin, margin + view_size)
    assert np.abs(crop[inside, inside] - view).max() <= 1
    moved = slice(margin + 1, margin + 1 + view_size)
    assert np.abs(crop[inside, moved] - view).mean() > 1


@pytest.mark.parametrize("view_size", [64, 128, 200])
def test_a_view_of_any_size_covers_the_same_part_of_the_frame(view_size):
    face = make_face(300, 200, 50, angle=-8)
    reference = view_matrix(crop_from_frame(face), CROP_SIZE, 100, VIEW_COVERAGE)
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, view_size, VIEW_COVERAGE)
    points = np.random.default_rng(5).uniform(100, 400, (10, 2))
    shares = [(map_points(m, points) + 0.5) / size for m, size in ((reference, 100), (matrix, view_size))]
    assert shares[0] == pytest.approx(shares[1])
    large = view_matrix(crop_from_frame(face, 512), 512, view_size, VIEW_COVERAGE)
    assert map_points(large, points) == pytest.approx(map_points(matrix, points))


def test_landmarks_go_through_any_matrix():
    face = make_face(300, 200, 50)
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, 64, VIEW_COVERAGE)
    assert points_in_crop(face, matrix) == pytest.approx(map_points(matrix, face.landmarks))


def test_68_landmarks_become_the_same_five():
    landmarks = np.zeros((68, 2))
    corners = MEAN_FACE * 40 + [200, 200]
    around = np.array([[-3, 0], [-1, -2], [1, -2], [3, 0], [1, 2], [-1, 2]])
    landmarks[36:42], landmarks[42:48] = corners[0] + around, corners[1] + around
    landmarks[30], landmarks[48], landmarks[54] = corners[2:]
    assert five_points(landmarks) == pytest.approx(corners)
    face = Face(box_xyxy=[150, 150, 250, 260], score=1, landmarks=landmarks)
    assert crop_from_frame(face) == pytest.approx(crop_from_frame(make_face(200, 200, 40)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"box_xyxy": [10, 10, 5, 20]}, "left < right"),
        ({"box_xyxy": [10, 10, 5]}, r"shape \(4,\)"),
        ({"score": 1.2}, "0 to 1, got 1.2"),
        ({"landmarks": np.zeros((4, 2))}, r"\(5, 2\) or \(68, 2\), got \(4, 2\)"),
        ({"landmarks": np.full((5, 2), np.nan)}, "finite"),
    ],
)
def test_a_face_is_checked_when_made(change, message):
    values = {"box_xyxy": [0, 0, 10, 10], "score": 0.5, "landmarks": np.zeros((5, 2))}
    with pytest.raises(ValueError, match=message):
        Face(**(values | change))


def test_values_cannot_be_changed_afterwards():
    face = make_face(50, 50)
    with pytest.raises(ValueError, match="read-only"):
        face.landmarks[0, 0] = 3
    with pytest.raises(ValueError, match="square"):
        FaceCrop(image=np.zeros((4, 5, 3), np.uint8), landmarks=np.zeros((5, 2)), crop_from_frame=np.zeros((2, 3)))
    assert FaceTrack(start=0, faces=(None, face, None, face)).found == 2
    assert Face(box_xyxy=[0, 0, 30, 20], score=1, landmarks=np.zeros((5, 2))).size == 20
