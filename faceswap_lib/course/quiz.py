"""The short quizzes at the end of the notebooks: where their questions are, and how a notebook shows them."""

import importlib.resources
import json
import typing

QUESTIONS = importlib.resources.files(__package__) / "quizzes"
"""One JSON file per notebook, in the format of the package jupyterquiz: a list of questions."""


def show_quiz(notebook: str) -> None:
    """Shows the quiz of a notebook as buttons below the cell; works offline.

    Without the package jupyterquiz, which the extra `notebooks` installs, the questions are printed.

    Args:
        notebook: Name of the notebook without its ending, for example "03_autoencoder".

    Raises:
        ValueError: There is no quiz for this notebook.
    """
    questions = read_questions(notebook)
    try:
        import jupyterquiz
    except ImportError:
        print(format_questions(questions))
        return
    jupyterquiz.display_quiz(questions, shuffle_questions=False, shuffle_answers=True)


def read_questions(notebook: str) -> list[dict[str, typing.Any]]:
    """Reads the questions of a notebook's quiz.

    Args:
        notebook: Name of the notebook without its ending.

    Returns:
        Questions: each has `question`, `type` "multiple_choice", and `answers`, each with `answer`, `correct` and
        `feedback`.

    Raises:
        ValueError: There is no quiz for this notebook.
    """
    path = QUESTIONS / f"{notebook}.json"
    if not path.is_file():
        known = sorted(
            entry.name.removesuffix(".json") for entry in QUESTIONS.iterdir() if entry.name.endswith(".json")
        )
        raise ValueError(f"expected the name of a notebook with a quiz, got {notebook!r}; there are {', '.join(known)}")
    return json.loads(path.read_text(encoding="utf-8"))


def format_questions(questions: list[dict[str, typing.Any]]) -> str:
    """Formats questions and their possible answers as text, without the solutions."""
    lines = ["(For buttons that answer: pip install jupyterquiz, then run this cell again.)"]
    for number, question in enumerate(questions, 1):
        lines.append(f"\n{number}. {question['question']}")
        lines += [
            f"   {letter}) {answer['answer']}" for letter, answer in zip("abcd", question["answers"], strict=False)
        ]
    return "\n".join(lines)
