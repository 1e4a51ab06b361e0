"""`history.jsonl`: one JSON object per logged step, steps rising strictly, also across kills and rollbacks.

`rollbacks.jsonl` beside it has one line for every time the guard went back.
"""

import json
import os
import pathlib

from faceswap_lib.files import write_text


class HistoryWriter:
    """Appends to a history.

    Args:
        path: The file.
        keep: Bytes of it that belong to the checkpoint training goes on from; what lies behind is cut off.
    """

    def __init__(self, path: pathlib.Path, keep: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self._file = path.open("a", encoding="utf-8", newline="\n")
        self.cut(keep)

    def cut(self, keep: int) -> None:
        """Cuts off what lies behind the first `keep` bytes, and behind the last whole line of them."""
        self._file.flush()
        with open(self._file.name, "rb") as file:
            whole = file.read(keep)
        os.truncate(self._file.name, whole.rfind(b"\n") + 1)

    def write(self, step: int, terms: dict[str, float]) -> None:
        """Appends one line: the step, counted from 1, and the loss terms."""
        self._file.write(json.dumps({"step": step, **{name: round(value, 6) for name, value in terms.items()}}) + "\n")

    def flush(self) -> int:
        """Puts what was written on disk; gives the length of the file in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_history(path: pathlib.Path) -> list[dict[str, float]]:
    """Reads all lines of a history; an empty list when there is none yet."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def note_rollback(path: pathlib.Path, number: int, **facts: object) -> None:
    """Appends a line to `rollbacks.jsonl`; one that is there already under this number is replaced.

    Args:
        path: The file.
        number: Of this rollback in the run, from 1.
        facts: What there is to say about it.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[: number - 1] if path.exists() else []
    write_text(path, "".join(lines) + json.dumps(facts) + "\n")
