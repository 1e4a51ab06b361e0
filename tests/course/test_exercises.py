"""Every exercise of the course has a check; the tests of each check have a right answer and three typical wrong ones.

The tests are read, not run: what they say about an answer is checked where they are.
"""

import ast
import collections
import itertools
import re
import typing

import jupytext
import pytest

from tests.conftest import ROOT

MISTAKES = 3
"""How many typical wrong answers of each exercise must be told apart."""

GENERAL = re.compile(r"stops with|^expected|^of a small example|returns nothing|not finite")
"""Lines that a check has for any wrong answer; they do not name a mistake."""


class Answers(typing.NamedTuple):
    """What the tests of one check have.

    Attributes:
        right: Comparisons of an answer with "right".
        mistakes: Different lines about wrong answers, without general ones.
    """

    right: int
    mistakes: frozenset[str]


def count_answers(source: str) -> dict[str, Answers]:
    """Counts the answers that a test module gives to each check, by the name of the check."""
    right, mistakes = collections.Counter(), collections.defaultdict(set)
    for test in ast.parse(source).body:
        if not (isinstance(test, ast.FunctionDef) and test.name.startswith("test_")):
            continue
        right.update(name for node in ast.walk(test) for name in _names_called_right(node))
        if len(called := _list_checks(test)) == 1:
            mistakes[called.pop()] |= {line for line in _list_lines(test) if not GENERAL.search(line)}
    return {name: Answers(right[name], frozenset(mistakes[name])) for name in {*right, *mistakes}}


def _list_checks(node: ast.AST) -> set[str]:
    names = {part.func.id for part in ast.walk(node) if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)}
    return {name for name in names if name.startswith("check_")}


def _names_called_right(node: ast.AST) -> set[str]:
    """Names the checks whose answer is compared with "right" in one comparison."""
    if not (isinstance(node, ast.Compare) and all(isinstance(operator, ast.Eq) for operator in node.ops)):
        return set()
    sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
    return _list_checks(node) if {"'right'", "RIGHT"} & set(sides) else set()


def _list_lines(test: ast.FunctionDef) -> list[str]:
    """Lists the last text of each case of a parametrized test: the line that the check must say."""
    lines = []
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.parametrize":
            cases = [case.elts[-1] for case in getattr(decorator.args[1], "elts", []) if isinstance(case, ast.Tuple)]
            lines += [case.value for case in cases if isinstance(case, ast.Constant) and isinstance(case.value, str)]
    return lines


def read_checks() -> list[str]:
    """Lists the checks of all exercises in the package."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.glob("faceswap_lib/course/*_checks.py")]
    functions = [one for tree in trees for one in tree.body if isinstance(one, ast.FunctionDef)]
    public = [one for one in functions if not one.name.startswith("_")]
    for one in public:
        assert [ast.unparse(decorator) for decorator in one.decorator_list] == ["report_errors"], one.name
    return sorted(one.name for one in public)


class Exercise(typing.NamedTuple):
    """An exercise of a lesson.

    Attributes:
        lesson: Number of the lesson, such as "01b".
        number: Of the exercise in it, from 1.
        checks: Checks that its solution runs.
        given: Checks that the cells between the solution before and this one run.
    """

    lesson: str
    number: int
    checks: set[str]
    given: set[str]


def read_exercises() -> list[Exercise]:
    """Lists the exercises of all lessons: each has one cell tagged `solution`."""
    exercises = []
    for path in sorted(ROOT.glob("notebooks/[0-9][0-9]*_*.py")):
        lesson, given, number = path.stem.partition("_")[0], set(), itertools.count(1)
        for cell in jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells:
            checks = {name for name in re.findall(r"\b(check_\w+)\(", cell.source) if cell.cell_type == "code"}
            if "solution" in cell.metadata.get("tags", []):
                exercises.append(Exercise(lesson, next(number), checks & set(CHECKS), given))
                given = set()
            else:
                given = given | checks & set(CHECKS)
    return exercises


CHECKS = read_checks()
ANSWERS = {
    name: found
    for path in sorted(ROOT.glob("tests/course/test_*_checks.py"))
    for name, found in count_answers(path.read_text(encoding="utf-8")).items()
}


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_is_tested_with_a_right_answer_and_three_typical_mistakes(check: str):
    answers = ANSWERS.get(check, Answers(0, frozenset()))
    assert answers.right >= 1, f"no test compares an answer of {check} with 'right'"
    found = f"{len(answers.mistakes)}: {sorted(answers.mistakes)}"
    assert len(answers.mistakes) >= MISTAKES, f"expected {MISTAKES} mistakes that {check} names, got {found}"


def test_every_exercise_has_a_check_except_those_that_the_page_for_teachers_names():
    text = " ".join((ROOT / "docs" / "teaching.md").read_text(encoding="utf-8").split())
    [said] = re.findall(r"Eight do not: (.*?)\.", text)
    named = {
        (lesson, int(number))
        for number, lessons in re.findall(
            r"exercise (\d) in ((?:\w+(?:, | and )?)+)", said.replace(", exercise", "; exercise")
        )
        for lesson in re.findall(r"\d\d[a-z]?", lessons)
    }
    exercises = read_exercises()
    assert {(one.lesson, one.number) for one in exercises if not one.checks} == named and len(named) == 8
    for one in exercises:
        assert len(one.checks) <= 1 and one.checks <= one.given, f"{one}: the check of the solution comes too late"


def test_every_check_belongs_to_one_exercise():
    used = collections.Counter(name for one in read_exercises() for name in one.checks)
    unused = set(CHECKS) - set(used)
    assert unused == set() and set(used.values()) == {1}


TESTS = """
@pytest.mark.parametrize(("wrong", "told"), [(1, "the sign is wrong"), (2, "off by one"), (3, "stops with TypeError")])
def test_a_wrong_sum_is_told_what_is_off(wrong, told):
    assert told in check_sum(wrong)
"""
RIGHT_TEST = """
def test_a_sum_is_right():
    assert check_sum(sum) == "right"
"""


@pytest.mark.parametrize(
    ("source", "right", "mistakes"),
    [
        (TESTS, 0, 2),
        (TESTS + RIGHT_TEST, 1, 2),
        (TESTS.replace("off by one", "the sign is wrong"), 0, 1),
        (TESTS.replace("check_sum(wrong)", "check_sum(wrong) + check_product(wrong)"), None, 0),
        (RIGHT_TEST.replace("==", "!="), 0, 0),
    ],
)
def test_answers_are_counted(source: str, right: int | None, mistakes: int):
    found = count_answers(source).get("check_sum")
    assert found is None if right is None else (found.right, len(found.mistakes)) == (right, mistakes)
