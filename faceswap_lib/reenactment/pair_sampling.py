"""Pairs of crops of one person that a training draws."""

import numpy as np

from faceswap_lib.reenactment.crops import PeopleCrops, group_by_person


class PairSampler:
    """Sampler of pairs of crops of one person: a source, whose appearance is kept, and a target, whose shape is asked.

    People are drawn with equal probability, so a long video does not outweigh a short one.

    Args:
        people: The crops.
        rarity_exponent: How strongly rare shapes are preferred as targets; 0 for uniform sampling.
    """

    def __init__(self, people: PeopleCrops, rarity_exponent: float):
        self._crops, self._rarity, self._exponent = group_by_person(people), people.rarity, rarity_exponent

    def draw(self, count: int, seed: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Draws pairs; the result depends only on the crops and the arguments.

        Args:
            count: Number of pairs B.
            seed: Seeds of the random numbers.

        Returns:
            (B,) int64 indices of the sources, and of the targets.
        """
        random = np.random.default_rng(seed)
        sources, targets = np.empty(count, np.int64), np.empty(count, np.int64)
        for row, number in enumerate(random.integers(len(self._crops), size=count)):
            own = self._crops[number]
            shares = self._rarity[own] ** self._exponent
            sources[row] = random.choice(own)
            targets[row] = random.choice(own, p=shares / shares.sum())
        return sources, targets


def draw_pairs(
    people: PeopleCrops, count: int, *, rarity_exponent: float, seed: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Draws pairs of crops, each of one person; see `PairSampler`."""
    return PairSampler(people, rarity_exponent).draw(count, seed)
