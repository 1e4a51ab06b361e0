"""Translations of the README and of notebook 00: their paragraphs, and which of them are behind the English text.

A translation is a Markdown file in `translations/`. In front of each paragraph, a comment holds the hash of the English
paragraph that it translates:

    <!-- en: 1f0c9a2b77de -->
    Перевод абзаца.

A paragraph is what stands between two empty lines. If an English paragraph changes, its hash changes, and so its
translation is *behind*. The English paragraphs stay in charge of the order: where a translation is behind or missing,
the translated notebook shows the English paragraph.
"""

import dataclasses
import hashlib
import pathlib
import re

import jupytext
import nbformat

ROOT = pathlib.Path(__file__).resolve().parents[1]

LANGUAGES = {"ru": "Русский", "ko": "한국어", "zh": "简体中文", "ja": "日本語"}
"""Languages by the ending of their files, with their own names."""

NOTEBOOKS = ("00_faceswap_demo",)
MARK = re.compile(r"<!-- en: (?P<hash>[0-9a-f]{12}) -->")
STATE = re.compile(r"<!-- state -->\n(?P<note>(?:>.*\n)*)")
LINK = re.compile(r"(\]\()(?![a-z]+:|#|\.\./)([^)\s]+\))")

UP_TO_DATE = {
    "ru": "Перевод; в случае расхождений верен [английский текст]({source}).",
    "ko": "이 문서는 번역본이며, 내용이 다를 경우 [영어 원문]({source})이 우선합니다.",
    "zh": "本页为译文；如有出入，以[英文原文]({source})为准。",
    "ja": "この文書は翻訳です。内容に相違がある場合は[英語の原文]({source})が優先します。",
}
BEHIND = {
    "ru": "**Отстаёт от английского текста, абзацев: {count}.**",
    "ko": "**영어 원문보다 뒤처진 단락: {count}개.**",
    "zh": "**有 {count} 个段落落后于英文原文。**",
    "ja": "**英語の原文より遅れている段落：{count}。**",
}
"""Notes at the top of a translation, in its language."""

OFFER = {
    "ru": "[Файл этого ноутбука]({file}): его можно запустить самому.",
    "ko": "[이 노트북 파일]({file})을 내려받아 직접 실행해 보세요.",
    "zh": "[本笔记本的文件]({file})，可以自己运行。",
    "ja": "[このノートブックのファイル]({file})を自分で実行できます。",
}
"""First line of a translated notebook on the site."""


class MalformedError(ValueError):
    """A file of a translation that cannot be read."""


@dataclasses.dataclass(frozen=True)
class Translation:
    """A translation of a file.

    Attributes:
        path: Its file.
        language: "ru", "ko", "zh" or "ja".
        paragraphs: Translated paragraphs by the hash of the English ones, in the order of the file.
    """

    path: pathlib.Path
    language: str
    paragraphs: dict[str, str]


def split(text: str) -> list[str]:
    """Splits Markdown into paragraphs, at empty lines that are not inside a fenced code block."""
    blocks: list[list[str]] = [[]]
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        if line.strip() or fenced:
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    return ["\n".join(block) for block in blocks if block]


def hash_paragraph(paragraph: str) -> str:
    """Computes the hash of an English paragraph; other line breaks or spaces do not change it."""
    return hashlib.sha256(" ".join(paragraph.split()).encode()).hexdigest()[:12]


def read_english(name: str, root: pathlib.Path = ROOT) -> dict[str, str]:
    """Reads the paragraphs of the README or of a notebook's text, by their hashes.

    Args:
        name: "README" or the name of a notebook.
        root: The checkout.
    """
    if name == "README":
        paragraphs = split((root / "README.md").read_text(encoding="utf-8"))
    else:
        cells = jupytext.reads((root / "notebooks" / f"{name}.py").read_text(encoding="utf-8"), fmt="py:percent").cells
        paragraphs = [part for cell in cells if cell.cell_type == "markdown" for part in split(cell.source)]
    return {hash_paragraph(paragraph): paragraph for paragraph in paragraphs if needs_translation(paragraph)}


def needs_translation(paragraph: str) -> bool:
    """Whether a paragraph has words; comments, and lines of links to the translations, have none."""
    return not re.fullmatch(r"<!--.*-->|.*translations/README\.\w+\.md.*", paragraph, re.S)


