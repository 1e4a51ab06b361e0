"""Which poses and expressions of one person another one's faceset never shows, and how that is said."""

import dataclasses
import pathlib

import numpy as np
import pytest

from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.head_pose import HEAD_68, RIGID
from faceswap_lib.faces.mean_face import MEAN_FACE_68
from faceswap_lib.facesets import ExtractConfig, Faceset, Workspace
from faceswap_lib.facesets.extraction import extract_faces
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.facesets.pose_coverage import (
    FacesetPoses,
    compare_poses,
    find_gaps,
    is_uncovered,
)
from faceswap_lib.facesets.pose_measures import EXPRESSION, OWN_PITCH, PITCH, POSE, YAW, measure_poses
from faceswap_lib.training.dataset_checks import describe_uncovered
from tests.fakes import make_record

UNIT = EYE_DISTANCE * 256


def draw_face(yaw: float = 0.0, *, lips: float = 0.0, lids: float = 1.0, width: float = 1.0, brows: float = 0.0):
    """68 points of an average head that is turned, in pixels of a crop; lengths in eye distances or times the usual."""
    points = np.column_stack([MEAN_FACE_68, np.zeros(68)])
    points[RIGID, 2] = HEAD_68[:, 2]
    points[[61, 62, 63], 1] = points[[67, 66, 65], 1] - lips
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        points[upper, 1] = points[lower, 1] - lids * (points[lower, 1] - points[upper, 1])
    points[48:68, 0] *= width
    points[17:27, 1] -= brows
    cos, sin = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    turned = np.column_stack([cos * points[:, 0] - sin * points[:, 2], points[:, 1]])
    return turned * UNIT + [127.5, 100.0]


def five_of(faces: np.ndarray) -> np.ndarray:
    eyes = [faces[:, 36:42].mean(axis=1), faces[:, 42:48].mean(axis=1)]
    return np.stack([*eyes, faces[:, 30], faces[:, 48], faces[:, 54]], axis=1)


def many(count: int = 40, **ranges) -> np.ndarray:
    """Faces whose numbers go evenly from the first to the last of each range."""
    lines = {name: np.linspace(*ends, count) for name, ends in ranges.items()}
    return np.stack([draw_face(**{name: line[at] for name, line in lines.items()}) for at in range(count)])


def moving(**reached) -> np.ndarray:
    """Faces that are at rest most of the time and sometimes reach each of these numbers."""
    rest = {"yaw": 0.0, "lips": 0.0, "lids": 1.0, "width": 1.0, "brows": 0.0}
    way = np.linspace(0, 1, 41) ** 4
    return np.stack([draw_face(**{n: rest[n] + (end - rest[n]) * step for n, end in reached.items()}) for step in way])


def gaps_between(faces: np.ndarray, others: np.ndarray, **options) -> dict[tuple[str, str], float]:
    found = find_gaps(measure_poses(faces), measure_poses(others), **options)
    return {(gap.measure.name, "mirrored" if gap.is_mirrored else gap.kind): gap.share for gap in found}


@pytest.mark.parametrize("yaw", [-30, -10, 0, 10, 30])
def test_yaw_is_in_degrees_of_68_points_and_of_five(yaw):
    faces = np.stack([draw_face(yaw)])
    assert measure_poses(faces).shape == (1, len(POSE + EXPRESSION))
    assert measure_poses(faces)[0, 0] == pytest.approx(yaw, abs=4)
    assert measure_poses(five_of(faces)).shape == (1, len(POSE))
    assert measure_poses(five_of(faces))[0, 0] == pytest.approx(yaw, abs=4)


def test_size_shift_and_identity_do_not_count_but_a_head_held_low_does():
    faces = many(yaw=(-10, 10), lips=(0, 0.3), lids=(0.3, 1), brows=(0, 0.1))
    plain = measure_poses(faces)
    other = faces.copy()
    other[:, 17:27, 1] -= 0.1 * UNIT  # brows that are always high
    np.testing.assert_allclose(measure_poses(other), plain, atol=1e-3)
    nodding = five_of(np.stack([draw_face()] * 4))
    nodding[:, 2, 1] += 0.5 * UNIT
    assert (measure_poses(nodding)[:, 1] < -10).all()  # only `OWN_PITCH` of what is always there is taken off
    nodding[:, 2, 1] -= 0.45 * UNIT
    np.testing.assert_allclose(measure_poses(nodding)[:, 1], 0, atol=OWN_PITCH / 100)


