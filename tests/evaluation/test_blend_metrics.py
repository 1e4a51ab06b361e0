"""Where a frame was changed and whether the border shows, on drawn cases: `evaluation/blend_metrics.py`."""

import fractions
import itertools
import math

import cv2
import numpy as np
import pytest

from faceswap_lib.evaluation.blend_metrics import (
    background_psnr,
    changed_area,
    coverage,
    label_area,
    outside_face_ratio,
    seam,
)
from faceswap_lib.evaluation.image_metrics import psnr
from faceswap_lib.media import VideoWriter, read_frames
from faceswap_lib.provenance.visible_label import Label

SIZE = 240


def rectangle(left: int, top: int, right: int, bottom: int, size: int = SIZE) -> np.ndarray:
    area = np.zeros((size, size), bool)
    area[top:bottom, left:right] = True
    return area


def paste(original: np.ndarray, new: np.ndarray, area: np.ndarray, feather: float = 0) -> np.ndarray:
    """`new` over the original inside an area, its border softened by a Gaussian."""
    share = area.astype(np.float32)
    share = (cv2.GaussianBlur(share, (0, 0), feather) if feather else share)[..., None]
    return np.round(original * (1 - share) + new * share).astype(np.uint8)


def brighter(picture: np.ndarray, by: float) -> np.ndarray:
    return np.clip(picture + float(by), 0, 255)


@pytest.fixture(scope="module")
def frame(portraits) -> np.ndarray:
    """The portrait with less contrast, so that steps in brightness do not reach white."""
    return (portraits[1].image * 0.7 + 20).astype(np.uint8)


@pytest.fixture(scope="module")
def face(portraits) -> np.ndarray:
    """(320, 320) bool, an ellipse over the face of the portrait."""
    area = np.zeros((320, 320), np.uint8)
    cv2.ellipse(area, (160, 165), (62, 85), 0, 0, 360, 1, -1)
    return area > 0


def gray(value: int = 100) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), value, np.uint8)


@pytest.mark.parametrize("step", [12, -12, 60])
def test_a_changed_rectangle_is_found(step):
    """To within the few pixels by which the blur moves a border, and none of them inwards."""
    area = rectangle(60, 80, 160, 200)
    changed = changed_area(paste(gray(), brighter(gray(), step), area), gray())
    low, high = rectangle(61, 81, 159, 199), rectangle(57, 77, 163, 203)
    corners = [(y, x) for y, x in itertools.product((slice(0, 86), slice(194, None)), (slice(0, 66), slice(154, None)))]
    for corner in corners:  # the opening rounds them
        low[corner] = False
    assert changed[low].all() and not changed[~high].any()


def test_nothing_changed_gives_nothing():
    changed = changed_area(gray(), gray())
    assert changed.shape == (SIZE, SIZE) and changed.dtype == bool and not changed.any()
    assert coverage(changed, rectangle(10, 10, 50, 50)) == 0
    assert math.isnan(outside_face_ratio(changed, rectangle(10, 10, 50, 50)))
    assert math.isnan(seam(gray(), gray(), changed))


def test_noise_and_a_faint_tint_are_not_a_change():
    rng = np.random.default_rng(0)
    noise = np.round(gray() + rng.normal(0, 4, (SIZE, SIZE, 3))).astype(np.uint8)
    assert not changed_area(noise, gray()).any()
    assert not changed_area(brighter(gray(), 5).astype(np.uint8), gray()).any()
    assert changed_area(brighter(gray(), 7).astype(np.uint8), gray()).all()


def test_holes_and_gaps_are_part_of_the_change_and_specks_are_not():
    """New skin that has the old one's color in places was pasted none the less."""
    area = rectangle(60, 60, 180, 180) & ~rectangle(100, 100, 140, 140) & ~rectangle(114, 60, 126, 100)
    changed = changed_area(paste(gray(), brighter(gray(), 40), area), gray())
    assert changed[100:140, 100:140].all() and changed[70:100, 114:126].all()
    specks = rectangle(20, 20, 22, 200)
    assert not changed_area(paste(gray(), brighter(gray(), 20), specks), gray()).any()


