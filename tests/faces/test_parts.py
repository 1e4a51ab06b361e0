"""Sets of face parts and their masks: `faces/parts.py`.

Several tests hold what an older program of this kind got wrong: a union without a branch of its own came out empty, the
whole face was the union of its parts, the landmarks of a batch's first face served all, dark pixels were left out, and
the nose missed its last point.
"""

import inspect
import itertools

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE, align_face
from faceswap_lib.faces.alignment import VIEW_COVERAGE, map_points, template_points
from faceswap_lib.faces.parts import Part, parse_parts, part_mask, part_masks, part_outlines
from tests.conftest import annotated_face
from tests.faces68 import template_points_68

SINGLES = tuple(Part)
UNIONS = [tuple(members) for count in range(1, len(SINGLES) + 1) for members in itertools.combinations(SINGLES, count)]
POINTS_OF = {
    Part.EYES: (range(36, 42), range(42, 48)),
    Part.EYEBROWS: (range(17, 22), range(22, 27)),
    Part.NOSE: (range(27, 36),),
    Part.MOUTH: (range(48, 68),),
}
TEMPLATES = pytest.mark.parametrize("template", [template_points, template_points_68], ids=["5", "68"])


def union_of(members: tuple[Part, ...]) -> Part:
    union = Part(0)
    for part in members:
        union |= part
    return union


def name_of(parts: tuple[Part, ...] | Part) -> str:
    members = parts if isinstance(parts, tuple) else (parts,)
    return "+".join(part.name.lower() for part in members)


