"""Notebook 01b: jitter, the Kalman filter by hand, the smoother, and a clip that compares both."""

import base64
import pathlib

import pytest

from faceswap_lib.media import probe_video
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

NAME = "01b_kalman_smoothing"


def test_the_notebook_of_the_kalman_filter_runs_and_writes_a_clip(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    notebook = run_notebook(NAME, kernel, tmp_path, {**SMOKE, "WORKSPACE": str(course_workspace)})
    assert count_shown(notebook, "image/png") >= 6
    text = printed(notebook)
    assert "x did not change" in text and "right\n" in text  # before and after the solution
    assert "rts     shake" in text and "gray levels as detected" in text
    clip = probe_video(course_workspace / "raw_and_smoothed.mp4")
    assert (clip.width, clip.height, clip.frame_count) == (800, 400, 20) and clip.fps == 12.5
    slider, drawing = _slider(notebook)
    assert slider["value"] == pytest.approx(1e-3) and slider["min"] == -7
    assert drawing["format"] == "png" and len(base64.b64decode(drawing["buffers"][0]["data"])) > 5000


def _slider(notebook) -> tuple[dict, dict]:
    """The state of the slider on the noise coefficient, and the picture below it."""
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    [slider] = [state["state"] for state in states if state["model_name"] == "FloatLogSliderModel"]
    [drawing] = [state for state in states if state["model_name"] == "ImageModel"]
    return slider, {"format": drawing["state"]["format"], "buffers": drawing.get("buffers", [])}
