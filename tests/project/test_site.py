"""The documentation site: formulas and outputs survive, dead links are found, and all of it builds strictly."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import sys

import bs4
import nbformat
import pytest

from tests.browser import Chromium, find_chromium, serve
from tests.conftest import ROOT
from tools.website import narrow, pages
from tools.website.check import find_dead_links
from tools.website.notebooks import WIDGET, WIDGET_STATE, NotebookPage
from tools.website.tokens import Tokens, loosen_lists, mark_math

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The site with plain notebooks; Python for the lesson in the browser is in it if npm can fetch it."""
    folder = tmp_path_factory.mktemp("site")
    if (ROOT / "build" / "browser").is_dir():  # fetched by an earlier build of the site
        shutil.copytree(ROOT / "build" / "browser", folder / "work" / "browser")
    command = [sys.executable, str(ROOT / "tools" / "build_site.py"), "--notebooks", "plain"]
    command += ["--out", str(folder / "out"), "--work", str(folder / "work")]
    # As from a shell: warnings of packages are their own business, those of mkdocs are errors.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return folder / "out"


def page_of(cells: list[nbformat.NotebookNode], folder: pathlib.Path, *, state: dict | None = None) -> str:
    notebook = nbformat.v4.new_notebook(cells=cells)
    if state:
        notebook.metadata.widgets = {WIDGET_STATE: {"state": state}}
    tokens = Tokens()
    page = NotebookPage("00_some", notebook, folder, tokens).to_markdown(executed=True)
    return tokens.restore(page)


def code_of(source: str, *outputs: nbformat.NotebookNode, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs))
    cell.metadata.tags = list(tags)
    return cell


def shown(**data) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("display_data", data={key.replace("__", "/"): value for key, value in data.items()})


def test_the_site_has_every_page_notebook_and_room_and_no_dead_link(built: pathlib.Path):
    names = {path.relative_to(built).as_posix() for path in built.rglob("*.html")}
    assert {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} <= names
    assert {f"course/{path.stem}.html" for path in (ROOT / "notebooks").glob("*.ipynb")} <= names
    assert {"library/faces.html", "library/training.html", "changelog.html", "contributing.html"} <= names
    assert find_dead_links(built) == []


def test_the_course_page_says_how_long_each_notebook_takes(built: pathlib.Path):
    page = (built / "course.html").read_text(encoding="utf-8")
    assert "time on two CPU cores" in page and page.count("minute") >= len(list((ROOT / "notebooks").glob("*.ipynb")))


def test_notebooks_are_in_the_navigation_in_the_order_of_the_course(built: pathlib.Path):
    page = (built / "course.html").read_text(encoding="utf-8")
    linked = list(dict.fromkeys(re.findall(r'href="course/(\d\d[a-z]?_\w+)\.html" class="md-nav__link"', page)))
    assert linked == sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb"))
    for name in linked:
        number = name.partition("_")[0]
        title = re.search(rf'{name}\.html" class="md-nav__link">\s*<span[^>]*>\s*(.*?)\s*<', page, re.S)
        assert title and re.match(rf"{number} \D", title[1]), name


def test_every_page_has_one_title_and_every_picture_says_what_it_shows(built: pathlib.Path):
    for path in built.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert len(re.findall("<h1[ >]", page)) == 1, path.name
        for picture in re.findall("<img [^>]*>", page):
            assert re.search('alt="[^"]', picture), f"{path.name}: {picture[:200]}"


def test_pages_fit_on_a_phone(built: pathlib.Path, tmp_path: pathlib.Path):
    find_chromium()
    pages = ("index", "getting-started", "course", "platforms", "results-appendix", "commands/run", "faults")
    pages += ("course/00_faceswap_demo", "library/faces", "translations/README.ru")
    with serve(built) as address, Chromium(tmp_path / "profile", width=390, height=844) as chromium:
        for page in pages:
            chromium.open(f"{address}/{page}.html")
            assert chromium.evaluate("document.documentElement.scrollWidth") <= 390, page
            chromium.evaluate("document.querySelector('table[data-cards]')?.scrollIntoView()")
            width = (
                "[...document.querySelectorAll('table[data-cards]')].map((each) => each.getBoundingClientRect().right)"
            )
            assert all(right <= 390 for right in chromium.evaluate(width)), page
        chromium.open(f"{address}/getting-started.html")
        copied = chromium.evaluate("document.querySelector('code.wraps').innerText")
        assert copied.splitlines()[1:] == ["pip install .", "faceswap doctor"]


