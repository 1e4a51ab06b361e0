"""Runs notebooks and keeps their outputs."""

import hashlib
import os
import pathlib
import time
import typing

import nbclient
import nbformat

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMOKE = {"SECONDS": 0.8, "SIZE": 192, "PRESET": "tiny", "STEPS": 3, "BATCH_SIZE": 2}
"""Parameters of the smallest size; names that a notebook does not use have no effect."""

SMOKE_ABLATION = {"ABLATION_STEPS": 3}

CELL_TIMEOUT = 1800.0
"""Time limit of a cell in seconds; the longest cell, a training, takes five minutes on two idle cores."""


def read_all(texts: typing.Sequence[pathlib.Path]) -> dict[str, nbformat.NotebookNode]:
    """Reads the notebooks of the checkout, without outputs; returns them by name."""
    return {path.stem: nbformat.read(path, as_version=4) for path in texts}


def run_all(
    texts: typing.Sequence[pathlib.Path], kept: pathlib.Path, *, smoke: bool, fresh: bool
) -> dict[str, nbformat.NotebookNode]:
    """Runs every notebook whose outputs are not kept, one after the other in one folder, as a reader would.

    Args:
        texts: Paths of the built notebooks.
        kept: Folder of the outputs and of the notebooks' workspace.
        smoke: Whether to run in the smallest size.
        fresh: Whether to also run notebooks whose outputs are kept.

    Returns:
        The notebooks with outputs, by name.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    size = "smoke" if smoke else "full"
    folder = kept / f"run-{size}"
    folder.mkdir(parents=True, exist_ok=True)
    notebooks = {}
    for path in texts:
        key = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        file = kept / f"{path.stem}.{size}.{key}.ipynb"
        if fresh or not file.is_file():
            begun = time.monotonic()
            notebook = _run(nbformat.read(path, as_version=4), folder, smoke)
            for old in kept.glob(f"{path.stem}.{size}.*.ipynb"):
                old.unlink()
            nbformat.write(notebook, file)
            print(f"{path.name}: run in {time.monotonic() - begun:.0f} s", flush=True)
        else:
            print(f"{path.name}: outputs of {time.strftime('%Y-%m-%d', time.localtime(file.stat().st_mtime))}")
        notebooks[path.stem] = nbformat.read(file, as_version=4)
    return notebooks


def _run(notebook: nbformat.NotebookNode, folder: pathlib.Path, smoke: bool) -> nbformat.NotebookNode:
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    written = cell.source
    if smoke:
        cell.source += "".join(f"\n{name} = {value!r}" for name, value in {**SMOKE, **SMOKE_ABLATION}.items())
    # Use the library of this checkout, not an installed one; show images in the page, not with this shell's backend.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    client = nbclient.NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    done = client.execute(env=environment)
    cell.source = written
    return done
