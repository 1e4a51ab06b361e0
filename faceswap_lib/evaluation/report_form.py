"""The form of `report.json`, checked before any of it is used: somebody else may have written it."""

import dataclasses
import reprlib
import typing

MOST = 1e300
"""No number is larger."""


@dataclasses.dataclass(frozen=True)
class _Form:
    """What a value must be.

    Attributes:
        words: Says it.
        fits: Checks it.
    """

    words: str
    fits: typing.Callable[[object], bool]


def is_number(value: object) -> bool:
    """Whether a value of JSON is a number, perhaps not a finite one; a truth is none."""
    return type(value) is float or (type(value) is int and abs(value) <= MOST)


def is_text(value: object) -> bool:
    """Whether a value is a text that can be written as UTF-8."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_measure(value: object) -> bool:
    """Whether a value is a number, or None where nothing could be measured."""
    return value is None or is_number(value)


def named(fits: typing.Callable[[object], bool]) -> typing.Callable[[object], bool]:
    """Gives a check of an object all of whose values fit."""
    return lambda value: isinstance(value, dict) and all(map(is_text, value)) and all(map(fits, value.values()))


def is_list_of_measures(value: object) -> bool:
    """Whether a value is a list of numbers and None."""
    return isinstance(value, list) and all(map(is_measure, value))


def is_summary(value: object) -> bool:
    """Whether a value is the head of a report."""
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
    """Checks the values of a `report.json`, all but `schema` and `version`.

    Raises:
        ValueError: If one is missing or unknown, or has another form.
    """
    if missing := _FORMS.keys() - plain.keys():
        raise ValueError(f"{min(missing)} is missing")
    if unknown := plain.keys() - _FORMS.keys():
        raise ValueError(f"{min(unknown)!r:.80} is unknown")
    for name, form in _FORMS.items():
        if not form.fits(plain[name]):
            raise ValueError(f"{name}: expected {form.words}, got {reprlib.repr(plain[name])}")
