"""Notebook 05: a training from its batches to its curves, stopped and resumed."""

import pathlib

import pytest

from faceswap_lib.training.history import read_history
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_training_notebook_runs_from_top_to_bottom(
    kernel: str, tmp_path: pathlib.Path, course_workspace: pathlib.Path
):
    finished = course_workspace / "models" / "default" / "checkpoints" / "step-00000003.npz"
    before = finished.read_bytes()
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "TRY_STEPS": 3, "TRIED": ("cosine",)}
    notebook = run_notebook("05_faceswap_train", kernel, tmp_path, parameters)
    said = printed(notebook)
    assert "stopped after step 1 of 3" in said
    assert "resumed from step 1, now at step 3\n" in said
    assert "exchange the rows of the eyes" in said or "landmarks stay where they were" in said
    assert "after the warm-up the factor stays 1" in said and said.count("right\n") >= 2
    # The run of an earlier notebook is left alone, another is trained beside it.
    assert finished.read_bytes() == before
    run = course_workspace / "models" / "default-again"
    assert [entry["step"] for entry in read_history(run / "history.jsonl")] == [1, 2, 3]
    assert (run / "checkpoints" / "step-00000003.npz").is_file()
    assert count_shown(notebook, "image/png") >= 8
    assert count_shown(notebook, "application/vnd.jupyter.widget-view+json") >= 1
    assert any("faceswap-compare" in str(cell.get("outputs", "")) for cell in notebook.cells)
