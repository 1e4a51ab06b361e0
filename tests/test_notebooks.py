"""The notebooks: built from their text, without outputs, and able to run from top to bottom."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.notebooks import SMOKE, run_notebook

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("colab/*.ipynb")])
DEMO = ROOT / "notebooks" / "00_faceswap_demo.ipynb"
COLAB_DEMO = ROOT / "colab" / "faceswap_demo.ipynb"

STUBS = {
    # What hosted Colab has and this machine lacks: a Drive that appears when it is mounted.
    "google/colab/__init__.py": "",
    "google/colab/drive.py": """
import pathlib


def mount(mountpoint):
    (pathlib.Path(mountpoint) / "MyDrive").mkdir(parents=True)
""",
    # A pip that writes down what it was asked for instead of doing it.
    "pip/__init__.py": "",
    "pip/__main__.py": """
import json
import os
import pathlib
import sys

pathlib.Path(os.environ["ASKED_OF_PIP"]).write_text(json.dumps(sys.argv[1:]))
""",
}


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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.parent.name)
def test_notebooks_are_valid_and_hold_no_outputs(path: pathlib.Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_the_colab_notebook_says_the_rules_first_and_names_no_owner_it_has_not():
    notebook = nbformat.read(COLAB_DEMO, as_version=4)
    first = notebook.cells[0].source
    assert "creating deepfakes" in first and "May 2022" in first
    assert "https://research.google.com/colaboratory/faq.html" in first
    assert notebook.metadata.accelerator == "GPU"
    assert "OWNER" not in COLAB_DEMO.read_text()
    assert not any("local" in cell.metadata.get("tags", []) for cell in notebook.cells)
    assert any("local" in cell.metadata.get("tags", []) for cell in nbformat.read(DEMO, as_version=4).cells)


def test_the_colab_notebook_runs_with_a_drive(kernel: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    stubs = tmp_path / "stubs"
    for name, text in STUBS.items():
        (stubs / name).parent.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(stubs), str(ROOT)]))
    monkeypatch.setenv("ASKED_OF_PIP", str(tmp_path / "pip.json"))
    drive = tmp_path / "drive"
    replaced = {'DRIVE = "/content/drive"': f"DRIVE = {str(drive)!r}"}
    run_notebook("colab/faceswap_demo", kernel, tmp_path, {**SMOKE, "WORKSPACE": "workspace"}, replaced=replaced)
    assert json.loads((tmp_path / "pip.json").read_text())[0] == "install"
    assert (drive / "MyDrive" / "faceswap-demo" / "swap.mp4").is_file()
    assert not (tmp_path / "workspace").exists()


def test_the_colab_workspace_is_a_local_folder_where_there_is_no_drive(tmp_path: pathlib.Path):
    notebook = nbformat.read(COLAB_DEMO, as_version=4)
    [cell] = [cell.source for cell in notebook.cells if cell.cell_type == "code" and "USE_DRIVE = True" in cell.source]
    names = {"WORKSPACE": "workspace"}
    exec(cell.replace("/content/drive", str(tmp_path)), names)
    assert names["WORKSPACE"] == "workspace"
