"""Runs a notebook as a reader would, with other parameters, and looks at what it showed."""

import ast
import pathlib
import typing

import nbclient
import nbformat

from tests.conftest import ROOT

SMOKE = {"SECONDS": 0.8, "SIZE": 192, "PRESET": "tiny", "STEPS": 3, "BATCH_SIZE": 2}
"""The smallest size that shows something; `course_workspace` is made with it."""


def path_of(name: str) -> pathlib.Path:
    """A built notebook by the name of its text, or of its Colab copy as `colab/NAME`."""
    return ROOT / (f"{name}.ipynb" if "/" in name else f"notebooks/{name}.ipynb")


def run_notebook(
    name: str,
    kernel: str,
    folder: pathlib.Path,
    parameters: dict[str, typing.Any],
    *,
    replaced: dict[str, str] | None = None,
    timeout: float = 180,
) -> nbformat.NotebookNode:
    """Runs a notebook from top to bottom.

    Args:
        name: As in `path_of`.
        kernel: Name of the kernel; the fixture `kernel` gives one.
        folder: Where it runs.
        parameters: Values for names of the cell tagged `parameters`; those it does not have are left out when they are
            in `SMOKE`, and an error otherwise.
        replaced: Texts put in place of others in every code cell, each of which must occur.
        timeout: Seconds that a cell may take.

    Returns:
        The notebook with its outputs.
    """
    notebook = nbformat.read(path_of(name), as_version=4)
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    known = {
        target.id
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    strange = [key for key in parameters if key not in known and key not in SMOKE]
    assert not strange, f"{name} has no parameter {', '.join(strange)}; it has {', '.join(sorted(known))}"
    cell.source += "\n" + "\n".join(f"{key} = {value!r}" for key, value in parameters.items() if key in known)
    for old, new in (replaced or {}).items():
        found = [cell for cell in notebook.cells if cell.cell_type == "code" and old in cell.source]
        assert found, f"{name} does not say {old!r}"
        for cell in found:
            cell.source = cell.source.replace(old, new)
    resources = {"metadata": {"path": folder}}
    client = nbclient.NotebookClient(notebook, timeout=timeout, kernel_name=kernel, resources=resources)
    return client.execute()


def count_shown(notebook: nbformat.NotebookNode, mime: str) -> int:
    """How many outputs of a kind a run notebook has."""
    outputs = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    return sum(mime in output.get("data", {}) for output in outputs)


def printed(notebook: nbformat.NotebookNode) -> str:
    """All that a run notebook printed."""
    outputs = (output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs)
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
