"""Likeness of regions: what is a person's own face, what is none, and which region it is."""

import fractions

import cv2
import numpy as np
import pytest

from faceswap_lib.demo.animate import animate_portrait
from faceswap_lib.faces import CROP_SIZE, MTCNN, FaceCrop, Part, align_face, part_mask
from faceswap_lib.faces.likeness import REGIONS, LikenessGallery, name_worst
from tests.conftest import annotated_face

COUNT, FPS = 40, 12
SEEN, LATER = slice(0, 28), slice(28, 40, 2)


def crops_of(portrait, detector: MTCNN) -> list[FaceCrop]:
    frames = list(animate_portrait(portrait, frame_count=COUNT, fps=fractions.Fraction(FPS), seed=4, size=224))
    start = annotated_face(portrait)
    rows = detector.refine(frames, [[start]] * len(frames))
    return [align_face(frame, found or start) for frame, (found,) in zip(frames, rows, strict=True)]


@pytest.fixture(scope="module")
def people(portraits, detector) -> list[list[FaceCrop]]:
    return [crops_of(portrait, detector) for portrait in portraits]


@pytest.fixture(scope="module")
def gallery(people) -> LikenessGallery:
    return LikenessGallery.of(people[1][SEEN], times=np.arange(COUNT)[SEEN] / FPS)


def changed(crops: list[FaceCrop], change) -> list[FaceCrop]:
    return [
        FaceCrop(image=change(c.image, c.landmarks), landmarks=c.landmarks, crop_from_frame=c.crop_from_frame)
        for c in crops
    ]


def smear(parts: Part):
    """Blurs parts of a face and nothing else."""

    def change(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        weight = part_mask(landmarks, CROP_SIZE, parts)[..., None] / 255
        return np.round(image + weight * (cv2.GaussianBlur(image, (0, 0), 9) - image.astype(float))).astype(np.uint8)

    return change


def test_a_persons_later_faces_are_the_persons_and_anothers_are_not(people, gallery):
    others, own = (gallery.measure(crops[LATER]) for crops in people)
    assert own.shape == (6, len(REGIONS)) and all(0.5 < value < 1 for value in gallery.own)
    assert (np.median(own, axis=0) > 0.85).all()
    assert (np.median(others, axis=0) < 0.7).all() and (others < own.min(axis=0)).all()


def test_the_same_person_turned_over_is_the_same(people, gallery):
    """Mirrored faces are in the gallery, too: light and parting may come from the other side."""
    over = [
        FaceCrop(
            image=np.ascontiguousarray(crop.image[:, ::-1]),
            landmarks=[CROP_SIZE - 1, 0] + crop.landmarks[[1, 0, 2, 4, 3]] * [-1, 1],
            crop_from_frame=crop.crop_from_frame,
        )
        for crop in people[1][LATER]
    ]
    assert np.allclose(gallery.measure(over), gallery.measure(people[1][LATER]), atol=0.1)


@pytest.mark.parametrize(("part", "region"), [(Part.EYES, 0), (Part.MOUTH, 1)])
def test_a_smeared_region_is_named_and_the_others_stay(people, gallery, part, region):
    good = gallery.measure(people[1][LATER])
    spoilt = good.copy()
    spoilt[4] = gallery.measure(changed(people[1][LATER][4:5], smear(part)))[0]
    worst = name_worst(spoilt)
    assert (worst.index, worst.region) == (4, REGIONS[region]) and worst.likeness == spoilt[4, region]
    assert spoilt[4, region] < 0.8 * good[4, region]
    others = [index for index in range(len(REGIONS)) if index != region]
    assert np.allclose(spoilt[4, others], good[4, others], atol=0.15)


def test_light_and_contrast_are_no_fault_and_blur_is(people, gallery):
    good = gallery.measure(people[1][LATER])
    darker = gallery.measure(changed(people[1][LATER], lambda image, _: np.round(0.7 * image + 10).astype(np.uint8)))
    assert np.allclose(darker, good, atol=0.05)
    blurred = gallery.measure(changed(people[1][LATER], smear(Part.FACE)))
    assert (np.median(blurred, axis=0) < 0.8 * np.median(good, axis=0)).all()


def test_faces_of_one_moment_do_not_stand_for_one_another(people):
    """The same 10 pictures twice, 5 seconds apart or side by side: only in the first case is every one explained."""
    ten = people[1][:20:2]
    times = np.arange(10.0)
    apart = LikenessGallery.of(ten + ten, times=[*times, *(times + 20)])
    beside = LikenessGallery.of([crop for crop in ten for _ in range(2)], times=np.repeat(times, 2) + [0, 0.04] * 10)
    assert all(one > 0.99 for one in apart.own) and all(a > b for a, b in zip(apart.own, beside.own, strict=True))


def test_few_faces_and_unknown_times_give_a_gallery(people):
    two = LikenessGallery.of(people[1][:2])
    assert np.isfinite(two.own).all() and two.measure([]).shape == (0, len(REGIONS))
    assert np.isfinite(LikenessGallery.of(people[1][SEEN]).own).all()


def test_wrong_numbers_are_refused(people, gallery):
    with pytest.raises(ValueError, match="expected at least two faces of different times, got 1"):
        LikenessGallery.of(people[1][:1])
    with pytest.raises(ValueError, match="expected at least two faces of different times, got 2"):
        LikenessGallery.of(people[1][:2], times=[3.0, 3.0])
    with pytest.raises(ValueError, match="expected a time for each of 2 crops, got 1"):
        LikenessGallery.of(people[1][:2], times=[3.0])
    with pytest.raises(ValueError, match="expected landmarks of each of 2 crops, got 0"):
        gallery.measure(people[1][:2], [])


def test_nothing_measured_has_no_worst():
    assert name_worst(np.full((2, 3), np.nan)) is None
    assert name_worst(np.array([[np.nan, 1.0, 0.5], [0.9, np.nan, 0.7]])) == (0, "skin", 0.5)
