"""Notebook 12: expressions of the two portraits, and of photos of one's own."""

import pathlib

import nbclient
import pytest

from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.media import write_image
from faceswap_lib.pipeline.expressing import IMAGES
from tests.notebook_runner import count_shown, printed, run_notebook

pytestmark = [
    pytest.mark.slow,  # a whole notebook is run
    pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks"),
]

NAME = "12_expressions"


def test_the_notebook_changes_the_portraits(kernel: str, tmp_path: pathlib.Path):
    notebook = run_notebook(NAME, kernel, tmp_path, {"WORKSPACE": "w"})
    text = printed(notebook)
    assert "the eyes are" in text and "with floats" in text and "apply only what changed" in text, "unsolved exercises"
    assert "at its edges: 0" in text and "consent: the portraits are in the public domain" in text
    assert count_shown(notebook, "image/png") >= 8
    written = {path.name for path in (tmp_path / "w" / "expressions").glob("*.png")}
    assert written == {f"{photo}_{name}.png" for photo in ("hopper", "collins", "tilted") for name in IMAGES}


def test_photos_of_ones_own_need_a_consent(kernel: str, tmp_path: pathlib.Path):
    write_image(tmp_path / "me.png", load_portraits()[1].image)
    parameters = {"WORKSPACE": "w", "PHOTOS": ["me.png"], "CONSENT": None}
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="consent"):
        run_notebook(NAME, kernel, tmp_path, parameters)