def read_translation(path: pathlib.Path) -> Translation:
    """Reads a translation.

    Args:
        path: `translations/NAME.LANGUAGE.md`.

    Raises:
        MalformedError: If the language is unknown, a paragraph has no hash or no text, or a hash occurs twice.
    """
    language = path.stem.rpartition(".")[2]
    if language not in LANGUAGES:
        raise MalformedError(f"{path.name}: unknown language {language!r}; there are {', '.join(LANGUAGES)}")
    text = path.read_text(encoding="utf-8")
    if not STATE.match(text):
        raise MalformedError(f"{path.name}: expected '<!-- state -->' in the first line")
    parts = MARK.split(STATE.sub("", text, count=1))
    if parts[0].strip():
        raise MalformedError(f"{path.name}: text without a hash: {parts[0].strip()[:40]!r}")
    paragraphs: dict[str, str] = {}
    for key, paragraph in zip(parts[1::2], parts[2::2], strict=True):
        if not paragraph.strip():
            raise MalformedError(f"{path.name}: {key} has no text")
        if len(split(paragraph)) != 1:
            raise MalformedError(f"{path.name}: {key} has more than one paragraph")
        if key in paragraphs:
            raise MalformedError(f"{path.name}: {key} occurs twice")
        paragraphs[key] = paragraph.strip("\n")
    if not paragraphs:
        raise MalformedError(f"{path.name}: no paragraphs")
    return Translation(path, language, paragraphs)


def list_translations(root: pathlib.Path = ROOT) -> list[pathlib.Path]:
    """Lists the files of all translations."""
    return sorted((root / "translations").glob("*.*.md"))


def name_of(path: pathlib.Path) -> str:
    """Returns what a file translates: "README" or the name of a notebook."""
    return path.stem.rpartition(".")[0]


def find_stale(translation: Translation, english: dict[str, str]) -> tuple[list[str], list[str]]:
    """Finds what is behind.

    Returns:
        English paragraphs that are not translated, or changed since; translated ones that English no longer has.
    """
    missing = [text for key, text in english.items() if key not in translation.paragraphs]
    return missing, [text for key, text in translation.paragraphs.items() if key not in english]


def make_note(language: str, behind: int, source: str) -> str:
    """Makes the note at the top of a translation."""
    note = "> " + UP_TO_DATE[language].format(source=source)
    return note + ("\n> " + BEHIND[language].format(count=behind) if behind else "") + "\n"


def update_note(path: pathlib.Path, root: pathlib.Path = ROOT) -> str:
    """Returns the text of a translation with the note that is right today."""
    translation = read_translation(path)
    missing, _ = find_stale(translation, read_english(name_of(path), root))
    source = "../README.md" if name_of(path) == "README" else f"../notebooks/{name_of(path)}.ipynb"
    note = make_note(translation.language, len(missing), source)
    return STATE.sub(lambda _: f"<!-- state -->\n{note}", path.read_text(encoding="utf-8"), count=1)


def to_page(path: pathlib.Path, root: pathlib.Path = ROOT) -> str:
    """Returns a translation as Markdown without comments, with the note below its title."""
    translation = read_translation(path)
    found = STATE.match(update_note(path, root))
    first, *others = translation.paragraphs.values()
    return "\n\n".join([first, found["note"].strip("\n") if found else "", *others]) + "\n"


def translate_notebook(
    notebook: nbformat.NotebookNode, translation: Translation, english: dict[str, str]
) -> nbformat.NotebookNode:
    """Translates the text of a notebook; its code stays as it is.

    Args:
        notebook: The English notebook; it is not changed.
        translation: The translation of its text.
        english: Paragraphs of the English text.

    Returns:
        The translated notebook, with links for the folder `notebooks/translated`.
    """
    translated = nbformat.from_dict(notebook)
    translated.metadata.language = translation.language
    missing, _ = find_stale(translation, english)
    source = f"../{name_of(translation.path)}.ipynb"
    for number, cell in enumerate(translated.cells):
        if cell.cell_type != "markdown":
            continue
        parts = [translation.paragraphs.get(hash_paragraph(part), part) for part in split(cell.source)]
        if number == 0:
            parts.insert(1, make_note(translation.language, len(missing), source).strip("\n"))
        cell.source = LINK.sub(r"\1../\2", "\n\n".join(parts))
    return translated


def build_notebooks(root: pathlib.Path = ROOT) -> dict[pathlib.Path, str]:
    """Builds `notebooks/translated/*.ipynb` in memory, from the built English notebooks.

    Returns:
        The text of each file by its path.
    """
    built = {}
    for path in list_translations(root):
        if name_of(path) in NOTEBOOKS:
            source = nbformat.read(root / "notebooks" / f"{name_of(path)}.ipynb", as_version=4)
            notebook = translate_notebook(source, read_translation(path), read_english(name_of(path), root))
            built[root / "notebooks" / "translated" / f"{path.stem}.ipynb"] = nbformat.writes(notebook) + "\n"
    return built
