"""The guard after a conversion: what it calls no plausible swap, why, and the picture of it."""

import dataclasses
import pathlib
import re

import cv2
import numpy as np
import pytest

from faceswap_lib.cli.messages import print_conversion
from faceswap_lib.conversion.swap_check.check import SwapCheck, check_swap, find_wanted, worst_path
from faceswap_lib.conversion.swap_check.measures import FaceMeasures, measure_faces, measure_following
from faceswap_lib.conversion.swap_check.picture import SIDE
from faceswap_lib.conversion.swap_check.reasons import (
    FEW_STEPS,
    Suspicion,
    find_reasons,
    measure_eye_distance,
    measure_light,
)
from faceswap_lib.conversion.video_conversion import ConversionReport
from faceswap_lib.faces import FaceCrop
from faceswap_lib.faces.landmarks import FivePointDetector
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.pose_coverage import FEW_CROPS
from faceswap_lib.media import read_image
from faceswap_lib.pipeline.converting import Conversion


class SureDetector:
    """Finds each face where it is thought to be, in dark pictures with little confidence."""

    def refine(self, frames, guesses):
        return [
            tuple(dataclasses.replace(face, score=0.99 if frame.mean() > 20 else 0.5) for face in row)
            for frame, row in zip(frames, guesses, strict=True)
        ]


@pytest.fixture(scope="module")
def sides(small_workspace) -> tuple[Faceset, Faceset]:
    return Faceset.open(small_workspace, "src"), Faceset.open(small_workspace, "dst")


@pytest.fixture(scope="module")
def crops(sides) -> tuple[list[FaceCrop], list[FaceCrop]]:
    """Eighteen faces of the original person and of the wanted one."""
    return tuple(side.sample(18).read_crops() for side in sides)


def report_of(before: list[FaceCrop], images: list[np.ndarray]) -> ConversionReport:
    return ConversionReport(
        out=pathlib.Path("o.mp4"),
        frames=38,
        swapped=38,
        mask_mean=0.5,
        samples=tuple(np.stack([crop.image, image]) for crop, image in zip(before, images, strict=True)),
        points=tuple(crop.landmarks for crop in before),
    )


def look(report: ConversionReport, wanted: Faceset, **options):
    options = {"direction": "a2b", "step": 5000, "detector": SureDetector(), "finder": FivePointDetector()} | options
    return check_swap(report, None, wanted=wanted, **options)


def smear(image: np.ndarray) -> np.ndarray:
    """A face that dissolves into colored squares."""
    squares = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    return cv2.addWeighted(image, 0.4, cv2.resize(squares, image.shape[1::-1], interpolation=cv2.INTER_NEAREST), 0.6, 0)


def test_real_faces_of_the_wanted_person_are_a_swap(crops, sides, tmp_path):
    before, wanted = crops
    check = look(report_of(before, [crop.image for crop in wanted]), sides[1], picture=tmp_path / "worst.png")
    assert check.trouble is None and check.note is None and check.picture is None
    assert check.failed == 0 and min(check.likeness) > 0.9
    assert not (tmp_path / "worst.png").exists()


def test_a_plaid_is_called_no_plausible_face_with_a_picture_of_the_worst(crops, sides, tmp_path):
    before, wanted = crops
    path = tmp_path / "checks" / "worst.png"
    check = look(report_of(before, [smear(crop.image) for crop in wanted]), sides[1], picture=path)
    assert check.failed > 0.9 and max(check.likeness) < 0.6
    assert "of 18 faces looked at are no plausible face of the wanted person" in check.trouble
    assert "unlike any real picture of that person" in check.trouble
    assert check.picture == path and read_image(path).shape == (SIDE, 3 * SIDE, 3)


def test_another_person_and_milky_eyes_are_seen(crops, sides):
    before, wanted = crops
    strangers = [cv2.flip(crop.image, 0) for crop in before]
    assert "no plausible face" in look(report_of(before, strangers), sides[1]).trouble
    blind = []
    for crop in wanted:
        image = crop.image.copy()
        for eye in crop.landmarks[:2]:
            cv2.ellipse(image, tuple(int(value) for value in eye), (24, 15), 0, 0, 360, (190, 180, 175), -1)
        blind.append(cv2.GaussianBlur(image, (0, 0), 2))
    check = look(report_of(before, blind), sides[1])
    assert check.likeness[0] < 0.6 < min(check.likeness[1:]) and "eyes unlike" in check.trouble


