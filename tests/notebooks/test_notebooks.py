"""The notebooks: built from their text, without outputs, and able to run from top to bottom."""

import pathlib
import shutil
import subprocess
import sys

import nbformat
import pytest

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("colab/*.ipynb")])
DEMO = ROOT / "notebooks" / "00_faceswap_demo.ipynb"
COLAB_DEMO = ROOT / "colab" / "faceswap_demo.ipynb"


def run_builder(*arguments: str, root: pathlib.Path = ROOT) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "tools" / "build_notebooks.py"), "--root", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    for folder in ("notebooks", "colab", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_built_notebooks_are_what_their_text_gives():
    result = run_builder("--check")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_building_twice_gives_the_same_bytes(checkout: pathlib.Path):
    for path in (*checkout.glob("notebooks/*.ipynb"), *checkout.glob("colab/*.ipynb")):
        path.unlink()
    assert run_builder(root=checkout).returncode == 0
    for path in NOTEBOOKS:
        assert (checkout / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_check_names_every_notebook_of_an_edited_text_and_writes_nothing(checkout: pathlib.Path):
    text = checkout / "notebooks" / "00_faceswap_demo.py"
    text.write_text(text.read_text().replace("SECONDS = ", "SECONDS = 1 + "))
    before = (checkout / "notebooks" / DEMO.name).read_bytes()
    result = run_builder("--check", root=checkout)
    assert result.returncode == 1
    assert "notebooks/00_faceswap_demo.ipynb is stale" in result.stdout
    assert "colab/faceswap_demo.ipynb is stale" in result.stdout
    assert (checkout / "notebooks" / DEMO.name).read_bytes() == before


def test_check_names_a_notebook_changed_by_hand_and_one_without_text(checkout: pathlib.Path):
    built = checkout / "colab" / COLAB_DEMO.name
    built.write_text(built.read_text().replace("Grace", "Greta"))
    shutil.copy(built, checkout / "notebooks" / "99_stray.ipynb")
    result = run_builder("--check", root=checkout)
    assert result.returncode == 1
    assert "colab/faceswap_demo.ipynb is stale" in result.stdout
    assert "notebooks/99_stray.ipynb has no text" in result.stdout


def test_an_edit_leaves_the_ids_of_other_cells_alone(checkout: pathlib.Path):
    text = checkout / "notebooks" / "00_faceswap_demo.py"
    text.write_text(text.read_text().replace("SECONDS = ", "SECONDS = 1 + "))
    run_builder(root=checkout)
    before, after = (
        [cell.id for cell in nbformat.read(path, as_version=4).cells]
        for path in (DEMO, checkout / "notebooks" / DEMO.name)
    )
    assert len(set(before)) == len(before) == len(after)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_notebooks_are_valid_and_hold_no_outputs(path: pathlib.Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
