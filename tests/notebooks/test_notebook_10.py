"""Notebook 10: the landmark GAN, its judges by hand and fooled, its loop and its tricks."""

import pathlib

import pytest

from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets import Workspace
from faceswap_lib.media import count_frames
from faceswap_lib.provenance.provenance import verify
from tests.conftest import contents
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = [
    pytest.mark.slow,  # a whole notebook is run
    pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks"),
]

TAUGHT = ("keypoint_picture", "keypoint_loss")
SMALL = {"CAPACITY": "tiny", "JUDGE_EPOCHS": 1, "DETECTOR_EPOCHS": 1, "FOOLING_STEPS": 1, "LOOP_STEPS": 2, "DRIVEN": 3}


def test_the_landmark_gan_notebook_runs_from_top_to_bottom(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    before = contents(course_workspace / "clips")
    parameters = {**SMOKE, **SMALL, "WORKSPACE": str(course_workspace)}
    notebook = run_notebook("10_landmark_gan", kernel, tmp_path, parameters, timeout=400)
    text = printed(notebook)
    assert "reads (64, 64, 6), writes (64, 64, 3)" in text  # the generator
    assert "cross-entropy        the cheapest answer is 0.20" in text
    for exercise in ("the points stay where they were", "this is the softplus loss"):
        assert exercise in text, "an unsolved exercise says what is off"
    rows = [line for line in text.splitlines() if line.startswith(("photo copied", "piecewise affine", "landmark-gan"))]
    assert len(rows) == 4 and "nan" not in rows[0].split("copied")[1][:30]
    assert count_shown(notebook, "image/png") >= 9 and count_shown(notebook, "text/html") >= 5
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert all(f"{name}</span>" in shown for name in TAUGHT)
    clip = course_workspace / "moved-by-dots.mp4"
    assert count_frames(clip) == 20 and verify(clip).facts["direction"] == "reenactment"
    assert contents(course_workspace / "clips") == before
    assert (Workspace(course_workspace).run("landmark-gan") / "history.jsonl").is_file()
