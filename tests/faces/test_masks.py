"""The masks of eyes, mouth and face, against the portraits' annotated outlines."""

import numpy as np
import pytest

from faceswap_lib.faces import CROP_SIZE, align_face, eye_mask, face_mask, mouth_mask
from faceswap_lib.faces.alignment import MEAN_FACE, VIEW_COVERAGE, five_points, map_points, template_points
from faceswap_lib.faces.parts import Part, part_mask
from tests.conftest import annotated_face
from tests.faces68 import template_points_68

MASKS = (eye_mask, mouth_mask, face_mask)


def values_at(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = np.round(points).astype(int).T
    return mask[y, x]


def centroid(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: len(mask), : len(mask)]
    return np.array([(mask * columns).sum(), (mask * rows).sum()]) / mask.sum()


@pytest.fixture(scope="module", params=[0, 1], ids=["hopper", "collins"])
def aligned(request, portraits):
    """A portrait, its aligned crop, and a function from portrait to crop coordinates."""
    portrait = portraits[request.param]
    crop = align_face(portrait.image, annotated_face(portrait))
    return portrait, crop, lambda points: map_points(crop.crop_from_frame, np.asarray(points, float))


def test_the_eye_mask_covers_the_eyes_and_nothing_else(aligned):
    portrait, crop, to_crop = aligned
    mask = eye_mask(crop.landmarks, CROP_SIZE)
    for eye in portrait.eyes:
        assert values_at(mask, to_crop(np.concatenate([eye.upper_lid, eye.lower_lid]))).min() > 127
        assert values_at(mask, to_crop(eye.iris_center[None]))[0] > 240
    elsewhere = np.concatenate([portrait.nose_tip[None], portrait.mouth.outer_upper, portrait.jaw])
    assert values_at(mask, to_crop(elsewhere)).max() < 8
    assert 0.005 < (mask / 255).mean() < 0.06


def test_the_mouth_mask_covers_the_mouth_and_nothing_else(aligned):
    portrait, crop, to_crop = aligned
    mask = mouth_mask(crop.landmarks, CROP_SIZE)
    lips = np.concatenate([portrait.mouth.outer_upper, portrait.mouth.outer_lower])
    assert values_at(mask, to_crop(lips)).min() > 127
    open_lip = portrait.mouth.outer_lower[3:-3] + [0, 0.5 * portrait.mouth.travel]
    assert values_at(mask, to_crop(open_lip)).min() > 60
    eyes = np.concatenate([eye.lower_lid for eye in portrait.eyes])
    assert values_at(mask, to_crop(eyes)).max() == 0


def test_the_face_mask_reaches_from_the_forehead_to_the_chin(aligned):
    portrait, crop, to_crop = aligned
    mask = face_mask(crop.landmarks, CROP_SIZE)
    inside = np.concatenate([portrait.mouth.outer_lower, portrait.nose_tip[None]])
    assert values_at(mask, to_crop(inside)).min() > 200
    assert values_at(mask, to_crop(np.concatenate([*portrait.brows, portrait.chin[None]]))).min() > 64
    assert np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).max() < 40
    assert 0.2 < (mask > 127).mean() < 0.5


@pytest.mark.parametrize("draw", MASKS)
@pytest.mark.parametrize("size", [128, 160, 512])
def test_a_mask_is_the_same_share_of_a_crop_of_any_side(draw, size):
    mask = draw(template_points(size), size)
    reference = draw(template_points(256), 256)
    assert mask.dtype == np.uint8 and mask.shape == (size, size)
    assert mask.mean() == pytest.approx(reference.mean(), rel=0.08)
    assert (centroid(mask) + 0.5) / size == pytest.approx((centroid(reference) + 0.5) / 256, abs=0.004)