def test_a_cell_of_the_lesson_runs_in_the_browser_without_a_network(built: pathlib.Path, tmp_path: pathlib.Path):
    find_chromium()
    if not (built / "browser" / "pyodide").is_dir():
        pytest.skip("npm could not fetch Pyodide, so this build has no Python for the browser")
    with serve(built) as address, Chromium(tmp_path / "profile", width=390, height=844) as chromium:
        chromium.open(f"{address}/browser/lesson.html")
        write = "document.querySelectorAll('.lesson-cell')[{}].querySelector('textarea').value = {!r}"
        solutions = [tag.get_text() for tag in _soup(built / "browser" / "lesson.html").select("details code")]
        chromium.evaluate(write.format(3, solutions[0]))
        chromium.evaluate("document.getElementById('lesson-all').click()")
        chromium.wait_for("!document.querySelector('.lesson-cell.waiting')")
        said = chromium.evaluate("[...document.querySelectorAll('.lesson-output')].map((each) => each.innerText)")
        assert "jitter of the detector  0.0170" in said[0] and "jitter  0.0044" in said[1]
        assert said[3] == "right" and "your update\n" in said[4]
        assert "nothing came back yet" in said[7] and "the transfer of the solution" in said[8]
        assert chromium.evaluate("document.querySelectorAll('.lesson-plot').length") == 3
        assert chromium.evaluate("document.documentElement.scrollWidth") <= 390
        chromium.evaluate(write.format(1, "while True:\n    pass"))
        run = "document.querySelectorAll('.lesson-cell')[1].querySelector('.lesson-run').click()"
        chromium.evaluate(run)
        chromium.wait_for("document.querySelector('.lesson-cell.waiting')")
        chromium.evaluate(run)
        assert "Stopped" in chromium.evaluate("document.getElementById('lesson-status').textContent")
        elsewhere = [it for it in chromium.requested if not it.startswith((address, "data:", "blob:", "chrome:"))]
        assert elsewhere == []


def _soup(page: pathlib.Path) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(page.read_bytes(), "html.parser")


def test_drawings_are_in_the_page_and_follow_its_colors(built: pathlib.Path):
    page = (built / "how-it-works.html").read_text(encoding="utf-8")
    assert len(re.findall('<figure class="drawing"><a href="drawings/[a-z_]+.svg"[^>]*><svg', page)) == 5
    assert "prefers-color-scheme: dark) {\nsvg" not in page


def test_functions_link_to_the_notebook_that_teaches_them(built: pathlib.Path):
    assert "course/" in (built / "library" / "show.html").read_text(encoding="utf-8")
    for path in (built / "library").glob("*.html"):
        assert "Taught in notebooks/0" not in path.read_text(encoding="utf-8"), path.name


def test_names_that_share_a_description_and_examples_are_what_they_are(built: pathlib.Path):
    rows = [row for path in (built / "library").glob("*.html") for row in _soup(path).select("tr.doc-section-item")]
    names = [row.td.get_text(strip=True) for row in rows]
    page = (built / "library" / "faces.html").read_text(encoding="utf-8")
    assert "Examples:" in page and "<blockquote>" not in page
    assert "object at 0x" not in page and 'open_outline_detector"' in page  # a function that keeps its results
    assert "decoder_a, decoder_b" in names and not [name for name in names if name.endswith(",")]


def test_dead_links_anchors_and_things_fetched_from_elsewhere_are_found(tmp_path: pathlib.Path):
    (tmp_path / "there.html").write_text('<h2 id="here">x</h2>')
    links = ["there.html", "there.html#here", "there.html#gone", "gone.html", "https://example.org"]
    page = "".join(f'<a href="{link}">x</a>' for link in links) + '<img src="https://example.org/x.png">'
    (tmp_path / "index.html").write_text(page)
    dead = ["there.html#gone", "gone.html", "https://example.org/x.png"]
    assert find_dead_links(tmp_path) == [("index.html", link) for link in dead]


