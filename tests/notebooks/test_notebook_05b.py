"""Notebook 05b: trainings that fail on purpose, rare faces, and a training that is brought back from a mirror."""

import pathlib

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_notebook_about_faults_runs_from_top_to_bottom(
    kernel: str, tmp_path: pathlib.Path, course_workspace: pathlib.Path
):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "BROKEN_STEPS": 3, "BROKEN": ("good", "mask let go")}
    notebook = run_notebook("05b_training_faults", kernel, tmp_path, parameters)
    said = printed(notebook)
    assert "from the first step on" in said and "\nright\n" in said
    assert "your average is that of the library: True" in said
    assert "a new machine resumed from step 5 and trained to step 9" in said
    assert "largest difference between the weights: 0.0\n" in said
    assert not (course_workspace / "models" / "rehearsal").exists()
    assert [line for line in said.splitlines() if line.startswith("mask let go")]
    assert count_shown(notebook, "image/png") >= 3
