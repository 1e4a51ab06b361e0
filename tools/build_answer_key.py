"""Writes docs/answers.md from the notebooks and their quizzes: the answers that a teacher needs.

Usage: python -m tools.build_answer_key [--check]
"""

import argparse
import json
import pathlib
import re
import sys

import jupytext

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE, QUIZZES = ROOT / "docs" / "answers.md", ROOT / "faceswap_lib" / "course" / "quizzes"
HEAD = """# Answers

*For teachers: the answers of all quizzes and exercises, in the order of the course. Made by
`python -m tools.build_answer_key` from the notebooks; [teaching](teaching.md) says how to use the course with a class.*

The right answer of a quiz is followed by the reason that the notebook shows. An exercise can have other right answers:
its check in the notebook decides.
"""
TITLE = re.compile(r"^# +(?:\d\d[a-z]? +)?(.+)$", re.M)
EXERCISE = re.compile(r"Exercise(?: \d+)?(?=[.:])")


def build_page() -> str:
    """Builds the text of the page."""
    blocks = [HEAD]
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.py")):
        cells = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent").cells
        title = TITLE.search(next(cell.source for cell in cells if cell.cell_type == "markdown"))
        if title is None:
            raise ValueError(f"{path.name}: expected a title in the first cell")
        number = path.stem.partition("_")[0]
        blocks.append(f"## {number} {title[1]}\n")
        quiz = QUIZZES / f"{path.stem}.json"
        if quiz.is_file():
            blocks.append(format_quiz(json.loads(quiz.read_text(encoding="utf-8"))))
        blocks += _format_exercises(cells)
    return "\n".join(blocks)


def format_quiz(questions: list[dict]) -> str:
    """Formats the questions of a quiz with their right answers."""
    lines = []
    for number, question in enumerate(questions, 1):
        right = next(answer for answer in question["answers"] if answer["correct"])
        reason = re.sub(r"^Right: (.)", lambda found: found[1].upper(), right["feedback"])
        lines += [f"{number}. {question['question']}<br>**{_end(right['answer'])}** {reason}"]
    return "**Quiz**\n\n" + "\n".join(lines) + "\n"


def _end(answer: str) -> str:
    """Returns an answer with a full stop at its end, if it has no other mark there."""
    return answer if answer.endswith((".", "!", "?", ":")) else f"{answer}."


def _format_exercises(cells: list) -> list[str]:
    """Formats the solutions, each with the name of its exercise."""
    blocks, name, seen = [], "", ""
    for cell in cells:
        if cell.cell_type == "markdown":
            found = EXERCISE.findall(cell.source)
            name = found[-1] if found else name
        elif "solution" in cell.metadata.get("tags", []):
            code = re.sub(r"^# @title.*\n|  # noqa: \w+$", "", cell.source, flags=re.M)
            title = f"**{name}**\n\n" if name != seen else ""
            blocks.append(f"{title}```py\n{code.strip()}\n```\n")
            seen = name
    return blocks


def main() -> int:
    """Writes the page, or with --check reports whether it is up to date; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(build_page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == build_page():
        return 0
    print(f"{PAGE} is stale; run python -m tools.build_answer_key", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
