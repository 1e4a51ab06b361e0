"""Limits beyond which a swapped face is not a plausible face of the wanted person."""

import numpy as np

from faceswap_lib.conversion.swap_check.measures import FaceMeasures
from faceswap_lib.faces.likeness import LEAST_LIKENESS, REGIONS

MOST_DRIFT = 0.16
"""Distance of a face's landmarks from those of the input, in eye distances, above which the face has failed: it has
another expression, or is not a face."""

LOST_SCORE = 0.03
"""Decrease of the detector's score (0 to 1) above which the face has failed. The score stays high for blurred faces and
for eyes without pupils; it decreases by 0.01 to 0.17 if a face dissolves into colored pixels."""


def find_faults(measures: FaceMeasures) -> dict[str, np.ndarray]:
    """Determines which faces fail: returns (N,) bool for each fault, by the description of the fault."""
    faults = {}
    if measures.likeness is not None:
        for region, column, least in zip(REGIONS, measures.likeness.T, LEAST_LIKENESS, strict=True):
            faults[f"{region} unlike any real picture of that person"] = column < least
    faults["landmarks far from the input's"] = np.nan_to_num(measures.drift) > MOST_DRIFT
    if measures.scores is not None:
        faults["the detector hardly finds a face"] = measures.scores[:, 1] < measures.scores[:, 0] - LOST_SCORE
    return faults


def rank_faults(measures: FaceMeasures) -> np.ndarray:
    """Scores how bad each face is relative to the limits, (N,); the largest score is the worst face."""
    badness = np.nan_to_num(measures.drift) / MOST_DRIFT
    if measures.likeness is not None:
        missing = 1 - np.nan_to_num(measures.likeness, nan=1.0) / np.array(LEAST_LIKENESS)
        badness = badness + missing.max(axis=1)
    return badness
