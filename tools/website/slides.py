"""Slides of a lesson: its headings, the first paragraph below each, and its pictures.

What goes onto a slide follows from rules, so the notebooks need no marks for it. A slide has a heading of the notebook,
the first paragraph (or list) below it, with the list that it introduces, and the section's first picture or video.
Every further one has a slide of its own. Left out are tables and code; what is written after a picture; sections with
exercises, the quiz, further reading or the parameters; and sections that have neither a paragraph nor a picture. A deck
is one HTML page that loads nothing from elsewhere.
"""

import base64
import dataclasses
import hashlib
import html
import pathlib
import re

import cv2
import markdown
import nbformat

from tools.translations import split
from tools.website.notebooks import PICTURES
from tools.website.tokens import Tokens, mark_math

DECKS = ("00_faceswap_demo", "03_autoencoder", "05_faceswap_train")
"""Lessons with slides; those that do not exist yet are skipped."""

LEFT_OUT = re.compile(r"(exercise|solution|quiz|questions|further reading|where to go|check yourself)", re.I)
WORDS = 75
"""Longest paragraph of a slide in words; a longer one ends after the last sentence that fits."""

WORDS_OF_LIST = 100
"""Longest list in words that is shown below the paragraph that introduces it."""

HEADING = re.compile(r"(#{1,4}) +(.+)")
LIST = re.compile(r"(?:[-*+]|1\.) ")
VIDEO = re.compile(r'"data:video/mp4;base64,([^"]+)"')
NO_PARAGRAPH = re.compile(r"\||<|```|~~~| {4}|[-*+] |\d+\. |!\[|\$\$|>")
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


@dataclasses.dataclass
class Section:
    """A part of a notebook between two headings.

    Attributes:
        title: Its heading, Markdown.
        level: Level of the heading; 1 is the notebook's title.
        text: Its first paragraph or list, Markdown; empty if there is none.
        pictures: Addresses of its pictures and videos, relative to the deck.
        is_parameters: Whether it sets the notebook's parameters.
        has_table: Whether it begins with a table; then it has no text.
    """

    title: str
    level: int
    text: str = ""
    pictures: list[str] = dataclasses.field(default_factory=list)
    is_parameters: bool = False
    has_table: bool = False


def list_decks(notebooks: dict[str, nbformat.NotebookNode]) -> list[str]:
    """Lists the lessons that have slides."""
    return [name for name in DECKS if name in notebooks]


def read_sections(name: str, notebook: nbformat.NotebookNode, folder: pathlib.Path) -> list[Section]:
    """Reads what goes onto the slides of a notebook.

    Args:
        name: Name of the notebook.
        notebook: The notebook; only with outputs it has pictures.
        folder: Folder of the deck; pictures are written to `folder/name`.

    Returns:
        The sections that become slides.
    """
    sections: list[Section] = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown" and "local" not in tags:
            blocks = split(cell.source)
            for block, following in zip(blocks, [*blocks[1:], ""], strict=True):
                if heading := HEADING.fullmatch(block.split("\n")[0]):
                    sections.append(Section(heading[2].strip(), len(heading[1])))
                    block = block.partition("\n")[2].strip("\n")
                if block and sections:
                    _read_text(block, following, sections[-1])
        elif cell.cell_type == "code" and sections:
            sections[-1].is_parameters |= "parameters" in tags and sections[-1].level > 1
            if "solution" not in tags:
                sections[-1].pictures += _save_pictures(cell, name, folder)
    return [
        section
        for section in sections
        if not section.is_parameters
        and not LEFT_OUT.search(section.title)
        and (section.text or section.pictures or section.level == 1)
    ]


def _read_text(block: str, following: str, section: Section) -> None:
    """Takes a block as the section's text if it is the first paragraph or list, before any table or picture."""
    if section.text or section.has_table or section.pictures:
        return
    if block.startswith("- "):
        section.text = block
    elif block.startswith("|") and section.level > 1:
        section.has_table = True
    elif not NO_PARAGRAPH.match(block):
        paragraph = " ".join(block.split("\n"))
        if paragraph.endswith(":") and LIST.match(following) and len(following.split()) <= WORDS_OF_LIST:
            section.text = f"{paragraph}\n\n{following}"
        else:
            section.text = _shorten(paragraph)


def _shorten(text: str) -> str:
    """Returns the first sentences of a paragraph, at least one, up to `WORDS` words."""
    sentences = re.split(r"(?<=[.!?:]) +(?=[A-Z*`\"“])", text)
    kept = sentences[0]
    for sentence in sentences[1:]:
        if len(f"{kept} {sentence}".split()) > WORDS:
            break
        kept += f" {sentence}"
    return kept[:-1] + "." if kept.endswith(":") else kept


