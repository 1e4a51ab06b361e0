"""Neither the original's brows nor rims of glasses look out beside the new face: skin is drawn over them alone."""

import dataclasses

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion import remains
from faceswap_lib.conversion.compositor import Compositor, SwappedFace
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.remains import BROW, RIM, Remain, cover_remains
from faceswap_lib.demo.animate import PortraitAnimator
from faceswap_lib.demo.motion import Pose
from faceswap_lib.faces import CROP_SIZE, align_face
from faceswap_lib.faces.alignment import (
    EYE_DISTANCE,
    VIEW_COVERAGE,
    map_points,
    template_points,
    view_matrix,
    warp_frame,
)
from faceswap_lib.faces.region import open_outline_detector
from tests.conftest import annotated_face

SKIN, BROWS, HAIR = (200, 160, 140), (70, 50, 45), (40, 30, 30)
UNIT = EYE_DISTANCE * 128 / VIEW_COVERAGE
LINES = np.array([[[x, 40.0] for x in np.linspace(a, b, 5)] for a, b in ((35, 58), (70, 93))])
OUTLINE = np.array([[15, 2], [113, 2], [113, 126], [15, 126]], float)


def draw(raised: float = 0.0) -> np.ndarray:
    """A view of a plain face with two brows, `raised` pixels above the lines, and hair from row 0 to 6 and aside."""
    view = np.full((128, 128, 3), SKIN, np.uint8)
    for line in LINES:
        cv2.polylines(view, [np.round(line - [0, raised]).astype(np.int32)], False, BROWS, thickness=6)
    view[:6] = view[:, :10] = view[:, 118:] = HAIR
    return view


def cover(view: np.ndarray, outline: np.ndarray = OUTLINE, *, kind: Remain = BROW) -> tuple[np.ndarray, np.ndarray]:
    """The view with the skin drawn over it, and where that is, both at full size."""
    skin, zone = remains.cover(view, kind, LINES, outline, VIEW_COVERAGE)
    assert skin.shape == (kind.size, kind.size, 3) and zone.shape == (kind.size, kind.size)
    assert zone.min() >= 0 and zone.max() <= 1
    zone = cv2.resize(zone, (128, 128))
    return view + zone[..., None] * (cv2.resize(skin, (128, 128)).astype(np.float32) - view), zone


@pytest.mark.parametrize("raised", [0, 10, 18])
def test_brows_turn_to_skin_also_where_they_are_higher_than_the_mesh_says(raised):
    view = draw(raised)
    covered, zone = cover(view)
    was_brow = (view == BROWS).all(axis=-1)
    assert np.percentile(np.abs(covered[was_brow] - SKIN), 95) < 15  # but for the very tips
    assert zone[60:].max() < 1 / 255  # eyes and all below stay


def test_hair_around_the_face_stays():
    view = draw()
    covered, _ = cover(view, OUTLINE + [[-15, -2], [15, -2], [15, 2], [-15, 2]])
    hair = (view == HAIR).all(axis=-1)
    assert np.abs(covered[hair] - view[hair]).max() < 25


def test_hair_that_hangs_over_the_brows_stays():
    view = draw()
    view[:46] = HAIR
    covered, _ = cover(view)
    assert np.abs(covered[:40] - view[:40]).max() < 25


@pytest.mark.parametrize("hair", [(150, 115, 70), (110, 80, 50)])
def test_strands_of_fair_hair_stay(hair):
    view = draw()
    strands = np.where(np.arange(128)[None, :, None] % 8 < 3, np.array(hair) - 45, np.array(hair))
    view[:46] = np.broadcast_to(strands, (128, 128, 3))[:46]
    _, zone = cover(view)
    assert zone[:38].max() < 0.1


@pytest.mark.parametrize("kind", [BROW, RIM])
def test_a_plain_face_is_left_as_it_is(kind):
    view = np.full((128, 128, 3), SKIN, np.uint8)
    assert cover(view, kind=kind)[1].max() == 0


GLASSES = {"metal": ((240, 238, 235), 1), "dark": ((60, 50, 45), 2)}


