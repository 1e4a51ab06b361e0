"""The log of an unfinished extraction: one line per face that was dealt with, so that a killed one goes on."""

import dataclasses
import json
import pathlib
import typing

from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.options import options_from_dict, options_to_dict

LOG = "unfinished.jsonl"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DroppedFace:
    """A face that was followed but not kept; one line of `dropped.jsonl`.

    Attributes:
        frame: Index of the frame in the video, from 0.
        track: Index of the track in `tracks.npz`.
        reason: "tiny" or "blurred".
        value: Its size in pixels or its sharpness.
    """

    frame: int
    track: int
    reason: typing.Literal["tiny", "blurred"]
    value: float


Outcome = CropRecord | DroppedFace
KINDS = {"crop": CropRecord, "dropped": DroppedFace}


class ExtractionLog:
    """Says what became of each face; written line by line.

    Args:
        folder: The faceset.
    """

    def __init__(self, folder: pathlib.Path):
        self._path = folder / LOG
        self.outcomes: list[Outcome] = []
        whole = 0
        if self._path.is_file():
            for line in self._path.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n"):  # a kill cut it off
                    break
                ((kind, values),) = json.loads(line).items()
                self.outcomes.append(options_from_dict(KINDS[kind], values, origin=str(self._path)))
                whole += len(line)
            with self._path.open("r+b") as file:
                file.truncate(whole)

    def crops(self) -> list[CropRecord]:
        """The faces kept."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, CropRecord)]

    def dropped(self) -> list[DroppedFace]:
        """The faces left out."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, DroppedFace)]

    def done(self) -> set[tuple[int, int]]:
        """Frame and track of the faces dealt with."""
        return {(outcome.frame, outcome.track) for outcome in self.outcomes}

    def add(self, outcome: Outcome) -> None:
        """Notes one more face; what was written for it must be on disk."""
        kind = next(name for name, outcome_class in KINDS.items() if isinstance(outcome, outcome_class))
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps({kind: options_to_dict(outcome)}) + "\n")
        self.outcomes.append(outcome)

    def remove(self) -> None:
        """Removes the log of a finished extraction."""
        self._path.unlink(missing_ok=True)
