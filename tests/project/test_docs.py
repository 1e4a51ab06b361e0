"""What the pages say is true: code runs, commands parse, links lead somewhere, drawings are fresh, the site builds."""

import dataclasses
import itertools
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from faceswap_lib.cli import VERBS, _parse
from faceswap_lib.cli import name_of as verb_name
from faceswap_lib.errors import InputError
from faceswap_lib.limits import ALL
from tests.conftest import ROOT
from tests.links import require_symlinks
from tests.pages import PAGES, TOLD, name_of, read_anchors, read_commands, read_links, read_options, read_python
from tools.pictures import LARGEST_FILE

TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
WITH_CODE = [page for page in PAGES if read_python(TEXTS[page])]
COMMANDS = [(page, command) for page in PAGES for command in read_commands(TEXTS[page])]
DEMANDED = {
    "demo": ([], {}),
    "run": (["A.mp4", "B.mp4"], {"--workspace": "W"}),
    "extract": (["A.mp4"], {"--workspace": "W", "--person": "a"}),
    "masks": ([], {"--workspace": "W"}),
    "sort": ([], {"--workspace": "W", "--person": "a", "--by": "blur"}),
    "audit": ([], {"--workspace": "W", "--person": "a"}),
    "mask": ([], {"--workspace": "W"}),
    "repair": (["A.mp4"], {"--workspace": "W", "--person": "a"}),
    "train": ([], {"--workspace": "W"}),
    "convert": (["A.mp4"], {"--workspace": "W", "--out": "swap.mp4"}),
    "train-reenactment": ([], {"--workspace": "W"}),
    "reenact": (["PHOTO.jpg"], {"--driver": "A.mp4", "--workspace": "W", "--out": "moved.mp4"}),
    "express": (["PHOTO.jpg"], {"--workspace": "W", "--out": "faces"}),
    "export": ([], {"--workspace": "W", "--out": "model.dfm"}),
    "evaluate": (["S.mp4"], {"--original": "A.mp4", "--identity": "B.mp4", "--out": "report.html"}),
    "evaluate-reenactment": ([], {"--workspace": "W", "--out": "report.html"}),
    "compare": (["a.json", "b.json"], {"--out": "comparison.html"}),
    "verify": (["S.mp4"], {}),
    "swap-parts": ([], {"--workspace": "W", "--person": "a", "--parts": "eyes", "--out": "V"}),
    "pack": ([], {"--workspace": "W", "--person": "a"}),
    "unpack": (["anna.fspack"], {"--workspace": "W", "--person": "a"}),
    "workspace": (["status"], {"--workspace": "W"}),
    "weights": ([], {}),
    "doctor": ([], {}),
}
"""What every verb must be given: files in their order, options."""

ELSEWHERE = {"--notebooks plain", "--smoke", "--check"}
"""Options of programs in tools/."""

MADE_BY_THE_SITE = {"changelog.md", "contributing.md", "security.md", "slides.md"}
"""Pages that tools/build_site.py copies or makes."""

DOCS = [page for page in PAGES if page.parent == ROOT / "docs"]


@pytest.fixture
def prepared(course_workspace: pathlib.Path, tmp_path: pathlib.Path, kernel: str, monkeypatch: pytest.MonkeyPatch):
    """A folder as the pages assume it: A.mp4, B.mp4, and the workspace W with both extracted and a short run."""
    require_symlinks(tmp_path)
    for clip, name in (("hopper", "A"), ("collins", "B")):
        shutil.copy(course_workspace / "clips" / f"{clip}.mp4", tmp_path / f"{name}.mp4")
    (tmp_path / "W").symlink_to(course_workspace, target_is_directory=True)
    kernels = tmp_path / "jupyter" / "kernels"
    shutil.copytree(kernels / kernel, kernels / "python3")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_python_on_a_page_runs(page: pathlib.Path, prepared: pathlib.Path):
    names = {"__name__": "__main__"}
    for number, code in enumerate(read_python(TEXTS[page]), 1):
        exec(compile(code, f"{name_of(page)}, block {number}", "exec"), names)


def test_pages_with_code_are_collected_and_every_change_says_why():
    assert {"README.md", "docs/extending.md", "docs/getting-started.md"} <= {name_of(page) for page in WITH_CODE}
    for text in TEXTS.values():
        assert len(re.findall("^<!-- tests:", text, re.M)) == len(TOLD.findall(text)), (
            "a change for tests must be readable, with a reason"
        )


def test_a_change_that_changes_nothing_is_noticed():
    with pytest.raises(AssertionError, match="steps=7"):
        read_python('<!-- tests: "steps=7" -> "steps=1" (a reason long enough) -->\n```python\nsteps = 8\n```\n')


@pytest.mark.parametrize(
    ("page", "command"), COMMANDS, ids=lambda value: name_of(value) if hasattr(value, "stem") else ""
)
def test_commands_on_pages_are_understood(page, command):
    verbs = {verb_name(verb): verb for verb in VERBS}
    words = shlex.split(command.line)
    assert words[0] in verbs, f"no verb {words[0]}"
    # In a sentence a command may lack what it must have elsewhere; what it has must still be right.
    made = _parse(complete(words) if command.in_sentence else words)
    deciding = {"train": "--system", "evaluate": "--workspace"}.get(words[0])
    assert isinstance(made, verbs[f"{words[0]}-reenactment" if deciding in words else words[0]])


