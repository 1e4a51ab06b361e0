"""Notebook 03b: the networks, looked into."""

import pathlib

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_networks_notebook_runs_from_top_to_bottom(kernel: str, course_workspace: pathlib.Path):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "TWIN_STEPS": 2}
    notebook = run_notebook("03b_networks", kernel, course_workspace.parent, parameters, timeout=400)
    assert count_shown(notebook, "image/png") >= 10
    text = printed(notebook)
    assert "networks trained for 3 steps, faces of 64 pixels" in text
    assert text.count("right\n") == 2  # both solutions
    assert "another code changes the face by" in text
    assert "faceswap-gan together" in text
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert all(f"{name}</span>" in shown for name in ("build_encoder", "PixelShuffle"))
