"""Notebook 01: detection, tracks, alignment, and the faces of a video on disk."""

import pathlib

import nbclient.exceptions
import pytest

from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.manifest import read_manifest
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

NAME = "01_video_face_detection_alignment"


def test_the_detection_notebook_runs_and_saves_the_faces(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    notebook = run_notebook(NAME, kernel, tmp_path, {**SMOKE, "WORKSPACE": str(course_workspace)})
    workspace = Workspace(course_workspace)
    assert len(read_manifest(workspace.faces("src"))) == 20
    for kind, ending in (("raw_faces", "jpg"), ("aligned_faces", "jpg"), ("binary_masks_eyes", "png")):
        files = list(workspace.single_video(kind).iterdir())
        assert len(files) == 20 and {path.suffix for path in files} == {f".{ending}"}
    assert count_shown(notebook, "image/png") >= 10
    text = printed(notebook)
    assert "1 track of 20 faces" in text and "2 tracks of [20, 20] faces" in text
    assert "nothing was removed" in text and "pixels off on average" in text and text.count("right\n") == 2
    assert "20 crops of 20 frames, dropped: none" in text


def test_a_video_of_ones_own_needs_consent(kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path):
    own = {"VIDEO": str(course_workspace / "clips" / "collins.mp4"), "SIDE": "dst"}
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="needs the consent"):
        run_notebook(NAME, kernel, tmp_path, {**SMOKE, **own, "WORKSPACE": "new"})
    assert not (tmp_path / "new").exists()
