"""Builds the notebooks from their text.

    python tools/build_notebooks.py           writes notebooks/*.ipynb and colab/*.ipynb
    python tools/build_notebooks.py --check   writes nothing; names files that do not match their text, exits with 1

The text is `notebooks/NN_name.py` in jupytext's percent format. The notebooks have no outputs, and building twice
creates the same bytes. The Colab notebooks have the same text without the cells tagged `local`, a picture below the
title, and additional cells from `tools/colab/`: the rules and the setup of `first.py` after the title; one cell after
the one tagged `parameters`, made of `fetch.py` and of the parts for the names in that cell (`mirror.py` for MIRROR,
`video.py` for VIDEO, `videos.py` for VIDEO_A, `photos.py` for PHOTOS); `last.py` at the end.
"""

import argparse
import ast
import base64
import hashlib
import pathlib
import re
import string
import sys

import jupytext
import nbformat

REPOSITORY = ""
"""The project on GitHub as owner/name; empty while it has no public address, and then notebooks have no badge."""

INSTALL_FROM = f"git+https://github.com/{REPOSITORY}" if REPOSITORY else "/content/faceswap_lib.zip"
"""What a Colab notebook installs with pip; a path is a file that the reader puts there."""

COLAB = {
    "00_faceswap_demo": "faceswap_demo",
    "01_video_face_detection_alignment": "video_face_detection_alignment",
    "01b_kalman_smoothing": "kalman_smoothing",
    "02_prep_binary_masks": "prep_binary_masks",
    "03_autoencoder": "autoencoder",
    "03b_networks": "networks",
    "03c_attention_mask": "attention_mask",
    "04_losses": "losses",
    "04b_perceptual_loss": "perceptual_loss",
    "04c_gan": "gan",
    "05_faceswap_train": "faceswap_train",
    "05b_training_faults": "training_faults",
    "06_video_conversion": "faceswap_video_conversion",
    "06b_conversion_options": "conversion_options",
    "07_evaluation": "evaluation",
    "08_responsible_use": "responsible_use",
    "08b_deepfake_detector": "deepfake_detector",
    "09_facesets": "faceset_curation",
    "10_landmark_gan": "landmark_gan",
    "11_one_shot": "one_shot_reenactment",
    "12_expressions": "photo_expressions",
}
"""The lessons and the names of their Colab notebooks."""

ASKED_FOR = {"MIRROR": "mirror", "VIDEO": "video", "VIDEO_A": "videos", "PHOTOS": "photos"}
"""Parts of `tools/colab/` that are added to a Colab notebook whose parameters have this name."""

WITHOUT_DRIVE = ("00_faceswap_demo",)
"""Notebooks whose Colab copy asks for no Drive unless the reader switches it on."""

PICTURES = {
    "10_landmark_gan": (
        "landmark_gan",
        "Three frames of a video, and below them a photo to which networks give the motion",
    ),
    "11_one_shot": ("one_shot", "Three frames of a video, and below them a photo to which networks give the motion"),
    "12_expressions": ("expressions", "A photo, and the same photo with five other expressions"),
}
PICTURE = ("demo", "Three frames of a video of A, and below them the same frames with the face of B")
"""Picture in the first cell of a Colab notebook: JPEG file of `tools/colab/`, and what it shows."""

KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HIDDEN = {
    "solution": {"cellView": "form", "jupyter": {"source_hidden": True, "outputs_hidden": True}},
    "form": {"cellView": "form", "jupyter": {"source_hidden": True}},
}
"""Metadata that collapses a cell with one of these tags, in Colab and in Jupyter."""

COLAB_METADATA = {"accelerator": "GPU", "colab": {"gpuType": "T4", "provenance": []}}
RELATIVE_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>(?!https?:|#|attachment:|data:)[^)\s]+)\)")
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({link})"


def main() -> int:
    """Builds or checks the notebooks; returns the exit code."""
    parser = argparse.ArgumentParser(description="Build the notebooks from their text.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a notebook is stale")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[1], help="the checkout")
    arguments = parser.parse_args()
    built = build_all(arguments.root)
    stale = [path for path, text in built.items() if not path.is_file() or path.read_bytes() != text.encode()]
    stray = sorted(set(_list_notebooks(arguments.root)) - set(built))
    if arguments.check:
        for path in stale:
            print(f"{path.relative_to(arguments.root)} is stale; run python tools/build_notebooks.py")
        for path in stray:
            print(f"{path.relative_to(arguments.root)} has no text; write one or delete it")
        return 1 if stale or stray else 0
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(built[path].encode())
        print(f"wrote {path.relative_to(arguments.root)}")
    return 0


def build_all(root: pathlib.Path) -> dict[pathlib.Path, str]:
    """Builds every notebook of a checkout in memory.

    Args:
        root: The checkout.

    Returns:
        The text of each .ipynb by its path.
    """
    built = {}
    for path in sorted((root / "notebooks").glob("[0-9][0-9]*_*.py")):
        cells = _read_cells(path.read_text(encoding="utf-8"))
        built[path.with_suffix(".ipynb")] = _to_json(cells, KERNEL)
        if name := COLAB.get(path.stem):
            built[root / "colab" / f"{name}.ipynb"] = _to_json(
                _add_colab_cells(cells, root / "tools" / "colab", path.stem, name), {**KERNEL, **COLAB_METADATA}
            )
    return built