@pytest.mark.parametrize("draw", MASKS)
def test_the_mask_of_a_view_is_the_middle_of_the_crops_mask(draw):
    crop_size = 320
    view_size = round(VIEW_COVERAGE * crop_size)
    margin = (crop_size - view_size) // 2
    points = template_points(crop_size)
    inside = slice(margin, margin + view_size)
    cut = draw(points, crop_size)[inside, inside].astype(int)
    view = draw(points - margin, view_size, coverage=VIEW_COVERAGE)
    # Near the border of the picture a blur has nothing beyond it to take in.
    edge = 44
    assert np.abs(cut - view)[edge:-edge, edge:-edge].max() <= 3
    assert view.max() > 200


def test_a_turned_head_moves_the_mask_away_from_the_nose():
    straight = template_points(256)
    for nose_shift in (-12, 12):
        turned = straight.copy()
        turned[2, 0] += nose_shift
        moved = centroid(face_mask(turned, 256)) - centroid(face_mask(straight, 256))
        assert moved[0] * nose_shift < 0 and abs(moved[0]) > 2
        assert abs(moved[1]) < 0.5


@pytest.mark.parametrize("draw", MASKS)
def test_masks_roll_with_the_eye_line(draw):
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mask = draw(MEAN_FACE @ turn * 40 + 128, 256, coverage=0.272 * 256 / 40)
    upright = draw(MEAN_FACE * 40 + 128, 256, coverage=0.272 * 256 / 40)

    def axis(picture: np.ndarray) -> float:
        """Direction of the longest extent, in degrees."""
        rows, columns = np.mgrid[:256, :256]
        x, y = columns - centroid(picture)[0], rows - centroid(picture)[1]
        xx, yy, xy = ((picture * v).sum() for v in (x * x, y * y, x * y))
        return float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)))

    difference = (axis(mask) - axis(upright)) % 180
    assert difference == pytest.approx(30, abs=1.5)


def test_softness_widens_the_border_and_keeps_the_area():
    points = template_points(512)
    hard, soft = (face_mask(points, 512, softness=value).astype(float) for value in (0.03, 0.15))
    gray = [((mask > 25) & (mask < 230)).mean() for mask in (hard, soft)]
    assert gray[1] > 3 * gray[0]
    assert soft.mean() == pytest.approx(hard.mean(), rel=0.03)


@pytest.mark.parametrize(("draw", "part"), [(eye_mask, Part.EYES), (mouth_mask, Part.MOUTH)])
@pytest.mark.parametrize("coverage", [1.0, VIEW_COVERAGE])
def test_68_landmarks_draw_eyes_and_mouth_by_their_own_outline(draw, part, coverage):
    points = template_points_68(128)
    mask = draw(points, 128, coverage=coverage)
    assert np.array_equal(mask, part_mask(points, 128, part, coverage=coverage))
    five = draw(five_points(points), 128, coverage=coverage)
    assert np.abs(centroid(mask) - centroid(five)).max() < 4
    assert 0.3 * five.mean() < mask.mean() < 0.9 * five.mean()


def test_the_face_mask_of_68_landmarks_is_that_of_their_five():
    points = template_points_68(128)
    for softness in (0.05, 0.15):
        five = face_mask(five_points(points), 128, softness=softness)
        assert np.array_equal(face_mask(points, 128, softness=softness), five)


@pytest.mark.parametrize(("draw", "part", "feather"), [(eye_mask, Part.EYES, 0.08), (mouth_mask, Part.MOUTH, 0.12)])
def test_five_points_give_the_same_ellipses_as_parts(draw, part, feather):
    points = template_points(256)
    assert np.abs(draw(points, 256).astype(int) - part_mask(points, 256, part, feather=feather)).max() <= 8


@pytest.mark.parametrize("draw", MASKS)
@pytest.mark.parametrize("shape", [(4, 2), (67, 2), (5, 3), (2, 5, 2)])
def test_other_landmarks_are_refused(draw, shape):
    with pytest.raises(ValueError, match=r"expected shape \(5, 2\) or \(68, 2\), got \(" + str(shape[0])):
        draw(np.zeros(shape), 64)
