"""Lessons on JAX and PyTorch: those that build layers and train them in the notebook itself."""

import importlib.util
import pathlib
import re

import pytest

from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

SMALL = {
    "03c_attention_mask": {"TOY_STEPS": 2},
    "04b_perceptual_loss": {"STEPS": 2, "TRAIN_STEPS": 1},
    "04c_gan": {"STEPS": 3, "START_STEPS": 2},
}
"""What makes a lesson small besides `SMOKE`."""

TRIED = [
    ("03c_attention_mask", "jax"),
    ("03c_attention_mask", "torch"),
    ("04b_perceptual_loss", "torch"),
    ("04c_gan", "torch"),
]
"""Lessons and backends; 04b and 04c on JAX are left out because they compile for most of a minute."""


@pytest.mark.parity
@pytest.mark.parametrize(("name", "backend"), TRIED)
def test_a_lesson_runs_on_another_backend(
    name: str, backend: str, kernel: str, course_workspace: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin make PyTorch slow beside other processes
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), **SMALL[name]}
    first, asks = "\nhide_tensorflow_messages()", 'print("this is", __import__("keras").backend.backend())'
    replaced = {first: f"{first}\n{asks}\n"}
    notebook = run_notebook(name, kernel, course_workspace.parent, parameters, replaced=replaced, timeout=400)
    text = printed(notebook)
    assert f"this is {backend}\n" in text
    assert re.search(r"^right\b", text, re.MULTILINE) and count_shown(notebook, "image/png") >= 6
