"""Notebook 03c: self-attention, the attention mask, and what the discriminator sees."""

import pathlib

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_attention_notebook_runs_from_top_to_bottom(kernel: str, course_workspace: pathlib.Path):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "TOY_STEPS": 2}
    notebook = run_notebook("03c_attention_mask", kernel, course_workspace.parent, parameters, timeout=400)
    assert count_shown(notebook, "image/png") >= 6
    text = printed(notebook)
    assert "networks trained for 3 steps" in text and "the mask changes by" in text
    assert text.count("right\n") == 2  # both solutions
    assert "always gray" in text and "with attention" in text
    assert "42.8% of them in attention" in text
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert all(f"{name}</span>" in shown for name in ("SelfAttention", "alpha_composite"))
