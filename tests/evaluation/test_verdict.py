"""The verdict: what was measured of results that look right, and of results that do not, and what is said of each."""

import json
import pathlib

import numpy as np
import pytest

from faceswap_lib.evaluation.html_report import write_comparison_page
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.report import Report
from faceswap_lib.evaluation.retrieval import cosine_similarity, embedding_change, retrieval_rate
from faceswap_lib.evaluation.score import summarize
from faceswap_lib.evaluation.temporal_metrics import LEAST_MOMENTS, motion_agreement

GOOD = dict(
    **dict(identity_distance=0.24, before=0.65, within=0.13, landmark_error=0.07, expression_agreement=0.7),
    **dict(motion_agreement=0.95, found=100.0, face_score=1.0, sharpness=0.27, jitter=1.1, flicker=1.1),
    **dict(background=40.0, coverage=90.0, eyes_likeness=0.92, mouth_likeness=0.95, skin_likeness=0.76),
    **dict(plausible=100.0, likeness_margin=0.63, likeness_before=-0.9, likeness_within=0.85),
)
"""Of a good swap of the portraits."""

WITHOUT_NETWORKS = dict.fromkeys(("identity_distance", "before", "within", "expression_agreement"))
"""What is not there without a recognition network and 68 landmarks."""

PLAID = dict(eyes_likeness=0.37, mouth_likeness=0.20, skin_likeness=0.12, plausible=0.0, landmark_error=0.145)
"""s32 with s18's face: half of it a plaid of colored pixels."""

WAX = dict(eyes_likeness=0.87, mouth_likeness=0.74, skin_likeness=0.57, sharpness=0.51, landmark_error=0.059)
"""d18 with d3's face: a wax mask, milky eyes, smeared mouths, a doubled brow."""


def values_of(**changes) -> dict[str, float | None]:
    return {name: None for name in METRICS} | GOOD | changes


def verdict_of(worst_frames=None, **changes) -> str:
    return summarize(values_of(**changes), worst_frames).verdict


@pytest.mark.parametrize("lacking", [{}, WITHOUT_NETWORKS], ids=["networks", "no networks"])
def test_a_good_swap_is_called_one_and_has_a_score(lacking):
    summary = summarize(values_of(**lacking))
    assert summary.verdict.startswith("A swap:") and summary.score > 30


@pytest.mark.parametrize("lacking", [{}, WITHOUT_NETWORKS], ids=["networks", "no networks"])
@pytest.mark.parametrize("result", [PLAID, WAX], ids=["plaid", "wax"])
def test_a_smear_is_no_swap_though_a_network_takes_it_for_the_person(result, lacking):
    verdict = verdict_of(**result, **lacking)
    assert verdict.startswith("Not a swap:") and "the skin is unlike the wanted person's own (0." in verdict


def test_the_verdict_names_the_frame_and_the_limit():
    verdict = verdict_of({"mouth_likeness": 42}, mouth_likeness=0.31)
    assert "the mouth is unlike the wanted person's own (0.31 of 1, at least 0." in verdict
    assert verdict.endswith("least in frame 42).") and "eyes" not in verdict and "skin" not in verdict


@pytest.mark.parametrize(
    "lacking", [{"expression_agreement": 0.27}, WITHOUT_NETWORKS | {"motion_agreement": 0.62}], ids=["68", "five"]
)
def test_a_pasted_still_is_called_one(lacking):
    """Nothing else is wrong with it: it is the person, sharp, in every frame."""
    verdict = verdict_of(**{"eyes_likeness": 1.05, "mouth_likeness": 1.0, "skin_likeness": 0.9} | lacking)
    assert verdict == "Not a swap: like a still picture of the wanted person, it does not move as the original does."


def test_blur_is_named():
    """And not taken for a still picture as well: without features nothing can be seen to move."""
    verdict = verdict_of(**WITHOUT_NETWORKS | {"sharpness": 0.01, "motion_agreement": 0.5})
    assert verdict == "Not a swap: the face is blurred: 1 % of the original's detail."