def test_a_change_at_the_frame_s_border_stays_there():
    area = rectangle(0, 0, 100, SIZE)
    changed = changed_area(paste(gray(), brighter(gray(), 40), area), gray())
    assert changed[20:-20, :100].all() and not changed[:, 104:].any()


def test_encoding_once_more_is_no_change(portrait_clips, tmp_path):
    """At the quality at which videos are written here."""
    frames = list(itertools.islice(read_frames(portrait_clips[1]), 12))
    path = tmp_path / "again.mp4"
    with VideoWriter(path, width=224, height=224, fps=fractions.Fraction(25)) as writer:
        for original in frames:
            writer.write(original)
    for again, original in zip(read_frames(path), frames, strict=True):
        assert 30 < psnr(again, original) < 60
        assert not changed_area(again, original).any()


@pytest.mark.clips
@pytest.mark.parametrize("name", ["d6", "d9", "d10", "d14"])
def test_encoding_a_real_clip_once_more_is_no_change(name, real_clips, tmp_path):
    frames = list(itertools.islice(read_frames(real_clips / f"{name}.mp4"), 10))
    height, width = frames[0].shape[:2]
    with VideoWriter(tmp_path / "again.mp4", width=width, height=height, fps=fractions.Fraction(30)) as writer:
        for original in frames:
            writer.write(original)
    again = list(read_frames(tmp_path / "again.mp4"))
    assert np.mean([changed_area(b, a) for a, b in zip(frames, again, strict=True)]) < 1e-4


def test_coverage_and_leak_of_rectangles():
    """A face of 100 x 100; changed are its left half and as much outside: half covered, half leaked."""
    hull = rectangle(100, 100, 200, 200)
    changed = rectangle(50, 100, 150, 200)
    assert coverage(changed, hull) == 0.5 and outside_face_ratio(changed, hull) == 0.5
    assert coverage(hull, hull) == 1 and outside_face_ratio(hull, hull) == 0
    assert coverage(rectangle(0, 0, 50, 50), hull) == 0 and outside_face_ratio(rectangle(0, 0, 50, 50), hull) == 1
    assert outside_face_ratio(rectangle(100, 100, 140, 225), hull) == pytest.approx(0.2)
    assert coverage(changed, (hull * 255).astype(np.uint8)) == 0.5
    assert math.isnan(coverage(changed, np.zeros_like(hull)))


