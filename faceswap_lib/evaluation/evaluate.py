"""Evaluating a swapped video: one pass over it and its original, then the report."""

import dataclasses
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.aggregate import IdentityStats, break_down, collect_series, collect_values
from faceswap_lib.evaluation.baselines import BASELINES, Crops
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.embedders import open_identity
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
from faceswap_lib.faces.selection import embed_samples
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import count_frames, probe_video, read_frames
from faceswap_lib.progress import show_progress

END_SAMPLES = 12
"""Own faces of each person whose likeness to both is measured."""


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
    if people is not None:
        people = _add_others(people, config, tools, networks)
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
    tracks = track_video(video, detector, **options)
    if not tracks.found:
        raise InputError(f"{video}: no face in any of its {tracks.length} frames; nothing to measure")
    return tracks


def _last_panels(video: pathlib.Path, width: int) -> typing.Iterator[np.ndarray]:
    """The frames of a result; of several panels side by side the last one."""
    return (frame[:, -width:] for frame in read_frames(video))


def _open_tools(
    config: EvaluateConfig, detector: MTCNN, skipped: dict[str, str]
) -> tuple[MetricModels, dict[str, str]]:
    """Opens the networks, and notes which ones there are and what is left out for want of others."""
    finder = open_landmark_detector(config.landmarks)
    if finder.name == "five":
        skipped["expression"] = "needs 68 landmarks; pip install 'faceswap_lib[dlib]'"
    embedder = None
    if config.embedder == "none":
        skipped["identity"] = "left out by --embedder none"
    else:
        path = pathlib.Path(config.embedder_file) if config.embedder_file else None
        files = {config.embedder: path} if config.embedder in ("onnx", "vggface") else {}
        try:
            embedder = open_identity(config.embedder, **files)
        except InputError as error:
            if config.embedder != "auto":
                raise
            skipped["identity"] = str(error)
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
    """Averages both people's faces; None without a recognition network."""
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
    people: IdentityStats, config: EvaluateConfig, tools: MetricModels, networks: dict[str, str]
) -> IdentityStats:
    """Adds the further people of the gallery, and notes who is in it; the two themselves are not added again."""
    two = np.stack([people.original, people.wanted])
    others = {
        name: row
        for name, row in embed_others(config.gallery, tools.refiner, tools.embedder).items()
        if np.linalg.norm(two - row, axis=1).min() > people.same_person
    }
    names = ", ".join(["the two of the videos", *(pathlib.Path(name).name for name in others)])
    networks["gallery of ID retrieval"] = f"{2 + len(others)} people: {names}"
    return dataclasses.replace(people, others=np.array([*others.values()]).reshape(-1, two.shape[1]))


def _compare_inputs(tools: MetricModels, own: OwnFaces, wanted: OwnFaces, skipped: dict[str, str]) -> dict[str, float]:
    """Measures the ends of the scale of likeness: the margin that either person's own faces have."""
    if tools.wanted is None or tools.original is None:
        skipped["likeness"] = "needs two faces of either person at different times"
        return {}
    ends = {}
    for name, faces in (("likeness_before", own), ("likeness_within", wanted)):
        chosen = np.linspace(0, len(faces.crops) - 1, min(END_SAMPLES, len(faces.crops))).astype(int)
        crops, landmarks = ([values[i] for i in chosen] for values in (faces.crops, faces.landmarks))
        to_wanted, to_original = (gallery.measure(crops, landmarks) for gallery in (tools.wanted, tools.original))
        ends[name] = float(np.nanmean(to_wanted - to_original))
    return ends


def _find_worst(series: dict[str, np.ndarray]) -> dict[str, int]:
    """The frame in which each metric that should be high is lowest."""
    return {
        name: int(np.nanargmin(numbers))
        for name, numbers in series.items()
        if name in METRICS and METRICS[name].better == "higher" and np.isfinite(numbers).any()
    }


def _describe_identity(values: dict[str, float | None], people: IdentityStats | None) -> str:
    if people is not None and values["identity_distance"] is not None:
        return "the recognition network"
    if values["likeness_margin"] is not None:
        return "likeness of regions to either person's own faces, since no recognition network works here"
    return "not measured"


def _explain_missing(values: dict[str, float | None], skipped: dict[str, str]) -> None:
    """Notes for metrics that no frame gave that this is why, unless a reason is known already."""
    for name, value in values.items():
        if value is None and METRICS[name].group not in skipped:
            skipped[name] = "no frame gave a number"


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
    """Measures the baselines, and the result itself, on some frames from the middle of the video."""
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
    """Evaluates a swap and writes `page` and, beside it, the report as .json; see `evaluate_video` for the options."""
    report = evaluate_video(swapped, original, identity, **options)
    report.write(page.with_suffix(".json"))
    write_report_page(report, page, _pick_frames(report, swapped, original))
    return report


def _pick_frames(report: Report, swapped: pathlib.Path, original: pathlib.Path) -> list[tuple[str, np.ndarray]]:
    """The frames with the least and the greatest landmark error, and some in between, beside the original's."""
    errors = report.series["landmark_error"]
    ranked = np.flatnonzero(np.isfinite(errors))[np.argsort(errors[np.isfinite(errors)])]
    if not len(ranked):
        return []
    places = {"best": 0.02, "typical": 0.5, "worst": 0.98}
    chosen = {int(ranked[round(share * (len(ranked) - 1))]): name for name, share in places.items()}
    found = {}
    width = probe_video(original).width
    for index, (before, after) in enumerate(zip(read_frames(original), read_frames(swapped), strict=True)):
        if index in chosen:
            caption = f"{chosen[index]}: frame {index}, landmarks {100 * errors[index]:.1f} % of the eyes' distance off"
            found[index] = caption, np.concatenate([before, after[:, -width:]], axis=1)
    return [found[index] for index in chosen]
