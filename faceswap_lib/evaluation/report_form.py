"""Validation of `report.json` before it is used, because the file may come from an untrusted source."""

import dataclasses
import reprlib
import typing

MOST = 1e300
"""Largest absolute value that an integer may have."""


@dataclasses.dataclass(frozen=True)
class _Form:
    """Expected form of a value.

    Attributes:
        words: Description for error messages.
        fits: Returns whether a value has this form.
    """

    words: str
    fits: typing.Callable[[object], bool]


def is_number(value: object) -> typing.TypeGuard[float]:
    """Returns whether a JSON value is a number, including NaN and infinity; booleans are not numbers."""
    return type(value) is float or (type(value) is int and abs(value) <= MOST)


def is_text(value: object) -> bool:
    """Returns whether a value is a string that can be encoded as UTF-8."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_measure(value: object) -> bool:
    """Returns whether a value is a number, or None for a metric that could not be measured."""
    return value is None or is_number(value)


def named(fits: typing.Callable[[object], bool]) -> typing.Callable[[object], bool]:
    """Builds a check for a JSON object whose values all pass another check.

    Args:
        fits: Returns whether one value of the object is valid.

    Returns:
        Function that returns whether a value is such an object.
    """
    return lambda value: isinstance(value, dict) and all(map(is_text, value)) and all(map(fits, value.values()))


def is_list_of_measures(value: object) -> bool:
    """Returns whether a value is a list of numbers and None."""
    return isinstance(value, list) and all(map(is_measure, value))


def is_summary(value: object) -> bool:
    """Returns whether a value is the summary of a report."""
    keys = {"score", "parts", "verdict"}
    if not isinstance(value, dict) or value.keys() != keys:
        return False
    return is_measure(value["score"]) and named(is_number)(value["parts"]) and is_text(value["verdict"])


_FORMS = {
    "inputs": _Form("texts by name", named(is_text)),
    "networks": _Form("texts by name", named(is_text)),
    "frames": _Form("a number of frames", lambda value: type(value) is int and 0 <= value <= 1e9),
    "fps": _Form("frames per second", lambda value: is_number(value) and 0 < value <= 1e6),
    "summary": _Form("score, parts and verdict", is_summary),
    "values": _Form("numbers by metric", named(is_measure)),
    "skipped": _Form("reasons by metric", named(is_text)),
    "series": _Form("lists of numbers by name", named(is_list_of_measures)),
    "baselines": _Form("numbers by metric, by name", named(named(is_measure))),
    "breakdown": _Form("numbers by metric, by class, by property", named(named(named(is_measure)))),
}


def check_report(plain: dict) -> None:
    """Checks the values of a `report.json`, except `schema` and `version`.

    Args:
        plain: The JSON object without these two.

    Raises:
        ValueError: If a value is missing, unknown, or does not have its expected form.
    """
    if missing := _FORMS.keys() - plain.keys():
        raise ValueError(f"{min(missing)} is missing")
    if unknown := plain.keys() - _FORMS.keys():
        raise ValueError(f"{min(unknown)!r:.80} is unknown")
    for name, form in _FORMS.items():
        if not form.fits(plain[name]):
            raise ValueError(f"{name}: expected {form.words}, got {reprlib.repr(plain[name])}")
