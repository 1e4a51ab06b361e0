"""Skin decides about colors, and no skin is treated differently for being dark."""

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion.color_transfer.registry import MATCHES
from faceswap_lib.conversion.color_transfer.skin_mask import sample_skin
from faceswap_lib.conversion.compositor import BLENDS, Compositor, SwappedFace
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.faces import CROP_SIZE, crop_from_frame, eye_mask, face_mask, mouth_mask, points_in_crop, view_matrix
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from faceswap_lib.faces.alignment import warp_frame as cut
from tests.conftest import annotated_face
from tests.fakes import make_face
from tests.videos import psnr

CHANGING = [mode for mode in MATCHES if mode != "none"]
SIZE = 128
DEEP = 0.06
"""So little light that skin lies between 2 and 14 of 255."""


class View:
    """A portrait's view: picture, points, matrix and the face's ellipse."""

    def __init__(self, portrait, image: np.ndarray | None = None):
        face = annotated_face(portrait)
        self.matrix = view_matrix(crop_from_frame(face), CROP_SIZE, SIZE, VIEW_COVERAGE)
        self.frame = portrait.image if image is None else image
        self.picture = cut(self.frame, self.matrix, SIZE)
        self.points = points_in_crop(face, self.matrix)
        self.mask = np.ones((SIZE, SIZE), np.float32)
        self.inside = face_mask(self.points, SIZE, coverage=VIEW_COVERAGE).astype(np.float32) / 255

    def paint(self, new: np.ndarray, **options) -> np.ndarray:
        config = ConvertConfig(**{"sharpen": 0, "detail_transfer": "none", **options})
        face = SwappedFace(
            target=self.picture, swapped=new, mask=self.mask, landmarks=self.points, view_from_frame=self.matrix
        )
        return Compositor(config, VIEW_COVERAGE).composite(self.frame, face).frame

    def sample(self, new: np.ndarray):
        return sample_skin(new, self.picture, self.mask, self.points, VIEW_COVERAGE)


# What is skin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [0, 1])
def test_cheeks_count_and_eyes_mouth_and_occluders_do_not(portraits, person):
    view = View(portraits[person])
    new = cv2.GaussianBlur(view.picture, (0, 0), 2)
    sample = view.sample(new)
    features = np.maximum(*(draw(view.points, SIZE, coverage=VIEW_COVERAGE) for draw in (eye_mask, mouth_mask)))
    features = cv2.resize(features, (64, 64), interpolation=cv2.INTER_AREA)
    assert sample.skin[features > 250].max() < 0.05
    assert np.all(sample.skin <= sample.weights + 1e-6)
    left, right, _, mouth_left, mouth_right = view.points
    for cheek in ((2 * left + 3 * mouth_left) / 5 + [-4, 0], (2 * right + 3 * mouth_right) / 5 + [4, 0]):
        x, y = np.round(cheek / 2).astype(int)
        assert sample.skin[y - 1 : y + 2, x - 1 : x + 2].mean() > 0.7
    covered = view.picture.copy()
    covered[60:80, 20:60] = [40, 90, 60]
    hidden = sample_skin(new, covered, view.mask, view.points, VIEW_COVERAGE)
    assert hidden.skin[31:39, 11:29].max() < 0.05
    elsewhere = np.ones((64, 64), bool)
    elsewhere[28:42, 8:32] = False
    assert np.abs(hidden.skin - sample.skin)[elsewhere].mean() < 0.02


@pytest.mark.parametrize("person", [0, 1])
@pytest.mark.parametrize("light", [0.15, 0.3, 0.6])
def test_the_same_pixels_are_skin_in_any_light(portraits, person, light):
    bright = View(portraits[person])
    dark = View(portraits[person], np.round(portraits[person].image * light).astype(np.uint8))
    skins = [view.sample(cv2.GaussianBlur(view.picture, (0, 0), 2)).skin for view in (bright, dark)]
    assert skins[1].sum() >= 0.97 * skins[0].sum()
    assert np.corrcoef(*(skin.ravel() for skin in skins))[0, 1] > 0.93


