"""Limits beyond which a swapped face is no plausible face of the wanted person."""

import numpy as np

from faceswap_lib.conversion.swap_check.measures import FaceMeasures
from faceswap_lib.faces.likeness import LEAST_LIKENESS, REGIONS

MOST_DRIFT = 0.16
"""Distance of a face's landmarks from the input's, in eye distances, from which it is another expression or no face."""

LOST_SCORE = 0.03
"""Fall of the detector's confidence, of 1, from which it sees no clear face any more: it is sure of blurred faces and
of eyes without pupils, and loses 0.01 to 0.17 where a face dissolves into colored pixels."""


def find_faults(measures: FaceMeasures) -> dict[str, np.ndarray]:
    """Finds which faces fail, (N,) bool each, by how that is said."""
    faults = {}
    if measures.likeness is not None:
        for region, column, least in zip(REGIONS, measures.likeness.T, LEAST_LIKENESS, strict=True):
            faults[f"{region} unlike any real picture of that person"] = column < least
    faults["landmarks far from the input's"] = np.nan_to_num(measures.drift) > MOST_DRIFT
    if measures.scores is not None:
        faults["the detector hardly finds a face"] = measures.scores[:, 1] < measures.scores[:, 0] - LOST_SCORE
    return faults


def rank_faults(measures: FaceMeasures) -> np.ndarray:
    """Measures how far each face is beyond the limits, (N,); the largest is the worst."""
    bad = np.nan_to_num(measures.drift) / MOST_DRIFT
    if measures.likeness is not None:
        short = 1 - np.nan_to_num(measures.likeness, nan=1.0) / np.array(LEAST_LIKENESS)
        bad = bad + short.max(axis=1)
    return bad
