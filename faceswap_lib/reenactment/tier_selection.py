"""Selection of the crops that a training uses by their difficulty."""

import logging

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.reenactment.crops import FEWEST, AnyCrops, PeopleCrops
from faceswap_lib.reenactment.difficulty import TIERS, Difficulty, split_difficulty

logger = logging.getLogger(__name__)


def select_tiers(people: AnyCrops, difficulty: Difficulty) -> AnyCrops:
    """Selects the crops of some tiers; the log says how many crops each tier has.

    People with fewer than two of these crops are left out.

    Args:
        people: The crops.
        difficulty: The tiers.

    Raises:
        WorkspaceError: If the tiers of the crops are not known, or nobody is left.
    """
    counts = count_tiers(people)
    logger.info(
        "crops by difficulty: %s; trained on: %s",
        ", ".join(f"{counts[tier]} {tier}" for tier in TIERS),
        difficulty,
    )
    if difficulty == "all":
        return people
    if people.tiers is None:
        raise WorkspaceError(f"difficulty {difficulty}: the tiers of these crops are not known; choose all")
    wanted = [TIERS.index(tier) for tier in split_difficulty(difficulty)]
    chosen = people.select(np.flatnonzero(np.isin(people.tiers, wanted)))
    crops = np.bincount(chosen.person, minlength=len(people.names))
    kept = np.flatnonzero(crops >= FEWEST)
    if not len(kept):
        raise WorkspaceError(
            f"difficulty {difficulty}: nobody has {FEWEST} such crops, of {len(people)} crops of {len(people.names)} "
            "people; choose another difficulty"
        )
    if left := len(people.names) - len(kept):
        logger.warning("%d of %d people are left out: they have too few such crops", left, len(people.names))
    return chosen.keep_people(kept)


def count_tiers(people: PeopleCrops) -> dict[str, int]:
    """Counts the crops of each tier; crops whose tier is not known count as easy."""
    tiers = np.zeros(len(people), np.int8) if people.tiers is None else people.tiers
    counts = np.bincount(tiers, minlength=len(TIERS)).tolist()
    return dict(zip(TIERS, counts, strict=True))
