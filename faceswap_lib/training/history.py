"""The training history `history.jsonl`: one JSON object per logged step.

Step numbers are strictly increasing, even after kills and rollbacks. `rollbacks.jsonl` in the same folder has one line
per rollback.
"""

import json
import logging
import math
import os
import pathlib

from faceswap_lib.atomic_io import write_text
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.limits import TEXT_BYTES
from faceswap_lib.upgrades import upgrade_term

logger = logging.getLogger(__name__)

MOST_IN_LINE = 100_000
"""Largest accepted length of a line in bytes; a normal line has a few hundred."""

BLOCK = 1 << 20
"""Number of bytes that are searched at a time for the end of a line."""


class HistoryWriter:
    """Writer that appends to a history.

    Args:
        path: The file.
        keep: Length in bytes of the part that belongs to the checkpoint from which training resumes; the rest is
            removed.
    """

    def __init__(self, path: pathlib.Path, keep: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._file = path.open("a", encoding="utf-8", newline="\n")
        self.cut(keep)

    def cut(self, keep: int) -> None:
        """Truncates the file to the complete lines within its first `keep` bytes."""
        self._file.flush()
        with open(self._file.name, "r+b") as file:
            end = min(keep, os.fstat(file.fileno()).st_size)
            while end > 0:  # search backwards for the last line feed
                begin = max(0, end - BLOCK)
                file.seek(begin)
                found = file.read(end - begin).rfind(b"\n")
                if found >= 0:
                    end = begin + found + 1
                    break
                end = begin
            file.truncate(end)

    def write(self, step: int, terms: dict[str, float]) -> None:
        """Appends one line with the step, counted from 1, and the loss terms; it is visible to readers immediately."""
        self._file.write(json.dumps({"step": step, **{name: round(value, 6) for name, value in terms.items()}}) + "\n")
        self._file.flush()

    def flush(self) -> int:
        """Writes all lines to disk; returns the length of the file in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_history(path: pathlib.Path) -> list[dict[str, float]]:
    """Reads a history, also while it is being written.

    Damaged lines, and lines whose step is not later than the one before, are skipped with a warning that counts them.
    An incomplete last line is ignored.

    Args:
        path: The file.

    Returns:
        One entry per line with `step` and the named terms, in strictly increasing order of steps; empty if the file
        does not exist yet.

    Raises:
        WorkspaceError: If the file is larger than `limits.TEXT_BYTES`.
    """
    if not path.is_file():
        return []
    TEXT_BYTES.check(path.stat().st_size, path, WorkspaceError)
    entries, last, count = [], -1, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            count += 1
            entry = _parse_line(line) if 1 < len(line) <= MOST_IN_LINE else None
            if entry is not None and entry["step"] > last:
                entries.append(entry)
                last = entry["step"]
    if len(entries) < count:
        logger.warning("%s: %d of %d lines are damaged and were skipped", path, count - len(entries), count)
    return entries


def _parse_line(line: bytes) -> dict[str, float] | None:
    """Parses a line; returns None unless it contains a step and only finite numbers."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("step"), int):
        return None
    if not all(_is_finite(value) for value in entry.values()):
        return None
    return {upgrade_term(name): value for name, value in entry.items()}


def _is_finite(value: object) -> bool:
    """Checks whether a value is a finite number that fits into a float."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def note_rollback(path: pathlib.Path, number: int, **facts: object) -> None:
    """Appends a line to `rollbacks.jsonl`; removes existing lines with this or a higher number first.

    Args:
        path: The file.
        number: Number of this rollback in the run, counted from 1.
        **facts: Values to store, by name.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[: number - 1] if path.exists() else []
    write_text(path, "".join(f"{line}\n" for line in lines if line) + json.dumps(facts) + "\n")
