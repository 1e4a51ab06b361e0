"""What a swap states about itself: made plain before it is signed, and said safely when it is read.

Whoever gets a file may have got it from anybody. So nothing of what it states can write a line of its own, steer a
terminal, turn the direction of the text around it, or fill the screen.
"""

import math
import re

from faceswap_lib.provenance.people_count import describe_people

LONGEST = 500
"""Characters of one text that are shown."""

MOST = 20
"""Entries of one list that are shown."""

UNKNOWN = "?"

_SURROGATE = re.compile("[\ud800-\udfff]")
_SPOKEN = ("a face swap by", "face changed in", "new face from", "made from", "no consent is recorded for")
_SHOWN = {"pair": "the input and the result side by side", "triple": "the input, the result and the mask side by side"}
_DETAIL = {"wanted": "filmed pictures of the person whose face is put in", "original": "the input"}
_DIRECTIONS = {"a2b": "a2b (the face of B on A)", "b2a": "b2a (the face of A on B)"}


def to_plain(value: object) -> object:
    """Makes of a value what JSON and C2PA can hold.

    Bytes of a file's name that are no UTF-8 become U+FFFD, tuples lists, and numbers that are not finite text.
    """
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {str(to_plain(str(key))): to_plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def to_printable(text: object, *, longest: int = LONGEST) -> str:
    """Makes one line of a text that comes from a file.

    Control characters, escapes and marks that turn the direction of text become spaces, of which several count as one;
    what is longer than `longest` characters is cut. What is neither text nor a number is shown as `UNKNOWN`.
    """
    if not isinstance(text, str | int | float):
        return UNKNOWN
    line = str(text)
    cut = f"{line[:longest]}... ({len(line):,} characters)" if len(line) > longest else line
    return " ".join("".join(letter if letter.isprintable() else " " for letter in cut).split())


def describe_facts(facts: dict, name: str = "") -> list[tuple[str, str]]:
    """Says what the facts of a swap are, for a person.

    Args:
        facts: What `write_provenance` stated, or anything else that was found in its place; what has another form is
            left out.
        name: Name of the file now, to say if it was written under another one.

    Returns:
        Pairs of what is said about and what is said, each one printable line.
    """
    if not facts:
        return []
    said = {key: to_printable(facts.get(key, UNKNOWN)) for key in _SINGLE}
    options = facts.get("options")
    options = options if isinstance(options, dict) else {}
    direction = _DIRECTIONS.get(said["direction"], said["direction"])
    rows = [
        ("a face swap by", f"{said['program']} {said['version']}, written {said['time']} (its own clock)"),
        ("run", f"{said['run']} ({said['run_id']}), {said['steps']} steps, direction {direction}"),
    ]
    if name and said["title"] not in (UNKNOWN, to_printable(to_plain(name))):
        rows.append(("written as", said["title"]))
    rows += _describe_inputs(facts)
    rows += _describe_training(options.get("learnt_from"))
    rows += _describe_picture(options)
    rows.append(("in the input", describe_people(facts.get("people")) or "nobody counted the people"))
    return [*rows, *_describe_consent(facts)]


def to_line(row: tuple[str, str]) -> str:
    """Makes a line of a pair of `describe_facts`."""
    about, text = row
    return f"{about} {text}" if about in _SPOKEN else f"{about}: {text}"


_SINGLE = ("program", "version", "time", "run", "run_id", "steps", "direction", "title")


def _describe_inputs(facts: dict) -> list[tuple[str, str]]:
    entries = _entries(facts.get("inputs"), dict)
    verbs = {"changed": "face changed in", "face": "new face from"}
    rows = [(verbs.get(str(entry.get("role")), "made from"), _name_video(entry, "name")) for entry in entries[:MOST]]
    return [*rows, *_count_rest("made from", entries, "inputs")]


def _describe_training(learnt_from: object) -> list[tuple[str, str]]:
    """Names the videos that the networks were trained on."""
    sides = learnt_from if isinstance(learnt_from, dict) else {}
    named = [
        f"{person}: {_name_video(sides[side], 'video')}"
        for person, side in (("A", "src"), ("B", "dst"))
        if isinstance(sides.get(side), dict) and sides[side]
    ]
    rows = [("trained on", ", ".join(named))] if named else []
    before = sides.get("before")
    return [*rows, ("trained before on", to_printable(before))] if isinstance(before, str) and before else rows


def _describe_picture(options: dict) -> list[tuple[str, str]]:
    """Says whether the pictures have a visible label, whose filmed detail is in them, and what else they show."""
    label = {True: "on every picture", False: "NONE, it was switched off"}.get(_only(options.get("label"), bool))
    rows = [("visible label", label or "not stated")]
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
    without, statements = (_entries(facts.get(key), str) for key in ("no_consent_for", "consent"))
    rows = [("no consent is recorded for", to_printable(name)) for name in without[:MOST]]
    rows += _count_rest("no consent is recorded for", without, "videos or pictures")
    rows += [("consent", to_printable(statement)) for statement in statements[:MOST]]
    rows += _count_rest("consent", statements, "statements")
    return rows if statements else [*rows, ("consents stated", "none")]


def _name_video(entry: dict, key: str) -> str:
    """Gives a video's name and the beginning of its SHA-256."""
    digest = to_printable(entry.get("sha256", UNKNOWN))
    return f"{to_printable(entry.get(key, UNKNOWN))} (sha256 {digest[:16]}...)"


def _count_rest(about: str, entries: list, noun: str) -> list[tuple[str, str]]:
    return [(about, f"{len(entries) - MOST:,} more {noun}, not shown")] if len(entries) > MOST else []


def _entries(values: object, kind: type) -> list:
    return [value for value in values if isinstance(value, kind)] if isinstance(values, list) else []


def _only(value: object, kind: type) -> object:
    """The value if it is of a kind, else None; a truth value is no number."""
    return value if isinstance(value, kind) and isinstance(value, bool) == (kind is bool) else None