@pytest.mark.parametrize("rim", GLASSES)
def test_rims_of_glasses_turn_to_skin(rim):
    color, thickness = GLASSES[rim]
    view = np.full((128, 128, 3), SKIN, np.uint8)
    for x in (46, 82):
        cv2.ellipse(view, (x, 54), (15, 12), 0, 0, 360, color, thickness)
    was_rim = (view == color).all(axis=-1)
    covered, zone = cover(view, kind=RIM)
    assert np.percentile(np.abs(covered[was_rim] - SKIN), 95) < 15 and zone[100:].max() < 1 / 255


@pytest.mark.parametrize("width", [8, 12])
def test_sideburns_and_the_edge_of_hair_stay(width):
    view = draw()
    view[30:90, 22 : 22 + width] = view[30:90, 104 - width : 104] = HAIR
    covered, _ = cover(view, kind=RIM)
    hair = (view == HAIR).all(axis=-1)
    assert np.percentile(np.abs(covered[hair] - view[hair]), 99) < 25


def test_both_kinds_are_covered_in_one():
    view = draw()
    cv2.ellipse(view, (46, 62), (15, 12), 0, 0, 360, (240, 238, 235), 1)
    skin, zone = (cv2.resize(part, (128, 128)) for part in cover_remains(view, LINES, OUTLINE, VIEW_COVERAGE))
    covered = view + zone[..., None] * (skin - view)
    things = (view != SKIN).any(axis=-1)[20:90, 20:108]
    assert np.percentile(np.abs(covered[20:90, 20:108][things] - SKIN), 95) < 20


@pytest.mark.parametrize("who", [0, 1])
def test_the_raised_brows_of_a_portrait_are_covered(portraits, who):
    crop = align_face(PortraitAnimator(portraits[who]).render(Pose(brows=1.0)), annotated_face(portraits[who]))
    (contours,) = open_outline_detector("outline").find_contours([crop])
    matrix = view_matrix(np.eye(2, 3), len(crop.image), 128, VIEW_COVERAGE)
    view = warp_frame(crop.image, matrix, 128)
    brows = np.stack([map_points(matrix, line) for line in contours.brows])
    outline = map_points(matrix, contours.outline)
    skin, zone = remains.cover(view, BROW, brows, outline, VIEW_COVERAGE)
    covered = view + cv2.resize(zone, (128, 128))[..., None] * (cv2.resize(skin, (128, 128)).astype(np.float32) - view)
    gray_before, gray_after = (cv2.cvtColor(p.astype(np.float32), cv2.COLOR_RGB2GRAY) for p in (view, covered))
    skin_level = np.median(gray_before[60:90, 50:80])

    def darkest(gray: np.ndarray) -> np.ndarray:
        """How dark it is about each inner point of the brows, as a share of the skin."""
        points = np.round(brows[:, 1:4].reshape(-1, 2)).astype(int)
        return np.array([gray[y - 6 : y + 3, x].min() for x, y in points]) / skin_level

    assert np.mean(darkest(gray_after)) > np.mean(darkest(gray_before)) + 0.12
    assert zone[40:].max() < 1 / 255


def paint(config: ConvertConfig, *, brows: np.ndarray | None = LINES) -> np.ndarray:
    """A frame whose new face covers the lower half only; returned is the half above it."""
    view = draw(raised=6)
    frame = cv2.resize(view, (256, 256), interpolation=cv2.INTER_NEAREST)
    matrix = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
    mask = np.zeros((128, 128), np.float32)
    mask[64:] = 1
    face = SwappedFace(
        target=view,
        swapped=np.full_like(view, 90),
        mask=mask,
        landmarks=map_points(view_matrix(np.eye(2, 3), CROP_SIZE, 128, VIEW_COVERAGE), template_points(CROP_SIZE)),
        view_from_frame=matrix,
        outline=OUTLINE,
        brows=brows,
    )
    return Compositor(config, VIEW_COVERAGE).composite(frame, face).frame[30:110]


def test_the_compositor_shows_no_brow_above_the_new_face():
    plain = ConvertConfig(color_transfer="none", detail_transfer="none")
    before, after = paint(plain, brows=None), paint(plain)
    assert before[:, 60:200].min() <= max(BROWS) and after[:, 60:200].min() > 90
    untouched = paint(dataclasses.replace(plain, parts=("mouth",)))
    np.testing.assert_array_equal(untouched, before)  # who swaps a mouth keeps the brows
