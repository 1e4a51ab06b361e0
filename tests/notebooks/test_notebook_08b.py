"""Notebook 08b: a detector of one's own swaps, and its limits."""

import pathlib

import pytest

from faceswap_lib.provenance.provenance import verify
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_detector_notebook_judges_every_detector_in_every_test(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "PASSES": 1}
    notebook = run_notebook("08b_deepfake_detector", kernel, tmp_path, parameters)
    assert verify(course_workspace / "detector" / "swap_b.mp4").intact
    said = printed(notebook)
    assert said.count("called a swap") == 4
    assert said.count("false alarms") == 3 + 3 + 2 * 4
    assert "for three pictures made of waves, got [0.0, 0.0, 0.0]" in said  # the exercise is still to be done
    assert said.count("of 10,000 parts") == 4 and "high_frequencies" in said
    assert count_shown(notebook, "image/png") >= 7