def test_a_table_of_sentences_says_the_column_in_each_cell():
    head = "<thead><tr><th>option</th><th>default</th><th>meaning</th></tr></thead>"
    table = f"<table>{head}<tbody><tr>{{}}</tr></tbody></table>"
    row = f"<td><code>size</code></td><td>8</td><td>{'word ' * 20}</td>"
    labeled = narrow.adapt(table.format(row))
    assert labeled.startswith('<table data-cards="">') and '<td data-label="default">8</td>' in labeled
    assert "<td><code>size</code></td>" in labeled and labeled.count("data-label") == 1
    numbers = table.format("<td>a long name of a row of this table of numbers</td><td>8</td><td>9</td>")
    assert narrow.adapt(numbers) == numbers
    two = (
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>x</td><td>"
        + "y " * 99
        + "</td></tr></table>"
    )
    assert narrow.adapt(two) == two


def test_long_lines_of_text_wrap_and_columns_stay():
    block = '<div class="language-text highlight"><pre><span></span><code>{}\n</code></pre></div>'
    long = "faceswap evaluate one.mp4 two.mp4 &quot;three.mp4&quot; four.mp4"
    wrapped = narrow.adapt(block.format(f"{long}   # all\nshort"))
    assert f'<code class="wraps"><span>{long}   # all</span>\n<span>short</span>\n</code>' in wrapped
    for kept in ("short\nlines", f"name      {long}\nother     {long}"):
        assert narrow.adapt(block.format(kept)) == block.format(kept)
    python = block.format(long).replace("text", "python")
    assert narrow.adapt(python) == python


def test_an_option_is_not_broken_after_its_dashes():
    page = narrow.adapt("<p><code>convert --out</code> <code>--gradient-accumulation-steps 2</code> a--b</p>")
    assert '<code>convert <span class="whole">--out</span></code>' in page
    assert '<code><span class="whole">--g</span>radient-accumulation-steps 2</code>' in page and "a--b" in page
    assert narrow.adapt("<code>FACESWAP_MAX_PICTURE_PIXELS</code>").count("_<wbr>") == 3
    assert narrow.adapt("<code>face_src</code>") == "<code>face_src</code>"


def test_lines_do_not_break_inside_short_names_short_cells_and_before_units():
    install = narrow.adapt("<code>pip install &#x27;.[dlib]&#x27; hist-similarity</code>")
    assert install.count('<span class="whole">') == 2 and '"whole">hist-similarity</span>' in install
    long = "<code>no-word-that-is-too-long-for-this</code>"
    assert narrow.adapt(long) == long
    cells = "<tr><td>1.01 / 1.10</td><td data-label='b'>16, 12.5 ms</td><td>a sentence of words</td></tr>"
    cells += "<tr><td><a href='x'>swap-parts</a></td></tr>"
    kept = [' class="whole"', " data-label='b' class=\"whole\"", "", ' class="whole"']
    assert re.findall(r"<td([^>]*)>", narrow.adapt(cells)) == kept
    assert '<h1>evaluate <span class="whole">--workspace</span>' in narrow.adapt("<h1>evaluate --workspace</h1>")
    text = "<p title='7 %'>7 % of 16 s in 3 steps, <code>9 %</code>, auto / on</p>"
    kept = text.replace("7 % of", "7\N{NO-BREAK SPACE}% of").replace("16 s", "16\N{NO-BREAK SPACE}s")
    assert narrow.adapt(text) == kept.replace("auto / on", "auto\N{NO-BREAK SPACE}/ on")


def test_a_picture_opens_in_its_full_size():
    page = narrow.adapt('<p><img alt="a" src="pictures/a.jpg" /></p><p>text <img alt="b" src="b.jpg"></p>')
    assert page.startswith('<p><a class="picture" href="pictures/a.jpg"><img alt="a" src="pictures/a.jpg" /></a></p>')
    assert page.count("<a ") == 1


def test_formulas_become_mathml_and_dollars_in_code_stay():
    tokens = Tokens()
    page = tokens.restore(mark_math("so $x_1$ costs `$5` and\n\n$$a = b$$\n\n    $HOME\n", tokens))
    assert page.count("<math") == 2 and 'display="block"' in page
    assert "`$5`" in page and "    $HOME" in page
    assert "\\" not in tokens.restore(mark_math(r"$$h = \arg \sum_k s_k$$", tokens))
    with pytest.raises(ValueError, match=r"\\nothing"):
        mark_math(r"so $a = \nothing b$", tokens)


def test_a_link_to_a_page_says_its_name_and_not_its_path(tmp_path: pathlib.Path):
    text = "[docs/what-can-go-wrong.md](../docs/what-can-go-wrong.md#limits), [code](../tools/build_site.py)"
    told = pages._relink(text, ROOT / "notebooks" / "00_some.md", ROOT, tmp_path / "course" / "00_some.md", tmp_path)
    assert told == "[what can go wrong](../what-can-go-wrong.md#limits), code"


