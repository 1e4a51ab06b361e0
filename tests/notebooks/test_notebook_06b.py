"""Notebook 06b: what the options of a conversion change."""

import pathlib

import pytest

from faceswap_lib.media import count_frames, probe_video
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_notebook_about_options_runs_from_top_to_bottom(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "LOOK_AT": 12}
    notebook = run_notebook("06b_conversion_options", kernel, tmp_path, parameters)
    lines = printed(notebook).splitlines()
    assert lines.count("right") == 1  # the solution
    assert any(line.startswith("this pastes the foreground") for line in lines)  # the exercise as it is given
    assert [line.split()[0] for line in lines if line.endswith(" %")] == ["none", "ema", "kalman", "rts"]
    clip = course_workspace / "smoothing.mp4"
    assert (count_frames(clip), probe_video(clip).fps) == (12, 12.5)
    assert count_shown(notebook, "image/png") >= 11
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert "<video" in shown and all(f"{name}</span>" in shown for name in ("mean_code_difference", "transfer"))
