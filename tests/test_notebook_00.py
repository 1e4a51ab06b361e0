"""Notebook 00: the whole swap."""

import pathlib

from tests.notebooks import SMOKE, count_shown, run_notebook


def test_the_demo_notebook_runs_from_top_to_bottom(kernel: str, tmp_path: pathlib.Path):
    notebook = run_notebook("00_faceswap_demo", kernel, tmp_path, {**SMOKE, "WORKSPACE": "workspace"})
    assert (tmp_path / "workspace" / "side_by_side.mp4").is_file()
    assert (tmp_path / "workspace" / "models" / "default" / "history.jsonl").is_file()
    assert count_shown(notebook, "image/png") >= 10
    assert sum("<video" in str(cell.get("outputs", "")) for cell in notebook.cells) == 2
    assert any("similarity_transform</span>" in str(cell.get("outputs", "")) for cell in notebook.cells)