def test_some_bad_faces_are_a_note_not_a_trouble(crops, sides):
    before, wanted = crops
    images = [crop.image if at % 4 else smear(crop.image) for at, crop in enumerate(wanted)]
    check = look(report_of(before, images), sides[1])
    assert check.trouble is None and check.failed == pytest.approx(5 / 18)
    assert check.note.startswith("28% of 18 faces looked at are no plausible face") and "seconds" not in check.note
    times = tuple(0.5 * index for index in range(18))
    told = look(dataclasses.replace(report_of(before, images), seconds=times), sides[1]).note
    assert float(re.search(r"The worst is at ([\d.]+) seconds", told)[1]) in times[::4]


def measured(count: int = 20, **values) -> FaceMeasures:
    points = np.repeat(np.array([[[93.0, 100], [162, 100], [128, 140], [100, 178], [155, 178]]]), count, axis=0)
    values = {
        "likeness": np.ones((count, 3)),
        "scores": np.full((count, 2), 0.99),
        "drift": np.full(count, 0.03),
        "following": 0.9,
        "points": points,
    } | values
    return FaceMeasures(**values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"following": 0.05}, "the new face does not move with the input (it makes 5% of its motion)"),
        ({"drift": np.full(20, 0.3)}, "landmarks far from the input's"),
        ({"scores": np.tile([0.99, 0.9], (20, 1))}, "the detector hardly finds a face"),
        ({"likeness": np.tile([1, 0.3, 1], (20, 1))}, "mouth unlike any real picture"),
        ({"likeness": np.tile([0.3, 0.3, 0.3], (20, 1)), "following": 0.0}, "It also makes only 0% of the input's"),
    ],
    ids=["still", "landmarks", "detector", "mouth", "all"],
)
def test_each_fault_is_named(values, said, crops, sides, monkeypatch):
    before, wanted = crops
    monkeypatch.setattr(
        "faceswap_lib.conversion.swap_check.check.measure_faces", lambda *args, **options: measured(**values)
    )
    before, wanted = [*before, *before[:2]], [*wanted, *wanted[:2]]
    assert said in look(report_of(before, [crop.image for crop in wanted]), sides[1]).trouble


def test_what_cannot_be_measured_accuses_nobody(crops, sides, monkeypatch):
    before, wanted = crops
    nothing = {"likeness": None, "scores": None, "drift": np.full(20, np.nan), "following": None}
    monkeypatch.setattr(
        "faceswap_lib.conversion.swap_check.check.measure_faces", lambda *args, **options: measured(**nothing)
    )
    check = look(report_of(before, [crop.image for crop in wanted]), sides[1])
    assert (check.trouble, check.note, check.likeness, check.following, check.failed) == (None, None, None, None, 0)


def test_following_tells_motion_from_a_still_and_from_another_motion():
    rng = np.random.default_rng(1)
    base = np.array([[93.0, 100], [162, 100], [128, 140], [100, 178], [155, 178]])
    moves = rng.normal(0, 8, (30, 5, 2))
    old = list(base + moves)
    assert measure_following(old, list(base + 5 + 0.8 * moves), unit=69.6) == pytest.approx(0.8)
    assert measure_following(old, [base] * 30, unit=69.6) == 0
    assert abs(measure_following(old, list(base + rng.normal(0, 8, (30, 5, 2))), unit=69.6)) < 0.2
    assert measure_following([base] * 30, [base] * 30, unit=69.6) is None
    assert measure_following(old, [None] * 25 + old[25:], unit=69.6) is None


def test_a_face_that_the_detector_loses_has_score_0(crops, sides):
    class Blind:
        def refine(self, frames, guesses):
            return [(None,) for _ in frames]

    before, wanted = crops
    measures = measure_faces(before, wanted, wanted=sides[1], detector=Blind(), finder=FivePointDetector())
    assert (measures.scores == 0).all() and measures.scores.shape == (18, 2) and measures.points.shape == (18, 5, 2)