def _save_pictures(cell: nbformat.NotebookNode, name: str, folder: pathlib.Path) -> list[str]:
    addresses = []
    for output in cell.get("outputs", []):
        shown = output.get("data", {})
        found = [(data, ending) for kind, ending in PICTURES.items() if (data := shown.get(kind))][:1]
        found = found or [(data, "mp4") for data in VIDEO.findall(shown.get("text/html", ""))]
        for data, ending in found:
            content = base64.b64decode(data)
            file = f"{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_bytes(content)
            addresses.append(f"{name}/{file}")
    return addresses


def number_title(number: str, title: str) -> str:
    """Puts the number of the lesson before its title, if it is not there yet."""
    return title if re.match(rf"{number}\b", title) else f"{number} {title}"


def make_deck(name: str, notebook: nbformat.NotebookNode, folder: pathlib.Path) -> str:
    """Makes the HTML page of a deck; see `read_sections` for the arguments."""
    sections = read_sections(name, notebook, folder)
    slides, lesson = [], name.partition("_")[0]
    for section in sections:
        text = f'<div class="text">{_to_html(section.text)}</div>' if section.text else ""
        alone = [""] if not section.pictures or "\n\n" in section.text else []  # a long text has a slide of its own
        pictures = [*alone, *section.pictures]
        for number, picture in enumerate(pictures):
            shown = _show(picture, section.title) if picture else ""
            words = text if number == 0 else ""
            kind = "both" if words and shown else "title" if section.level == 1 else "one"
            if picture and _is_wide(folder / picture):
                kind += " wide"
            if len(section.text.split()) > WORDS:
                kind += " long"
            tag, title = "h2", section.title
            if section.level == 1:
                tag, title = "h1", number_title(lesson, title)
            slides.append(
                f'<section class="{kind}"><{tag}>{_to_html(title)}</{tag}>'
                f'<div class="body">{words}{shown}</div></section>'
            )
    slides = [
        slide.replace("<section ", f'<section id="{number}" ', 1).replace(
            "</section>",
            f'<footer><a href="{name}.html">the lesson</a><span>{number} / {len(slides)}</span></footer></section>',
        )
        for number, slide in enumerate(slides, 1)
    ]
    title = _to_text(number_title(lesson, sections[0].title)) if sections else name
    return PAGE.replace("TITLE", title).replace("SLIDES", "\n".join(slides))


def _show(picture: str, title: str) -> str:
    """Returns the HTML of a picture, which opens in its full size, or of a video."""
    words = _to_text(title)
    if picture.endswith(".mp4"):
        return f'<video controls loop muted playsinline aria-label="{words}" src="{picture}"></video>'
    return f'<a class="picture" href="{picture}"><img alt="{words}" src="{picture}"></a>'


def _is_wide(path: pathlib.Path) -> bool:
    """Whether a picture is so wide that its text stands above it, not beside it; videos count as narrow."""
    height, width = cv2.imread(str(path)).shape[:2] if path.suffix not in (".gif", ".mp4") else (1, 1)
    return width > 1.7 * height


def _to_html(text: str) -> str:
    tokens = Tokens()
    text = re.sub(r"^(\d+)\.", r"\1\\.", LINK.sub(r"\1", text))  # a number in front of a heading is not a list
    page = markdown.markdown(mark_math(text, tokens))
    page = tokens.restore(page)
    is_paragraph = page.count("<p>") == 1 and page.endswith("</p>")
    return page.removeprefix("<p>").removesuffix("</p>") if is_paragraph else page


def _to_text(title: str) -> str:
    return html.escape(re.sub(r"[*`$]", "", title), quote=True)


def write_decks(notebooks: dict[str, nbformat.NotebookNode], folder: pathlib.Path) -> None:
    """Writes the decks into the folder of the notebooks' pages, as `NAME-slides.html`."""
    for name in list_decks(notebooks):
        page = make_deck(name, notebooks[name], folder)
        (folder / f"{name}-slides.html").write_text(page, encoding="utf-8")