def test_background_psnr_looks_outside_only():
    """By 10 levels in an eighth of what is outside: 28.13 dB + 9.03."""
    hull = rectangle(0, 0, SIZE, SIZE // 2)
    outside = rectangle(0, SIZE // 2, SIZE // 4, SIZE * 3 // 4)
    swapped = paste(gray(), brighter(gray(), 90), rectangle(10, 10, 100, 100))
    assert background_psnr(swapped, gray(), hull) == 100
    swapped = paste(swapped, brighter(gray(), 10), outside)
    assert background_psnr(swapped, gray(), hull) == pytest.approx(28.1308 + 10 * math.log10(8), abs=1e-3)
    assert math.isnan(background_psnr(swapped, gray(), np.ones((SIZE, SIZE), bool)))


def test_seam_of_a_known_step():
    """On flat gray nothing but the step has a gradient. Sobel spreads a step of 32 over two columns of 16 each, one
    ring inside and one outside the border; the floor adds 1 everywhere: 17 against 1, on straight sides."""
    area = rectangle(60, 60, 180, 180)
    value = seam(paste(gray(), brighter(gray(), 32), area), gray(), area)
    assert value == pytest.approx(17, rel=0.05)


def test_seam_rises_with_the_step_and_falls_with_the_feather(frame, face):
    def measure(step: float, feather: float) -> float:
        swapped = paste(frame, brighter(frame, step), face, feather)
        return seam(swapped, frame, changed_area(swapped, frame))

    hard = [measure(step, 0) for step in (10, 20, 40)]
    assert 1.2 < hard[0] < hard[1] < hard[2] and hard[2] > 2.5
    soft = [measure(40, feather) for feather in (0, 1, 2, 4)]
    assert soft == sorted(soft, reverse=True) and soft[0] > 2 * soft[-1]
    assert measure(40, 10) < 1.2 and measure(20, 6) < 1.2


def test_a_face_swapped_without_a_seam_has_none(frame, face):
    """Other pixels inside, the same colors around: blurred away, or mirrored, with a wide soft border."""
    for new in (cv2.GaussianBlur(frame, (0, 0), 4), frame[:, ::-1].astype(float)):
        swapped = paste(frame, new, face, 10)
        assert 0.6 < seam(swapped, frame, face) < 1.25


def test_edges_of_the_original_are_no_seam():
    """An area that ends where the original has an edge, such as a chin before a dark collar; there the pasted face's
    own edge hides a seam, so only the other three sides of the hard one count."""
    edge = gray()
    edge[:, 120:] = 200
    area = rectangle(40, 40, 120, 200)
    hard, soft = (paste(edge, brighter(edge, 20), area, feather) for feather in (0, 12))
    assert seam(soft, edge, area) < 1.5 and seam(hard, edge, area) > 4


def test_seams_without_rings_on_both_sides_are_unknown():
    swapped = paste(gray(), brighter(gray(), 40), rectangle(0, 0, 6, 6))
    assert math.isnan(seam(swapped, gray(), np.ones((SIZE, SIZE), bool)))
    assert math.isnan(seam(swapped, gray(), rectangle(0, 0, 6, 6)))


def test_a_larger_area_leaks_and_shows_no_seam_and_a_harder_border_does_not_leak(frame, face):
    """Each worsens the metric that names it and leaves the other alone."""
    leaks, seams = [], []
    for grow in (0, 10, 20):
        larger = cv2.dilate(face.astype(np.uint8), np.ones((2 * grow + 1, 2 * grow + 1), np.uint8)) > 0
        swapped = paste(frame, brighter(frame, 25), larger, 8)
        changed = changed_area(swapped, frame)
        leaks.append(outside_face_ratio(changed, face))
        seams.append(seam(swapped, frame, changed))
        assert coverage(changed, face) > 0.99
    assert leaks[0] + 0.1 < leaks[1] < leaks[2] and max(seams) < 1.25
    hard, soft = (paste(frame, brighter(frame, 25), face, feather) for feather in (0, 3))
    hard_area, soft_area = (changed_area(swapped, frame) for swapped in (hard, soft))
    assert seam(hard, frame, hard_area) > 1.3 * seam(soft, frame, soft_area)
    assert (
        outside_face_ratio(hard_area, face)
        <= outside_face_ratio(soft_area, face)
        < outside_face_ratio(hard_area, face) + 0.05
    )


def test_wrong_frames_and_areas_are_refused():
    frame, area = gray(), rectangle(10, 10, 50, 50)
    for measure in (changed_area, lambda a, b: seam(a, b, area), lambda a, b: background_psnr(a, b, area)):
        with pytest.raises(ValueError, match="of one shape"):
            measure(frame, frame[:100])
        with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8"):
            measure(frame / 255, frame / 255)
    for measure in (coverage, outside_face_ratio):
        with pytest.raises(ValueError, match=r"mask: expected \(240, 240\) bool or uint8, got \(9, 9\) bool"):
            measure(area, np.ones((9, 9), bool))
    with pytest.raises(ValueError, match="mask: expected"):
        seam(frame, frame, area.astype(float))
    with pytest.raises(ValueError, match="mask: expected"):
        background_psnr(frame, frame, area[:50])


@pytest.mark.parametrize(("width", "height"), [(120, 90), (480, 480), (1280, 720)])
def test_a_label_is_no_spoilt_background(width, height):
    frame = np.full((height, width, 3), 120, np.uint8)
    labeled, nothing = frame.copy(), np.zeros((height, width), bool)
    Label(width, height).draw(labeled)
    area = label_area(width, height)
    assert background_psnr(labeled, frame, nothing) < 40
    assert background_psnr(labeled, frame, nothing | area) == 100
    assert area.mean() < 0.2 and area.sum() < 1.3 * (labeled != frame).any(axis=2).sum()
