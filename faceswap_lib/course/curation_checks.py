"""Check of the exercise about facesets: it says "right", or what is off in one line, and does not raise."""

from collections.abc import Callable, Sequence

import numpy as np

from faceswap_lib.course.checks import RIGHT, match_answer, report_errors

_VECTORS = np.array(
    [[0, 0], [1, 0], [9, 0], [10, 1], [10, 0], [0, 7], [1, 7], [4, 2], [10, 8], [5, 5.5], [0, 2.5], [7, 3]], float
)
"""Places that look different to each typical wrong answer."""

_COUNT = 6


@report_errors
def check_selection(select: Callable[[np.ndarray, int], Sequence[int]]) -> str:
    """Checks farthest point sampling.

    Args:
        select: Called with (N, D) float64 vectors and a count; returns the indices of that many vectors. The first is
            0, each next one is the farthest from the nearest of those before.

    Returns:
        "right", or what is off.
    """
    found = np.asarray(select(_VECTORS.copy(), _COUNT)).astype(int)
    if found.shape != (_COUNT,):
        return f"expected {_COUNT} indices, got the shape {found.shape}"
    if found.min() < 0 or found.max() >= len(_VECTORS):
        return f"expected indices below {len(_VECTORS)}, got {found.tolist()}"
    if len(set(found.tolist())) < _COUNT:
        return f"an index is selected twice: {found.tolist()}; a selected crop has the distance 0 to itself"
    if found[0] != 0:
        return f"start with index 0, not with {found[0]}"
    from_the_first = np.argsort(-_distances([0])[:, 0], kind="stable")
    answers = {
        RIGHT: _greedy(lambda distances: distances.min(axis=1).argmax()),
        "these are the first ones: select by distance": np.arange(_COUNT),
        "these are the farthest from the first one: compare with all that are selected": np.append(0, from_the_first)[
            :_COUNT
        ],
        "these have the largest mean distance, and some are neighbors: use the distance to the nearest": _greedy(
            lambda distances: distances.mean(axis=1).argmax()
        ),
        "these are farthest from the one selected last: compare with all that are selected": _greedy(
            lambda distances: distances[:, -1].argmax()
        ),
        "take the minimum over the selected ones, then the maximum over the crops, not the maximum of all": _greedy(
            lambda distances: distances.max(axis=1).argmax()
        ),
        "these are the nearest: take the maximum over the crops": _greedy(
            lambda distances: distances.min(axis=1).argmin()
        ),
    }
    return match_answer(answers, found, "twelve points of a plane")


def _greedy(choose: Callable[[np.ndarray], int | np.intp]) -> np.ndarray:
    """Selects one vector after the other; `choose` gets the distances (N, selected), of those not yet selected."""
    chosen = [0]
    while len(chosen) < _COUNT:
        left = np.setdiff1d(np.arange(len(_VECTORS)), chosen)
        chosen.append(int(left[choose(_distances(chosen)[left])]))
    return np.array(chosen)


def _distances(chosen: list[int]) -> np.ndarray:
    return np.sqrt(((_VECTORS[:, None] - _VECTORS[chosen]) ** 2).sum(axis=-1))
