"""Formats the facts about a swap: as plain JSON before they are signed, and as safe text when they are read.

A file may come from an untrusted source. Therefore its facts must not be able to add lines to the output, control the
terminal, change the direction of the surrounding text, or fill the screen.
"""

import math
import re
import types

from faceswap_lib.provenance.people_count import describe_people

LONGEST = 500
"""Maximum number of characters of one text that are shown."""

MOST = 20
"""Maximum number of entries of one list that are shown."""

UNKNOWN = "?"

REENACTMENT = "reenactment"
"""Direction of a photo that was moved like a driver, instead of a swap."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_SPOKEN = (
    *("a face swap by", "a face reenactment by", "face changed in", "new face from", "made from"),
    *("face of the photo", "motion from", "no consent is recorded for"),
)
_SHOWN = {"pair": "the input and the result side by side", "triple": "the input, the result and the mask side by side"}
_DETAIL = {"wanted": "filmed pictures of the person whose face is put in", "original": "the input"}
_DIRECTIONS = {"a2b": "a2b (the face of B on A)", "b2a": "b2a (the face of A on B)"}


def to_plain(value: object) -> object:
    """Converts a value to one that JSON and C2PA can store.

    Bytes of a file name that are not UTF-8 become U+FFFD, tuples become lists, and NaN and infinity become text.
    """
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {str(to_plain(str(key))): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def to_printable(text: object, *, longest: int = LONGEST) -> str:
    """Converts a value from a file to one printable line.

    Control characters, escapes and marks that change the text direction become spaces; several spaces become one. Text
    after `longest` characters is cut off. Values that are neither text nor a number become `UNKNOWN`.
    """
    if not isinstance(text, str | int | float):
        return UNKNOWN
    line = str(text)
    cut = f"{line[:longest]}... ({len(line):,} characters)" if len(line) > longest else line
    return " ".join("".join(letter if letter.isprintable() else " " for letter in cut).split())


def describe_facts(facts: dict, name: str = "") -> list[tuple[str, str]]:
    """Formats the facts of a swap for display.

    Args:
        facts: The facts that `write_provenance` stated, or any other dict from a file. Values of a wrong form are
            skipped.
        name: Current name of the file. If it was written under another name, that name is shown, too.

    Returns:
        Pairs of a topic and its text, each one printable line.
    """
    if not facts:
        return []
    shown = {key: to_printable(facts.get(key, UNKNOWN)) for key in _SINGLE}
    options = facts.get("options")
    options = options if isinstance(options, dict) else {}
    direction = _DIRECTIONS.get(shown["direction"], shown["direction"])
    is_swap = shown["direction"] != REENACTMENT
    kind = "a face swap by" if is_swap else "a face reenactment by"
    run = f"{shown['run']} ({shown['run_id']})" if shown["run_id"] else shown["run"]
    rows = [
        (kind, f"{shown['program']} {shown['version']}, written {shown['time']} (its own clock)"),
        ("run", f"{run}, {shown['steps']} steps, direction {direction}"),
    ]
    if name and shown["title"] not in (UNKNOWN, to_printable(to_plain(name))):
        rows.append(("written as", shown["title"]))
    rows += _describe_inputs(facts)
    rows += _describe_training(options.get("learnt_from"))
    rows += _describe_weights(options.get("weights"))
    rows += _describe_images(options)
    if is_swap:
        rows.append(("in the input", describe_people(facts.get("people")) or "nobody counted the people"))
    return [*rows, *_describe_consent(facts)]


def to_line(row: tuple[str, str]) -> str:
    """Formats a pair of `describe_facts` as one line."""
    about, text = row
    return f"{about} {text}" if about in _SPOKEN else f"{about}: {text}"


_SINGLE = ("program", "version", "time", "run", "run_id", "steps", "direction", "title")


def _describe_inputs(facts: dict) -> list[tuple[str, str]]:
    """Lists the inputs of the swap."""
    entries = _entries(facts.get("inputs"), dict)
    verbs = {"changed": "face changed in", "face": "new face from"}
    verbs |= {"photo": "face of the photo", "driver": "motion from"}
    rows = [(verbs.get(str(entry.get("role")), "made from"), _name_video(entry, "name")) for entry in entries[:MOST]]
    return [*rows, *_count_rest("made from", entries, "inputs")]


def _describe_training(learnt_from: object) -> list[tuple[str, str]]:
    """Lists the videos that the networks were trained on."""
    sides = learnt_from if isinstance(learnt_from, dict) else {}
    named = [
        f"{person}: {_name_video(sides[side], 'video')}"
        for person, side in (("A", "src"), ("B", "dst"))
        if isinstance(sides.get(side), dict) and sides[side]
    ]
    people = _entries(sides.get("people"), dict)
    named += [_name_video(entry, "name") for entry in people[:MOST]]
    named += [f"{len(people) - MOST:,} more videos, not shown"] if len(people) > MOST else []
    rows = [("trained on", ", ".join(named))] if named else []
    before = sides.get("before")
    return [*rows, ("trained before on", to_printable(before))] if isinstance(before, str) and before else rows


def _describe_weights(weights: object) -> list[tuple[str, str]]:
    """Names the source of published weights that were used instead of a run."""
    source = weights.get("source") if isinstance(weights, dict) else None
    return [("weights", to_printable(source))] if isinstance(source, str) and source else []


def _describe_images(options: dict) -> list[tuple[str, str]]:
    """Describes the images: visible label, source of the fine detail, layout, and time range of the input."""
    labels: dict[object, str] = {True: "on every picture", False: "NONE, it was switched off"}
    rows = [("visible label", labels.get(_only(options.get("label"), bool)) or "not stated")]
    if detail := _DETAIL.get(str(options.get("detail_transfer"))):
        rows.append(("fine detail from", detail))
    if shown := _SHOWN.get(str(options.get("layout", options.get("show")))):  # "show" until 2026
        rows.append(("pictures show", shown))
    start, end = (_only(options.get(key), int | float) for key in ("start", "end"))
    if start or end is not None:
        until = "its end" if end is None else f"{to_printable(end)} s"
        rows.append(("part of the input", f"from {to_printable(start or 0)} s to {until}"))
    return rows


def _describe_consent(facts: dict) -> list[tuple[str, str]]:
    """Lists the inputs without consent, and the consent statements."""
    without, statements = (_entries(facts.get(key), str) for key in ("no_consent_for", "consent"))
    rows = [("no consent is recorded for", to_printable(name)) for name in without[:MOST]]
    rows += _count_rest("no consent is recorded for", without, "videos or pictures")
    rows += [("consent", to_printable(statement)) for statement in statements[:MOST]]
    rows += _count_rest("consent", statements, "statements")
    return rows if statements else [*rows, ("consents stated", "none")]


def _name_video(entry: dict, key: str) -> str:
    """Formats the name of a video and the beginning of its SHA-256."""
    digest = to_printable(entry.get("sha256", UNKNOWN))
    return f"{to_printable(entry.get(key, UNKNOWN))} (sha256 {digest[:16]}...)"


def _count_rest(about: str, entries: list, noun: str) -> list[tuple[str, str]]:
    """Builds a row for the number of entries that are not shown, if there are any."""
    return [(about, f"{len(entries) - MOST:,} more {noun}, not shown")] if len(entries) > MOST else []


def _entries(values: object, kind: type) -> list:
    """Returns the values of a type in a list; empty if `values` is not a list."""
    return [value for value in values if isinstance(value, kind)] if isinstance(values, list) else []


def _only(value: object, kind: type | types.UnionType) -> object:
    """Returns the value if it is of a type, else None. A Boolean does not count as a number."""
    return value if isinstance(value, kind) and isinstance(value, bool) == (kind is bool) else None
