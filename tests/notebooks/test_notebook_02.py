"""Notebook 02: masks, with a landmark network and without."""

import os
import pathlib

import pytest

from faceswap_lib.facesets import Faceset, Workspace
from tests.conftest import ROOT
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

NAME = "02_prep_binary_masks"


@pytest.fixture
def hide(kernel: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """Makes packages look as if they were not installed in the kernel."""

    def hide(*packages: str) -> None:
        for package in packages:
            (tmp_path / "stubs" / package).mkdir(parents=True)
            (tmp_path / "stubs" / package / "__init__.py").write_text("raise ImportError('not on this machine')\n")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "stubs"), str(ROOT)]))

    return hide


def test_the_mask_notebook_measures_with_what_the_library_brings_along(
    kernel: str, hide, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    pytest.importorskip("ai_edge_litert")
    hide("face_alignment", "dlib")  # as on Colab
    notebook = run_notebook(NAME, kernel, tmp_path, {**SMOKE, "WORKSPACE": str(course_workspace), "FACES": 8})
    text = printed(notebook)
    assert "used here: mesh" in text and "an average face" not in text
    assert "all pixels have the weight of the surroundings" in text  # what the unsolved exercise answers
    assert "right\n" in text
    assert "face_src_eyes: 20 masks, 0 of them written" in text and "painted by hand" not in text
    assert count_shown(notebook, "image/png") >= 10


def test_the_mask_notebook_runs_without_a_landmark_network(
    kernel: str, hide, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    hide("face_alignment", "dlib", "ai_edge_litert")
    workspace = Workspace(course_workspace)
    for path in list(workspace.eye_masks("dst").iterdir())[:3]:
        path.unlink()
    notebook = run_notebook(NAME, kernel, tmp_path, {**SMOKE, "WORKSPACE": str(course_workspace), "FACES": 8})
    text = printed(notebook)
    assert "pip install 'faceswap_lib[dlib]'" in text and "pip install 'faceswap_lib[landmarks]'" in text
    assert "used here: the points of an average face" in text
    assert "the numbers say nothing about five points against 68" in text
    assert "face_dst_eyes: 20 masks, 3 of them written" in text
    assert count_shown(notebook, "image/png") >= 10
    assert len(Faceset.open(workspace, "dst")) == 20
