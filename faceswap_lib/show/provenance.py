"""What a file says about itself, as a table."""

import html
import pathlib
import typing

from faceswap_lib.conversion.credentials import has_c2pa, read_manifest
from faceswap_lib.conversion.provenance import verify
from faceswap_lib.show.notebook import ipython_display

_SHORT = 16  # digits of a hash that are shown


def credentials(path: pathlib.Path | str) -> typing.Any:
    """Shows the verdict on a file and everything its Content Credentials, or its sidecar, state.

    Args:
        path: A video or picture, or a folder with a sidecar.

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
    rows += _manifest_rows(manifest) if manifest else _input_rows(verdict.facts)
    rows += _fact_rows(verdict.facts)
    where = "inside the file" if manifest else "in a sidecar beside it" if verdict.facts else "nowhere"
    rows.append(("where it stands", where))
    cells = "".join(
        f'<tr><th style="text-align:left;white-space:nowrap">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(value)}</td></tr>'
        for name, value in rows
    )
    return display.HTML(f"<table><caption>{html.escape(path.name)}</caption>{cells}</table>")


def _manifest_rows(manifest: dict) -> list[tuple[str, str]]:
    """What C2PA itself knows: who signed, what was done, to what."""
    rows = []
    for made_by in manifest.get("claim_generator_info") or []:
        rows.append(("claim generator", f"{made_by.get('name', '')} {made_by.get('version', '')}".strip()))
    signed = manifest.get("signature_info") or {}
    if signed:
        rows.append(("signed by", f"{signed.get('common_name', '?')}, {signed.get('issuer', '?')}"))
        rows.append(("signature", str(signed.get("alg", "?"))))
    for assertion in manifest.get("assertions") or []:
        label, data = str(assertion.get("label", "")), assertion.get("data") or {}
        if label.startswith("c2pa.actions"):
            rows += [("action", _say_action(action)) for action in data.get("actions") or []]
        elif label.startswith("c2pa.hash") and "hash" in data:
            rows.append(("hash of pictures and sound", f"{data.get('alg', '')} {data['hash']}".strip()))
    for ingredient in manifest.get("ingredients") or []:
        role = {"parentOf": "made from", "inputTo": "used for it"}.get(ingredient.get("relationship"), "ingredient")
        rows.append((role, f"{ingredient.get('title', '?')}, {_shorten(str(ingredient.get('description', '')))}"))
    return rows


def _input_rows(facts: dict) -> list[tuple[str, str]]:
    return [
        ("made from", f"{entry.get('name')}, {_shorten('sha256 ' + str(entry.get('sha256')))}")
        for entry in facts.get("inputs") or []
    ]


def _fact_rows(facts: dict) -> list[tuple[str, str]]:
    """What this program states besides."""
    if not facts:
        return []
    rows = [
        ("run", f"{facts.get('run')}, {facts.get('steps')} steps, direction {facts.get('direction')}"),
        ("written", f"{facts.get('time')} by its own clock"),
    ]
    rows += [("consent", str(statement)) for statement in facts.get("consent") or []] or [("consent", "none stated")]
    options = facts.get("options") or {}
    chosen = (f"{name} {value}" for name, value in options.items() if name not in ("learnt_from", "direction"))
    return [*rows, ("options", ", ".join(chosen))]


def _say_action(action: dict) -> str:
    source = str(action.get("digitalSourceType", "")).rpartition("/")[2]
    parts = (str(action.get("action", "?")), str(action.get("description", "")), source and f"source type: {source}")
    return "; ".join(part for part in parts if part)


def _shorten(text: str) -> str:
    return " ".join(f"{word[:_SHORT]}..." if len(word) == 64 else word for word in text.split())