def _list_notebooks(root: pathlib.Path) -> list[pathlib.Path]:
    return [path for folder in ("notebooks", "colab") for path in (root / folder).glob("*.ipynb")]


def _read_cells(text: str) -> list[nbformat.NotebookNode]:
    cells = jupytext.reads(text, fmt="py:percent").cells
    for cell in cells:
        cell.source = cell.source.strip("\n")  # the formatter puts empty lines before a function, also in a new cell
    return cells


def _given(cell: nbformat.NotebookNode) -> dict[str, list[str]]:
    return {"tags": _tags(cell)} if _tags(cell) else {}


def _tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _add_colab_cells(
    cells: list[nbformat.NotebookNode], folder: pathlib.Path, notebook: str, name: str
) -> list[nbformat.NotebookNode]:
    cells = [cell for cell in cells if "local" not in _tags(cell)]
    places = [index for index, cell in enumerate(cells) if "parameters" in _tags(cell)]
    if len(places) != 1:
        raise ValueError(f"{notebook}: expected one cell tagged 'parameters', got {len(places)}")
    title, given, rest = cells[0], cells[1 : places[0] + 1], cells[places[0] + 1 :]
    names = _assigned(given[-1].source)
    asked = [part for parameter, part in ASKED_FOR.items() if parameter in names]
    own = {"video": "a video", "videos": "videos", "photos": "photos"}
    texts = {
        "install_from": INSTALL_FROM,
        "notebook": notebook,
        "fetch_title": "Earlier results" + "".join(f", {own[part]} of your own" for part in asked if part in own),
    }
    replaced = {"USE_DRIVE = True ": "USE_DRIVE = False "} if notebook in WITHOUT_DRIVE else {}

    def read_part(part: str) -> list[nbformat.NotebookNode]:
        text = string.Template((folder / f"{part}.py").read_text(encoding="utf-8")).substitute(texts)
        for old, new in replaced.items():
            text = text.replace(old, new)
        return _read_cells(text)

    fetch = _merge([read_part(part) for part in ("fetch", *asked)])
    built = [_with_picture(title, folder, notebook, name), *read_part("first"), *given, *fetch, *rest]
    built += read_part("last")
    for cell in built:
        if cell.cell_type == "markdown":
            cell.source = RELATIVE_LINK.sub(_link_from_colab, cell.source)
    return built


def _merge(parts: list[list[nbformat.NotebookNode]]) -> list[nbformat.NotebookNode]:
    """Makes one text and one code cell of parts that have one of each."""
    texts, codes = zip(*parts, strict=True)
    merged = []
    for cells in (texts, codes):
        cell = nbformat.from_dict(cells[0])
        cell.source = "\n\n".join(cell.source for cell in cells)
        merged.append(cell)
    return merged


def _with_picture(
    title: nbformat.NotebookNode, folder: pathlib.Path, notebook: str, name: str
) -> nbformat.NotebookNode:
    """Adds a picture, and a badge if there is a public address, below the heading of the first cell.

    The picture is inside the text, as those are that Colab's editor inserts: it needs no other file.
    """
    heading, _, text = title.source.partition("\n")
    if title.cell_type != "markdown" or not heading.startswith("# "):
        raise ValueError(f"{notebook}: expected a first cell that begins with a heading, got {heading!r}")
    file, shows = PICTURES.get(notebook, PICTURE)
    data = base64.b64encode((folder / f"{file}.jpg").read_bytes()).decode()
    parts = [heading, f"![{shows}](data:image/jpeg;base64,{data})", text.strip("\n")]
    if REPOSITORY:
        link = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/colab/{name}.ipynb"
        parts.insert(1, BADGE.format(link=link))
    cell = nbformat.from_dict(title)
    cell.source = "\n\n".join(parts)
    return cell


def _link_from_colab(link: re.Match[str]) -> str:
    """Returns a link that works in Colab, which opens one file alone: an address, or only the text without one."""
    if not REPOSITORY:
        return link["text"]
    path, _, heading = link["target"].partition("#")
    name = COLAB.get(path.removesuffix(".ipynb"))
    if name:
        target = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/colab/{name}.ipynb"
    else:
        file = (pathlib.PurePosixPath("notebooks") / path).as_posix().replace("notebooks/../", "")
        target = f"https://github.com/{REPOSITORY}/blob/main/{file}"
    return f"[{link['text']}]({target}{'#' + heading if heading else ''})"


def _assigned(source: str) -> set[str]:
    """Lists the names to which a cell assigns values."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign))
    return {target.id for node in nodes for target in node.targets if isinstance(target, ast.Name)}


def _to_json(cells: list[nbformat.NotebookNode], metadata: dict) -> str:
    """Writes a notebook of format 4.5; a cell's id is a hash of its text, so edits of other cells do not change it."""
    notebook = nbformat.v4.new_notebook(metadata=metadata)
    seen: set[str] = set()
    for cell in cells:
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        hidden = next((HIDDEN[tag] for tag in _tags(cell) if tag in HIDDEN), {})
        copy = 0
        while (cell_id := _cell_id(cell, copy)) in seen:
            copy += 1
        seen.add(cell_id)
        notebook.cells.append(make(cell.source, metadata={**_given(cell), **hidden}, id=cell_id))
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _cell_id(cell: nbformat.NotebookNode, copy: int) -> str:
    return hashlib.sha256(f"{copy} {cell.cell_type} {cell.source}".encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
