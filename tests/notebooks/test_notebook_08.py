"""Notebook 08: consent, label and credentials, and what they prove."""

import pathlib

import pytest

from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import read_consent
from faceswap_lib.provenance.provenance import verify
from tests.fakes import hide_module
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def run(kernel: str, folder: pathlib.Path, workspace: pathlib.Path):
    return run_notebook("08_responsible_use", kernel, folder, {**SMOKE, "WORKSPACE": str(workspace)})


def pages(notebook) -> str:
    outputs = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    return "".join(output.get("data", {}).get("text/html", "") for output in outputs)


def test_the_responsible_notebook_reads_back_what_it_wrote(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path
):
    notebook = run(kernel, tmp_path, course_workspace)
    folder = course_workspace / "responsible"
    assert [consent.statement[:16] for consent in read_consent(Workspace(course_workspace))] == ["Nobody was asked"]
    assert len(read_consent(Workspace(folder / "birthday"))) == 1
    assert not (folder / "nobody_was_asked").exists()
    assert (folder / "swap.mkv.provenance.json").is_file()
    assert verify(folder / "swap.mp4").intact and "consent" in verify(folder / "swap.mp4").facts
    assert not verify(folder / "sent.mp4").facts
    shown = pages(notebook)
    for words in ("exit code 2", "intact; signed by", "altered since", "no credentials", "in a sidecar beside it"):
        assert words in shown
    assert count_shown(notebook, "image/png") >= 3
    said = printed(notebook)
    assert "of 256 bits differ" in said and "1920 x 1080: cutting the label off costs" in said
    assert "a file without a claim: expected 'no credentials', got 'intact'" in said  # the exercise is still to be done


@pytest.mark.nightly
def test_it_runs_without_content_credentials(
    kernel: str, course_workspace: pathlib.Path, tmp_path: pathlib.Path, monkeypatch
):
    hide_module("c2pa", tmp_path, monkeypatch)
    shown = pages(run(kernel, tmp_path, course_workspace))
    assert (course_workspace / "responsible" / "swap.mp4.provenance.json").is_file()
    assert "the file is not the one that swap.mp4.provenance.json describes" in shown
    assert "inside the file" not in shown