def centroid(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[: len(mask), : len(mask)]
    return np.array([(mask * columns).sum(), (mask * rows).sum()]) / mask.sum()


def values_at(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = np.round(points).astype(int).T
    return mask[y, x]


def turned(points: np.ndarray, angle: float, center: np.ndarray) -> np.ndarray:
    """Points rolled clockwise to the eye by an angle in degrees."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return (points - center) @ np.array([[cos, sin], [-sin, cos]]) + center


def test_there_are_31_unions():
    assert len({union_of(members) for members in UNIONS}) == 31


@TEMPLATES
@pytest.mark.parametrize("members", UNIONS, ids=name_of)
def test_a_union_is_the_pixelwise_maximum_of_its_members(template, members):
    points = template(128)
    masks = [part_mask(points, 128, part, feather=0) for part in members]
    union = part_mask(points, 128, union_of(members), feather=0)
    assert np.array_equal(union, np.max(masks, axis=0))
    assert all(mask.max() == 255 for mask in masks)
    soft = part_mask(points, 128, union_of(members), feather=0.06).astype(int)
    for part in members:
        assert np.all(soft >= part_mask(points, 128, part, feather=0.06))


@TEMPLATES
def test_mouth_and_eyebrows_are_both_there(template):
    points = template(256)
    mask = part_mask(points, 256, Part.MOUTH | Part.EYEBROWS)
    eyes, corners = template_points(256)[:2], template_points(256)[3:]
    assert values_at(mask, eyes - [0, 23]).min() > 200  # a third of the eye distance above the eyes
    assert values_at(mask, corners.mean(0)[None])[0] == 255
    assert values_at(mask, np.concatenate([eyes, template_points(256)[2:3]])).max() < 10


@TEMPLATES
def test_the_face_is_more_than_its_parts_and_holds_them_all(template):
    points = template(256)
    face = part_mask(points, 256, Part.FACE, feather=0).astype(int)
    others = part_mask(points, 256, Part.EYES | Part.EYEBROWS | Part.NOSE | Part.MOUTH, feather=0).astype(int)
    assert np.all(face >= others - 2)
    assert (face > 127).mean() > 2 * (others > 127).mean()
    eyes = template_points(256)[:2]
    skin = np.concatenate([eyes + [[-10, 40], [10, 40]], eyes.mean(0) + [[0, -55], [-25, -45], [25, -45]]])
    assert values_at(face, skin).min() == 255 and values_at(others, skin).max() == 0  # cheeks and forehead


def test_the_face_holds_its_parts_whatever_the_landmarks():
    rng = np.random.default_rng(3)
    for template in (template_points, template_points_68):
        for _ in range(20):
            points = template(128) + rng.normal(size=(len(template(128)), 2)) * 6
            face = part_mask(points, 128, Part.FACE, feather=0).astype(int)
            for part in SINGLES:
                assert np.all(face >= part_mask(points, 128, part, feather=0).astype(int) - 6)


@pytest.mark.parametrize("part", POINTS_OF, ids=name_of)
def test_a_part_holds_its_landmarks_and_follows_each_of_them(part):
    """The nose down to its last point, 35."""
    points, own = template_points_68(256), [index for group in POINTS_OF[part] for index in group]
    mask = part_mask(points, 256, part, feather=0)
    assert values_at(mask, points[own]).min() == 255
    assert values_at(mask, np.delete(points, own, axis=0)).max() == 0
    for group in POINTS_OF[part]:
        center = points[list(group)].mean(0)
        for index in group:
            moved = points.copy()
            moved[index] += 25 * (points[index] - center) / np.linalg.norm(points[index] - center)
            assert values_at(part_mask(moved, 256, part, feather=0), moved[[index]]).min() == 255


def test_each_face_of_a_batch_has_its_own_mask_at_its_own_place():
    first, second = template_points_68(256) * 0.4 + [10, 20], template_points_68(256) * 0.4 + [130, 110]
    five = template_points(256) * 0.4 + [130, 20]
    parts = Part.EYES | Part.MOUTH
    masks = part_masks([first, second, five], 256, parts, coverage=2.5)
    assert masks.shape == (3, 256, 256) and masks.dtype == np.uint8
    for mask, points in zip(masks, (first, second, five), strict=True):
        assert np.array_equal(mask, part_mask(points, 256, parts, coverage=2.5))
        assert np.abs(centroid(mask) - centroid(part_mask(points, 256, Part.NOSE, coverage=2.5))).max() < 16
    assert np.minimum(masks[0], masks[1]).max() == 0
    assert part_masks([], 64, parts).shape == (0, 64, 64)


def test_dark_pixels_stay_inside(portraits):
    """No picture is looked at: what lies inside the outline is in the mask, pupils and shadows too."""
    assert set(inspect.signature(part_mask).parameters) == {"landmarks", "size", "parts", "coverage", "feather"}
    for portrait in portraits:
        crop = align_face(portrait.image, annotated_face(portrait))
        mask = part_mask(crop.landmarks, CROP_SIZE, Part.FACE, feather=0)
        outline = np.round(part_outlines(crop.landmarks, CROP_SIZE, Part.FACE)[0]).astype(np.int32)
        filled = cv2.fillConvexPoly(np.zeros_like(mask), outline, 255)
        inside = cv2.erode(filled, np.ones((5, 5), np.uint8)) == 255
        assert (inside & (crop.image.max(axis=-1) < 60)).sum() > 30
        assert mask[inside].min() == 255


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_the_eyes_are_as_large_as_by_dilating_and_blurring_a_crop(size):
    """The reference: both hulls in a 256 crop, dilated by 13 x 13, blurred by 7 x 7."""
    points = np.round(template_points_68(256)).astype(np.int32)
    reference = np.zeros((256, 256), np.uint8)
    for first, stop in ((36, 42), (42, 48)):
        cv2.fillConvexPoly(reference, cv2.convexHull(points[first:stop]), 255)
    reference = cv2.dilate(reference, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13)))
    reference = cv2.GaussianBlur(reference, (7, 7), 0)
    mask = part_mask(template_points_68(size), size, Part.EYES)
    assert mask.mean() == pytest.approx(reference.mean(), rel=0.05)
    assert (mask > 127).mean() == pytest.approx((reference > 127).mean(), rel=0.06)
    assert (centroid(mask) + 0.5) / size == pytest.approx((centroid(reference) + 0.5) / 256, abs=0.002)


@TEMPLATES
@pytest.mark.parametrize("part", SINGLES, ids=name_of)
@pytest.mark.parametrize("size", [48, 64, 200])
def test_a_mask_has_its_outlines_area(template, part, size):
    """A pixel at the border holds the share of it that lies inside, so small pictures lose nothing."""
    outlines = part_outlines(template(size), size, part)
    area = sum(cv2.contourArea(outline.astype(np.float32)) for outline in outlines)
    assert len(outlines) == (2 if part in Part.EYES | Part.EYEBROWS else 1)
    for feather in (0, 0.05):
        assert part_mask(template(size), size, part, feather=feather).sum() / 255 == pytest.approx(area, rel=0.01)


@TEMPLATES
@pytest.mark.parametrize("part", SINGLES, ids=name_of)
def test_a_mask_is_the_same_share_of_a_crop_of_any_side(template, part):
    reference = part_mask(template(256), 256, part)
    for size in (64, 160, 512):
        mask = part_mask(template(size), size, part)
        assert mask.mean() == pytest.approx(reference.mean(), rel=0.01)
        assert (centroid(mask) + 0.5) / size == pytest.approx((centroid(reference) + 0.5) / 256, abs=0.0005)


@TEMPLATES
@pytest.mark.parametrize("part", SINGLES, ids=name_of)
@pytest.mark.parametrize("shift", [(0.5, 0.0), (0.0, 0.5), (0.3, -0.2)])
def test_landmarks_half_a_pixel_further_move_the_mask_by_half_a_pixel(template, part, shift):
    points = template(96)
    moved = centroid(part_mask(points + shift, 96, part)) - centroid(part_mask(points, 96, part))
    assert moved == pytest.approx(shift, abs=0.03)


@TEMPLATES
@pytest.mark.parametrize("part", SINGLES, ids=name_of)
def test_the_mask_of_a_view_is_the_middle_of_the_crops_mask(template, part):
    crop_size, view_size = 320, round(VIEW_COVERAGE * 320)
    margin = (crop_size - view_size) // 2
    points = template(crop_size)
    inside = slice(margin, margin + view_size)
    cut = part_mask(points, crop_size, part)[inside, inside].astype(int)
    view = part_mask(points - margin, view_size, part, coverage=VIEW_COVERAGE)
    # Near the border of the picture a blur has nothing beyond it to take in.
    assert np.abs(cut - view)[8:-8, 8:-8].max() <= 1
    assert view.max() == 255


@TEMPLATES
@pytest.mark.parametrize("part", SINGLES, ids=name_of)
@pytest.mark.parametrize("angle", [30, -75, 180])
def test_masks_roll_with_the_face(template, part, angle):
    """Rolling the landmarks and rolling the mask give the same picture."""
    size, center = 256, np.array([127.5, 127.5])
    points = (template(size) - center) * 0.6 + center
    rolled = part_mask(turned(points, angle, center), size, part, coverage=1 / 0.6, feather=0.05)
    matrix = cv2.getRotationMatrix2D(tuple(center), -angle, 1)
    upright = part_mask(points, size, part, coverage=1 / 0.6, feather=0.05)
    assert map_points(matrix, points) == pytest.approx(turned(points, angle, center))
    difference = np.abs(cv2.warpAffine(upright, matrix, (size, size)).astype(int) - rolled)
    assert difference.max() <= 12 and difference.mean() < 0.3


def test_an_open_mouth_and_raised_eyebrows_take_their_masks_along():
    points = template_points_68(256)
    wide = points.copy()
    wide[[56, 57, 58, 65, 66, 67], 1] += 25
    wide[17:27, 1] -= 10
    moved = {part: centroid(part_mask(wide, 256, part)) - centroid(part_mask(points, 256, part)) for part in SINGLES}
    assert moved[Part.MOUTH][1] > 8 and moved[Part.EYEBROWS] == pytest.approx([0, -10], abs=0.1)
    assert moved[Part.EYES] == pytest.approx([0, 0], abs=0.01)
    # Raised eyebrows do not raise the hairline.
    tops = [np.nonzero(part_mask(p, 256, Part.FACE).max(axis=1) > 127)[0][0] for p in (points, wide)]
    assert tops[0] == tops[1]


def test_a_turned_head_moves_the_face_of_five_points_away_from_the_nose():
    straight, turned_right = template_points(256), template_points(256)
    turned_right[2, 0] += 12
    moved = centroid(part_mask(turned_right, 256, Part.FACE)) - centroid(part_mask(straight, 256, Part.FACE))
    assert moved[0] < -2 and abs(moved[1]) < 0.5


def test_feather_softens_the_border_and_keeps_the_area():
    masks = [part_mask(template_points_68(256), 256, Part.FACE, feather=feather) for feather in (0, 0.02, 0.15)]
    gray = [((mask > 25) & (mask < 230)).mean() for mask in masks]
    assert gray[2] > 3 * gray[1] > 3 * gray[0] > 0
    assert [mask.mean() for mask in masks] == pytest.approx([masks[0].mean()] * 3, rel=0.03)


@pytest.mark.parametrize("index", [0, 1], ids=["hopper", "collins"])
def test_five_points_place_eyebrows_and_nose_on_the_portraits(portraits, index):
    portrait = portraits[index]
    crop = align_face(portrait.image, annotated_face(portrait))
    brows = [map_points(crop.crop_from_frame, np.asarray(brow, float)) for brow in portrait.brows]
    tip = map_points(crop.crop_from_frame, portrait.nose_tip[None].astype(float))
    eyebrows, nose = (part_mask(crop.landmarks, CROP_SIZE, part) for part in (Part.EYEBROWS, Part.NOSE))
    assert (values_at(eyebrows, np.concatenate(brows)) > 127).mean() > 0.9
    assert values_at(nose, tip).min() == 255
    assert values_at(eyebrows, crop.landmarks).max() == 0
    assert values_at(nose, crop.landmarks[[0, 1, 3, 4]]).max() == 0


@TEMPLATES
@pytest.mark.parametrize("shift", [(-90, 0), (0, 100), (70, -80), (-400, 0), (1e6, -1e6)])
def test_a_face_that_leaves_the_picture_does_not_crash(template, shift):
    mask = part_mask(template(128) + shift, 128, Part.FACE | Part.EYEBROWS)
    assert mask.shape == (128, 128)
    assert (mask.max() == 255) == (max(np.abs(shift)) < 128)


def test_a_part_that_leaves_the_picture_is_cut():
    points = template_points_68(128)
    whole = part_mask(points, 128, Part.EYES, feather=0)
    gone = int(points[36:42, 0].mean())
    cut = part_mask(points - [gone, 0], 128, Part.EYES, feather=0)
    assert np.abs(cut[:, : 128 - gone].astype(int) - whole[:, gone:]).max() <= 8


@pytest.mark.parametrize("shape", [(4, 2), (68, 3), (2, 5), (1, 5, 2), (98, 2)])
def test_other_landmarks_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected shape \(5, 2\) or \(68, 2\), got \(" + str(shape[0])):
        part_mask(np.zeros(shape), 64, Part.EYES)


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="at least one of EYES, EYEBROWS, NOSE, MOUTH, FACE, got none"):
        part_mask(template_points(64), 64, Part.EYES & Part.MOUTH)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("face", Part.FACE),
        ("eyes+mouth", Part.EYES | Part.MOUTH),
        (" Nose + EYEBROWS+nose ", Part.NOSE | Part.EYEBROWS),
    ],
)
def test_parts_are_read_from_text(text, parts):
    assert parse_parts(text) == parts


def test_the_names_of_all_unions_are_read_back():
    for members in UNIONS:
        assert parse_parts(name_of(members)) == union_of(members)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("eyes+mooth", "unknown part 'mooth' of a face; did you mean 'mouth'"),
        ("brows", "did you mean 'eyebrows'"),
        ("hair", "known are eyebrows, eyes, face, mouth, nose|did you mean"),
        ("", "unknown part ''"),
        ("eyes++nose", "unknown part ''"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(text, message):
    with pytest.raises(InputError, match=message):
        parse_parts(text)
