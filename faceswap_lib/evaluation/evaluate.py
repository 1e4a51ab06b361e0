"""Evaluation of a swapped video: one pass over it and its original, then the report."""

import dataclasses
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.aggregate import IdentityStats, break_down, collect_series, collect_values
from faceswap_lib.evaluation.baselines import BASELINES, Crops
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.embedders import open_by_option
from faceswap_lib.evaluation.frame_metrics import FrameMetrics, MetricModels
from faceswap_lib.evaluation.html_report import write_report_page
from faceswap_lib.evaluation.lpips_like import open_perceptual
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.own_faces import OwnFaces, collect_own_faces
from faceswap_lib.evaluation.report import Report
from faceswap_lib.evaluation.retrieval import SAMPLES, embed_others
from faceswap_lib.evaluation.score import summarize
from faceswap_lib.faces import MTCNN, DetectConfig, Face, TrackConfig, VideoTracks
from faceswap_lib.faces.landmarks import open_landmark_detector
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.faces.selection import embed_samples
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import count_frames, probe_video, read_frames
from faceswap_lib.progress import show_progress

END_SAMPLES = 12
"""Number of own faces of each person whose likeness to both people is measured."""


def evaluate_video(
    swapped: pathlib.Path | str,
    original: pathlib.Path | str,
    identity: pathlib.Path | str,
    *,
    config: EvaluateConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    progress: bool = False,
) -> Report:
    """Evaluates a swapped video: computes all metrics, the score and the verdict.

    Args:
        swapped: The result; if it shows several panels side by side, the last one is measured.
        original: The video that the result was made from, with the same frames.
        identity: A video of the wanted person.
        config: Options of the evaluation.
        detect_config: Options of the face detection.
        track_config: Options of the face tracking, including which person is tracked.
        progress: Whether to show progress bars.

    Returns:
        The report.

    Raises:
        InputError: If a video cannot be read or shows no face, the size or number of frames of the result does not
            match the original, or the requested recognition network or landmark detector does not work here.
    """
    swapped, original, identity = (pathlib.Path(video) for video in (swapped, original, identity))
    config = config or EvaluateConfig()
    info, result = probe_video(original), probe_video(swapped)
    if result.height != info.height or result.width % info.width:
        raise InputError(
            f"{swapped} is {result.width}x{result.height}, expected {info.width}x{info.height} as {original}, "
            "or several such panels side by side"
        )
    if (seen := count_frames(swapped)) != (expected := count_frames(original)):
        raise InputError(f"{swapped} has {seen} frames, the original {expected}; a swap keeps every frame")
    skipped: dict[str, str] = {}
    detector = MTCNN(detect_config)
    options = {"detect_config": detect_config, "track_config": track_config, "progress": progress}
    tracks, wanted_tracks = (_track(video, detector, options) for video in (original, identity))
    tools, networks = _open_tools(config, detector, skipped)
    people = _meet_people(tools, original, tracks, identity, wanted_tracks)
    if people is not None and tools.embedder is not None:
        people = _add_others(people, config, detector, tools.embedder, networks)
    own, wanted = (collect_own_faces(v, t, tools.finder) for v, t in ((original, tracks), (identity, wanted_tracks)))
    tools = dataclasses.replace(tools, original=own.open_gallery(), wanted=wanted.open_gallery())
    ends = _compare_inputs(tools, own, wanted, skipped)
    faces = [next(iter(found.values()), None) for found in tracks.faces]
    measurer = FrameMetrics(tools)
    pairs = zip(read_frames(original), _last_panels(swapped, info.width), strict=True)
    for face, (before, after) in zip(
        faces, show_progress(pairs, "measure", len(faces), disable=not progress), strict=True
    ):
        measurer.add(before, after, face)
    values = collect_values(measurer, people, ends)
    _explain_missing(values, skipped)
    series = collect_series(measurer, people)
    summary = summarize(values, _find_worst(series))
    networks["identity"] = _describe_identity(values, people)
    crops = list(zip((crop.image for crop in wanted.crops), wanted.landmarks, strict=True))
    return Report(
        inputs={"swapped": swapped.name, "original": original.name, "identity": identity.name},
        networks=networks,
        frames=len(faces),
        fps=float(info.fps),
        summary=summary,
        values=values,
        skipped=skipped,
        series=series,
        baselines=_measure_baselines(config, tools, people, ends, original, swapped, faces, crops),
        breakdown=break_down(measurer),
    )


