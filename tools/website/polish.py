"""Runs mkdocs on the pages, and inserts what Markdown must not change: outputs, formulas, drawings."""

import logging
import pathlib
import re

from mkdocs.commands.build import build as build_with_mkdocs
from mkdocs.config import load_config
from mkdocs.plugins import BasePlugin

from tools.translations import LANGUAGES
from tools.website import narrow
from tools.website.rooms import ROOMS
from tools.website.tokens import Tokens

DRAWING = re.compile(r'<p><img alt="(?P<words>[^"]*)" src="(?P<path>[^"]*drawings/(?P<name>\w+)\.svg)"\s*/?></p>')
JOINT = re.compile(
    r"<td>\s*<code>(?:<[^>]*>)*(?P<first>\w+),(?:<[^>]*>)*</code>\s*</td>\s*<td>\s*<code>(?P<rest>.*?)</code>\s*</td>",
    re.S,
)
"""Names that share one description in a docstring; mkdocstrings takes all but the first for a type."""

TAUGHT = re.compile(r"Taught in notebooks/(\w+)\.")


class Polish(BasePlugin):
    """Plugin of mkdocs that changes the HTML of pages before it is inserted into the theme.

    Args:
        drawings: Folder of the drawings.
        tokens: The HTML that the tokens in the pages stand for.
    """

    def __init__(self, drawings: pathlib.Path, tokens: Tokens):
        super().__init__()
        self._drawings, self._tokens = drawings, tokens

    def on_page_content(self, page_html: str, *, page, config, files) -> str:
        """Inserts drawings, outputs and formulas, and links functions to the notebook that teaches them."""
        page_html = JOINT.sub(_join_names, DRAWING.sub(self._draw, self._tokens.restore(page_html)))
        page_html = narrow.adapt(page_html)
        courses = {file.name for file in files.documentation_pages() if file.src_uri.startswith("course/")}
        up = "../" * page.file.src_uri.count("/")

        def link(found: re.Match) -> str:
            if found[1] not in courses:
                return found[0]
            return f'Taught in <a href="{up}course/{found[1]}.html">notebook {found[1]}</a>.'

        return TAUGHT.sub(link, page_html)

    def _draw(self, found: re.Match) -> str:
        svg = (self._drawings / f"{found['name']}.svg").read_text(encoding="utf-8")
        # Use the colors of the page, not those of the system.
        svg = re.sub(r"<style>.*?</style>", "", svg, flags=re.S)
        return f'<figure class="drawing"><a href="{found["path"]}" title="Open the drawing">{svg}</a></figure>'


def build(config_file: pathlib.Path, pages: pathlib.Path, out: pathlib.Path, tokens: Tokens) -> None:
    """Builds the site and treats every warning as an error.

    Args:
        config_file: Path of mkdocs.yml.
        pages: Folder of the pages that `pages.stage` wrote.
        out: Output folder of the site.
        tokens: Tokens that `pages.stage` returned.

    Raises:
        mkdocs.exceptions.Abort: If there was a warning.
    """
    warnings = logging.StreamHandler()
    warnings.setLevel(logging.WARNING)
    logging.getLogger("mkdocs").addHandler(warnings)
    config = load_config(str(config_file), docs_dir=str(pages), site_dir=str(out), strict=True)
    config.nav = _fill(config.nav, pages)
    config.plugins["polish"] = Polish(pages / "drawings", tokens)
    config.plugins.run_event("startup", command="build", dirty=False)
    try:
        build_with_mkdocs(config)
    finally:
        config.plugins.run_event("shutdown")


def _join_names(found: re.Match) -> str:
    """Puts names that share a description into the first cell of their row."""
    names = re.findall(r"\w+", re.sub(r"<[^>]+>", "", found["rest"]))
    return f"<td><code>{', '.join([found['first'], *names])}</code></td><td></td>"


def _numbered(page: pathlib.Path) -> dict[str, str]:
    """Returns the navigation entry of a notebook, from its number and its title."""
    number = page.name.partition("_")[0]
    title = re.search(rf"^# +(?:{number} +)?(.+)$", page.read_text(encoding="utf-8"), re.M)
    if title is None:
        raise ValueError(f"{page.name}: expected a title in the notebook's first cell")
    return {f"{number} {title[1]}": f"course/{page.name}"}


def _list_translations(pages: pathlib.Path) -> list[dict[str, list[str]]]:
    """Returns the navigation entries of the translations, by language."""
    entries = []
    for language, name in LANGUAGES.items():
        below = sorted(
            (pages / "translations").glob(f"*.{language}.md"), key=lambda path: not path.name.startswith("R")
        )
        if below:
            entries.append({name: [f"translations/{path.name}" for path in below]})
    return entries


def _fill(nav: list, pages: pathlib.Path) -> list:
    """Adds the notebooks and the packages of the library to the navigation."""
    library = [f"library/{room}.md" for room in ROOMS if (pages / "library" / f"{room}.md").is_file()]
    lists = {
        "<notebooks>": [_numbered(path) for path in sorted((pages / "course").glob("*.md"))],
        "<commands>": re.findall(r"\]\((commands/[\w-]+\.md)\)", (pages / "commands.md").read_text(encoding="utf-8")),
        "<languages>": _list_translations(pages),
        "<rooms>": [{"Functions and classes": library}],
    }
    filled = []
    for entry in nav:
        if isinstance(entry, dict):
            [(title, below)] = entry.items()
            filled.append({title: _fill(below, pages) if isinstance(below, list) else below})
        else:
            filled += lists.get(entry, [entry])
    return filled
