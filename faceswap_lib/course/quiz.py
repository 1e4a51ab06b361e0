"""The short quizzes at the end of the notebooks: where their questions are, and how a notebook shows them."""

import html
import importlib.resources
import json
import random
import re
import typing

QUESTIONS = importlib.resources.files("faceswap_lib.course") / "quizzes"
"""One JSON file per notebook: a list of questions."""


def show_quiz(notebook: str) -> None:
    """Shows the quiz of a notebook: a click on an answer says whether it is right, and why.

    The page is plain HTML without JavaScript. It works offline, in Jupyter, in Colab and on a website.

    Args:
        notebook: Name of the notebook without its ending, for example "03_autoencoder".

    Raises:
        ValueError: There is no quiz for this notebook.
        ImportError: IPython is missing.
    """
    try:
        from IPython.display import HTML, display
    except ImportError as error:
        raise ImportError("IPython is not installed; pip install 'faceswap_lib[notebooks]'") from error
    display(HTML(format_quiz(read_questions(notebook))))


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
        known = sorted(file.name.removesuffix(".json") for file in QUESTIONS.iterdir() if file.name.endswith(".json"))
        raise ValueError(f"expected the name of a notebook with a quiz, got {notebook!r}; there are {', '.join(known)}")
    return json.loads(path.read_text(encoding="utf-8"))


def format_quiz(questions: list[dict[str, typing.Any]]) -> str:
    """Formats questions as HTML whose answers open; the answers are shuffled, always in the same way."""
    lines = []
    for number, question in enumerate(questions, 1):
        lines.append(f"<p><b>{number}. {_to_html(question['question'])}</b></p>")
        for answer in random.Random(question["question"]).sample(question["answers"], len(question["answers"])):
            verdict = "✓ Right." if answer["correct"] else "✗ No."
            lines.append(
                f"<details style='margin:0.3em 0 0.3em 1.2em'><summary style='cursor:pointer'>"
                f"{_to_html(answer['answer'])}</summary>"
                f"<div style='margin-left:1.2em'><b>{verdict}</b> {_to_html(answer['feedback'])}</div></details>"
            )
    return "\n".join(lines)


def _to_html(text: str) -> str:
    """Escapes a text; what is in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
