"""What is said about facesets before training on them."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.facesets import Faceset, FacesetArrays
from faceswap_lib.training.dataset_checks import (
    FEW,
    LITTLE_TURN,
    check_facesets,
    describe_same_person,
    measure_turn,
    share_alike,
)

MEAN = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


class ListedEmbedder:
    """Gives the numbers it was made with, faceset after faceset."""

    name, same_person = "listed", 0.6

    def __init__(self, *numbers: float):
        self._numbers = list(numbers)

    def embed(self, crops) -> np.ndarray:
        return np.full((len(crops), 1), self._numbers.pop(0))


@pytest.fixture(scope="module")
def facesets(small_workspace) -> list[Faceset]:
    return [Faceset.open(small_workspace, side) for side in ("src", "dst")]


@pytest.fixture(scope="module")
def arrays(facesets) -> list[FacesetArrays]:
    return [faceset.load(80) for faceset in facesets]


def many(faceset: Faceset, times: int = 10) -> Faceset:
    return dataclasses.replace(faceset, records=faceset.records * times)


def test_two_portraits_of_38_crops_are_too_few_and_nothing_else(facesets, arrays):
    concerns = check_facesets(facesets, arrays, ListedEmbedder(0.0, 0.9))
    assert [concern.split()[0] for concern in concerns] == ["face_src", "face_dst"]
    assert all(f"has 38 crops, fewer than {FEW}" in concern and "longer video" in concern for concern in concerns)
    assert check_facesets([many(f) for f in facesets], arrays, ListedEmbedder(0.0, 0.9)) == []


def test_crops_of_one_pose_are_said_to_be_alike(facesets, arrays):
    still = dataclasses.replace(facesets[0], records=facesets[0].records[:1] * FEW)
    (concern,) = check_facesets([still, many(facesets[1])], arrays, ListedEmbedder(0.0, 0.9))
    assert concern.startswith("face_src shows one pose nearly all the time (the nose moves by 0.00 eye distances)")


def test_the_turn_of_a_head_is_measured_in_eye_distances():
    turned = np.repeat(MEAN[None], 101, axis=0)
    turned[:, 2, 0] += np.linspace(
        -10, 10, 101
    )  # half an eye distance from side to side, 0.45 of it between 5 and 95 %
    assert measure_turn(turned) == pytest.approx(0.45)
    cos, sin = np.cos(0.4), np.sin(0.4)
    assert measure_turn(3 * turned @ np.array([[cos, sin], [-sin, cos]]) + 7) == pytest.approx(0.45)  # roll and size
    assert measure_turn(np.repeat(MEAN[None], 5, axis=0)) == 0 < LITTLE_TURN


def test_the_same_video_and_the_same_pictures_are_noticed(facesets, arrays):
    (same,) = check_facesets([many(facesets[0])] * 2, [arrays[0]] * 2, ListedEmbedder(0.0, 0.9))
    assert "come from the same video" in same
    assert share_alike(arrays[0].images, arrays[0].images) == 1
    assert share_alike(arrays[0].images, arrays[1].images) == 0
    noisy = np.clip(arrays[0].images + np.random.default_rng(0).normal(0, 4, arrays[0].images.shape), 0, 255)
    mixed = np.concatenate([noisy[:19].astype(np.uint8), arrays[1].images[:19]])
    assert share_alike(mixed, arrays[0].images) == 0.5
    concerns = check_facesets([many(f) for f in facesets], [arrays[0], dataclasses.replace(arrays[0], images=mixed)])
    assert any("share images" in concern and "extract one of them again" in concern for concern in concerns)


def test_one_person_twice_is_told_by_distance(facesets, arrays):
    two = [many(f) for f in facesets]
    (concern,) = check_facesets(two, arrays, ListedEmbedder(0.0, 0.35))
    assert (
        "the same person (the distance of their mean embeddings by listed is 0.35, of two people it is above 0.45)"
        in concern
    )


@pytest.mark.skipif(DlibEmbedder.unavailable_reason() is not None, reason="dlib is not installed")
def test_dlib_tells_the_portraits_apart_and_halves_of_one_not(facesets, arrays):
    assert check_facesets([many(f) for f in facesets], arrays) == []
    for faceset in facesets:
        halves = [dataclasses.replace(faceset, records=faceset.records[half]) for half in (slice(19), slice(19, 38))]
        assert (
            "seem to show the same person (the distance of their mean embeddings by dlib is 0."
            in describe_same_person(halves, DlibEmbedder())
        )


def test_without_a_recognition_network_only_the_files_are_judged(facesets, arrays, monkeypatch):
    monkeypatch.setattr(DlibEmbedder, "unavailable_reason", staticmethod(lambda: "not here"))
    assert check_facesets([many(f) for f in facesets], arrays) == []


def turned(faceset: Faceset, degrees: float) -> Faceset:
    """The same records with the nose tip of every second one where that of a turned head is, and five points only."""

    def turn(record, number):
        points = np.array(record.landmarks)
        eyes = points[1] - points[0]
        points[2] = points[:2].mean(axis=0) + 0.56 * np.array([-eyes[1], eyes[0]])
        points[2] += (number % 2) * 0.68 * np.tan(np.radians(degrees)) * eyes
        return dataclasses.replace(record, landmarks=points.tolist(), landmarks_68=None)

    return dataclasses.replace(
        faceset, records=tuple(turn(record, number) for number, record in enumerate(faceset.records))
    )


def test_poses_that_the_other_person_never_shows_are_told_for_both_directions(facesets, arrays):
    """Fails on the code before: nothing was said about who turns the head how far."""
    a, b = turned(many(facesets[0]), -40), turned(many(facesets[1]), 5)
    (said,) = check_facesets([a, b], arrays, ListedEmbedder(0.0, 0.9))
    assert "50% of" in said and "turn the head further left (40 degrees left, most at" in said
    assert "ever does (nearest: 5 degrees left)" in said and "that looks left" in said
    (other,) = check_facesets([b, a], arrays, ListedEmbedder(0.0, 0.9))
    assert other.startswith("if you convert b2a: 50% of") and "turn the head further left" in other
    mirrored = check_facesets([a, turned(b, 40)], arrays, ListedEmbedder(0.0, 0.9))
    assert len(mirrored) == 2 and all("only in mirrored pictures" in one for one in mirrored)  # training mirrors
