"""One number and one sentence: is this a swap, and how good is it?

Every part of the score lies between 0 and 1 and is anchored to what the two input videos themselves give, so that a
number means the same on any pair. The score is the root of their product, so what ruins one part cannot be bought
back by another: noise is far from the original person, but no nearer to the wanted one, and it is no face; a still
picture of the wanted person is that person, but does not move with the original.
"""

import dataclasses
import math
import typing

from faceswap_lib.evaluation.verdict import describe_verdict

WORST_LANDMARK_ERROR = 0.20
"""Landmark error, in eye distances, at which nothing of pose and expression is left."""

CLEAN_BACKGROUND, SPOILT_BACKGROUND = 36.0, 16.0
"""Peak signal-to-noise ratio away from the face, in dB: what a good video codec leaves, and a plainly other picture."""

NO_LIKENESS = 0.3
"""Likeness of a region at which nothing of the wanted person is left: other people's faces have 0.1 to 0.6."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
    """The head of a report.

    Attributes:
        score: 0 to 100; None if neither a recognition network nor likeness says whose face it is.
        parts: What the score is made of, each 0 to 1.
        verdict: One sentence.
    """

    score: float | None
    parts: dict[str, float]
    verdict: str


def summarize(
    values: typing.Mapping[str, float | None], plot_worst_frames: typing.Mapping[str, int] | None = None
) -> Summary:
    """Scores a swap.

    Args:
        values: Metrics by name, as in `METRICS`; None where one could not be measured.
        plot_worst_frames: By metric the number of the frame in which it is worst, for the verdict.

    Returns:
        The summary. A part is measured in the first of its ways for which all metrics are there.

    Taught in notebooks/07_evaluation.
    """
    parts: dict[str, float] = {}
    for name, needed, measure in _PARTS:
        numbers = [values.get(metric) for metric in needed]
        if name not in parts and all(number is not None for number in numbers):
            parts[name] = float(min(1.0, max(0.0, measure(*numbers))))
    score = 100 * math.sqrt(math.prod(parts.values())) if "identity" in parts else None
    return Summary(score=score, parts=parts, verdict=describe_verdict(values, parts, plot_worst_frames))


def _identity(identity_distance: float, before: float, within: float) -> float:
    """How much of the way from the original to the wanted person was gone; 1 is as near as the wanted person is."""
    return (before - identity_distance) / max(before - within, 1e-6)


def _identity_by_likeness(margin: float, before: float, within: float) -> float:
    """The same without a recognition network: whose own faces explain the new ones better, and by how much."""
    return (margin - before) / max(within - before, 1e-6)


def _likeness(*regions: float) -> float:
    """How real eyes, mouth and skin are as the wanted person's: the geometric mean, so that each can spoil it."""
    shares = [min(1.0, max(0.0, (region - NO_LIKENESS) / (1 - NO_LIKENESS))) for region in regions]
    return math.prod(shares) ** (1 / len(shares))


def _expression(landmark_error: float, agreement: float) -> float:
    """How well pose and expression are kept, and whether they move with the original's."""
    return (1 - landmark_error / WORST_LANDMARK_ERROR) * max(0.0, agreement)


def _face(found: float, face_score: float) -> float:
    """Whether a detector still sees a face."""
    return found / 100 * min(1.0, face_score)


def _steadiness(jitter: float, flicker: float) -> float:
    """1 as long as the result shakes and flickers no more than the input."""
    return 1 / math.sqrt(max(1.0, jitter) * max(1.0, flicker))


def _untouched(background: float) -> float:
    return (background - SPOILT_BACKGROUND) / (CLEAN_BACKGROUND - SPOILT_BACKGROUND)


def _clarity(sharpness: float) -> float:
    """Softness costs a little: a face with a tenth of the detail has half of the mark. So does noise."""
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
"""What each part is made of and how, the preferred way first."""
