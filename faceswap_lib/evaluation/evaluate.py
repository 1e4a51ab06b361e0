"""Evaluating a swapped video: one pass over it and its original, then the report."""

import dataclasses
import itertools
import logging
import pathlib
import typing

import numpy as np
from tqdm.auto import tqdm

from faceswap_lib.errors import InputError
from faceswap_lib.evaluation import motion, points
from faceswap_lib.evaluation.baselines import BASELINES, Baseline
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.identity import open_identity
from faceswap_lib.evaluation.measure import SIDES, Measurer, Tools
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.perceptual import open_perceptual
from faceswap_lib.evaluation.report import Report
from faceswap_lib.evaluation.summary import summarise
from faceswap_lib.faces import ClipTracks, DetectConfig, Face, MtcnnDetector, TrackConfig
from faceswap_lib.faces.choose import embed_samples
from faceswap_lib.faces.clip import track_video
from faceswap_lib.faces.landmarks import open_landmark_finder
from faceswap_lib.media import probe_video, read_frames

logger = logging.getLogger(__name__)

PERSON_SAMPLES = 25
"""Faces of a person that are averaged."""

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
    """

    original: np.ndarray
    wanted: np.ndarray
    before: float
    within: float
    same_person: float


def evaluate_video(
    swapped: pathlib.Path,
    original: pathlib.Path,
    identity: pathlib.Path,
    *,
    config: EvaluateConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    progress: bool = False,
) -> Report:
    """Measures how good a swap is, and whether it is one.

    Args:
        swapped: The result; where it shows several panels side by side, the last one counts.
        original: The video it was made from, frame for frame.
        identity: A video of the wanted person.
        config: Options.
        detect_config: How faces are found.
        track_config: How they are followed, and whose.
        progress: Show progress bars.

    Returns:
        The report.

    Raises:
        InputError: If a video cannot be read, shows no face, or the result does not fit the original.
    """
    config = config or EvaluateConfig()
    info, result = probe_video(original), probe_video(swapped)
    if result.height != info.height or result.width % info.width:
        raise InputError(
            f"{swapped} is {result.width}x{result.height}, expected {info.width}x{info.height} as {original}, "
            "or several such panels side by side"
        )
    skipped: dict[str, str] = {}
    detector = MtcnnDetector(detect_config)
    options = {"detect_config": detect_config, "track_config": track_config, "progress": progress}
    tracks, wanted_tracks = (_track(video, detector, options) for video in (original, identity))
    tools, networks = _open_tools(config, detector, skipped)
    people = _meet_people(tools, original, tracks, identity, wanted_tracks)
    faces = [next(iter(found.values()), None) for found in tracks.faces]
    measurer = Measurer(tools)
    pairs = zip(read_frames(original), _last_panels(swapped, info.width), strict=False)
    for face, (before, after) in zip(faces, tqdm(pairs, "measure", len(faces), disable=not progress), strict=False):
        measurer.add(before, after, face)
    _check_length(swapped, len(measurer.embeddings), len(faces))
    values = collect_values(measurer, people)
    _explain_missing(values, skipped)
    return Report(
        inputs={"swapped": swapped.name, "original": original.name, "identity": identity.name},
        networks=networks,
        frames=len(faces),
        fps=float(info.fps),
        summary=summarise(values),
        values=values,
        skipped=skipped,
        series=_collect_series(measurer, people),
        baselines=_measure_baselines(config, tools, people, original, swapped, faces, identity, wanted_tracks),
        breakdown=break_down(measurer),
    )


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
    for name, side_values in _measure_motion(measurer).items():
        values[name] = side_values
    found = [embedding for embedding in measurer.embeddings if embedding is not None]
    if people is not None and found:
        values |= _measure_identity(np.array(found), people)
    return {name: values[name] if np.isfinite(values.get(name, np.nan)) else None for name in METRICS}


def _measure_motion(measurer: Measurer) -> dict[str, float]:
    original, swapped = (np.array(measurer.paths[side]) for side in SIDES)
    unit = float(np.nanmean(np.linalg.norm(original[:, 0] - original[:, 1], axis=1)))
    jitters = [motion.jitter(path, unit) for path in (original, swapped)]
    flickers = [np.nanmean(measurer.series[f"flicker_{side}"]) for side in SIDES]
    expressions = [np.array(measurer.expressions[side]) for side in SIDES]
    return {
        "jitter": jitters[1] / jitters[0],
        "flicker": float(flickers[1] / flickers[0]),
        "expression_agreement": points.expression_agreement(*expressions),
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
