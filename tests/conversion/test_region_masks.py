"""Showing only parts of the new face."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.conversion.compositor import Compositor, SwappedFace
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.region_masks import draw_region_mask
from faceswap_lib.errors import InputError
from faceswap_lib.faces import face_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE, VIEW_COVERAGE, five_points
from tests.faces68 import template_points_68

SIZE = 256
PARTS = {"eyes": range(36, 48), "eyebrows": range(17, 27), "nose": range(29, 36), "mouth": range(48, 68)}
POINTS = (template_points_68(SIZE) - (SIZE - 1) / 2) / VIEW_COVERAGE + (SIZE - 1) / 2


def draw(*parts: str, known: bool = True, size: int = SIZE, **options) -> np.ndarray:
    """The mask of parts, from 68 points or from five."""
    points = (POINTS + 0.5) * (size / SIZE) - 0.5
    config = ConvertConfig(parts=parts, **options)
    return draw_region_mask(five_points(points), points if known else None, size, VIEW_COVERAGE, config)


def at(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y = np.round(points).astype(int).T
    return mask[y, x]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_shows_in_full_and_the_others_do_not(part, known):
    mask = draw(part, known=known)
    assert mask.shape == (SIZE, SIZE) and mask.dtype == np.float32
    for other, indices in PARTS.items():
        middle = POINTS[list(indices)]
        if other in ("eyes", "eyebrows"):
            middle = np.stack([half.mean(axis=0) for half in np.split(middle, 2)])
        else:
            middle = middle.mean(axis=0, keepdims=True)
        if other == part:
            assert at(mask, middle).min() > 0.95
        elif {other, part} != {"eyes", "eyebrows"}:
            assert at(mask, middle).max() < 0.05
        else:
            assert at(mask, middle).max() < 0.5


@pytest.mark.parametrize("known", [True, False])
def test_a_union_shows_what_its_members_show(known):
    names = tuple(PARTS)
    single = np.max([draw(name, known=known) for name in names], axis=0)
    union = draw(*names, known=known)
    assert np.all(union >= single - 0.01)
    assert union.mean() < 1.15 * single.mean()
    assert np.array_equal(union, draw(*reversed(names), known=known))


def test_the_face_contains_every_part_and_wins_over_them():
    whole = draw("face")
    assert np.array_equal(whole, draw("face", "eyes"))
    for indices in PARTS.values():
        assert at(whole, POINTS[list(indices)]).min() > 0.35  # the eyebrows' outer ends lie on its soft border


def test_the_whole_face_is_the_mask_the_networks_were_trained_with():
    for feather in (0.15, 0.05):
        drawn = face_mask(five_points(POINTS), SIZE, coverage=VIEW_COVERAGE, softness=feather) / 255
        shown = draw("face", feather=feather)
        inner = np.s_[20:-20, 20:-20]  # near the border, where nothing shows, a blur depends on how large it is drawn
        assert shown[inner] == pytest.approx(drawn[inner], abs=0.018)


def test_borders_are_soft_in_eye_distances():
    """A border's width from 16 to 84 % is two standard deviations of its blur."""
    unit = EYE_DISTANCE * SIZE / VIEW_COVERAGE
    row = draw("face", feather=0.1)[round(five_points(POINTS)[:2, 1].mean() + 0.42 * unit)]
    rising = row[: SIZE // 2]
    width = np.interp(0.84, rising, np.arange(len(rising))) - np.interp(0.16, rising, np.arange(len(rising)))
    assert width / unit == pytest.approx(0.2, rel=0.1)
    steps = [np.abs(np.diff(draw("mouth", feather=feather), axis=1)).max() for feather in (0.05, 0.15, 0.4)]
    assert steps[0] > 1.5 * steps[1] > 1.5 * steps[2]


def test_eroding_shrinks_parts():
    areas = [draw("mouth", erode=erode).sum() for erode in (-0.1, 0, 0.1)]
    assert areas[0] > 1.2 * areas[1] > 1.2 * areas[2] > 0


@pytest.mark.parametrize("known", [True, False])
def test_only_the_part_of_the_frame_changes(known):
    frame = np.full((300, 300, 3), 100, np.uint8)
    size = 128
    points = (POINTS + 0.5) * (size / SIZE) - 0.5
    matrix = np.array([[0.5, 0, -8], [0, 0.5, -8]])
    old = np.full((size, size, 3), 100, np.uint8)
    face = SwappedFace(
        target=old,
        swapped=old + 80,
        mask=np.ones((size, size), np.float32),
        landmarks=five_points(points),
        view_from_frame=matrix,
        landmarks_68=points if known else None,
    )
    config = ConvertConfig(color_transfer="none", sharpen=0, parts=("mouth",))
    painted = Compositor(config, VIEW_COVERAGE).composite(frame, face)
    in_frame = (points + 8) / 0.5
    assert at(painted.frame[..., 0], in_frame[48:].mean(axis=0, keepdims=True)) > 170
    assert np.all(at(painted.frame[..., 0], in_frame[[*range(17, 31), *range(36, 48)]]) == 100)
    whole = Compositor(dataclasses.replace(config, parts=("face",)), VIEW_COVERAGE).composite(frame, face)
    assert painted.weight.size < 0.4 * whole.weight.size  # no more of the frame is touched than must be


def test_an_unknown_part_is_refused():
    with pytest.raises(InputError, match="unknown part 'eye' of a face; did you mean 'eyes'"):
        draw("eye")