def test_options_that_pages_mention_are_understood():
    mentioned = {(name_of(page), option) for page in DOCS for option in read_options(TEXTS[page])}
    mentioned |= {("README.md", option) for option in read_options(TEXTS[ROOT / "README.md"])}
    assert len(mentioned) > 60
    owners = owners_of_options()
    for page, option in sorted(mentioned):
        if option in ELSEWHERE:
            continue
        name, *values = shlex.split(option.replace(" PATH", " file").replace(" N", " 2").replace(" DIR", " folder"))
        assert name in owners, f"{page}: {option}"
        if values:  # a verb that has the option takes the value
            _parse([*complete([owners[name]]), name, *values])


def owners_of_options() -> dict[str, str]:
    """Every option of the command line, and one of the verbs that have it."""
    owners = {"--person": "extract", "--help": "demo"}
    for verb in VERBS:
        for field in dataclasses.fields(verb):
            group = field.default if dataclasses.is_dataclass(field.default) else None
            for name in [option.name for option in dataclasses.fields(group)] if group else [field.name]:
                for option in (f"--{name.replace('_', '-')}", f"--no-{name.replace('_', '-')}"):
                    owners.setdefault(option, verb_name(verb))
    return owners


def test_commands_are_collected_from_lines_and_sentences():
    kinds = {command.in_sentence for _, command in COMMANDS}
    assert kinds == {True, False} and len(COMMANDS) >= 30
    assert read_commands("    KERAS_BACKEND=jax faceswap train --workspace W  # so\n")[0].line == "train --workspace W"
    with pytest.raises(InputError):
        _parse(shlex.split(read_commands("    faceswap train --workspace W --stepps 3\n")[0].line))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_pages_and_headings_that_are_there(page: pathlib.Path):
    for target in read_links(TEXTS[page]):
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        if anchor and other.suffix == ".md":
            assert anchor in read_anchors(other.read_text(encoding="utf-8")), target


def test_no_line_of_a_paragraph_begins_as_a_list_or_a_heading():
    wrong = []
    for page, text in TEXTS.items():
        lines = re.sub(r"^```.*?^```|^<!--.*?-->", "", text, flags=re.M | re.S).split("\n")
        for before, line in itertools.pairwise(lines):
            in_paragraph = re.match(r"[^\s|#>*+-]", before) and not before.endswith(":")
            if in_paragraph and re.match(r"(#|[-+*] |1\. )", line):
                wrong.append((name_of(page), line[:60]))
    assert wrong == []


def test_anchors_are_what_github_makes_of_headings():
    text = "# A face's way `x` through\n## Is it *a* swap?\n```\n# no heading\n```\n## [Linked](a.md) too\n"
    assert read_anchors(text) == {"a-faces-way-x-through", "is-it-a-swap", "linked-too"}


def test_every_page_is_in_the_navigation_and_the_other_way_round():
    named = set(re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M))
    assert {name for name in named if "/" not in name} - MADE_BY_THE_SITE == {page.name for page in DOCS}


def test_every_command_has_a_page_and_every_picture_is_small_and_on_a_page():
    pages = {page.stem for page in (ROOT / "docs" / "commands").glob("*.md")}
    assert pages == {verb_name(verb) for verb in VERBS}
    shown = {target for page in PAGES for target in read_links(TEXTS[page]) if "pictures/" in target}
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    assert {path.name for path in pictures} == {target.rpartition("/")[2] for target in shown}
    assert [path.name for path in pictures if path.stat().st_size > LARGEST_FILE] == []


def test_the_page_of_what_can_go_wrong_has_every_limit():
    text = (ROOT / "docs" / "what-can-go-wrong.md").read_text(encoding="utf-8")
    rows = [f"| `{limit.variable}` | {limit.default:,} {limit.unit} |" for limit in ALL]
    assert [line for line in text.splitlines() if line.startswith("| `FACESWAP_MAX")] == rows


def test_the_course_page_names_every_notebook():
    course = TEXTS[ROOT / "docs" / "course.md"]
    named = set(re.findall(r"\.\./notebooks/(\w+)\.ipynb", course))
    assert named == {path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]*_*.py")}


def test_the_glossary_has_each_word_once():
    words = re.findall(
        r"\*\*([^*]+)\*\*", " ".join(re.findall(r"^\| (.+?) \|", TEXTS[ROOT / "docs" / "glossary.md"], re.M))
    )
    assert len(words) == len(set(words)) > 50


def test_lists_inside_lists_are_indented_as_far_as_the_website_needs():
    for page, text in TEXTS.items():
        assert not re.search(r"^ {1,3}(?:[-*]|\d+\.) ", text, re.M), f"{name_of(page)}: indent it by four spaces"


def test_code_on_a_page_is_not_wider_than_the_page():
    for page in WITH_CODE:
        for code in read_python(TEXTS[page]):
            wide = [line for line in code.splitlines() if len(line) > 92]
            assert not wide, f"{name_of(page)}: {wide[0]}"


@pytest.mark.parametrize("tool", ["draw_site", "build_option_tables", "build_command_pages", "build_answer_key"])
def test_drawings_and_tables_are_fresh(tool: str):
    command = [sys.executable, "-m", f"tools.{tool}", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_drawings_fit_either_color_scheme_and_say_what_they_show():
    drawings = sorted((ROOT / "docs" / "drawings").glob("*.svg"))
    assert len(drawings) >= 6
    for path in drawings:
        text = path.read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in text and "<title>" in text
        painted = re.sub(r"<style>.*?</style>|data:[^\"]*", "", text, flags=re.S)
        assert not re.search(r'(?:fill|stroke)="(?!none|var\()', painted), f"{path.name} has a color of its own"


def complete(words: list[str]) -> list[str]:
    """A command with what it must have and lacks."""
    places, options = DEMANDED[words[0]]
    has_places = len(words) > 1 and not words[1].startswith("--")
    whole = [words[0], *([] if has_places else places), *words[1:]]
    for option, value in options.items():
        whole += [] if option in words else [option, value]
    return whole
