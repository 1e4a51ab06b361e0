"""`history.jsonl`: one JSON object per logged step, steps rising strictly, also across kills."""

import json
import os
import pathlib


class HistoryWriter:
    """Appends to a history.

    Args:
        path: The file.
        keep: Bytes of it that belong to the checkpoint training goes on from; what lies behind is cut off.
    """

    def __init__(self, path: pathlib.Path, keep: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, min(keep, path.stat().st_size))
        self._file = path.open("a", encoding="utf-8")

    def write(self, step: int, terms: dict[str, float]) -> None:
        """Appends one line: the step, counted from 1, and the loss terms."""
        self._file.write(json.dumps({"step": step, **{name: round(value, 6) for name, value in terms.items()}}) + "\n")

    def flush(self) -> int:
        """Puts what was written on disk; gives the length of the file in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_history(path: pathlib.Path) -> list[dict[str, float]]:
    """Reads all lines of a history; an empty list when there is none yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