@pytest.mark.parametrize(
    ("shown", "known", "expected"),
    [
        ({"yaw": -40}, {"yaw": -10}, ("yaw", "low")),
        ({"yaw": 40}, {"yaw": -10}, ("yaw", "high")),
        ({"lips": 0.6}, {"lips": 0.1}, ("mouth", "high")),
        ({"lids": 0.1}, {"lids": 0.9}, ("eyes", "low")),
        ({"lids": 2.2}, {"lids": 1.1}, ("eyes", "high")),
        ({"width": 1.6}, {"width": 1.1}, ("smile", "high")),
        ({"width": 0.5}, {"width": 0.9}, ("smile", "low")),
        ({"brows": 0.3}, {"brows": 0.02}, ("brows", "high")),
        ({"brows": -0.2}, {"brows": -0.02}, ("brows", "low")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_each_kind_of_gap_is_found_and_the_other_way_round_there_is_none(shown, known, expected):
    found = gaps_between(moving(**shown), moving(**known))
    assert set(found) == {expected} and found[expected] > 0.1
    assert gaps_between(moving(**known), moving(**shown)) == {}


def test_a_mouth_that_is_never_closed_is_seen_and_lips_are_not_set_over_the_median():
    talking, closed = many(lips=(0.5, 0.6)), many(lips=(0.0, 0.1))
    assert gaps_between(talking, closed) == {("mouth", "high"): 1.0}
    assert gaps_between(closed, talking) == {("mouth", "low"): 1.0}


def test_a_person_covers_herself_and_the_last_face_of_a_gap_is_the_worst():
    faces = many(yaw=(-25, 25), lips=(0, 0.5))
    assert gaps_between(faces[::2], faces[1::2]) == {}
    (gap,) = find_gaps(measure_poses(many(yaw=(-30, 0))), measure_poses(many(yaw=(-10, 10))))
    assert gap.index == 0 and gap.limit == pytest.approx(-10, abs=3) and -31 < gap.first < gap.last < -14


def test_mirrored_pictures_count_only_where_training_mirrors():
    left, right = many(yaw=(-25, -15)), many(yaw=(15, 25))
    assert gaps_between(left, right) == {("yaw", "mirrored"): 1.0}
    assert gaps_between(left, right, mirrored=False) == {("yaw", "low"): 1.0}
    assert not is_uncovered(measure_poses(left), measure_poses(right)).any()
    assert is_uncovered(measure_poses(left), measure_poses(right), mirrored=False)[:, 0].all()


def test_faces_between_what_is_shown_are_a_gap_too():
    assert gaps_between(many(yaw=(-2, 2)), many(yaw=(18, 25))) == {("yaw", "between"): 1.0}


def test_a_blink_of_a_few_frames_is_no_gap():
    faces = np.stack([draw_face()] * 99 + [draw_face(lips=0.5)])
    assert gaps_between(faces, faces[:99]) == {}
    assert is_uncovered(measure_poses(faces), measure_poses(faces[:99]))[99].any()


def test_numbers_are_told_with_their_side():
    assert YAW.describe(-23.4, -14.6) == "15 to 23 degrees left" and YAW.describe(12.1) == "12 degrees right"
    assert YAW.describe(-2, 5) == "2 degrees left to 5 right" and PITCH.describe(12) == "12 degrees up"
    assert EXPRESSION[0].describe(0.19, 0.25) == "lips 19 to 25 % of the eye distance apart"


def faceset_of(faces: np.ndarray, folder: pathlib.Path) -> Faceset:
    """A faceset of which only the manifest's records are there; its crops are as large as their frames."""
    records = [
        dataclasses.replace(
            make_record(number),
            landmarks=five.tolist(),
            landmarks_68=face.tolist(),
            crop_from_frame=np.eye(2, 3).tolist(),
        )
        for number, (face, five) in enumerate(zip(faces, five_of(faces), strict=True))
    ]
    return Faceset(folder=folder, masks=folder, records=tuple(records))


def test_sentences_name_share_range_time_limit_and_remedy(tmp_path):
    a, b = faceset_of(many(yaw=(-30, 0)), tmp_path / "face_src"), faceset_of(many(yaw=(-10, 10)), tmp_path / "face_dst")
    coverage = compare_poses(FacesetPoses.of(a), FacesetPoses.of(b))
    (said,) = coverage.sentences()
    assert coverage.has_expression and coverage.looked_at == 40
    assert coverage.uncovered == pytest.approx(coverage.gaps[0].share)
    assert (coverage.gaps[0].crop, coverage.gaps[0].frame, coverage.gaps[0].time) == ("000000.jpg", 0, 0.0)
    assert "% of face_src's faces turn the head further left (" in said and "degrees left, most at 0.0 s)" in said
    assert "than face_dst ever does (nearest: " in said and said.endswith("add a clip of face_dst that looks left")
    assert compare_poses(FacesetPoses.of(b), FacesetPoses.of(b)).sentences() == []


def test_with_five_points_of_one_of_them_only_the_pose_is_compared(tmp_path):
    a = faceset_of(many(yaw=(-10, 10), lips=(0, 0.6)), tmp_path / "face_src")
    b = faceset_of(many(yaw=(-10, 10)), tmp_path / "face_dst")
    assert [gap.measure.name for gap in compare_poses(FacesetPoses.of(a), FacesetPoses.of(b)).gaps] == ["mouth"]
    five = dataclasses.replace(b, records=tuple(dataclasses.replace(r, landmarks_68=None) for r in b.records))
    coverage = compare_poses(FacesetPoses.of(a), FacesetPoses.of(five))
    assert coverage.gaps == () and not coverage.has_expression


@pytest.mark.clips
def test_two_heads_turned_to_different_sides_are_told_before_training(real_clips, tmp_path, detector):
    workspace = Workspace(tmp_path)
    config = ExtractConfig(frame_stride=6)
    for name, side in (("s32", "src"), ("s18", "dst")):
        extract_faces(real_clips / f"{name}.mp4", workspace, side, detector, config=config)
    folders = [workspace.faces("src"), workspace.faces("dst")]
    said = describe_uncovered([Faceset(folder=one, masks=one, records=tuple(read_manifest(one))) for one in folders])
    assert any("s32.mp4's faces turn the head" in one and "left" in one for one in said)
    assert any(one.startswith("if you convert b2a: ") and "s18.mp4's faces turn the head" in one for one in said)
