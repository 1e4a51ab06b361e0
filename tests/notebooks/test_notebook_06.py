"""Notebook 06: putting the face back, and a whole clip with its sound."""

import pathlib
import shutil

import nbclient
import pytest

from faceswap_lib.media import count_frames, probe_video
from faceswap_lib.provenance.provenance import verify
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

NAME = "06_video_conversion"


def test_the_conversion_notebook_runs_from_top_to_bottom(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "LOOK_AT": 12}
    notebook = run_notebook(NAME, kernel, tmp_path, parameters)
    text = printed(notebook)
    video, swap = course_workspace / "clips" / "hopper.mp4", course_workspace / "swap.mp4"
    assert f"video: {video}" in text and "sound kept: True" in text
    assert (count_frames(swap), probe_video(swap).has_audio) == (count_frames(video), True)
    assert probe_video(course_workspace / "side_by_side.mp4").width == 2 * SMOKE["SIZE"]
    lines = text.splitlines()
    assert lines.count("right") == 2  # the solutions
    assert any(line.startswith("the colors stay what they are") for line in lines)  # the exercises as they are given
    assert any(line.startswith("the border is hard") for line in lines)
    assert count_shown(notebook, "image/png") >= 9
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert "<video" in shown and all(f"{name}</span>" in shown for name in ("alpha_blend", "fit_reinhard"))
    assert verify(swap).intact


def test_a_video_that_is_gone_is_named(kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path):
    shutil.rmtree(course_workspace / "clips")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="hopper.mp4, which is gone.*copy it into"):
        run_notebook(NAME, kernel, tmp_path, {**SMOKE, "WORKSPACE": str(course_workspace)})
