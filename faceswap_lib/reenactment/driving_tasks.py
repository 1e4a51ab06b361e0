"""Tasks of self-reenactment: one photo of a person, driven by frames of the person's own video.

The driving frames show what the photo should become, so every frame is the right answer for its own shape.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.reenactment.crops import FEWEST, PeopleCrops, divide_person, most_common

DRIVEN = 0.2
"""Share of a video that drives its photo if the training held nothing out."""

Source = typing.Literal["held out", "trained on", "never seen", "perhaps trained on"]
"""What a run knows of the driving frames of a person: nothing; the frames themselves; not even the person; or it is
unknown, because the run learned from the same video or faceset with other crops, or began with a run that did."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DrivingTask:
    """A photo of one person, and the frames that drive it.

    Attributes:
        person: Name of the person.
        photo: Index of the photo in the crops.
        driver: Indices of the driving frames in the crops, in the order of the video.
    """

    person: str
    photo: int
    driver: np.ndarray


def list_tasks(people: PeopleCrops, share: float, *, most: int = 0) -> tuple[DrivingTask, ...]:
    """Lists one task per person: the most common crop of the beginning is driven by the end of the video.

    Args:
        people: The crops, not divided.
        share: Share of the crops of each person at the end of the video, above 0 to below 1; the same division as
            `crops.hold_out`.
        most: Largest number of driving frames per person, the last ones; 0 for no limit.

    Raises:
        WorkspaceError: If a person has too few crops for a photo and two driving frames.
    """
    tasks = []
    for number, name in enumerate(people.names):
        beginning, end = divide_person(people, number, share)
        if len(end) < FEWEST:
            raise WorkspaceError(
                f"{name}: expected at least {FEWEST} crops in the last {share:g} of the video, got {len(end)} of "
                f"{len(beginning) + len(end)}; extract more frames"
            )
        driver = end[-most:] if most else end
        tasks.append(DrivingTask(person=name, photo=most_common(people, beginning), driver=driver))
    return tuple(tasks)
