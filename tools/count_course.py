"""Counts the words, cells, pictures, links and standard terms of the notebooks.

    python tools/count_course.py            prints a table of the lessons, and one of the terms
    python tools/count_course.py --terms    only the terms: how often each notebook uses them

A lesson has at most 2,000 words and 25 code cells, so that it fits into one sitting; cells with solutions count. Words
are those of the text: addresses, formulas and code do not count. A picture is a cell that shows an image or a plot.
"""

import argparse
import dataclasses
import pathlib
import re
import sys

import jupytext

ROOT = pathlib.Path(__file__).resolve().parents[1]

MAX_WORDS, MAX_CODE_CELLS = 2000, 25

TERMS = (
    "activation",
    "attention mask",
    "augmentation",
    "autoencoder",
    "backpropagation",
    "batch",
    "bottleneck",
    "convolution",
    "decoder",
    "discriminator",
    "encoder",
    "gradient",
    "ground truth",
    "intersection over union",
    "Kalman filter",
    "latent",
    "learning rate",
    "LSGAN",
    "non-maximum suppression",
    "optimizer",
    "overfitting",
    "PatchGAN",
    "perceptual loss",
    "receptive field",
    "residual",
    "skip connection",
    "upsampling",
    "validation",
)
"""Terms of the field that the course explains; each is bold where it first occurs, and in the glossary."""

ADDRESS = re.compile(r"\]\([^)]*\)|<https?://[^>]*>|https?://\S+")
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
WORD = re.compile(r"[^\W_][\w'’-]*")
SHOWS = re.compile(
    r"show\.(plot|show_video|overlay|embed)\w*\(|plt\.show\(|display\(|Video\(|HTML\(|^!\[", re.MULTILINE
)


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a notebook consists of.

    Attributes:
        name: Name of the notebook without its ending.
        text: All its markdown.
        words: Words of the text.
        code_cells: Cells with code, also solutions.
        pictures: Cells that show an image, a plot or a clip.
        exercises: Cells with a solution.
        links: Addresses on the web, in the text.
        terms: How often each of `TERMS` occurs in the text.
    """

    name: str
    text: str
    words: int
    code_cells: int
    pictures: int
    exercises: int
    links: tuple[str, ...]
    terms: dict[str, int]


def read_lesson(path: pathlib.Path) -> Lesson:
    """Counts what is in the text of a notebook, a .py file in jupytext's percent format."""
    cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [cell for cell in cells if cell.cell_type == "code"]
    return Lesson(
        name=path.stem,
        text=text,
        words=count_words(text),
        code_cells=len(code),
        pictures=sum(bool(SHOWS.search(cell.source)) for cell in cells),
        exercises=sum("solution" in cell.metadata.get("tags", []) for cell in code),
        links=tuple(re.findall(r"\((https?://[^)\s]+)\)", text)),
        terms={term: len(find_term(term, text)) for term in TERMS},
    )


def read_lessons(root: pathlib.Path = ROOT) -> list[Lesson]:
    """Reads all notebooks of a checkout, in the order of the course."""
    return [read_lesson(path) for path in sorted((root / "notebooks").glob("[0-9][0-9]*_*.py"))]


def count_words(text: str) -> int:
    """Counts the words of a markdown text, without addresses and formulas."""
    return len(WORD.findall(FORMULA.sub(" ", ADDRESS.sub("]", text))))


def find_term(term: str, text: str) -> list[re.Match[str]]:
    """Finds a term in a text, also at the beginning of a sentence, in the plural, and over the end of a line."""
    first, rest = term[0], re.escape(term[1:]).replace(r"\ ", r"\s+").replace(r"\-", "[- ]")
    return list(re.finditer(rf"\b[{first.lower()}{first.upper()}]{rest}(s|es)?\b", text))


def main() -> int:
    """Prints the tables; returns 1 if a lesson is too long."""
    parser = argparse.ArgumentParser(description="Count words, cells, pictures, links and terms of the notebooks.")
    parser.add_argument("--terms", action="store_true", help="print only the terms")
    options = parser.parse_args()
    lessons = read_lessons()
    if not options.terms:
        print(f"{'':36} {'words':>6} {'code':>5} {'exercises':>9} {'pictures':>8} {'links':>6}")
        for lesson in lessons:
            counts = f"{lesson.words:6} {lesson.code_cells:5} {lesson.exercises:9} {lesson.pictures:8}"
            print(f"{lesson.name:36} {counts} {len(lesson.links):6}")
    print(f"\n{'':26}", *(f"{lesson.name.partition('_')[0]:>4}" for lesson in lessons))
    for term in TERMS:
        print(f"{term:26}", *(f"{lesson.terms[term] or '':>4}" for lesson in lessons))
    long = [lesson for lesson in lessons if lesson.words > MAX_WORDS or lesson.code_cells > MAX_CODE_CELLS]
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
