"""Notebook 03: an autoencoder that is built and trained in plain Keras."""

import pathlib

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_autoencoder_notebook_runs_from_top_to_bottom(kernel: str, course_workspace: pathlib.Path):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "STEPS": 2, "SHORT_STEPS": 2, "GAN_STEPS": 2}
    notebook = run_notebook("03_autoencoder", kernel, course_workspace.parent, parameters, timeout=400)
    assert count_shown(notebook, "image/png") >= 6
    text = printed(notebook)
    assert "crops for training" in text and "gradient for red" in text and "slope by hand" in text
    assert "step    2: training" in text and "validation" in text
    assert text.count("right") >= 2  # both solutions
    assert "16 x 16 scores, each sees 22 x 22 of 64 x 64 pixels" in text
    assert (course_workspace / "autoencoder.mp4").is_file()
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert all(f"{name}</span>" in shown for name in ("average_decay", "sample_a"))  # one step, and its losses
