"""Notebook 00: the whole swap."""

import pathlib

import nbclient
import pytest

from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import read_consent
from tests.notebook_runner import SMOKE, count_shown, printed, run_notebook

pytestmark = pytest.mark.slow  # a whole notebook is run


def html(notebook) -> list[str]:
    outputs = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    return [output.get("data", {}).get("text/html", "") for output in outputs]


def test_the_demo_notebook_runs_from_top_to_bottom(kernel: str, tmp_path: pathlib.Path):
    parameters = {**SMOKE, "WORKSPACE": "workspace", "MIRROR": "mirror"}
    notebook = run_notebook("00_faceswap_demo", kernel, tmp_path, parameters)
    workspace = tmp_path / "workspace"
    for name in ("swap.mp4", "side_by_side.mp4", "other_swap.mp4", "models/default/history.jsonl"):
        assert (workspace / name).is_file()
    assert list((tmp_path / "mirror").rglob("step-*.npz"))
    assert count_shown(notebook, "image/png") >= 11
    pages = html(notebook)
    assert sum("<video" in page for page in pages) == 1
    assert sum('type="range"' in page for page in pages) == 1
    text = printed(notebook)
    assert "this is the new image alone" in text and "\nright\n" in text  # before and after the solution
    assert "20 of 20 frames swapped" in text
    assert not read_consent(Workspace(workspace))


def test_videos_of_ones_own_need_a_consent(kernel: str, portrait_clips, tmp_path: pathlib.Path):
    own = {"VIDEO_A": str(portrait_clips[0]), "VIDEO_B": str(portrait_clips[1])}
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="a swap needs the consent of the people it shows"):
        run_notebook("00_faceswap_demo", kernel, tmp_path, {**SMOKE, **own, "WORKSPACE": "workspace"})
    assert not (tmp_path / "workspace" / "face_src").exists()


@pytest.mark.nightly
def test_videos_of_ones_own_are_swapped_and_the_consent_is_kept(kernel: str, portrait_clips, tmp_path: pathlib.Path):
    own = {"VIDEO_A": str(portrait_clips[0]), "VIDEO_B": str(portrait_clips[1]), "CONSENT": "Both agreed."}
    run_notebook("00_faceswap_demo", kernel, tmp_path, {**SMOKE, **own, "WORKSPACE": "workspace"})
    assert {consent.statement for consent in read_consent(Workspace(tmp_path / "workspace"))} == {"Both agreed."}
