"""Options as frozen dataclasses: one definition gives the command line, the docs table and the JSON on disk.

A field is written `name: Annotated[type, Doc("what it does")] = default`. `tyro` reads the same annotation for
`--help`.
"""

import dataclasses
import difflib
import json
import pathlib
import types
import typing

from typing_extensions import Doc

from faceswap_lib.errors import InputError

__all__ = ["Doc", "OptionDoc", "check_range", "describe_options", "nearest", "options_from_dict", "options_to_dict"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptionDoc:
    """One row of an option table."""

    name: str
    type: str
    default: str
    text: str


def describe_options(options_class: type) -> list[OptionDoc]:
    """Lists the documented fields of an options class, in order.

    Args:
        options_class: A dataclass whose fields are `Annotated[..., Doc(...)]`.

    Returns:
        One `OptionDoc` per field.

    Raises:
        TypeError: If a field carries no `Doc`; an option nobody described is a defect.
    """
    hints = typing.get_type_hints(options_class, include_extras=True)
    rows = []
    for field in dataclasses.fields(options_class):
        texts = [m.documentation for m in getattr(hints[field.name], "__metadata__", ()) if isinstance(m, Doc)]
        if not texts:
            raise TypeError(f"{options_class.__name__}.{field.name} has no Doc")
        kind = typing.get_args(hints[field.name])[0]
        default = "required" if field.default is dataclasses.MISSING else json.dumps(_plain(field.default))
        rows.append(OptionDoc(name=field.name, type=_type_name(kind), default=default, text=texts[0]))
    return rows


def options_to_dict(options: object) -> dict:
    """Turns an options object into plain JSON values."""
    return {f.name: _plain(getattr(options, f.name)) for f in dataclasses.fields(options)}


def options_from_dict(options_class: type, values: dict, *, origin: str = "options"):
    """Builds an options object from plain values, refusing keys it does not know.

    Args:
        options_class: The dataclass to build.
        values: What a JSON file held.
        origin: Where the values came from, for the message.

    Returns:
        An instance of `options_class`.

    Raises:
        InputError: For an unknown key; the message names the nearest known one.
    """
    known = {f.name for f in dataclasses.fields(options_class)}
    for key in values:
        if key not in known:
            raise InputError(f"{origin}: unknown option '{key}'{nearest(key, known)}")
    kinds = {name: typing.get_args(hint) or (hint,) for name, hint in typing.get_type_hints(options_class).items()}

    def revive(name: str, value: object) -> object:
        if isinstance(value, list):
            return tuple(value)
        return pathlib.Path(value) if isinstance(value, str) and pathlib.Path in kinds[name] else value

    return options_class(**{name: revive(name, value) for name, value in values.items()})


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """Says `; did you mean 'x'?` for the closest known word, or lists what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(known)}"


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises `InputError` unless `low <= value <= high`."""
    if not low <= value <= high:
        raise InputError(f"{name} must be between {low} and {high}, got {value}")


def _plain(value: object) -> object:
    if isinstance(value, pathlib.PurePath):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _type_name(kind: object) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(str(choice) for choice in typing.get_args(kind))
    if typing.get_origin(kind) is tuple and typing.get_origin(typing.get_args(kind)[0]) is typing.Literal:
        return f"any of {_type_name(typing.get_args(kind)[0])}"
    if isinstance(kind, types.UnionType | types.GenericAlias):
        return str(kind)
    return getattr(kind, "__name__", str(kind))
