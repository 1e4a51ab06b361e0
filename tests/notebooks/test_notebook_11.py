"""Notebook 11: one-shot reenactment, built by hand and taken apart."""

import pathlib

import pytest

from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.media import count_frames
from faceswap_lib.provenance.provenance import verify
from tests.conftest import contents
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = [
    pytest.mark.slow,  # a whole notebook is run
    pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks"),
]

TAUGHT = ("boundary_maps", "exchange_contours")
SMALL = {"CAPACITY": "tiny", "PAIRS": 32, "EPOCHS": 1, "ALONE_STEPS": 2, "DRIVEN": 3}


def test_the_one_shot_notebook_runs_from_top_to_bottom(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    before = contents(course_workspace / "clips")
    parameters = {**SMOKE, **SMALL, "WORKSPACE": str(course_workspace)}
    notebook = run_notebook("11_one_shot", kernel, tmp_path, parameters, timeout=400)
    text = printed(notebook)
    assert "3 steps; weights of the losses" in text and "'contour_exchange': 0.25" in text
    for exercise in ("the layer has nothing to learn", "this is the mean without weights"):
        assert exercise in text, "an unsolved exercise says what is off"
    rows = [line for line in text.splitlines() if line.startswith(("photo copied", "section 3", "classical fusion"))]
    assert len(rows) == 3
    assert count_shown(notebook, "image/png") >= 12 and count_shown(notebook, "text/html") >= 4
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert all(f"{name}</span>" in shown for name in TAUGHT)
    clip = course_workspace / "moved.mp4"
    assert count_frames(clip) == 20 and verify(clip).facts["direction"] == "reenactment"
    assert contents(course_workspace / "clips") == before