def _track(video: pathlib.Path, detector: MTCNN, options: dict) -> VideoTracks:
    """Tracks the faces of a video; raises `InputError` if it shows no face."""
    tracks = track_video(video, detector, **options)
    if not tracks.found:
        raise InputError(f"{video}: no face in any of its {tracks.length} frames; nothing to measure")
    return tracks


def _last_panels(video: pathlib.Path, width: int) -> typing.Iterator[np.ndarray]:
    """Reads the frames of a result; from several panels side by side only the last one."""
    return (frame[:, -width:] for frame in read_frames(video))


def _open_tools(
    config: EvaluateConfig, detector: MTCNN, skipped: dict[str, str]
) -> tuple[MetricModels, dict[str, str]]:
    """Opens the networks and adds the metrics that are skipped because of missing networks to `skipped`.

    Returns:
        The models, and the name of each network by its task.
    """
    finder = open_landmark_detector(config.landmarks)
    if finder.name == "five":
        skipped["expression"] = "needs 68 landmarks; pip install 'faceswap_lib[dlib]'"
    embedder, reason = open_by_option(config.embedder, config.embedder_file)
    if embedder is None:
        skipped["identity"] = reason
    meter = open_perceptual()
    tools = MetricModels(
        refiner=detector,
        finder=finder,
        embedder=embedder,
        perceptual=lambda a, b: float(meter.measure(a[None], b[None]).distances[0]),
        every=config.identity_stride,
    )
    networks = {"landmarks": finder.name, "perceptual": meter.network}
    return tools, networks | ({"recognition": embedder.name} if embedder else {})


def _meet_people(
    tools: MetricModels, original: pathlib.Path, tracks: VideoTracks, identity: pathlib.Path, wanted_tracks: VideoTracks
) -> IdentityStats | None:
    """Averages both people's face embeddings; returns None without a recognition network."""
    if tools.embedder is None:
        return None
    a, b = (
        np.concatenate(embed_samples(found, video, tools.embedder, SAMPLES))
        for found, video in ((tracks, original), (wanted_tracks, identity))
    )
    wanted = b.mean(axis=0)
    return IdentityStats(
        original=a.mean(axis=0),
        wanted=wanted,
        before=float(np.linalg.norm(a - wanted, axis=1).mean()),
        within=float(np.linalg.norm(b - wanted, axis=1).mean()),
        same_person=tools.embedder.same_person,
        others=np.empty((0, a.shape[1])),
    )


def _add_others(
    people: IdentityStats,
    config: EvaluateConfig,
    detector: MTCNN,
    embedder: FaceEmbedder,
    networks: dict[str, str],
) -> IdentityStats:
    """Adds further people to the gallery of ID retrieval, and a list of everyone in the gallery to `networks`.

    A person within the same-person distance of the original or the wanted person is not added again.
    """
    two = np.stack([people.original, people.wanted])
    others = {
        name: row
        for name, row in embed_others(config.gallery, detector, embedder).items()
        if np.linalg.norm(two - row, axis=1).min() > people.same_person
    }
    names = ", ".join(["the two of the videos", *(pathlib.Path(name).name for name in others)])
    networks["gallery of ID retrieval"] = f"{2 + len(others)} people: {names}"
    return dataclasses.replace(people, others=np.array([*others.values()]).reshape(-1, two.shape[1]))


def _compare_inputs(tools: MetricModels, own: OwnFaces, wanted: OwnFaces, skipped: dict[str, str]) -> dict[str, float]:
    """Computes the likeness margin of each person's own faces: the two ends of the scale for a swap's margin.

    Returns:
        `likeness_before` (original person) and `likeness_within` (wanted person); empty if a gallery is missing.
    """
    if tools.wanted is None or tools.original is None:
        skipped["likeness"] = "needs at least two faces of each person at different times"
        return {}
    ends = {}
    for name, faces in (("likeness_before", own), ("likeness_within", wanted)):
        chosen = np.linspace(0, len(faces.crops) - 1, min(END_SAMPLES, len(faces.crops))).astype(int)
        crops, landmarks = ([values[i] for i in chosen] for values in (faces.crops, faces.landmarks))
        to_wanted, to_original = (gallery.measure(crops, landmarks) for gallery in (tools.wanted, tools.original))
        ends[name] = float(np.nanmean(to_wanted - to_original))
    return ends


