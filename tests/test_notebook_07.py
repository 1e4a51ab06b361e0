"""Notebook 07: judging a swap, with and without the extra that tells people apart."""

import pathlib

import pytest

from faceswap_lib.evaluation import Report
from faceswap_lib.faces.identity import DlibEmbedder
from faceswap_lib.media import count_frames
from tests.notebooks import SMOKE, count_shown, hide_module, printed, run_notebook

SHOWN = ("landmark_error", "psnr", "sharpness", "jitter", "summarise")


@pytest.mark.parametrize("dlib", ["as it is", "hidden"])
def test_the_evaluation_notebook_runs_from_top_to_bottom(
    dlib: str, kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    is_missing = DlibEmbedder.missing() is not None
    if dlib == "hidden":
        if is_missing:
            pytest.skip("dlib is not installed: the other test is this one")
        hide_module("dlib", tmp_path, monkeypatch)
    without = is_missing or dlib == "hidden"
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "BASELINE_FRAMES": 4}
    notebook = run_notebook("07_evaluation", kernel, tmp_path, parameters)
    text = printed(notebook)
    report = Report.read(course_workspace / "report.json")
    assert report.frames == count_frames(course_workspace / "clips" / "hopper.mp4")
    assert set(report.baselines) == {"swap", "input copied", "colours only", "nearest crop pasted"}
    assert (report.values["to_wanted"] is None) is without
    assert ("left out: identity" in text) is without
    assert ("no score: identity was not measured" in text) is without
    assert "input        " in text and "Nothing was swapped: the result is the input." in text
    assert (course_workspace / "report.html").stat().st_size > 10_000
    assert count_shown(notebook, "image/png") >= 10
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert shown.count("faceswap-metrics") >= 3 and all(f"{name}</span>" in shown for name in SHOWN)
