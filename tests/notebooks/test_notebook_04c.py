"""Notebook 04c: the same small network with and without a discriminator."""

import pathlib

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

TAUGHT = ("lsgan_generator_loss", "mixup_discriminator_loss", "relativistic_lsgan_losses")


def test_the_notebook_about_gans_runs_from_top_to_bottom(kernel: str, course_workspace: pathlib.Path):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "STEPS": 3, "START_STEPS": 2}
    notebook = run_notebook("04c_gan", kernel, course_workspace.parent, parameters, timeout=400)
    assert count_shown(notebook, "image/png") >= 7
    shown = str([cell.get("outputs", "") for cell in notebook.cells])
    assert all(f"{name}</span>" in shown for name in TAUGHT) and "video/mp4" in shown
    text = printed(notebook)
    assert "the labels are not smoothed" in text and "\nright\n" in text
    for name in ("pixels only", "with discriminator", "label 0.9", "no pixel loss", "too fast"):
        assert f"{name} " in text


@pytest.mark.nightly
def test_the_adversarial_loss_sharpens(kernel: str, tmp_path: pathlib.Path):
    notebook = run_notebook("04c_gan", kernel, tmp_path, {"WORKSPACE": "workspace"}, timeout=3600)
    lines = {line[:20].strip(): line.split() for line in printed(notebook).splitlines() if " sharpness " in line}
    errors = {name: float(words[words.index("error") + 1]) for name, words in lines.items()}
    sharpness = {name: float(words[-1]) for name, words in lines.items()}
    assert sharpness["with discriminator"] > 1.5 * sharpness["pixels only"]
    assert errors["with discriminator"] > errors["pixels only"]
