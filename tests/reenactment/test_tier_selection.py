"""Which crops a training uses by their difficulty."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.reenactment.config import ReenactmentTrainConfig
from faceswap_lib.reenactment.difficulty import split_difficulty
from faceswap_lib.reenactment.people import load_people, open_people
from faceswap_lib.reenactment.tier_selection import count_tiers, select_tiers
from tests.reenactment.test_people import make_people
from tests.reenactment.test_shapes import CountingDetector

TIERS = np.array([0, 0, 1, 0, 2, 1, *[0] * 10, *[1] * 3, *[2] * 7], np.int8)
"""Of 6 crops of the first person, and 20 of the second."""


def people_of_tiers():
    return dataclasses.replace(make_people((6, 20)), tiers=TIERS)


@pytest.mark.parametrize(
    ("difficulty", "wanted"),
    [("easy", {0}), ("medium", {1}), ("easy-medium", {0, 1}), ("medium-hard", {1, 2}), ("all", {0, 1, 2})],
)
def test_only_the_wanted_tiers_are_trained_on_and_all_are_counted(difficulty, wanted, caplog):
    caplog.set_level("INFO")
    people = people_of_tiers()
    chosen = select_tiers(people, difficulty)
    expected = [index for index, tier in enumerate(TIERS) if tier in wanted]
    assert chosen.images[:, 0, 0, 0].tolist() == expected  # the crops show their number
    assert chosen.person.tolist() == [int(index >= 6) for index in expected]
    assert f"13 easy, 5 medium, 8 hard; trained on: {difficulty}" in caplog.text


def test_people_without_such_crops_are_left_out(caplog):
    chosen = select_tiers(people_of_tiers(), "hard")
    assert chosen.names == ("person 1",) and chosen.person.tolist() == [0] * 7
    assert chosen.images[:, 0, 0, 0].tolist() == [*range(19, 26)]
    assert "1 of 2 people are left out" in caplog.text


def test_nobody_and_unknown_tiers_are_refused():
    people = make_people((6, 6))
    with pytest.raises(WorkspaceError, match="not known"):
        select_tiers(people, "easy")
    with pytest.raises(WorkspaceError, match="nobody has 2 such crops, of 12 crops of 2 people"):
        select_tiers(dataclasses.replace(people, tiers=np.zeros(12, np.int8)), "hard")
    with pytest.raises(InputError, match="difficulty: expected all, easy"):
        ReenactmentTrainConfig(difficulty="impossible")  # type: ignore[arg-type]


def test_pairs_of_tiers_are_neighbors():
    assert split_difficulty("easy-medium") == ("easy", "medium") and split_difficulty("hard") == ("hard",)


def test_faces_of_a_faceset_have_tiers(workspace_copy: Workspace, monkeypatch):
    """Half of the faces are small in the frame, a covered face is hard."""
    from faceswap_lib.reenactment import people as module

    (name, faceset), *_ = open_people([workspace_copy]).items()
    count = len(faceset)
    halves = [
        dataclasses.replace(record, crop_from_frame=tuple(tuple(4.0 * value for value in row) for row in matrix))
        if index % 2
        else record
        for index, record in enumerate(faceset.records)
        for matrix in [record.crop_from_frame]
    ]
    changed = dataclasses.replace(faceset, records=tuple(halves))
    people = load_people({name: changed}, 80, detector=CountingDetector())
    kept = [index for index in range(count) if faceset.records[index].frame in people.frames]
    assert people.tiers is not None
    assert [tier == 2 for tier in people.tiers] == [index % 2 == 1 for index in kept]
    covered = np.full(count, 0.5)
    monkeypatch.setattr(module, "measure_occluded", lambda faceset: covered)
    monkeypatch.setattr(type(faceset), "has_occlusion_masks", property(lambda self: True))
    people = load_people({name: faceset}, 80, detector=CountingDetector())
    assert count_tiers(people) == {"easy": 0, "medium": 0, "hard": len(people)}
