"""Notebook 04b: a perceptual loss by hand, what it reacts to, and pictures that it makes alone."""

import pathlib

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_notebook_about_the_perceptual_loss_runs_from_top_to_bottom(kernel: str, course_workspace: pathlib.Path):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "STEPS": 2, "TRAIN_STEPS": 1}
    notebook = run_notebook("04b_perceptual_loss", kernel, course_workspace.parent, parameters, timeout=400)
    assert count_shown(notebook, "image/png") >= 6
    text = printed(notebook)
    assert "the features are not normalized" in text and "\nright\n" in text
    assert "this machine compares with onet, at 64 pixels" in text
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert "feature_distance</span>" in shown and "distance</span>" in shown
    # The deep layers prefer a face that is moved to one that is blurred.
    lines = [line for line in text.splitlines() if line.startswith(("moved  ", "blurred  ")) and "layer" not in line]
    moved, blurred = (float(line.split()[-1]) for line in lines)
    assert blurred > 2 * moved
