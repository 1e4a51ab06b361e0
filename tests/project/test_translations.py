"""Translations: every file can be read, and what is behind the English text is listed; being behind is no failure."""

import pathlib

import nbformat
import pytest

from tests.conftest import ROOT
from tests.pages import read_links
from tools import translations

FILES = translations.list_translations()


def write(folder: pathlib.Path, text: str, name: str = "README.ru.md") -> pathlib.Path:
    (folder / "translations").mkdir(exist_ok=True)
    path = folder / "translations" / name
    path.write_text(text, encoding="utf-8")
    return path


def test_readme_and_first_notebook_have_four_languages():
    wanted = {f"{name}.{language}.md" for name in ("README", "00_faceswap_demo") for language in translations.LANGUAGES}
    assert {path.name for path in FILES} == wanted


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_translation_can_be_read_and_what_is_behind_is_listed(path: pathlib.Path, record_property, capsys):
    translation = translations.read_translation(path)
    missing, left = translations.find_stale(translation, translations.read_english(translations.name_of(path)))
    record_property("behind", len(missing))
    with capsys.disabled():
        if missing or left:
            print(f"\n{path.name}: {len(missing)} paragraphs are behind the English text, {len(left)} left over")
    assert len(translation.paragraphs) >= 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_commands_and_names_of_files_are_not_translated(path: pathlib.Path):
    translation = translations.read_translation(path)
    english = translations.read_english(translations.name_of(path))
    for key, text in translation.paragraphs.items():
        if key in english and english[key].startswith(("    ", "```", "<!--")) and "--> " not in english[key]:
            commands = [line.partition("#")[0].rstrip() for line in english[key].split("\n")]
            assert [line.partition("#")[0].rstrip() for line in text.split("\n")] == commands


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_links_of_a_translation_lead_to_files(path: pathlib.Path):
    translation = translations.read_translation(path)
    english = translations.read_english(translations.name_of(path))
    base = ROOT / "translations" if translations.name_of(path) == "README" else ROOT / "notebooks"
    for key, text in translation.paragraphs.items():
        if key in english:  # a paragraph that is behind may link to what has another name now
            for target in read_links(text):
                assert target.startswith("#") or (base / target.partition("#")[0]).exists(), target


def test_an_edited_paragraph_is_behind_and_another_line_break_is_not(tmp_path: pathlib.Path):
    (tmp_path / "README.md").write_text("# Title\n\nOne two\nthree.\n\n    pip install\n", encoding="utf-8")
    english = translations.read_english("README", tmp_path)
    parts = "".join(f"<!-- en: {key} -->\n{'x ' + text.strip()}\n\n" for key, text in english.items())
    path = write(tmp_path, "<!-- state -->\n\n" + parts)
    translation = translations.read_translation(path)
    assert translations.find_stale(translation, english) == ([], [])
    (tmp_path / "README.md").write_text("# Title\n\nOne two three.\n\n    pip install -e .\n", encoding="utf-8")
    missing, left = translations.find_stale(translation, translations.read_english("README", tmp_path))
    assert missing == ["    pip install -e ."] and left == ["x pip install"]
    note = translations.update_note(path, tmp_path).split("<!-- en")[0]
    assert "абзацев: 1" in note and translations.update_note(path, tmp_path).count("<!-- state -->") == 1


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("<!-- state -->\n\ntext\n", "README.ru.md", "without a hash"),
        ("text\n", "README.ru.md", "first line"),
        ("<!-- state -->\n<!-- en: 0123456789ab -->\n\n", "README.ru.md", "has no text"),
        ("<!-- state -->\n<!-- en: 0123456789ab -->\na\n\nb\n", "README.ru.md", "more than one paragraph"),
        (
            "<!-- state -->\n<!-- en: 0123456789ab -->\na\n\n<!-- en: 0123456789ab -->\nb\n",
            "README.ru.md",
            "occurs twice",
        ),
        ("<!-- state -->\n", "README.ru.md", "no paragraphs"),
        ("<!-- state -->\n<!-- en: 0123456789ab -->\na\n", "README.xx.md", "unknown language"),
    ],
)
def test_malformed_files_are_named(text: str, name: str, message: str, tmp_path: pathlib.Path):
    with pytest.raises(translations.MalformedError, match=message):
        translations.read_translation(write(tmp_path, text, name))


def test_a_translated_notebook_has_the_same_code_and_english_where_it_is_behind(tmp_path: pathlib.Path):
    cells = [
        nbformat.v4.new_markdown_cell("# Title\n\nFirst [01](01_x.ipynb)."),
        nbformat.v4.new_code_cell("x = 1"),
        nbformat.v4.new_markdown_cell("Second."),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    english = {translations.hash_paragraph(text): text for text in ("# Title", "First [01](01_x.ipynb).", "Second.")}
    keys = list(english)
    text = f"<!-- state -->\n<!-- en: {keys[0]} -->\n# Titel\n\n<!-- en: {keys[1]} -->\nErst [01](01_x.ipynb).\n"
    translation = translations.read_translation(write(tmp_path, text, "00_faceswap_demo.ru.md"))
    made = translations.translate_notebook(notebook, translation, english)
    assert made.cells[0].source.startswith("# Titel\n\n> ") and "абзацев: 1" in made.cells[0].source
    assert "Erst [01](../01_x.ipynb)." in made.cells[0].source
    assert made.cells[1].source == "x = 1" and made.cells[2].source == "Second."
    assert cells[2].source == "Second." and cells[0].source.startswith("# Title")


def test_translated_notebooks_are_built_and_can_be_opened():
    for path, text in translations.build_notebooks().items():
        assert path.is_file(), "run python tools/check_translations.py --write"
        nbformat.validate(nbformat.reads(text, as_version=4))
        kept = nbformat.read(path, as_version=4)
        source = nbformat.read(ROOT / "notebooks" / f"{translations.name_of(path)}.ipynb", as_version=4)
        assert [cell.source for cell in kept.cells if cell.cell_type == "code"] == [
            cell.source for cell in source.cells if cell.cell_type == "code"
        ], "run python tools/check_translations.py --write"
