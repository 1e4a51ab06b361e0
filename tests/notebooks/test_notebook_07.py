"""Notebook 07: judging a swap, with and without the extra that tells people apart."""

import pathlib

import pytest

from faceswap_lib.evaluation import Report
from faceswap_lib.media import count_frames
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

SHOWN = ("landmark_error", "psnr", "sharpness", "measure", "jitter", "summarize")


def test_the_evaluation_notebook_runs_from_top_to_bottom(
    has_dlib: bool, kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "BASELINE_FRAMES": 4}
    notebook = run_notebook("07_evaluation", kernel, tmp_path, parameters)
    text = printed(notebook)
    report = Report.read(course_workspace / "report.json")
    assert report.frames == count_frames(course_workspace / "clips" / "hopper.mp4")
    assert set(report.baselines) == {"swap", "input copied", "colors only", "nearest crop pasted"}
    assert (report.values["identity_distance"] is None) is not has_dlib
    assert ("left out: identity" in text) is not has_dlib
    assert report.summary.score is not None
    assert ("identity was measured by the recognition network" in text) is has_dlib
    assert ("identity was measured by likeness of regions" in text) is not has_dlib
    assert "\ninput: " in text and "Nothing was swapped: the result is the input." in text
    verdicts = {line.partition(": ")[0]: line for line in text.splitlines() if ": score " in line}
    assert "Not a swap" in verdicts["blurred"] and "Not a swap" in verdicts["one picture"]
    assert "right" in text.splitlines()  # the solution of the exercise
    assert "a result that is late by 3 frames has a lag of 3, got 0" in text  # the exercise as it is given
    assert (course_workspace / "report.html").stat().st_size > 10_000
    assert count_shown(notebook, "image/png") >= 10
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert shown.count("faceswap-metrics") >= 3 and all(f"{name}</span>" in shown for name in SHOWN)
