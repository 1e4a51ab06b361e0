"""Aggregation of the metrics per frame to the numbers of a report."""

import dataclasses

import numpy as np

from faceswap_lib.evaluation import landmark_metrics, temporal_metrics
from faceswap_lib.evaluation.frame_metrics import SIDES, FrameMetrics, mean_of_known
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.retrieval import cosine_similarity, embedding_change, retrieval_rate
from faceswap_lib.evaluation.verdict import LEAST

BROKEN_DOWN = ("landmark_error", "expression_error", "sharpness", "face_score", "coverage")
"""Metrics that are also reported for classes of frames."""

MEDIANS = ("background_psnr", "sharpness", "seam", "eyes_likeness", "mouth_likeness", "skin_likeness")
"""Metrics that are reported as the median over the frames; the others are reported as the mean."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityStats:
    """Face embeddings of the people in the input videos.

    Attributes:
        original: (D,) mean embedding of the original person.
        wanted: (D,) mean embedding of the wanted person.
        before: Mean distance of the original person's faces to `wanted`.
        within: Mean distance of the wanted person's faces to `wanted`.
        same_person: The network's distance threshold for the same person.
        others: (M, D) mean embeddings of further people. Together with the two people they form the gallery of ID
            retrieval.
    """

    original: np.ndarray
    wanted: np.ndarray
    before: float
    within: float
    same_person: float
    others: np.ndarray


def collect_values(
    measurer: FrameMetrics, people: IdentityStats | None, likeness_ends: dict[str, float] | None = None
) -> dict[str, float | None]:
    """Aggregates the per-frame values into one number per metric.

    Args:
        measurer: The metrics of all frames.
        people: Embeddings of the people in the input videos; None skips the metrics of the recognition network.
        likeness_ends: `likeness_before` and `likeness_within`, the likeness margins of the two people's own faces;
            empty or None if they were not measured.

    Returns:
        Values by metric, in the order of `METRICS`; None where no frame has a value.
    """
    values: dict[str, float] = {}
    for name, numbers in measurer.series.items():
        known = np.array(numbers)[np.isfinite(numbers)]
        if len(known):
            values[name] = float(np.median(known) if name in MEDIANS else known.mean())
    values |= _measure_motion(measurer)
    values |= _measure_likeness(measurer) | (likeness_ends or {})
    found = [embedding for embedding in measurer.embeddings if embedding is not None]
    if people is not None and found:
        values |= _measure_identity(np.array(found), people)
        changes = [embedding_change(side) for side in (measurer.own_embeddings, measurer.embeddings)]
        values["identity_steadiness"] = _ratio(changes[1], changes[0])
    return {name: values[name] if np.isfinite(values.get(name, np.nan)) else None for name in METRICS}


def _measure_motion(measurer: FrameMetrics) -> dict[str, float]:
    """Computes jitter, flicker and the agreement of motion over all frames."""
    original, swapped = (np.array(measurer.paths[side]) for side in SIDES)
    unit = float(np.nanmean(np.linalg.norm(original[:, 0] - original[:, 1], axis=1)))
    jitters = [temporal_metrics.jitter(path, unit) for path in (original, swapped)]
    flickers = [mean_of_known(np.array(measurer.series[f"flicker_{side}"])) for side in SIDES]
    expressions = {side: np.array(measurer.expressions[side]) for side in SIDES}
    return {
        "jitter": _ratio(jitters[1], jitters[0]),
        "flicker": _ratio(flickers[1], flickers[0]),
        "expression_agreement": landmark_metrics.expression_agreement(expressions["swapped"], expressions["original"]),
        "motion_agreement": _measure_motion_agreement(measurer),
    }


def _ratio(swapped: float, original: float) -> float:
    """Divides a value of the swapped video by that of the original; NaN if the divisor is 0, as in a still video."""
    return swapped / original if original else float("nan")


def _measure_motion_agreement(measurer: FrameMetrics) -> float:
    """Computes the motion agreement of the sampled views; NaN if there are none."""
    new, old = (np.array(measurer.views[side]) for side in ("swapped", "original"))
    return temporal_metrics.motion_agreement(new, old) if len(new) else float("nan")


def _measure_likeness(measurer: FrameMetrics) -> dict[str, float]:
    """Computes `plausible`, `likeness_margin` and `more_like_wanted`, as `METRICS` describes them."""
    regions = np.array([measurer.series[name] for name in LEAST]).T
    regions = regions[np.isfinite(regions).all(axis=1)]
    wanted, original = (np.array(measurer.series[f"likeness_to_{who}"]) for who in ("wanted", "original"))
    both = np.isfinite(wanted) & np.isfinite(original)
    values = {}
    if len(regions):
        values["plausible"] = 100 * float((regions >= list(LEAST.values())).all(axis=1).mean())
    if both.any():
        values["likeness_margin"] = float((wanted - original)[both].mean())
        values["more_like_wanted"] = 100 * float((wanted > original)[both].mean())
    return values


def _measure_identity(embeddings: np.ndarray, people: IdentityStats) -> dict[str, float]:
    """Computes the identity metrics of the swapped faces' embeddings (N, D)."""
    to_wanted, to_original = (
        np.linalg.norm(embeddings - person, axis=1) for person in (people.wanted, people.original)
    )
    return {
        "identity_distance": float(to_wanted.mean()),
        "original_distance": float(to_original.mean()),
        "margin": float((to_original - to_wanted).mean()),
        "identity_transfer_rate": 100 * float((to_wanted < to_original).mean()),
        "same_person": 100 * float((to_wanted < people.same_person).mean()),
        "before": people.before,
        "within": people.within,
        "id_retrieval": retrieval_rate(embeddings, np.stack([people.wanted, people.original, *people.others]), 0),
        "id_similarity": float(cosine_similarity(embeddings, people.wanted[None]).mean()),
    }


def break_down(measurer: FrameMetrics) -> dict[str, dict[str, dict[str, float | None]]]:
    """Computes mean metrics for classes of frames by head yaw and by brightness.

    Args:
        measurer: The metrics of all frames.

    Returns:
        By property and class the mean of each metric of `BROKEN_DOWN` and the number of frames; classes without frames
        are left out, and a metric is None where no frame has a value.
    """
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


def collect_series(measurer: FrameMetrics, people: IdentityStats | None) -> dict[str, np.ndarray]:
    """Collects all values per frame.

    Args:
        measurer: The metrics of all frames.
        people: Embeddings of the people in the input videos; None skips the identity distances.

    Returns:
        Values (T,) float64 per frame, by metric; NaN where a frame has no value.
    """
    series = {name: np.array(numbers) for name, numbers in measurer.series.items()}
    if people is not None:
        for name, person in (("identity_distance", people.wanted), ("original_distance", people.original)):
            series[name] = np.array(
                [np.nan if e is None else float(np.linalg.norm(e - person)) for e in measurer.embeddings]
            )
    return series
