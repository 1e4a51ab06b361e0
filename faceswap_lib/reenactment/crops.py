"""Crops of several people, in memory or on disk: the protocol that trainings use, and divisions in time."""

import dataclasses
import typing

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.reenactment.shape_pictures import ShapeBatch

FEWEST = 2
"""Smallest number of crops of a person: a source and a target."""

AnyCrops = typing.TypeVar("AnyCrops", bound="PeopleCrops")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CropBatch:
    """B crops with their shapes.

    Attributes:
        images: (B, S, S, 3) uint8 RGB.
        shapes: The B shapes.
        heads: (B, S, S) uint8, 255 inside the head; None if they are not known.
    """

    images: np.ndarray
    shapes: ShapeBatch
    heads: np.ndarray | None = None


class PeopleCrops(typing.Protocol):
    """Protocol of the crops of several people, in memory or on disk.

    Attributes:
        names: Name of each person.
        person: (N,) int32, index of the person of each crop.
        frames: (N,) int64, position of each crop in the video or in the pictures of the person.
        rarity: (N,) float64, mean 1 for each person: distance of a shape from the other shapes of the person.
        tiers: (N,) int8, difficulty of each crop as an index of `difficulty.TIERS`; None if it is not known.
    """

    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def person(self) -> np.ndarray: ...  # noqa: D102
    @property
    def frames(self) -> np.ndarray: ...  # noqa: D102
    @property
    def rarity(self) -> np.ndarray: ...  # noqa: D102
    @property
    def tiers(self) -> np.ndarray | None: ...  # noqa: D102
    @property
    def size(self) -> int:
        """Side S of the crops in pixels."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: np.ndarray) -> CropBatch:
        """Returns some crops."""
        ...

    def select(self: AnyCrops, index: np.ndarray) -> AnyCrops:
        """Returns only some crops; the people stay the same."""
        ...

    def keep_people(self: AnyCrops, numbers: np.ndarray) -> AnyCrops:
        """Returns only some people, given by their increasing indices, with all of their crops."""
        ...


def hold_out(people: AnyCrops, share: float) -> tuple[AnyCrops, AnyCrops]:
    """Divides crops in time: the end of every person's video is held out.

    Args:
        people: The crops.
        share: Share of the crops of each person that are held out, 0 to below 1.

    Returns:
        The crops to train on, and the held-out crops; both have the same people.

    Raises:
        WorkspaceError: If a person would have fewer than two crops to train on.
    """
    is_held = np.zeros(len(people), bool)
    for name, own in zip(people.names, group_by_person(people), strict=True):
        is_held[_divide(own, share, name)[1]] = True
    return people.select(np.flatnonzero(~is_held)), people.select(np.flatnonzero(is_held))


def divide_person(people: PeopleCrops, number: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Divides the crops of one person in time, as `hold_out` does for all people.

    Args:
        people: The crops.
        number: Index of the person.
        share: Share of the crops at the end of the video, 0 to below 1.

    Returns:
        Indices of the crops of the beginning, and of those of the end.

    Raises:
        WorkspaceError: If the beginning would have fewer than two crops.
    """
    return _divide(np.flatnonzero(people.person == number), share, people.names[number])


def _divide(own: np.ndarray, share: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Divides the indices of the crops of one person; see `divide_person`."""
    kept = round(len(own) * (1 - share))
    if kept < FEWEST:
        raise WorkspaceError(
            f"{name}: {len(own)} crops are too few to hold out {share:g} of them; extract more frames, or hold out less"
        )
    return own[:kept], own[kept:]


def most_common(people: PeopleCrops, index: np.ndarray) -> int:
    """Returns which of some crops has the most common shape of its person; the best choice for a photo."""
    return int(index[np.argmin(people.rarity[index])])


def group_by_person(people: PeopleCrops) -> list[np.ndarray]:
    """Returns the indices of the crops of each person, in their order; one pass for any number of people."""
    order = np.argsort(people.person, kind="stable")
    return np.split(order, np.searchsorted(people.person[order], np.arange(1, len(people.names))))
