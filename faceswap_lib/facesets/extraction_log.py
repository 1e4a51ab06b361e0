"""Log of an unfinished extraction: one line per processed face, so that an extraction can continue after a kill."""

import dataclasses
import json
import pathlib
import reprlib
import typing

from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.manifest import (
    ADVICE,
    MOST,
    CropRecord,
    build_record,
    check_distinct,
    check_number,
    parse_object,
    read_lines,
)
from faceswap_lib.facesets.text_files import MOST_IN_LINE, check_text_file

LOG = "unfinished.jsonl"

DROPPED = "dropped.jsonl"
"""Name of the file, next to the manifest, with the faces that were tracked but not kept, and the reasons."""

REASONS = ("tiny", "blurred")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DroppedFace:
    """Face that was tracked but not kept; one line of `dropped.jsonl`.

    Attributes:
        frame: Index of the frame in the video, from 0.
        track: Index of the track in `tracks.npz`.
        reason: "tiny" or "blurred".
        value: The face's size in pixels ("tiny") or its sharpness ("blurred").

    Raises:
        ValueError: If a value has a wrong type or is out of range.
    """

    frame: int
    track: int
    reason: typing.Literal["tiny", "blurred"]
    value: float

    def __post_init__(self):
        check_number("frame", self.frame, 0, MOST, whole=True)
        check_number("track", self.track, 0, MOST, whole=True)
        check_number("value", self.value, 0, MOST)
        if self.reason not in REASONS:
            raise ValueError(f"reason: expected {' or '.join(REASONS)}, got {reprlib.repr(self.reason)}")


Outcome = CropRecord | DroppedFace
KINDS = {"crop": CropRecord, "dropped": DroppedFace}


class ExtractionLog:
    """Log of the outcome for each processed face, written line by line.

    Args:
        folder: The folder of the faceset.

    Attributes:
        outcomes: The records of all processed faces, in the order of the log.

    Raises:
        WorkspaceError: If a complete line is not the record of a face, or two lines name the same crop.
    """

    def __init__(self, folder: pathlib.Path):
        self._path = folder / LOG
        self.outcomes: list[Outcome] = []
        whole = 0
        if self._path.is_file():
            for number, line in enumerate(self._read_lines(), 1):
                if not line.endswith(b"\n"):  # a kill cut it off
                    break
                self.outcomes.append(_parse_outcome(line, f"{self._path}:{number}"))
                whole += len(line)
            check_distinct(self.crops(), self._path)
            with self._path.open("r+b") as file:
                file.truncate(whole)

    def _read_lines(self) -> typing.Iterator[bytes]:
        """Yields the lines of the log one by one."""
        try:
            check_text_file(self._path)
            with self._path.open("rb") as file:
                for line in iter(lambda: file.readline(MOST_IN_LINE), b""):
                    if len(line) == MOST_IN_LINE:  # no kill causes this; the lines after it must not be cut off
                        raise WorkspaceError(f"{self._path}: a line has more than {MOST_IN_LINE:,} bytes; {ADVICE}")
                    yield line
        except OSError as error:
            raise WorkspaceError(f"{self._path}: expected lines of JSON ({error}); {ADVICE}") from error

    def crops(self) -> list[CropRecord]:
        """Returns the records of the kept faces."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, CropRecord)]

    def dropped(self) -> list[DroppedFace]:
        """Returns the records of the dropped faces."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, DroppedFace)]

    def done(self) -> set[tuple[int, int]]:
        """Returns frame and track index of all processed faces."""
        return {(outcome.frame, outcome.track) for outcome in self.outcomes}

    def add(self, outcome: Outcome) -> None:
        """Appends the outcome of one face. The files of the face must already be on disk."""
        kind = next(name for name, outcome_class in KINDS.items() if isinstance(outcome, outcome_class))
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps({kind: options_to_dict(outcome)}) + "\n")
        self.outcomes.append(outcome)

    def remove(self) -> None:
        """Removes the log of a finished extraction."""
        self._path.unlink(missing_ok=True)


def read_dropped(folder: pathlib.Path) -> list[DroppedFace]:
    """Reads the faces that a finished extraction dropped; empty if there is no file of them.

    Raises:
        WorkspaceError: If the file cannot be read, or a line is not the record of a face.
    """
    path = folder / DROPPED
    if not path.is_file():
        return []
    origins = ((f"{path}:{number}", line) for number, line in enumerate(read_lines(path), 1))
    return [build_record(DroppedFace, parse_object(line, origin), origin) for origin, line in origins]


def _parse_outcome(line: bytes, origin: str) -> Outcome:
    """Parses one line of the log."""
    values = parse_object(line, origin)
    kind = next(iter(values), None)
    if len(values) != 1 or kind not in KINDS or not isinstance(values[kind], dict):
        expected = " or ".join(KINDS)
        raise WorkspaceError(f"{origin} is not a record of a face (expected one {expected}); {ADVICE}")
    return build_record(KINDS[kind], values[kind], origin)
