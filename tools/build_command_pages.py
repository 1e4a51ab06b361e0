"""Writes docs/commands.md and one page per command in docs/commands/, from the classes of the command line.

Usage: python -m tools.build_command_pages [--check]

What a command does and its options are read from its class. The examples, what it writes and what its exit codes mean
are in `tools/command_notes.py`.
"""

import argparse
import dataclasses
import pathlib
import re
import sys
import types
import typing

import tyro

from faceswap_lib.cli import VERBS, name_of
from faceswap_lib.config_fields import Doc
from tools.build_option_tables import SECTIONS, mark_up
from tools.command_notes import GROUPS, NOTES, TITLES

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
MADE = "*Made by `python -m tools.build_command_pages` from the code; tests check that it is up to date.*\n"
GROUP_TITLES = {options: title for title, options, _ in SECTIONS}
"""Title of the section of docs/options.md in which an options class is listed."""

ALWAYS: dict[int | str, str] = {
    0: "success",
    1: "the work failed; one line says why",
    2: "wrong use or unusable input; one line says what to do",
    "128 + n": "stopped by signal n, for example 130 after Ctrl-C; what is finished stays",
}
"""What the exit codes mean, unless a command says something else."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table of options.

    Attributes:
        name: Name of the field.
        metavar: What the help text shows for the value, if it says something special.
        positional: Whether it is given by its position, without a name.
        is_flag: Whether it is switched on and off.
        values: Possible values, as text.
        default: Default as it would be typed; "" for none.
        text: What it does.
    """

    name: str
    metavar: str
    positional: bool
    is_flag: bool
    values: str
    default: str
    text: str


def read_rows(options: type, given: object = None) -> list[Row]:
    """Reads the documented fields of a class, in order; groups of options are left out.

    Args:
        options: The class.
        given: The instance that a command has as its default; None for the defaults of the class.
    """
    hints, rows = typing.get_type_hints(options, include_extras=True), []
    marker = typing.get_args(tyro.conf.Positional[int])[1]
    for field in dataclasses.fields(options):
        if dataclasses.is_dataclass(field.default):
            continue
        kind, *notes = typing.get_args(hints[field.name])
        rows.append(
            Row(
                name=field.name,
                metavar=next((str(note.metavar) for note in notes if getattr(note, "metavar", None)), ""),
                positional=marker in notes,
                is_flag=kind is bool,
                values=format_values(kind),
                default=format_default(field.default if given is None else getattr(given, field.name)),
                text=next(note.documentation for note in notes if isinstance(note, Doc)),
            )
        )
    return rows


