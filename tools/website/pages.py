"""Collects the pages of the site: those of docs/, the notebooks, the library, the changelog."""

import os
import pathlib
import re
import shutil

import nbformat

from tools.website import rooms
from tools.website.notebooks import NotebookPage
from tools.website.tokens import Tokens, loosen_lists

BESIDE = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}
"""Pages in the root of the checkout, and their names on the site."""

TIME = re.compile(r"\*\*Time on two CPU cores\*\* \| (.+?) \|")
LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def stage(
    root: pathlib.Path, folder: pathlib.Path, notebooks: dict[str, nbformat.NotebookNode], *, executed: bool
) -> Tokens:
    """Writes the pages from which mkdocs builds the site.

    Args:
        root: The checkout.
        folder: Folder of the pages; it is emptied first.
        notebooks: The notebooks by name.
        executed: Whether the notebooks have outputs.

    Returns:
        The HTML that the tokens in the pages stand for.
    """
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(root / "docs", folder)
    tokens = Tokens()
    for source, name in BESIDE.items():
        if source != "README.md":
            shutil.copy(root / source, folder / name)
    for path in folder.glob("*.md"):
        origin = next(
            (root / source for source, name in BESIDE.items() if name == path.name), root / "docs" / path.name
        )
        if path.name == "index.md":
            origin = root / "docs" / path.name
        path.write_text(_relink(loosen_lists(path.read_text("utf-8")), origin, root, path, folder), encoding="utf-8")
    course = folder / "course"
    course.mkdir()
    for name, notebook in notebooks.items():
        page = course / f"{name}.md"
        text = NotebookPage(name, notebook, course, tokens).to_markdown(executed=executed)
        page.write_text(_relink(text, root / "notebooks" / page.name, root, page, folder), encoding="utf-8")
        shutil.copy(root / "notebooks" / f"{name}.ipynb", course)
    _add_times(folder / "course.md", notebooks)
    rooms.write_pages(folder / "library")
    return tokens


def _add_times(page: pathlib.Path, notebooks: dict[str, nbformat.NotebookNode]) -> None:
    """Adds a last column to the table of notebooks: the time that each notebook states in its first cell."""
    lines = page.read_text(encoding="utf-8").split("\n")
    for index, line in enumerate(lines):
        if found := re.match(r"\| \[.*\]\(course/(\w+)\.md\)", line):
            stated = TIME.search(notebooks[found[1]].cells[0].source)
            if stated is None:
                raise ValueError(f"{found[1]}: expected a line 'Time on two CPU cores' in its first cell")
            lines[index] += f" {stated[1]} |"
        elif line.startswith("| notebook |"):
            lines[index] += " time on two CPU cores |"
        elif line.startswith("|---") and lines[index - 1].startswith("| notebook |"):
            lines[index] += "---|"
    page.write_text("\n".join(lines), encoding="utf-8")


def _relink(text: str, origin: pathlib.Path, root: pathlib.Path, page: pathlib.Path, folder: pathlib.Path) -> str:
    """Converts links between files of the checkout into links between pages of the site."""

    def replace(found: re.Match) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if re.match(r"[a-z]+:", target) or target.startswith("blockpiece"):
            return found[0]
        meant = pathlib.Path(os.path.normpath(origin.parent / target))
        if not meant.is_relative_to(root):
            return found[0]
        on_site = _place(meant.relative_to(root), folder)
        return f"{found['before']}{os.path.relpath(on_site, page.parent)}{anchor})"

    return LINK.sub(replace, text)


def _place(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Returns the path of a file of the checkout on the site."""
    if path.as_posix() in BESIDE:
        return folder / BESIDE[path.as_posix()]
    if path.parts[0] == "notebooks":
        # Links from a notebook page to its own file are already links between files of the site.
        return folder / "course" / path.with_suffix(".md").name
    if path.parts[0] == "docs":
        return folder / path.relative_to("docs")
    return folder / path
