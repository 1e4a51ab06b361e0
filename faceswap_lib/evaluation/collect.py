"""From what was measured frame by frame to the numbers of a report."""

import dataclasses

import numpy as np

from faceswap_lib.evaluation import motion, points
from faceswap_lib.evaluation.measure import SIDES, Measurer, mean_of_known
from faceswap_lib.evaluation.metrics import METRICS

BROKEN_DOWN = ("landmark_error", "expression_error", "sharpness", "face_score", "coverage")
"""Metrics given for classes of frames."""

MEDIANS = ("background", "sharpness", "seam")
"""Metrics of which the median over the frames is reported; of the others it is the mean."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """What the two people's own videos give.

    Attributes:
        original: (D,) the original person's average.
        wanted: (D,) the wanted person's average.
        before: Mean distance of the original's faces to `wanted`.
        within: Mean distance of the wanted person's faces to `wanted`.
        same_person: The network's own line between one person and two.
    """

    original: np.ndarray
    wanted: np.ndarray
    before: float
    within: float
    same_person: float


def collect_values(measurer: Measurer, people: People | None) -> dict[str, float | None]:
    """Makes one number of each metric.

    Args:
        measurer: Has seen all frames.
        people: What the inputs give; None leaves identity out.

    Returns:
        By name, in the order of `METRICS`; None where no frame gave a number.
    """
    values: dict[str, float] = {}
    for name, numbers in measurer.series.items():
        known = np.array(numbers)[np.isfinite(numbers)]
        if len(known):
            values[name] = float(np.median(known) if name in MEDIANS else known.mean())
    values |= _measure_motion(measurer)
    found = [embedding for embedding in measurer.embeddings if embedding is not None]
    if people is not None and found:
        values |= _measure_identity(np.array(found), people)
    return {name: values[name] if np.isfinite(values.get(name, np.nan)) else None for name in METRICS}


def _measure_motion(measurer: Measurer) -> dict[str, float]:
    original, swapped = (np.array(measurer.paths[side]) for side in SIDES)
    unit = float(np.nanmean(np.linalg.norm(original[:, 0] - original[:, 1], axis=1)))
    jitters = [motion.jitter(path, unit) for path in (original, swapped)]
    flickers = [mean_of_known(np.array(measurer.series[f"flicker_{side}"])) for side in SIDES]
    expressions = {side: np.array(measurer.expressions[side]) for side in SIDES}
    return {
        "jitter": jitters[1] / jitters[0],
        "flicker": flickers[1] / flickers[0],
        "expression_agreement": points.expression_agreement(expressions["swapped"], expressions["original"]),
    }


def _measure_identity(embeddings: np.ndarray, people: People) -> dict[str, float]:
    to_wanted, to_original = (
        np.linalg.norm(embeddings - person, axis=1) for person in (people.wanted, people.original)
    )
    return {
        "to_wanted": float(to_wanted.mean()),
        "to_original": float(to_original.mean()),
        "margin": float((to_original - to_wanted).mean()),
        "flipped": 100 * float((to_wanted < to_original).mean()),
        "same_person": 100 * float((to_wanted < people.same_person).mean()),
        "before": people.before,
        "within": people.within,
    }


def break_down(measurer: Measurer) -> dict[str, dict[str, dict[str, float | None]]]:
    """Means of the metrics over frames of like heads and like light."""
    classes = {
        "yaw": (measurer.series["yaw"], ((-90, -15, "turned left"), (-15, 15, "frontal"), (15, 90, "turned right"))),
        "brightness": (measurer.series["brightness"], ((0, 85, "dark"), (85, 170, "medium"), (170, 256, "bright"))),
    }
    table: dict[str, dict[str, dict[str, float | None]]] = {}
    for name, (numbers, bounds) in classes.items():
        table[name] = {}
        for low, high, label in bounds:
            chosen = (np.array(numbers) >= low) & (np.array(numbers) < high)
            if chosen.any():
                means = {column: mean_of_known(np.array(measurer.series[column])[chosen]) for column in BROKEN_DOWN}
                row = {column: mean if np.isfinite(mean) else None for column, mean in means.items()}
                table[name][label] = {"frames": float(chosen.sum())} | row
    return table


def collect_series(measurer: Measurer, people: People | None) -> dict[str, np.ndarray]:
    """One number per frame of everything that has one; NaN where there is none."""
    series = {name: np.array(numbers) for name, numbers in measurer.series.items()}
    if people is not None:
        for name, person in (("to_wanted", people.wanted), ("to_original", people.original)):
            series[name] = np.array(
                [np.nan if e is None else float(np.linalg.norm(e - person)) for e in measurer.embeddings]
            )
    return series