def test_a_face_without_skin_is_matched_as_a_whole():
    """A checkerboard has no color that most of it has; nothing is divided by nothing."""
    board = np.zeros((SIZE, SIZE, 3), np.uint8)
    board[(np.add.outer(np.arange(SIZE) // 4, np.arange(SIZE) // 4) % 2) == 0] = [250, 10, 10]
    points = points_in_crop(make_face(0, 0), view_matrix(crop_from_frame(make_face(0, 0)), CROP_SIZE, SIZE, 0.8))
    other = np.random.default_rng(1).integers(0, 255, (SIZE, SIZE, 3)).astype(np.uint8)
    sample = sample_skin(board, other, np.ones((SIZE, SIZE), np.float32), points, 0.8)
    assert np.isfinite(sample.skin).all() and np.array_equal(sample.skin, sample.weights)


@pytest.mark.parametrize("options", [{"parts": ("mouth",)}, {"blend": "overlay"}, {"erode": 0.2}])
def test_the_whole_face_gives_the_colors_whatever_of_it_shows(portraits, options):
    view = View(portraits[0])
    new = cv2.GaussianBlur(View(portraits[1]).picture, (0, 0), 1)
    middle = np.round((view.points[3:].mean(axis=0) - view.matrix[:, 2]) / view.matrix[0, 0]).astype(int)  # no roll
    here = np.s_[middle[1] - 3 : middle[1] + 4, middle[0] - 3 : middle[0] + 4]
    whole, some = view.paint(new), view.paint(new, **options)
    assert np.abs(whole[here].astype(int) - some[here]).max() <= 4
    assert np.abs(whole[here].astype(int) - view.frame[here]).mean() > 10


# Occluders and hair ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [0, 1])
@pytest.mark.parametrize("color", CHANGING)
@pytest.mark.parametrize("thing", [(20, 120, 40), (30, 20, 15), (245, 245, 250)])
def test_an_occluder_inside_the_mask_hardly_colors_the_skin(portraits, person, color, thing):
    """A glove, hair, a white sheet over a quarter of the old face; the new one is another person."""
    view, other = View(portraits[person]), View(portraits[1 - person])
    new = cv2.GaussianBlur(other.picture, (0, 0), 1)
    covered = View(portraits[person])
    covered.picture = view.picture.copy()
    covered.picture[70:128, 64:128] = thing
    free = np.s_[150:185, 100:135]  # on the cheek that stays free, in the frame
    plain, beside = (v.paint(new, color_transfer=color)[free].astype(float) for v in (view, covered))
    moved = np.abs(beside.mean((0, 1)) - plain.mean((0, 1))).max()
    naive = np.abs(covered.picture[view.inside > 0.5].mean(0) - view.picture[view.inside > 0.5].mean(0)).max()
    assert naive > 25, "so far would a match of all pixels be off"
    rounding = 3 * np.sqrt(2 / 12 / plain[..., 0].size)  # of two means of whole gray levels, three deviations: 0.035
    assert moved < 0.2 * naive + rounding


# Dark skin -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("color", MATCHES)
def test_dark_pixels_are_replaced_like_any_other(portraits, color, blend):
    """The fault to avoid: pixels at or below 10 of 255 were taken from the source. Here the new face is the old one,
    mirrored; painting it in full light and in little light must give the same picture but for the light."""
    image = portraits[1].image
    results = []
    for light in (1.0, DEEP):
        view = View(portraits[1], np.round(image * light).astype(np.uint8))
        results.append(view.paint(np.ascontiguousarray(view.picture[:, ::-1]), color_transfer=color, blend=blend))
    dark = np.round(image * DEEP).astype(np.uint8)
    changed = np.abs(results[0].astype(int) - image).max(axis=2) > 60
    low = changed & (dark.max(axis=2) <= 10)
    assert low.sum() > 200, "there are such pixels, and they ought to change"
    expected = results[0][low] * DEEP
    assert np.abs(results[1][low] - expected).mean() < 1
    assert np.abs(dark[low] - expected).mean() > 4


@pytest.mark.parametrize("color", CHANGING)
def test_a_dark_and_a_bright_face_in_one_frame_get_the_same(portraits, color):
    """The same swap twice in one frame, once in a fifth of the light: each comes out as well as the other."""
    image = portraits[1].image
    frame = np.hstack([image, np.round(image * 0.2).astype(np.uint8)])
    config = ConvertConfig(color_transfer=color, sharpen=0)
    compositor = Compositor(config, VIEW_COVERAGE)
    new = cv2.GaussianBlur(View(portraits[0]).picture, (0, 0), 1)
    result = frame
    for track, offset in enumerate((0, image.shape[1])):
        matrix = view_matrix(crop_from_frame(annotated_face(portraits[1])), CROP_SIZE, SIZE, VIEW_COVERAGE)
        points = View(portraits[1]).points
        matrix = matrix - np.array([[0, 0, 1], [0, 0, 0]]) * (matrix[0, 0] * offset)
        matrix[1, 2] -= matrix[1, 0] * offset
        old = cut(frame, matrix, SIZE)
        share = np.ones((SIZE, SIZE), np.float32)
        light = old[face_mask(points, SIZE, coverage=VIEW_COVERAGE) > 128].mean() / 255
        seen = np.round(new * light).astype(np.uint8)
        face = SwappedFace(target=old, swapped=seen, mask=share, landmarks=points, view_from_frame=matrix)
        result = compositor.composite(result, face, track=track).frame
    bright, dark = np.hsplit(result, 2)
    assert psnr(np.clip(np.round(dark / 0.2), 0, 255).astype(np.uint8), bright) > 30
    assert psnr(bright, image) < 24
