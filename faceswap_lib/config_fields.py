"""Options as frozen dataclasses: one definition for the command line, the table in the docs and the JSON on disk.

A field is written `name: Annotated[type, Doc("what it does")] = default`. `tyro` reads the same annotation for
`--help`.
"""

import dataclasses
import difflib
import functools
import json
import pathlib
import reprlib
import sys
import types
import typing

from typing_extensions import Doc

from faceswap_lib.errors import InputError
from faceswap_lib.upgrades import upgrade_options

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Doc", "OptionDoc", "check_range", "describe_options", "nearest", "options_from_dict", "options_to_dict"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptionDoc:
    """One row of an option table.

    Attributes:
        name: Name of the option.
        type: Its type, as text.
        default: Its default as JSON, or "required".
        text: What the option does.
    """

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
        TypeError: If a field has no `Doc`; every option must be documented.
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


def options_to_dict(options: "DataclassInstance") -> dict[str, typing.Any]:
    """Converts an options object into plain JSON values."""
    return {f.name: _plain(getattr(options, f.name)) for f in dataclasses.fields(options)}


def options_from_dict(options_class: type, values: object, *, origin: str = "options"):
    """Builds an options object from plain values, which may come from an untrusted file.

    Args:
        options_class: The dataclass to build. The values of fields that are `Annotated` must have the annotated type;
            other dataclasses check their values themselves.
        values: Values from a JSON file.
        origin: Source of the values, for messages.

    Returns:
        An instance of `options_class`.

    Raises:
        InputError: If the values are not a JSON object, a key is unknown (the message suggests the most similar known
            key), or a value has the wrong type or is out of range.
    """
    if not isinstance(values, dict):
        raise InputError(f"{origin}: expected options by name, got {reprlib.repr(values)}")
    values = upgrade_options(options_class, values)
    known = {f.name for f in dataclasses.fields(options_class)}
    for key in values:
        if key not in known:
            raise InputError(f"{origin}: unknown option {key!r:.80}{nearest(key, known)}")
    hints = _read_hints(options_class)
    revived = {name: _revive(value, hints[name], f"{origin}: {name}") for name, value in values.items()}
    try:
        return options_class(**revived)
    except InputError as error:
        raise InputError(f"{origin}: {error}") from error


@functools.cache
def _read_hints(options_class: type) -> dict[str, object]:
    """Returns the type hints of a class with their annotations; cached."""
    return typing.get_type_hints(options_class, include_extras=True)


def _revive(value: object, hint: object, origin: str) -> object:
    """Converts a JSON value to the type of a field: a list to a tuple, a string to a path."""
    is_option = typing.get_origin(hint) is typing.Annotated
    kind = typing.get_args(hint)[0] if is_option else hint
    value = tuple(value) if isinstance(value, list) else value
    if isinstance(value, str) and pathlib.Path in (typing.get_args(kind) or (kind,)):
        value = pathlib.Path(value)
    if is_option and not _fits(value, kind):
        raise InputError(f"{origin}: expected {_type_name(kind)}, got {reprlib.repr(_plain(value))}")
    return value


def _fits(value: typing.Any, kind: typing.Any) -> bool:
    """Checks whether a value has a type; a bool is not a number, and floats must be finite."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if isinstance(value, tuple) and inner[-1] is ... else inner
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if kind is float:
        return type(value) in (int, float) and abs(value) <= sys.float_info.max
    return type(value) is kind if kind in (int, bool, str) else isinstance(value, kind)


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """Returns `; did you mean 'x'?` for the most similar known word, or the list of known words if none is similar.

    Example:
        >>> nearest("sharpn", ["sharpen", "feather"])
        "; did you mean 'sharpen'?"
    """
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known are {', '.join(known)}"


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises `InputError` unless `low <= value <= high`."""
    if not low <= value <= high:
        raise InputError(f"{name} must be between {low} and {high}, got {value}")


def _plain(value: object) -> object:
    """Converts a value to its JSON form: a path to a string, a tuple to a list."""
    if isinstance(value, pathlib.PurePath):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _type_name(kind: object) -> str:
    """Formats a type for option tables and messages."""
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(str(choice) for choice in typing.get_args(kind))
    if typing.get_origin(kind) is tuple and typing.get_origin(typing.get_args(kind)[0]) is typing.Literal:
        return f"any of {_type_name(typing.get_args(kind)[0])}"
    if isinstance(kind, types.UnionType | types.GenericAlias):
        return str(kind)
    return getattr(kind, "__name__", str(kind))
