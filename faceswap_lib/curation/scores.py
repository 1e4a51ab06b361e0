"""Reads and writes `scores.jsonl`, the table beside a manifest: one line per crop, one value per column.

The table is separate from the manifest, which says what an extraction found and is compared when a training resumes.
The table can be deleted at any time; the next sort computes it again.
"""

import json
import math
import pathlib
import typing

import numpy as np

from faceswap_lib.atomic_io import write_text
from faceswap_lib.curation.columns import COLUMNS
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import text_files

SCORES = "scores.jsonl"

FILE_STATE = "file"
"""Key of the state of a crop's file when its pixels were measured; see `facesets.crop_files.CropFiles.state`."""


def read_scores(folder: pathlib.Path) -> dict[str, dict[str, float | str | None]]:
    """Reads the stored columns of a faceset.

    A line that is not valid is left out, because the table can be computed again.

    Args:
        folder: Folder of the faceset.

    Returns:
        By name of the crop, its stored values by column, and `FILE_STATE`. Empty if there is no table.

    Raises:
        WorkspaceError: If the file cannot be read, or is longer than `limits` allow.
    """
    path = folder / SCORES
    if not path.is_file():
        return {}
    table = {}
    for line in text_files.read_lines(path):
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(values, dict) and isinstance(values.get("crop"), str):
            table[values["crop"]] = {name: value for name, value in values.items() if _is_valid(name, value)}
    return table


def write_scores(
    folder: pathlib.Path,
    crops: typing.Sequence[str],
    columns: dict[str, np.ndarray],
    states: typing.Sequence[str] | None = None,
) -> None:
    """Writes the columns of a faceset; columns of earlier sorts and lines of excluded crops are kept.

    Args:
        folder: Folder of the faceset.
        crops: Names of the N crops.
        columns: By name, (N,) values; NaN is stored as null.
        states: States of the N crops' files, if their pixels were measured.

    Raises:
        ValueError: If a column is unknown.
    """
    if unknown := set(columns) - set(COLUMNS):
        raise ValueError(f"expected columns of {', '.join(COLUMNS)}, got {sorted(unknown)[0]}")
    try:
        table = read_scores(folder)
    except WorkspaceError:  # a table that cannot be read is replaced
        table = {}
    for index, crop in enumerate(crops):
        values: dict[str, float | str | None] = {name: _to_number(column[index]) for name, column in columns.items()}
        if states is not None:
            values[FILE_STATE] = states[index]
        table[crop] = table.get(crop, {}) | values
    lines = (json.dumps({"crop": crop} | values) + "\n" for crop, values in sorted(table.items()))
    write_text(folder / SCORES, "".join(lines))


def _is_valid(name: str, value: object) -> bool:
    """Checks that a stored value is a finite number or null, or the state of a file."""
    if name == FILE_STATE:
        return isinstance(value, str)
    if name not in COLUMNS:
        return False
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return is_number or value is None


def _to_number(value: float) -> float | None:
    """Rounds a value to six significant digits; None for NaN and infinity."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