def test_lists_after_a_paragraph_get_their_empty_line():
    assert loosen_lists("so:\n- a\n  more\n- b") == "so:\n\n- a\n  more\n- b"
    assert loosen_lists("```\nso:\n- a\n```") == "```\nso:\n- a\n```"
    assert loosen_lists("so:\n1. a\n2. b") == "so:\n\n1. a\n2. b"
    assert loosen_lists("in steps 3 and\n4. This holds") == "in steps 3 and\n4. This holds"


def test_pictures_and_videos_become_files_beside_the_page(tmp_path: pathlib.Path):
    video = base64.b64encode(b"a video").decode()
    html = f'<video controls><source src="data:video/mp4;base64,{video}"></video>'
    heading = nbformat.v4.new_markdown_cell("# Title\n\ntext\n\n## 2. The *mask*\n\ntext")
    page = page_of([heading, code_of("a", shown(image__png=PIXEL)), code_of("b", shown(text__html=html))], tmp_path)
    assert 'alt="Output of the section: 2. The mask"' in page
    files = {path.suffix: path for path in (tmp_path / "00_some").iterdir()}
    assert files[".png"].read_bytes() == base64.b64decode(PIXEL) and files[".mp4"].read_bytes() == b"a video"
    assert "base64" not in page and f'src="00_some/{files[".mp4"].name}"' in page


def test_progress_bars_are_left_out_and_print_stays(tmp_path: pathlib.Path):
    bar = nbformat.v4.new_output("stream", name="stderr", text="\r 10%|#   | 1/10\r100%|####| 10/10\n")
    said = nbformat.v4.new_output("stream", name="stdout", text="ten \x1b[1mfaces\x1b[0m\n")
    page = page_of([code_of("train()", bar, said)], tmp_path)
    assert "```text\nten faces\n```" in page and "%|" not in page


def test_log_lines_are_one_block_without_the_backends_talk(tmp_path: pathlib.Path):
    lines = [
        "INFO: Created TensorFlow Lite delegate\n",
        "WARNING:tensorflow:5 out of the last 10 calls\n",
        "few crops\n",
        "one pose\n",
    ]
    said = [nbformat.v4.new_output("stream", name="stderr", text=line) for line in lines]
    page = page_of([code_of("train()", *said)], tmp_path)
    assert "```{ .text .nb-said }\nfew crops\none pose\n```" in page and "tensorflow" not in page


def test_solutions_are_folded_and_live_source_is_python(tmp_path: pathlib.Path):
    solution = code_of("# @title Solution\nx = 1", tags=("solution",))
    source = code_of(
        "show.show_source(f)", shown(text__html='<div class="faceswap-source"><pre>def f(): ...</pre></div>')
    )
    page = page_of([nbformat.v4.new_markdown_cell("# Title"), solution, source], tmp_path)
    assert page.startswith("# 00 Title\n")
    assert "<summary>Solution</summary>" in page and "# @title" not in page
    assert "```python\ndef f(): ...\n```" in page


def test_sliders_show_what_they_show_at_first(tmp_path: pathlib.Path):
    state = {
        "box": {"model_name": "VBoxModel", "state": {"children": ["IPY_MODEL_slider", "IPY_MODEL_out"]}},
        "slider": {"model_name": "FloatSliderModel", "state": {"description": "noise", "value": 0.001}},
        "out": {"model_name": "OutputModel", "state": {"outputs": [shown(image__png=PIXEL)]}},
        "bar": {"model_name": "HBoxModel", "state": {"children": ["IPY_MODEL_progress"]}},
        "progress": {"model_name": "FloatProgressModel", "state": {"value": 3}},
    }
    cells = [
        code_of(name, nbformat.v4.new_output("display_data", data={WIDGET: {"model_id": name}}))
        for name in ("box", "bar")
    ]
    page = page_of(cells, tmp_path, state=state)
    assert "noise 0.001" in page and page.count("<img") == 1 and page.count("nb-output") >= 1


def test_a_cell_that_failed_stops_the_build(tmp_path: pathlib.Path):
    failed = nbformat.v4.new_output("error", ename="ValueError", evalue="no face", traceback=[])
    with pytest.raises(ValueError, match="no face"):
        page_of([code_of("x", failed)], tmp_path)