def write_overview(notebooks: dict[str, nbformat.NotebookNode], page: pathlib.Path) -> None:
    """Writes the page of the site that lists the decks."""
    lines = ["# Slides", "", "Slides for teaching, made from the lessons: headings, first paragraphs, pictures.", ""]
    for name in list_decks(notebooks):
        title = re.search(r"^# +(.+)$", notebooks[name].cells[0].source, re.M)
        if title is None:
            raise ValueError(f"{name}: expected a title in the notebook's first cell")
        words = number_title(name.partition("_")[0], title[1])
        lines.append(f"- [{words}](course/{name}-slides.html)")
    lines += [
        "",
        "The arrow keys, the space bar or a swipe go on. To print a deck, or to save it as a PDF file, print the",
    ]
    lines += ["page: every slide becomes a page. Nothing is loaded from the network.", ""]
    page.write_text("\n".join(lines), encoding="utf-8")


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TITLE: slides</title>
<style>
:root { --ink: #1f2933; --soft: #5f6c7b; --paper: #ffffff; --mark: #3949ab; color-scheme: light; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #a3b0bd; --paper: #14181f; --mark: #9fa8ff; } }
* { box-sizing: border-box; }
html { scroll-snap-type: y mandatory; font: 400 clamp(16px, 1.9vw, 30px)/1.45 system-ui, sans-serif; }
body { margin: 0; color: var(--ink); background: var(--paper); }
section { height: 100vh; height: 100dvh; padding: 4vh 5vw 2vh; scroll-snap-align: start; overflow: hidden;
  display: flex; flex-direction: column; }
h1, h2 { margin: 0 0 .5em; line-height: 1.15; color: var(--mark); font-weight: 600; }
h1 { font-size: 2.2em; } h2 { font-size: 1.5em; }
.body { flex: 1; min-height: 0; display: flex; gap: 3vw; align-items: center; justify-content: center; }
.title { justify-content: center; } .title .body { flex: none; justify-content: flex-start; max-width: 46em; }
.one .text, .title .text { max-width: 36em; font-size: 1.2em; } .text > :first-child { margin-top: 0; }
.long .text { max-width: 46em; font-size: 1em; }
li { margin-bottom: .3em; } .one .body:has(.text) { align-items: flex-start; justify-content: flex-start; }
a.picture { display: contents; cursor: zoom-in; }
.both .text { flex: 1 1 40%; } .both :is(img, video) { flex: 1 1 60%; }
.wide .body { flex-direction: column; align-items: stretch; gap: 2vh; }
.wide .text { flex: none; } .wide img { flex: 1 1 0; }
img, video { width: 100%; height: 100%; object-fit: contain; min-width: 0; min-height: 0; }
@media (prefers-color-scheme: dark) { img { background: #fff; } }
code { font-size: .88em; overflow-wrap: anywhere; }
footer { display: flex; justify-content: space-between; color: var(--soft); font-size: 14px; padding-top: 1vh; }
.title footer { margin-top: auto; }
footer a { color: inherit; }
@media (max-width: 45em), (max-aspect-ratio: 1) {
  .body, .both .body { flex-direction: column; align-items: flex-start; justify-content: flex-start; }
  .one .body { align-items: flex-start; justify-content: flex-start; }
  .one .text, .title .text { font-size: 1em; }
  .both .text { flex: none; } :is(.one, .both) :is(img, video) { flex: 0 1 auto; height: auto; max-height: 100%; }
}
@page { size: 297mm 167mm; margin: 0; }
@media print {
  :root { --ink: #000; --soft: #555; --paper: #fff; --mark: #283593; }
  html { font-size: 15pt; }
  section { width: 297mm; height: 166.5mm; padding: 10mm 14mm 6mm; break-after: page; break-inside: avoid; }
  section:last-of-type { break-after: auto; }
  .body, .both .body { flex-direction: row; align-items: center; }
  .both .text { flex: 1 1 40%; } .both img { flex: 1 1 60%; height: 100%; }
  .wide .body, .both.wide .body { flex-direction: column; align-items: stretch; }
  .wide .text, .both.wide .text { flex: none; } .wide img, .both.wide img { flex: 1 1 0; background: none; }
  footer a { display: none; } footer { justify-content: flex-end; }
}
</style>
</head>
<body>
SLIDES
<script>
const slides = [...document.querySelectorAll("section")];
function current() {
  return slides.findIndex((slide) => slide.getBoundingClientRect().bottom > innerHeight / 2);
}
function show(number) {
  const slide = slides[Math.min(Math.max(number, 0), slides.length - 1)];
  slide.scrollIntoView();
  history.replaceState(null, "", "#" + slide.id);
}
addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (step) show(current() + (event.shiftKey && event.key === " " ? -1 : step));
  else if (event.key === "Home") show(0);
  else if (event.key === "End") show(slides.length - 1);
  else return;
  event.preventDefault();
});
</script>
</body>
</html>
"""