def test_faults_in_half_of_the_frames_are_no_swap_whatever_the_median_says():
    """The wax mask: no median falls below its limit."""
    wax = dict(eyes_likeness=0.82, mouth_likeness=0.72, skin_likeness=0.72, plausible=50.0)
    assert "only 50 % of the frames look like the wanted person everywhere" in verdict_of(**wax | WITHOUT_NETWORKS)


def test_the_input_and_another_person_are_what_they_were():
    assert verdict_of(coverage=0.2).startswith("Nothing was swapped")
    assert "the original person is still there" in verdict_of(identity_distance=0.64)
    assert "the original person is still there" in verdict_of(**WITHOUT_NETWORKS | {"likeness_margin": -0.85})


def test_without_any_identity_nobody_is_named():
    summary = summarize(values_of(**WITHOUT_NETWORKS | dict.fromkeys(("likeness_margin", "likeness_before"))))
    assert summary.score is None and "the identity of the face was not measured" in summary.verdict


def test_likeness_spoils_the_score_by_its_worst_region():
    even, uneven = (
        summarize(values_of(eyes_likeness=eyes, mouth_likeness=0.8, skin_likeness=skin))
        for eyes, skin in ((0.8, 0.8), (1.3, 0.3))
    )
    assert uneven.parts["likeness"] == 0 and even.parts["likeness"] == pytest.approx(5 / 7)


def test_retrieval_counts_the_nearest_person_by_angle():
    gallery = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    faces = np.array([[5.0, 1.0], [0.1, 0.2], [2.0, 1.9], [-1.0, 0.1]])
    assert retrieval_rate(faces, gallery, 0) == 50 and np.isnan(retrieval_rate(faces[:0], gallery, 0))
    assert cosine_similarity(faces[:1], gallery)[0] == pytest.approx([5 / 26**0.5, 1 / 26**0.5, -5 / 26**0.5])


def test_steadiness_is_the_change_between_measured_frames():
    steps = [np.array([0.0, 0.0]), None, np.array([3.0, 4.0]), np.array([3.0, 4.0])]
    assert embedding_change(steps) == 2.5 and np.isnan(embedding_change(steps[:2]))


def test_motion_agrees_whatever_the_face_looks_like_and_a_still_one_does_not():
    rng = np.random.default_rng(0)
    moods = np.sin(np.arange(40)[:, None] / [3, 5])
    old, new = (np.einsum("tk,khw->thw", moods, rng.normal(size=(2, 9, 9))) for _ in range(2))
    noise = rng.normal(0, 0.1, old.shape)
    assert motion_agreement(new + 7 + noise, old) > 0.8
    assert abs(motion_agreement(noise, old)) < 0.2 and motion_agreement(np.zeros_like(old), old) == 0
    assert np.isnan(motion_agreement(new, np.zeros_like(old)))
    assert np.isnan(motion_agreement(new[: LEAST_MOMENTS - 1], old[: LEAST_MOMENTS - 1]))
    with pytest.raises(ValueError, match="two series of shape"):
        motion_agreement(new[1:], old)


def test_a_report_of_before_likeness_is_read_and_compared(tmp_path: pathlib.Path):
    """As version 1 wrote them: no likeness, five parts of the score, no gallery."""
    old = {
        "schema": 1,
        "version": "0.1",
        "inputs": {"swapped": "swap.mp4", "original": "a.mp4", "identity": "b.mp4"},
        "networks": {"landmarks": "dlib", "perceptual": "mtcnn-onet", "recognition": "dlib"},
        "frames": 3,
        "fps": 25.0,
        "summary": {"score": 43.0, "parts": {"identity": 0.6, "face": 1.0}, "verdict": "A swap: it is."},
        "values": {"identity_distance": 0.4, "landmark_error": 0.07, "seam": None},
        "skipped": {},
        "series": {"landmark_error": [0.1, None, 0.2]},
        "baselines": {"input copied": {"landmark_error": 0.0}},
        "breakdown": {},
    }
    (tmp_path / "old.json").write_text(json.dumps(old), encoding="utf-8")
    report = Report.read(tmp_path / "old.json")
    write_comparison_page({"old": report, "again": report}, tmp_path / "two.html")
    assert "A swap: it is." in (tmp_path / "two.html").read_text(encoding="utf-8")