def _find_worst(series: dict[str, np.ndarray]) -> dict[str, int]:
    """Finds the frame with the lowest value of each metric for which higher is better."""
    return {
        name: int(np.nanargmin(numbers))
        for name, numbers in series.items()
        if name in METRICS and METRICS[name].better == "higher" and np.isfinite(numbers).any()
    }


def _describe_identity(values: dict[str, float | None], people: IdentityStats | None) -> str:
    """Describes how identity was measured."""
    if people is not None and values["identity_distance"] is not None:
        return "the recognition network"
    if values["likeness_margin"] is not None:
        return "likeness of regions to each person's own faces, because no recognition network works here"
    return "not measured"


def _explain_missing(values: dict[str, float | None], skipped: dict[str, str]) -> None:
    """Adds a reason to `skipped` for every metric without a value whose group has no reason yet."""
    for name, value in values.items():
        if value is None and METRICS[name].group not in skipped:
            skipped[name] = "no frame has a value"


def _measure_baselines(
    config: EvaluateConfig,
    tools: MetricModels,
    people: IdentityStats | None,
    ends: dict[str, float],
    original: pathlib.Path,
    swapped: pathlib.Path,
    faces: list[Face | None],
    crops: Crops,
) -> dict[str, dict[str, float | None]]:
    """Measures the baselines and the result itself on frames from the middle of the video.

    Returns:
        Metrics by baseline, and under `swap` those of the result; empty for fewer than 3 frames.
    """
    start = max(0, (len(faces) - config.baseline_frames) // 2)
    stop = min(len(faces), start + config.baseline_frames)
    if stop - start < 3:
        return {}
    measurers = {name: FrameMetrics(tools) for name in ("swap", *BASELINES)}
    width = probe_video(original).width
    pairs = zip(
        read_frames(original, start=start, stop=stop), read_frames(swapped, start=start, stop=stop), strict=True
    )
    for face, (frame, result) in zip(faces[start:stop], pairs, strict=True):
        measurers["swap"].add(frame, result[:, -width:], face)
        for name, baseline in BASELINES.items():
            measurers[name].add(frame, frame if face is None else baseline(frame, face, tools.finder, crops), face)
    return {name: collect_values(measurer, people, ends) for name, measurer in measurers.items()}


def evaluate_to_page(
    swapped: pathlib.Path, original: pathlib.Path, identity: pathlib.Path, page: pathlib.Path, **options
) -> Report:
    """Evaluates a swap and writes the report as an HTML page, and as a .json file with the same name beside it.

    Args:
        swapped: The result, as in `evaluate_video`.
        original: The video that the result was made from.
        identity: A video of the wanted person.
        page: The .html file to write.
        **options: Options of `evaluate_video`.

    Returns:
        The report.

    Raises:
        InputError: As `evaluate_video` does.
    """
    report = evaluate_video(swapped, original, identity, **options)
    report.write(page.with_suffix(".json"))
    write_report_page(report, page, _pick_frames(report, swapped, original))
    return report


def _pick_frames(report: Report, swapped: pathlib.Path, original: pathlib.Path) -> list[tuple[str, np.ndarray]]:
    """Picks a best, a typical and a worst frame by landmark error, and joins each with the original frame.

    Returns:
        Caption and (H, 2 W, 3) uint8 RGB image of each; empty if no frame has a landmark error.
    """
    errors = report.series["landmark_error"]
    ranked = np.flatnonzero(np.isfinite(errors))[np.argsort(errors[np.isfinite(errors)])]
    if not len(ranked):
        return []
    quantiles = {"best": 0.02, "typical": 0.5, "worst": 0.98}
    chosen = {int(ranked[round(quantile * (len(ranked) - 1))]): name for name, quantile in quantiles.items()}
    found = {}
    width = probe_video(original).width
    for index, (before, after) in enumerate(zip(read_frames(original), read_frames(swapped), strict=True)):
        if index in chosen:
            caption = f"{chosen[index]}: frame {index}, landmark error {100 * errors[index]:.1f} % of the eye distance"
            found[index] = caption, np.concatenate([before, after[:, -width:]], axis=1)
    return [found[index] for index in chosen]
