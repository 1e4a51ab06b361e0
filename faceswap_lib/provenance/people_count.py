"""Counts the people in a video or image, and how many of them a conversion swapped.

Faces are tracked, not recognized: a person who comes back, or is shown again after a cut, gets another track. Therefore
the number of people in a video is a range: at least the number of faces in one frame, at most the number of tracks.
"""

import dataclasses
import typing

from faceswap_lib.faces import VideoTracks
from faceswap_lib.faces.selection import count_people as count_seen
from faceswap_lib.faces.selection import most_at_once

Range = tuple[int, int]
"""Minimum and maximum number of people."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PeopleCount:
    """Number of people in an input.

    Attributes:
        seen: Range for all people; None if only the swapped people were counted.
        swapped: Range for the people who got a new face.
    """

    seen: Range | None
    swapped: Range

    def to_text(self) -> str:
        """Formats the count in one line."""
        return describe_people(self.to_facts())

    def to_facts(self) -> dict[str, dict[str, int]]:
        """Converts the count to plain JSON without lists of numbers, which c2pa may read as bytes."""
        ranges = {"seen": self.seen, "swapped": self.swapped}
        return {key: {"at_least": each[0], "at_most": each[1]} for key, each in ranges.items() if each is not None}


def count_people(wanted: VideoTracks, everybody: VideoTracks | None) -> PeopleCount:
    """Counts the people of a video.

    Args:
        wanted: The tracks of the faces that are swapped.
        everybody: The tracks of all faces, or None if they are not known. Tracks of fewer than
            `faces.selection.SHORTEST` frames may be false detections and do not count unless they are swapped.
    """
    return relate_counts(wanted, None if everybody is None else count_seen(everybody))


def relate_counts(wanted: VideoTracks, seen: Range | None) -> PeopleCount:
    """Combines the range of people seen with the tracks that are swapped.

    Args:
        wanted: The tracks of the faces that are swapped.
        seen: The range for all people, or None if it is not known. It is raised to the range of swapped people if it
            is smaller.
    """
    swapped = most_at_once(wanted), len(wanted.tracks)
    if seen is None:
        return PeopleCount(seen=None, swapped=swapped)
    return PeopleCount(seen=(max(seen[0], swapped[0]), max(seen[1], swapped[1])), swapped=swapped)


def describe_people(facts: object) -> str:
    """Formats the result of `PeopleCount.to_facts` in one line; empty for any other value."""
    seen, swapped = (_read_range(facts.get(key) if isinstance(facts, dict) else None) for key in ("seen", "swapped"))
    if swapped is None:
        return ""
    if seen is None:
        return f"{_people(swapped)} swapped; how many others there are was not counted"
    again = " (whoever is shown again counts again)" if seen[0] != seen[1] or swapped[0] != swapped[1] else ""
    return f"{_people(seen)} seen, {_number(swapped)} swapped{again}"


def _read_range(value: object) -> Range | None:
    """Parses a range, two integers with 0 <= `at_least` <= `at_most`; returns None for any other value."""
    fewest, most = (value.get(key) if isinstance(value, dict) else None for key in ("at_least", "at_most"))
    return (fewest, most) if _is_whole(fewest) and _is_whole(most) and 0 <= fewest <= most else None


def _is_whole(value: object) -> typing.TypeGuard[int]:
    """Returns whether a value is an integer and not a Boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def _number(values: Range) -> str:
    """Formats a range."""
    return str(values[0]) if values[0] == values[1] else f"{values[0]} to {values[1]}"


def _people(values: Range) -> str:
    """Formats a range of people."""
    return f"{_number(values)} {'person' if values[1] == 1 else 'people'}"
