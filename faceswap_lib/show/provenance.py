"""Provenance of a file as a table."""

import html
import pathlib
import typing

from faceswap_lib.provenance.c2pa_manifest import has_c2pa, read_manifest
from faceswap_lib.provenance.provenance import verify
from faceswap_lib.provenance.statement import LONGEST, describe_facts, to_plain, to_printable
from faceswap_lib.show.notebook import ipython_display

_SHORT = 16  # number of digits of a hash that are shown
_OWN_ROWS = ("learnt_from", "direction", "label", "layout", "show", "start", "end")  # options with their own row


def show_credentials(path: pathlib.Path | str) -> typing.Any:
    """Shows the verdict on a file and all statements in its Content Credentials or its sidecar.

    Args:
        path: A video or image, or a folder with a sidecar.

    Returns:
        A table that a notebook shows.

    Raises:
        ImportError: If IPython is missing.
        InputError: If there is no such file.
    """
    display = ipython_display()
    path = pathlib.Path(path)
    verdict = verify(path)
    manifest = read_manifest(path) if path.is_file() and has_c2pa() else None
    rows = [("verdict", verdict.summary[0])]
    rows += _manifest_rows(manifest) if manifest else []
    rows += describe_facts(verdict.facts, path.name)
    rows += _option_rows(verdict.facts)
    where = "inside the file" if manifest else "in a sidecar beside it" if verdict.facts else "nowhere"
    rows.append(("where it is stored", where))
    cells = "".join(
        f'<tr><th style="text-align:left;white-space:nowrap">{_escape(name)}</th>'
        f'<td style="text-align:left">{_escape(value)}</td></tr>'
        for name, value in rows
    )
    return display.HTML(f"<table><caption>{_escape(str(to_plain(path.name)))}</caption>{cells}</table>")


def _escape(text: str) -> str:
    """Converts text to one line for a page, without markup, control characters and direction overrides."""
    return html.escape(to_printable(text, longest=10 * LONGEST))


def _manifest_rows(manifest: dict) -> list[tuple[str, str]]:
    """Builds the rows of the C2PA manifest: signer, actions, hashes and ingredients."""
    rows = []
    for made_by in _dicts(manifest.get("claim_generator_info")):
        rows.append(("claim generator", f"{made_by.get('name', '')} {made_by.get('version', '')}".strip()))
    signed = manifest.get("signature_info") or {}
    if signed:
        rows.append(("signed by", f"{signed.get('common_name', '?')}, {signed.get('issuer', '?')}"))
        rows.append(("signature", str(signed.get("alg", "?"))))
    for assertion in _dicts(manifest.get("assertions")):
        label, data = str(assertion.get("label", "")), assertion.get("data")
        data = data if isinstance(data, dict) else {}
        if label.startswith("c2pa.actions"):
            rows += [("action", _format_action(action)) for action in _dicts(data.get("actions"))]
        elif label.startswith("c2pa.hash") and "hash" in data:
            rows.append(("hash of pictures and sound", f"{data.get('alg', '')} {data['hash']}".strip()))
    for ingredient in _dicts(manifest.get("ingredients")):
        role = {"parentOf": "made from", "inputTo": "used for it"}.get(
            str(ingredient.get("relationship")), "ingredient"
        )
        rows.append((role, f"{ingredient.get('title', '?')}, {_shorten(str(ingredient.get('description', '')))}"))
    return rows


def _option_rows(facts: dict) -> list[tuple[str, str]]:
    """Builds one row with those options of the swap that have no row of their own; returns no row without options."""
    options = facts.get("options")
    if not isinstance(options, dict):
        return []
    return [
        (
            "options",
            ", ".join(f"{key} {_format_value(value)}" for key, value in options.items() if key not in _OWN_ROWS),
        )
    ]


def _format_value(value: object) -> str:
    """Formats a value or a list of values for a page."""
    if isinstance(value, list):
        return f"[{', '.join(map(to_printable, value))}]"
    return "None" if value is None else to_printable(value)


def _dicts(values: object) -> list[dict]:
    """Returns the dicts in a list; empty if the value is not a list."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _format_action(action: dict) -> str:
    """Formats a C2PA action as one line."""
    source = str(action.get("digitalSourceType", "")).rpartition("/")[2]
    parts = (str(action.get("action", "?")), str(action.get("description", "")), source and f"source type: {source}")
    return "; ".join(part for part in parts if part)


def _shorten(text: str) -> str:
    """Shortens the SHA-256 hashes in a text."""
    return " ".join(f"{word[:_SHORT]}..." if len(word) == 64 else word for word in text.split())
