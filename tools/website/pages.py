"""Collects the pages of the site: docs/, the notebooks, their slides, translations, the library, the changelog."""

import os
import pathlib
import re
import shutil

import nbformat

from tools import translations
from tools.website import browser, rooms, slides
from tools.website.notebooks import NotebookPage
from tools.website.tokens import Tokens, loosen_lists

BESIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "SECURITY.md": "security.md",
}
"""Pages in the root of the checkout, and their names on the site."""

TIME = re.compile(r"\*\*Time on two CPU cores\*\* \| (.+?) \|")
LINK = re.compile(r"(?P<before>\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
FILE_NAME = re.compile(r"\[docs/([\w-]+)\.md\]\((?!elsewhere\))")
"""Link whose words are the path of a page: the site has no such path, so it shows the name of the page."""

ELSEWHERE = "](elsewhere)"
ON_SITE = ("docs", "notebooks", "browser", "translations")
"""Folders of the checkout with pages of the site."""


def stage(
    root: pathlib.Path,
    folder: pathlib.Path,
    notebooks: dict[str, nbformat.NotebookNode],
    *,
    executed: bool,
    browser_lesson: str,
    kept: pathlib.Path,
) -> Tokens:
    """Writes the pages from which mkdocs builds the site.

    Args:
        root: The checkout.
        folder: Folder of the pages; it is emptied first.
        notebooks: The notebooks by name.
        executed: Whether the notebooks have outputs.
        browser_lesson: "auto", "require" or "off", as in `browser.stage`.
        kept: Folder of fetched packages.

    Returns:
        The HTML that the tokens in the pages stand for.

    Raises:
        browser.DownloadError: If the lesson in the browser is required and its runtime is not to be had.
    """
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(root / "docs", folder)
    tokens = Tokens()
    for source, name in BESIDE.items():
        if source != "README.md":
            shutil.copy(root / source, folder / name)
    beside = {folder / name: root / source for source, name in BESIDE.items() if source != "README.md"}
    for path in folder.rglob("*.md"):
        origin = beside.get(path, root / "docs" / path.relative_to(folder))
        path.write_text(_relink(loosen_lists(path.read_text("utf-8")), origin, root, path, folder), encoding="utf-8")
    course = folder / "course"
    course.mkdir()
    for name, notebook in notebooks.items():
        page = course / f"{name}.md"
        has_slides = name in slides.DECKS
        text = NotebookPage(name, notebook, course, tokens).to_markdown(executed=executed, slides=has_slides)
        page.write_text(_relink(text, root / "notebooks" / page.name, root, page, folder), encoding="utf-8")
        shutil.copy(root / "notebooks" / f"{name}.ipynb", course)
    slides.write_decks(notebooks, course)
    slides.write_overview(notebooks, folder / "slides.md")
    lesson = browser.stage(root, folder / "browser", kept, wanted=browser_lesson)
    page = folder / "browser" / "lesson.md"
    page.write_text(_relink(lesson, root / "browser" / page.name, root, page, folder), encoding="utf-8")
    _write_translations(root, folder, notebooks, tokens, executed=executed)
    _add_times(folder / "course.md", notebooks)
    rooms.write_pages(folder / "library")
    return tokens


def _write_translations(
    root: pathlib.Path,
    folder: pathlib.Path,
    notebooks: dict[str, nbformat.NotebookNode],
    tokens: Tokens,
    *,
    executed: bool,
) -> None:
    """Writes the pages of the translations; a translated notebook has the outputs of the English one."""
    translated = folder / "translations"
    translated.mkdir()
    for path in translations.list_translations(root):
        name = translations.name_of(path)
        page = translated / path.name
        if name == "README":
            origin, text = path, loosen_lists(translations.to_page(path, root))
        elif name in notebooks:
            origin = root / "notebooks" / "translated" / path.name
            notebook = translations.translate_notebook(
                notebooks[name], translations.read_translation(path), translations.read_english(name, root)
            )
            nbformat.write(_without_outputs(notebook), translated / f"{path.stem}.ipynb")
            offer = translations.OFFER[path.stem.rpartition(".")[2]]
            text = NotebookPage(path.stem, notebook, translated, tokens).to_markdown(executed=executed, offer=offer)
        else:
            continue
        page.write_text(_relink(text, origin, root, page, folder), encoding="utf-8")


def _without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    bare = nbformat.from_dict(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def _add_times(page: pathlib.Path, notebooks: dict[str, nbformat.NotebookNode]) -> None:
    """Adds a last column to the table of notebooks: the time that each notebook states in its first cell."""
    lines = page.read_text(encoding="utf-8").split("\n")
    for index, line in enumerate(lines):
        if found := re.match(r"\| \[.*\]\(course/(\w+)\.md\)", line):
            if found[1] not in notebooks:
                raise ValueError(f"course.md has a row for {found[1]}, which is not in notebooks/")
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
    """Converts links between files of the checkout into links between pages of the site; other files get no link."""

    def replace(found: re.Match) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if re.match(r"[a-z]+:", target) or target.startswith("blockpiece"):
            return found[0]
        meant = pathlib.Path(os.path.normpath(origin.parent / target))
        if not meant.is_relative_to(root):
            return found[0]
        if meant.relative_to(root).parts[:1] not in {(name,) for name in ON_SITE} | {(name,) for name in BESIDE}:
            return ELSEWHERE
        on_site = _place(meant.relative_to(root), folder)
        return f"{found['before']}{os.path.relpath(on_site, page.parent)}{anchor})"

    text = FILE_NAME.sub(lambda found: f"[{found[1].replace('-', ' ')}](", LINK.sub(replace, text))
    return re.sub(rf"\[([^\[\]]*){re.escape(ELSEWHERE)}", r"\1", text)


def _place(path: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Returns the path of a file of the checkout on the site."""
    if path.as_posix() in BESIDE:
        return folder / BESIDE[path.as_posix()]
    if path.parts[:2] == ("notebooks", "translated"):
        return folder / "translations" / (path.name if path.suffix == ".md" else path.with_suffix(".md").name)
    if path.parts[0] == "notebooks":
        # Links from a notebook page to its own file are already links between files of the site.
        return folder / "course" / (path.with_suffix(".md").name if path.suffix in (".ipynb", ".py") else path.name)
    if path.parts[0] == "docs":
        return folder / path.relative_to("docs")
    return folder / path