def format_values(kind: typing.Any) -> str:
    """Formats what an option accepts: choices, or the kind of value."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return format_values(inner[0])
    if origin is typing.Literal:
        return " / ".join(map(str, inner))
    if origin in (typing.Union, types.UnionType):
        return " / ".join(format_values(each) for each in inner if each is not type(None))
    if origin is tuple:
        one = format_values(inner[0])
        return (
            f"any of {one}" if " / " in one else f"one or more: {one}" if inner[-1] is ... else f"{len(inner)} x {one}"
        )
    return {bool: "", int: "whole number", float: "number", str: "text", pathlib.Path: "path"}[kind]


def format_default(default: object) -> str:
    """Formats a default as it would be typed."""
    if default is dataclasses.MISSING:
        return "**required**"
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return "" if default is None else str(default)


def build_page(verb: type) -> str:
    """Builds the page of a command."""
    name, rows = name_of(verb), read_rows(verb)
    note, arguments = NOTES[name], [row for row in rows if row.positional]
    blocks = [f"# {_title(name)}\n", f"{mark_up(' '.join((verb.__doc__ or '').split()))}\n", "## Example\n"]
    blocks += [f"{_indent(note.example)}\n", f"{note.about}\n"]
    if arguments:
        lines = ["| argument | what it is |", "|---|---|"]
        lines += [f"| `{row.metavar or row.name.upper()}` | {mark_up(row.text, '../')} |" for row in arguments]
        blocks += ["## Arguments\n", "\n".join(lines) + "\n"]
    own = [row for row in rows if not row.positional]
    groups = [field.default for field in dataclasses.fields(verb) if dataclasses.is_dataclass(field.default)]
    if own or groups:
        blocks += ["## Options\n", *([_table(own)] if own else [])]
    for group in groups:
        title = GROUP_TITLES[type(group)]
        link = f"../options.md#{title.lower().replace(' ', '-')}"
        table = _table(read_rows(type(group), group))
        blocks += [f"### {title}\n", f"Also in [the table of all options]({link}).\n", table]
    blocks += ["## What it writes\n", "\n".join(f"- {line}" for line in note.writes) + "\n"]
    blocks += ["## Exit codes\n", _codes({**ALWAYS, **note.exit_codes}), "## More\n", f"{note.more}\n", MADE]
    return "\n".join(blocks)


def build_index() -> str:
    """Builds the page that lists all commands."""
    verbs = {name_of(verb): verb for verb in VERBS}
    blocks = [
        "# Commands\n",
        "Every command is a word after `faceswap`, and has a page here. In the terminal, `--help` lists them, "
        "and after a command it shows its options. [Options](options.md) has one table of all options that "
        "several commands share.\n",
        "`W` is the workspace, the folder of a project. `A.mp4` is the video to change, `B.mp4` the video of the "
        "person whose face it gets. Most commands can be stopped at any time: the same command continues.\n",
    ]
    for title, names in GROUPS.items():
        rows = ["| command | what it does |", "|---|---|"]
        for name in names:
            first = _first_sentence(" ".join((verbs[name].__doc__ or "").split()))
            rows.append(f"| [{_title(name).removeprefix('faceswap ')}](commands/{name}.md) | {mark_up(first)} |")
        blocks += [f"## {title}\n", "\n".join(rows) + "\n"]
    blocks += [
        "## Exit codes\n",
        _codes(ALWAYS),
        "Some commands say more with code 1; their pages say what. Messages go to standard error, results to standard "
        "output.\n",
        MADE,
    ]
    return "\n".join(blocks)


def build_all() -> dict[pathlib.Path, str]:
    """Builds all pages, by their paths."""
    pages = {DOCS / "commands" / f"{name_of(verb)}.md": build_page(verb) for verb in VERBS}
    return {DOCS / "commands.md": build_index(), **pages}


def main() -> int:
    """Writes the pages, or with --check reports whether they are up to date; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a page is stale")
    check, pages = parser.parse_args().check, build_all()
    existing = {path for path in (DOCS / "commands").glob("*.md")} | {DOCS / "commands.md"}
    stale = sorted(existing - set(pages))
    stale += [path for path, text in pages.items() if not path.is_file() or path.read_text("utf-8") != text]
    if not check:
        (DOCS / "commands").mkdir(exist_ok=True)
        for path in existing - set(pages):
            path.unlink()
        for path, text in pages.items():
            path.write_text(text, encoding="utf-8")
        return 0
    for path in stale:
        print(f"{path} is stale; run python -m tools.build_command_pages", file=sys.stderr)
    return 1 if stale else 0


def _title(name: str) -> str:
    """Returns how a command is typed: some subcommands stand for an option of another."""
    return f"faceswap {TITLES.get(name, name)}"


def _table(rows: list[Row]) -> str:
    """Formats options as a table, the required ones first."""
    lines = ["| option | values | default | what it does |", "|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: row.default != "**required**"):
        option = f"--{row.name.replace('_', '-')}"
        names = f"`{option}`, `--no-{option[2:]}`" if row.is_flag else f"`{option}`"
        lines.append(f"| {names} | {row.values} | {row.default} | {mark_up(row.text, '../')} |")
    return "\n".join(lines) + "\n"


def _codes(codes: dict[int | str, str]) -> str:
    """Formats exit codes as a table."""
    return "\n".join(["| exit code | meaning |", "|---|---|", *(f"| {c} | {t} |" for c, t in codes.items())]) + "\n"


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())


def _first_sentence(text: str) -> str:
    """Returns the first sentence of a docstring, without its full stop."""
    return re.split(r"(?<=[a-z)])\. ", text)[0].rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
