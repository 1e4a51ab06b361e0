"""Notebook 06: converting a video, with and without the extra that tells people apart."""

import pathlib
import re

import pytest

from faceswap_lib.media import count_frames, probe_video, read_frames
from faceswap_lib.provenance.provenance import verify
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def test_the_conversion_notebook_runs_from_top_to_bottom(
    has_dlib: bool, kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    parameters = {**SMOKE, "WORKSPACE": str(course_workspace), "LOOK_AT": 12}
    notebook = run_notebook("06_video_conversion", kernel, tmp_path, parameters)
    text = printed(notebook)
    video, swap = course_workspace / "clips" / "hopper.mp4", course_workspace / "swap.mp4"
    [interrupted] = re.findall(r"swap.mp4 exists: (\w+); hidden folder: (.*)", text)
    assert interrupted[0] == "False" and "'plan.json', 'tracks.npz'" in interrupted[1]  # a piece may have been begun
    assert "the hidden folder was removed: True" in text and "sound kept: True" in text
    assert (count_frames(swap), probe_video(swap).has_audio) == (count_frames(video), True)
    assert probe_video(course_workspace / "triple.mp4").width == 3 * SMOKE["SIZE"]
    assert probe_video(course_workspace / "side_by_side.mp4").width == 2 * SMOKE["SIZE"]
    assert next(read_frames(course_workspace / "swap_b2a.mp4")).shape == (SMOKE["SIZE"], SMOKE["SIZE"], 3)
    assert ("identity is not measured here" in text) is not has_dlib
    assert count_shown(notebook, "image/png") >= 20
    assert count_shown(notebook, "application/vnd.jupyter.widget-view+json") >= 1
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert "<video" in shown and all(f"{name}</span>" in shown for name in ("alpha_blend", "fit_reinhard"))
    assert verify(swap).intact
