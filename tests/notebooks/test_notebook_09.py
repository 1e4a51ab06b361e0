"""Notebook 09: curation of a faceset, on copies that leave the reader's faces as they were."""

import pathlib

import pytest

from faceswap_lib.facesets import Faceset, Workspace, list_excluded
from tests.conftest import contents
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run

NAME = "09_facesets"


@pytest.mark.usefixtures("has_dlib")
def test_the_faceset_notebook_curates_copies(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path, has_dlib: bool
):
    before = {name: data for name, data in contents(course_workspace).items() if not name.endswith("scores.jsonl")}
    notebook = run_notebook(NAME, kernel, tmp_path, {**SMOKE, "WORKSPACE": str(course_workspace), "FACES": 20})
    text = printed(notebook)
    assert "edge of 3 pixels: blur noticed with  63%, CPBD 1" in text
    assert "22 crops, 5 of them bad" in text and "recall" in text
    assert "these are the first ones: select by distance" in text  # the exercise is still to be done
    assert ("without a recognition network" in text) != has_dlib
    assert "000010.jpg" in text or "O-Net" in text
    assert count_shown(notebook, "image/png") >= 6
    after = contents(course_workspace)
    assert {name: after[name] for name in before} == before
    curated, unpacked = (Workspace(f"{course_workspace}-{name}") for name in ("curated", "unpacked"))
    assert list_excluded(curated, "src")
    assert [record.crop for record in Faceset.open(unpacked, "src").records] == [
        record.crop for record in Faceset.open(curated, "src").records
    ]
    assert len(Faceset.open(Workspace(f"{course_workspace}-repaired"), "src")) == 20
