"""The check of the exercise about facesets: the right selection passes, typical wrong ones are told what is off."""

import unittest

import numpy as np
import pytest

from faceswap_lib.course.curation_checks import check_selection


def select_by(score, *, again=False):
    """Builds a selection that takes the crop with the highest score of its distances to those selected."""

    def select(vectors, count):
        chosen = [0]
        while len(chosen) < count:
            distances = np.linalg.norm(vectors[:, None] - vectors[chosen], axis=-1)
            scores = score(distances)
            if not again:
                scores[chosen] = -np.inf
            chosen.append(int(scores.argmax()))
        return chosen

    return select


@pytest.mark.parametrize("again", [False, True])
def test_farthest_point_sampling_is_right_as_a_list_and_as_an_array(again):
    select = select_by(lambda distances: distances.min(axis=1), again=again)
    assert check_selection(select) == "right"
    assert check_selection(lambda vectors, count: np.array(select(vectors, count))) == "right"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda vectors, count: range(count), "the first ones"),
        (lambda vectors, count: [0, *np.argsort(-np.linalg.norm(vectors, axis=1))][:count], "farthest from the first"),
        (select_by(lambda distances: distances.mean(axis=1)), "some are neighbors"),
        (select_by(lambda distances: distances.sum(axis=1)), "some are neighbors"),
        (select_by(lambda distances: distances[:, -1].copy()), "the one selected last"),
        (select_by(lambda distances: distances[:, -1].copy(), again=True), "selected twice"),
        (select_by(lambda distances: distances.max(axis=1)), "not the maximum of all"),
        (select_by(lambda distances: -distances.min(axis=1)), "these are the nearest"),
        (lambda vectors, count: np.arange(count) + 1, "start with index 0"),
        (lambda vectors, count: np.arange(count) + 99, "below 12"),
        (lambda vectors, count: [0], "expected 6 indices"),
        (lambda vectors, count: [0, 8, 2, 6, 9, 7], "expected [0.0, 8.0"),
        (lambda vectors: [0], "stops with TypeError"),
        (lambda vectors, count: [0, next(iter(vectors[:0]))], "stops with StopIteration"),
        (lambda vectors, count: unittest.TestCase().assertEqual(len(vectors), count), "stops with AssertionError"),
    ],
)
def test_a_wrong_selection_is_told_what_is_off(wrong, told):
    assert told in check_selection(wrong)
