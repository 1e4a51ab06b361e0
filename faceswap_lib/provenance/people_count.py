"""How many people a video or picture shows, and how many of them a conversion swapped.

Faces are followed, not recognized: whoever comes back, or is shown again after a cut, gets another track. So the number
of a video is a range: at least as many people as are seen in one frame, at most as many as there are tracks.
"""

import dataclasses

from faceswap_lib.faces import VideoTracks
from faceswap_lib.faces.selection import count_people as count_seen
from faceswap_lib.faces.selection import most_at_once

Range = tuple[int, int]
"""Fewest and most people that it may be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PeopleCount:
    """How many people are in an input.

    Attributes:
        seen: Of everybody; None where only those that were swapped have been counted.
        swapped: Of those that got a new face.
    """

    seen: Range | None
    swapped: Range

    def to_text(self) -> str:
        """Says it in one line."""
        return describe_people(self.to_facts())

    def to_facts(self) -> dict[str, dict[str, int]]:
        """Gives plain JSON; no lists of numbers, which Content Credentials may take for bytes."""
        ranges = {"seen": self.seen, "swapped": self.swapped}
        return {key: {"at_least": each[0], "at_most": each[1]} for key, each in ranges.items() if each is not None}


def count_people(wanted: VideoTracks, everybody: VideoTracks | None) -> PeopleCount:
    """Counts the people of a video.

    Args:
        wanted: The tracks of the faces that are swapped.
        everybody: The tracks of all faces, or None where they are not known. Tracks of fewer than
            `faces.selection.SHORTEST` frames may be mistakes of the detector and do not count unless they are swapped.
    """
    return relate_counts(wanted, None if everybody is None else count_seen(everybody))


def relate_counts(wanted: VideoTracks, seen: Range | None) -> PeopleCount:
    """Relates the number of people that were seen, if it is known, to the tracks that are swapped."""
    swapped = most_at_once(wanted), len(wanted.tracks)
    if seen is None:
        return PeopleCount(seen=None, swapped=swapped)
    return PeopleCount(seen=(max(seen[0], swapped[0]), max(seen[1], swapped[1])), swapped=swapped)


def describe_people(facts: object) -> str:
    """Says in one line what `PeopleCount.to_facts` gave; empty for anything else."""
    seen, swapped = (_read_range(facts.get(key) if isinstance(facts, dict) else None) for key in ("seen", "swapped"))
    if swapped is None:
        return ""
    if seen is None:
        return f"{_people(swapped)} swapped; how many others there are was not counted"
    again = " (whoever is shown again counts again)" if seen[0] != seen[1] or swapped[0] != swapped[1] else ""
    return f"{_people(seen)} seen, {_number(swapped)} swapped{again}"


def _read_range(value: object) -> Range | None:
    """Checks what a file states: two whole numbers, the second not smaller."""
    fewest, most = (value.get(key) if isinstance(value, dict) else None for key in ("at_least", "at_most"))
    is_whole = all(isinstance(number, int) and not isinstance(number, bool) for number in (fewest, most))
    return (fewest, most) if is_whole and 0 <= fewest <= most else None


def _number(values: Range) -> str:
    return str(values[0]) if values[0] == values[1] else f"{values[0]} to {values[1]}"


def _people(values: Range) -> str:
    return f"{_number(values)} {'person' if values[1] == 1 else 'people'}"
