"""Notebook 04: every loss by hand, and without it."""

import pathlib

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

TAUGHT = (
    *("region_weights", "reconstruction", "dssim", "edge_loss"),
    *("mask_hinge", "mask_prior", "total_variation"),
)

VARIANTS = ("pixels", "+ adversarial", "mask let go")


def test_the_losses_notebook_runs_from_top_to_bottom(kernel: str, course_workspace: pathlib.Path):
    parameters = {
        **SMOKE,
        "WORKSPACE": str(course_workspace),
        "ABLATION_STEPS": 1,
        "EYE_EPOCHS": 1,
        "VARIANTS": VARIANTS,
    }
    notebook = run_notebook("04_losses", kernel, course_workspace.parent, parameters, timeout=400)
    assert count_shown(notebook, "image/png") >= 11
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert all(f"{name}</span>" in shown for name in TAUGHT)
    text = printed(notebook)
    assert "\nright\n" in text
    for variant in VARIANTS:
        [line] = [line for line in text.splitlines() if line.startswith(f"{variant}  ")]
        assert line.count("%") == 2
