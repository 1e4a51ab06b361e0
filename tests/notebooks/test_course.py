"""The course: lessons of the right length, standard terms explained, quizzes, further reading, links that lead on."""

import html
import pathlib
import re
import urllib.error
import urllib.request

import nbformat
import pytest

from faceswap_lib.course import quiz
from tests.conftest import ROOT
from tools.count_course import MAX_CODE_CELLS, MAX_WORDS, TERMS, Lesson, count_words, find_term, read_lessons

LESSONS = read_lessons()
BUILT = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("colab/*.ipynb")])
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def test_words_are_counted_without_addresses_and_formulas():
    assert count_words("One [two three](https://a.b/c-d) $x + y$ four's **five**.") == 5


def test_terms_are_found_in_the_plural_and_over_the_end_of_a_line_but_not_inside_words():
    assert len(find_term("skip connection", "Skip connections, a skip\nconnection, skipconnection")) == 2
    assert not find_term("encoder", "the autoencoder")


@each_lesson
def test_a_lesson_fits_into_one_sitting(lesson: Lesson):
    assert lesson.words <= MAX_WORDS
    assert lesson.code_cells <= MAX_CODE_CELLS


@each_lesson
def test_a_lesson_ends_with_a_quiz_and_with_further_reading(lesson: Lesson):
    source = (ROOT / "notebooks" / f"{lesson.name}.py").read_text(encoding="utf-8")
    assert source.count(f'show_quiz("{lesson.name}")') == 1
    end = lesson.text.partition("## Further reading")[2]
    links = [target for target in LINK.findall(end) if target.startswith("https://")]
    assert 3 <= len(links) <= 6
    assert len(set(links)) == len(links)


@each_lesson
def test_a_quiz_has_one_right_answer_per_question_and_explains_every_answer(lesson: Lesson):
    questions = quiz.read_questions(lesson.name)
    assert 4 <= len(questions) <= 7
    for question in questions:
        assert question["type"] == "multiple_choice" and set(question) == {"question", "type", "answers"}
        assert 3 <= len(question["answers"]) <= 4
        assert [answer["correct"] for answer in question["answers"]].count(True) == 1
        for answer in question["answers"]:
            assert set(answer) == {"answer", "correct", "feedback"} and len(answer["feedback"]) >= 15
        assert len({answer["answer"] for answer in question["answers"]}) == len(question["answers"])


def test_every_quiz_belongs_to_a_notebook():
    named = {entry.name for entry in quiz.QUESTIONS.iterdir() if entry.name.endswith(".json")}
    assert named == {f"{lesson.name}.json" for lesson in LESSONS}


def test_an_unknown_quiz_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match="'99_nothing'; there are 00_faceswap_demo"):
        quiz.read_questions("99_nothing")


def as_code(text: str) -> str:
    """What is in backticks, as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def test_a_quiz_shows_every_answer_with_its_reason_and_loads_nothing():
    for lesson in LESSONS:
        questions = quiz.read_questions(lesson.name)
        page = quiz.format_quiz(questions)
        for question in questions:
            assert as_code(html.escape(question["question"])) in page
            for answer in question["answers"]:
                verdict = "Right" if answer["correct"] else "No"
                text = page.partition(f">{as_code(html.escape(answer['answer']))}</summary>")[2].partition(
                    "</details>"
                )[0]
                assert verdict in text and as_code(html.escape(answer["feedback"])) in text
        assert "`" not in page
        assert not re.search(r"<script|<img|<link|src=|href=|url\(", page)


def test_right_answers_are_not_always_at_the_same_place():
    places = set()
    for lesson in LESSONS:
        page = quiz.format_quiz(quiz.read_questions(lesson.name))
        for part in page.split("<p>")[1:]:
            places.add([("Right." in answer) for answer in part.split("<details")[1:]].index(True))
    assert places == {0, 1, 2, 3}


def test_right_answers_are_not_always_the_longest():
    """Otherwise the length gives them away."""
    longest = total = 0
    for lesson in LESSONS:
        for question in quiz.read_questions(lesson.name):
            [right] = [len(answer["answer"]) for answer in question["answers"] if answer["correct"]]
            longest += right == max(len(answer["answer"]) for answer in question["answers"])
            total += 1
    assert longest <= 0.6 * total


@pytest.mark.parametrize("term", TERMS)
def test_a_standard_term_is_bold_where_the_course_first_uses_it_and_in_the_glossary(term: str):
    using = [lesson for lesson in LESSONS if lesson.terms[term]]
    assert using, f"no notebook says {term!r}"
    first = find_term(term, using[0].text)[0]
    before, after = using[0].text[: first.start()], using[0].text[first.end() :]
    assert _is_bold(before, after), f"{using[0].name}: {before[-60:]!r}, {first[0]!r}: expected it in bold"
    bold = re.findall(r"\*\*(.+?)\*\*", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.DOTALL)
    assert any(find_term(term, word) for word in bold), f"the glossary has no **{term}**"


def _is_bold(before: str, after: str) -> bool:
    """Whether a place of a markdown text is between two stars, in its paragraph."""
    return before.rpartition("\n\n")[2].count("**") % 2 == 1 and "**" in after.partition("\n\n")[0]


@pytest.mark.parametrize("path", BUILT, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_links_between_files_lead_to_files(path: pathlib.Path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for target in LINK.findall(cell.source):
                if not target.startswith(("https://", "#", "attachment:", "data:")):
                    assert (path.parent / target.partition("#")[0]).exists(), target
                    assert path.parent.name != "colab", f"{target}: on Colab there are no other files of the project"


def test_addresses_answer_if_there_is_a_network():
    addresses = sorted({link.partition("#")[0] for lesson in LESSONS for link in lesson.links})
    try:
        urllib.request.urlopen("https://www.python.org", timeout=5).close()
    except OSError as error:
        pytest.skip(f"no network: {error}")
    dead = {}
    for address in addresses:
        try:
            request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0"})
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                dead[address] = error.code
        except OSError as error:
            dead[address] = error
    assert not dead
