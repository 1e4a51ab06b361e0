"""Score and verdict of a swap: one number for its quality, and one sentence that says whether it is a swap.

Every part of the score is between 0 and 1. It is normalized by values of the two input videos, so a number means the
same for any pair of videos. The score is 100 times the square root of the product of the parts, so a good part cannot
compensate for a failed one. For example, noise is far from the original person, but it is no nearer to the wanted
person, and the detector finds no face in it. A still image of the wanted person has the right identity, but it does not
move with the original.
"""

import dataclasses
import math
import typing

from faceswap_lib.evaluation.verdict import describe_verdict

WORST_LANDMARK_ERROR = 0.20
"""Landmark error, in inter-ocular distances, at which the part for pose and expression is 0."""

CLEAN_BACKGROUND, SPOILT_BACKGROUND = 36.0, 16.0
"""PSNR of the background in dB at which the part for the background is 1 and 0: the PSNR after a good video codec, and
that of a clearly different image."""

NO_LIKENESS = 0.3
"""Likeness of a region at which its contribution is 0; other people's faces have 0.1 to 0.6."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """Summary of a report.

    Attributes:
        score: 0 to 100; None if identity was measured neither by a recognition network nor by likeness.
        parts: The parts of the score by name, each 0 to 1.
        verdict: One sentence.
    """

    score: float | None
    parts: dict[str, float]
    verdict: str


def summarize(
    values: typing.Mapping[str, float | None], worst_frames: typing.Mapping[str, int] | None = None
) -> Summary:
    """Computes the score, its parts and the verdict of a swap.

    Args:
        values: Metrics by name, as in `METRICS`; None where one could not be measured.
        worst_frames: Index of the worst frame by metric, for the verdict.

    Returns:
        The summary. Each part uses the first of its formulas for which all metrics were measured.

    Taught in notebooks/07_evaluation.
    """
    parts: dict[str, float] = {}
    for name, needed, measure in _PARTS:
        numbers = [values.get(metric) for metric in needed]
        if name not in parts and all(number is not None for number in numbers):
            parts[name] = float(min(1.0, max(0.0, measure(*numbers))))
    score = 100 * math.sqrt(math.prod(parts.values())) if "identity" in parts else None
    return Summary(score=score, parts=parts, verdict=describe_verdict(values, parts, worst_frames))


def _identity(identity_distance: float, before: float, within: float) -> float:
    """Computes the fraction of the distance from the original to the wanted person that the swap covers.

    1 means as near to the wanted person's average as that person's own faces.
    """
    return (before - identity_distance) / max(before - within, 1e-6)


def _identity_by_likeness(margin: float, before: float, within: float) -> float:
    """Computes the same fraction from the likeness margin, where no recognition network is available."""
    return (margin - before) / max(within - before, 1e-6)


def _likeness(*regions: float) -> float:
    """Computes the geometric mean of the scaled likenesses of eyes, mouth and skin, so one bad region lowers it."""
    scaled = [min(1.0, max(0.0, (region - NO_LIKENESS) / (1 - NO_LIKENESS))) for region in regions]
    return math.prod(scaled) ** (1 / len(scaled))


def _expression(landmark_error: float, agreement: float) -> float:
    """Combines the landmark error with the agreement of motion over time."""
    return (1 - landmark_error / WORST_LANDMARK_ERROR) * max(0.0, agreement)


def _face(found: float, face_score: float) -> float:
    """Combines the detection rate in percent with the relative detection score."""
    return found / 100 * min(1.0, face_score)


def _steadiness(jitter: float, flicker: float) -> float:
    """Computes 1 / sqrt(jitter * flicker), where a ratio below 1 counts as 1."""
    return 1 / math.sqrt(max(1.0, jitter) * max(1.0, flicker))


def _untouched(background: float) -> float:
    """Maps the background PSNR linearly: `SPOILT_BACKGROUND` to 0, `CLEAN_BACKGROUND` to 1."""
    return (background - SPOILT_BACKGROUND) / (CLEAN_BACKGROUND - SPOILT_BACKGROUND)


def _clarity(sharpness: float) -> float:
    """Maps relative sharpness to 0 to 1: values from 1 to 2 map to 1; 0.1 (blur) and 8 (noise) both map to 0.5."""
    return min(1.0, max(sharpness, 1e-6) ** 0.3) if sharpness <= 1 else 1 / max(1.0, sharpness / 2) ** 0.5


_PARTS: tuple[tuple[str, tuple[str, ...], typing.Callable[..., float]], ...] = (
    ("identity", ("identity_distance", "before", "within"), _identity),
    ("identity", ("likeness_margin", "likeness_before", "likeness_within"), _identity_by_likeness),
    ("likeness", ("eyes_likeness", "mouth_likeness", "skin_likeness"), _likeness),
    ("expression", ("landmark_error", "expression_agreement"), _expression),
    ("expression", ("landmark_error", "motion_agreement"), _expression),
    ("face", ("detection_rate", "face_score"), _face),
    ("clarity", ("sharpness",), _clarity),
    ("steadiness", ("jitter", "flicker"), _steadiness),
    ("untouched", ("background_psnr",), _untouched),
)
"""Name of each part, its metrics and its formula; the preferred formula of a part comes first."""
