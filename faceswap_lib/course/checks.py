"""What the checks of all exercises share: how an answer is compared, and how arrays of Keras become NumPy arrays.

A check of an exercise tries the reader's code on small made-up arrays, computes the right answer in another way, and
returns "right", or what is off in one line. It also knows typical wrong answers, and names the one that it sees. It
does not raise for a wrong answer.
"""

import functools
import sys
import typing
from collections.abc import Callable

import cv2
import keras
import numpy as np

RIGHT = "right"

MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    cv2.error,
)
"""Errors that an unfinished or wrong answer raises, besides those that TensorFlow has of its own."""

Check = typing.TypeVar("Check", bound=Callable[..., str])


def report_errors(check: Check) -> Check:
    """Decorates a check: an error in the reader's code becomes one line of text."""

    @functools.wraps(check)
    def checked(*arguments: typing.Any, **options: typing.Any) -> str:
        try:
            return check(*arguments, **options)
        except _list_errors() as error:
            first = (str(error).strip().splitlines() or [""])[0]
            return f"your code stops with {type(error).__name__}: {first}"

    return typing.cast(Check, checked)


def _list_errors() -> tuple[type[Exception], ...]:
    """Returns the errors of `MISTAKES`, and TensorFlow's own if it is in use."""
    tensorflow = sys.modules.get("tensorflow")
    return MISTAKES if tensorflow is None else (*MISTAKES, tensorflow.errors.OpError)


def match_answer(answers: dict[str, typing.Any], found: typing.Any, example: str) -> str:
    """Compares an answer with known ones; returns the text of the known one, or what was expected.

    Args:
        answers: Known answers, numbers or arrays of equal shapes, by the text to return. One has the text `RIGHT`.
        found: The reader's answer.
        example: The input that the answer is for, for the message.

    Returns:
        The text of the answer that was found, or one line that gives the expected and the found numbers.
    """
    found = np.asarray(found, np.float64)
    right = np.asarray(answers[RIGHT], np.float64)
    if found.shape != right.shape:
        return f"expected the shape {right.shape} for {example}, got {found.shape}"
    for text, value in answers.items():
        if np.allclose(found, value, rtol=1e-3, atol=1e-6):
            return text
    return f"expected {np.round(right, 4).tolist()} for {example}, got {np.round(found, 4).tolist()}"


def mean_of(tensor: typing.Any) -> float:
    """Computes the mean of a tensor of any backend."""
    return float(to_array(tensor).mean())


def to_tensor(array: np.ndarray) -> typing.Any:
    """Converts an array to a float32 tensor of the backend."""
    return keras.ops.convert_to_tensor(array.astype("float32"))


def to_array(tensor: typing.Any) -> np.ndarray:
    """Converts a tensor of any backend to a float64 array."""
    return np.asarray(typing.cast(np.ndarray, keras.ops.convert_to_numpy(tensor)), np.float64)
