"""Slides: what goes onto them follows from the notebook, and a deck loads nothing from elsewhere."""

import base64
import pathlib
import re

import cv2
import nbformat
import numpy as np

from tests.conftest import ROOT
from tools.website import slides

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def code(source: str, *pictures: str, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output("display_data", data={"image/png": picture}) for picture in pictures]
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def text(source: str, *tags: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(source, metadata={"tags": list(tags)})


def notebook_of(*cells: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=list(cells))


def test_a_section_gives_its_heading_first_paragraph_and_pictures(tmp_path: pathlib.Path):
    other = base64.b64encode(cv2.imencode(".png", np.zeros((2, 9, 3), np.uint8))[1].tobytes()).decode()
    notebook = notebook_of(
        text("# A title\n\nWhat it is\nabout.\n\n| a | table |\n|---|---|\n\nMore."),
        text("Run pip.", "local"),
        text("## 0. Parameters\n\nChoose."),
        code("STEPS = 1", tags=("parameters",)),
        text("## 1. Faces\n\n![a picture](x.png)\n\nThe *first* [paragraph](x.ipynb) with $x^2$.\n\nThe second."),
        code("show()", PIXEL, other),
        text("### Exercise\n\nDo it."),
        code("solve()", PIXEL, tags=("solution",)),
        text("## Empty"),
        text("## Packages\n\n| a | b |\n|---|---|\n\nTo install them."),
        text("## What you know\n\n- one\n- two\n\nMore."),
        text("## Further reading\n\nA book."),
    )
    sections = slides.read_sections("00_some", notebook, tmp_path)
    assert [section.title for section in sections] == ["A title", "1. Faces", "What you know"]
    assert sections[0].text == "What it is about."
    assert len(sections[1].pictures) == 2 and len(list((tmp_path / "00_some").iterdir())) == 2
    page = slides.make_deck("00_some", notebook, tmp_path)
    assert page.count("<section") == 4 and page.count("<img") == 2 and "4 / 4" in page
    assert "<h1>00 A title</h1>" in page and "<title>00 A title: slides</title>" in page
    assert "<h2>1. Faces</h2>" in page and page.count("<li>") == 2
    assert "<em>first</em> paragraph with <math" in page and "x.ipynb" not in page


def test_a_paragraph_keeps_the_list_that_it_introduces(tmp_path: pathlib.Path):
    items = "1. **One**: it\n   goes on.\n2. Two."
    notebook = notebook_of(
        text(f"# A title\n\nFour things:\n\n{items}\n\nMore."), text("## Next\n\nLonger:\n\nNo list.")
    )
    assert [section.text for section in slides.read_sections("00_some", notebook, tmp_path)] == [
        f"Four things:\n\n{items}",
        "Longer.",
    ]
    page = slides.make_deck("00_some", notebook, tmp_path)
    assert "<p>Four things:</p>" in page and page.count("<li>") == 2


def test_a_video_is_shown_and_what_is_written_after_it_is_not(tmp_path: pathlib.Path):
    video = base64.b64encode(b"a video").decode()
    page = {"text/html": f'<video controls><source src="data:video/mp4;base64,{video}"></video>'}
    cell = nbformat.v4.new_code_cell("play()", outputs=[nbformat.v4.new_output("display_data", data=page)])
    deck = slides.make_deck(
        "00_some", notebook_of(text("# T\n\nText."), text("## Watch"), cell, text("Now look.")), tmp_path
    )
    [file] = (tmp_path / "00_some").iterdir()
    assert file.read_bytes() == b"a video" and f'src="00_some/{file.name}"></video>' in deck
    assert deck.count("<section") == 2 and "Now look" not in deck


def test_a_long_paragraph_ends_after_a_sentence():
    sentence = "This sentence has exactly eight words, no more. "
    assert slides._shorten(sentence * 20) == (sentence * 9).strip()
    assert slides._shorten("It has parts: " + "word " * 90) == "It has parts: " + "word " * 90


def test_decks_of_the_course_have_slides_and_load_nothing(tmp_path: pathlib.Path):
    paths = {path.stem: path for path in (ROOT / "notebooks").glob("*.ipynb")}
    notebooks = {name: nbformat.read(path, as_version=4) for name, path in paths.items()}
    assert "00_faceswap_demo" in slides.list_decks(notebooks)
    slides.write_decks(notebooks, tmp_path)
    for name in slides.list_decks(notebooks):
        page = (tmp_path / f"{name}-slides.html").read_text(encoding="utf-8")
        assert page.count("<section") >= 6
        assert not re.search(r'(?:src|href)="(?:https?:)?//|url\(|@import', page)
        assert "break-after: page" in page