def suspect(before, wanted: Faceset, step: int = 5000, failed=None) -> list[str]:
    points = np.stack([crop.landmarks for crop in before])
    failed = np.ones(len(before), bool) if failed is None else failed
    return find_reasons(Suspicion(before=before, points=points, failed=failed, wanted=wanted, step=step))


def test_reasons_are_measured_not_listed(crops, sides):
    before, _ = crops
    enough = dataclasses.replace(sides[0], records=sides[0].records * 10)
    assert len(enough) > FEW_CROPS and suspect(before, enough) == []
    assert "the run has 400 steps" in suspect(before, enough, step=FEW_STEPS - 1100)[0]
    (few,) = suspect(before, sides[0])
    assert few.startswith("there are only 38 crops of the wanted person")


def test_a_pose_is_a_reason_where_the_failed_faces_have_it(crops, sides):
    before, _ = crops
    enough = dataclasses.replace(sides[0], records=sides[0].records * 10)
    turned = []
    for at, crop in enumerate(before):
        points = crop.landmarks.copy()
        points[2, 0] += 40 * (at % 2)
        turned.append(dataclasses.replace(crop, landmarks=points))
    at_fault = np.arange(len(before)) % 2 == 1
    assert any("turn the head further right" in one for one in suspect(turned, enough, failed=at_fault))
    assert not any("turn the head" in one for one in suspect(turned, enough, failed=~at_fault))


def test_light_from_another_side_and_a_small_face_are_reasons(crops, sides):
    before, _ = crops
    enough = dataclasses.replace(sides[0], records=sides[0].records * 10)
    ramp = np.linspace(-120, 120, 256)[None, :, None]
    lit = [dataclasses.replace(c, image=np.clip(c.image + ramp, 0, 255).astype(np.uint8)) for c in before]
    assert measure_light(lit)[0] > measure_light(before)[0] + 1
    assert any("the light falls from another side" in one for one in suspect(lit, enough))
    small = [
        dataclasses.replace(record, landmarks=(np.array(record.landmarks) / 8).tolist()) for record in enough.records
    ]
    tiny = dataclasses.replace(enough, records=tuple(small))
    assert measure_eye_distance(tiny) == pytest.approx(measure_eye_distance(enough) / 8)


def test_the_wanted_person_is_the_other_side_and_may_be_gone(small_workspace, tmp_path, caplog):
    assert find_wanted(small_workspace, "a2b").folder.name == "face_dst"
    assert find_wanted(small_workspace, "b2a").folder.name == "face_src"
    assert find_wanted(Workspace(tmp_path), "a2b") is None
    assert "not compared with the wanted person's own: no faces in" in caplog.text
    assert worst_path(Workspace(tmp_path), pathlib.Path("/x/swap.mp4")) == tmp_path / "checks" / "swap.mp4.worst.png"


@pytest.mark.parametrize("failed", [0.2, 1.0])
def test_the_final_lines_say_what_failed_and_where_the_picture_is(failed, crops, capsys, caplog, tmp_path):
    before, wanted = crops
    said = {"trouble" if failed > 0.5 else "note": "so many faces are no plausible face of the wanted person"}
    check = SwapCheck(
        looked_at=18,
        mask_mean=0.5,
        change=20.0,
        likeness=(0.3, 0.3, 0.3),
        failed=failed,
        picture=tmp_path / "swap.mp4.worst.png",
        **said,
    )
    print_conversion(Conversion(report=report_of(before, [crop.image for crop in wanted]), check=check))
    printed = capsys.readouterr().out
    assert f"of 18 faces looked at, {1 - failed:.0%} look like real pictures of the wanted person" in printed
    assert f"worst:     {tmp_path / 'swap.mp4.worst.png'} (input, result" in printed
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.endswith("no plausible face of the wanted person")
    assert warning.startswith("this is no swap: ") == (failed > 0.5)


def test_a_picture_that_cannot_be_written_does_not_undo_the_output(crops, sides, tmp_path, caplog):
    before, wanted = crops
    (tmp_path / "checks").write_text("a file in the way")
    smeared = report_of(before, [smear(crop.image) for crop in wanted])
    check = look(smeared, sides[1], picture=tmp_path / "checks" / "worst.png")
    assert check.picture is None and "no plausible face" in check.trouble
    assert "no picture of the worst face" in caplog.text
