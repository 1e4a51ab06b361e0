"""Reports as pages to read: one of a single result, and one of several results side by side."""

import math
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.evaluation.charts import draw_series
from faceswap_lib.evaluation.html import Bold, Page
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.report import Report

PARTS = {
    "identity": "how much of the way from the original to the wanted person is gone",
    "likeness": "eyes, mouth and skin are as real as the wanted person's own",
    "expression": "pose and expression are kept, and move as the original's",
    "face": "a detector still sees a face",
    "clarity": "as much detail as the original, and no noise",
    "steadiness": "no more shaking and flicker than the original",
    "untouched": "the picture away from the face is left alone",
}
"""What each part of the score says."""

CHARTS = (
    ("identity_distance", "original_distance"),
    ("landmark_error",),
    ("face_score",),
    ("sharpness",),
    ("background_psnr",),
)
CHARTS += (("coverage",), ("eyes_likeness", "mouth_likeness", "skin_likeness"))
"""Metrics drawn over time, by chart."""

BETTER = {"higher": "higher", "lower": "lower", "one": "near 1", "none": "neither"}

FRAME_WIDTH = 1280
"""Pixels to which wider pictures of frames are shrunk."""

MISSING = "-"


def write_report_page(report: Report, path: pathlib.Path, frames: typing.Sequence[tuple[str, np.ndarray]]) -> None:
    """Writes a report as one HTML file that needs nothing beside it.

    Args:
        report: What was measured.
        path: Where to.
        frames: The best and the worst, each a caption and a (H, W, 3) uint8 RGB picture of the original and the
            swapped frame side by side.
    """
    page = Page(f"How good is this swap? {report.inputs.get('swapped', '')}".strip())
    page.add_text(report.summary.verdict)
    page.add_large(say_number(report.summary.score, 1), "of 100")
    page.add_text("The score is the square root of the product of its parts:")
    parts = ((name, report.summary.parts[name], text) for name, text in PARTS.items() if name in report.summary.parts)
    page.add_bars([(name, value, say_number(value, 2), text) for name, value, text in parts])
    if "identity" in report.networks:
        page.add_text(f"Whose face it is was measured by {report.networks['identity']}.")
    if missing := [name for name in PARTS if name not in report.summary.parts]:
        page.add_text(f"Parts that were not measured, and do not count: {', '.join(missing)}.")
    if frames:
        page.add_heading("Best and worst frames")
        page.add_text("In each picture the original, then the swapped frame.")
        page.add_gallery([(caption, _shrink(image)) for caption, image in frames])
    page.add_heading("All metrics")
    _add_metrics(page, report)
    page.add_heading("Over time")
    _add_charts(page, report)
    for name, classes in report.breakdown.items():
        page.add_heading(f"By {name}")
        _add_classes(page, name, classes)
    page.add_heading("What was left out and why")
    if report.skipped:
        page.add_grid(("what", "why"), list(report.skipped.items()))
    else:
        page.add_text("Nothing was left out.")
    page.add_heading("What was measured, and with what")
    page.add_grid(("", "this report"), _describe([report]))
    page.write(path)


def write_comparison_page(reports: dict[str, Report], path: pathlib.Path) -> None:
    """Writes several reports side by side as one HTML file.

    Args:
        reports: By the name under which each is shown.
        path: Where to.

    Raises:
        ValueError: If there is no report.
    """
    if not reports:
        raise ValueError("expected at least one report, got none")
    page = Page("Swaps compared")
    scores = {name: report.summary.score for name, report in reports.items()}
    page.add_heading("Score, 0 to 100")
    page.add_bars([(name, (score or 0) / 100, say_number(score, 1), "") for name, score in scores.items()])
    for name, report in reports.items():
        page.add_text(f"{name}: {report.summary.verdict}")
    page.add_heading("Score, parts and metrics")
    page.add_text(f"The best of each row is bold where there is a better and a worse; {MISSING} was not measured.")
    known = list(reports.values())
    if len({tuple(sorted(report.networks.items())) for report in known}) > 1:
        page.add_text("These reports were measured with different networks, see below; do not compare their distances.")
    if len({report.inputs.get("original") for report in known}) > 1:
        page.add_text("These reports are about different original videos, see below.")
    page.add_grid(("metric", *reports, "better", "what it says"), _compare(known))
    page.add_heading("What was measured, and with what")
    page.add_grid(("", *reports), _describe(known))
    page.write(path)


def say_number(value: float | None, decimals: int | None = None) -> str:
    """A number as a page shows it: about three digits, and `MISSING` where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    if decimals is None:
        decimals = sum(abs(value) < limit for limit in (100, 10, 1))
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def mark_best(values: typing.Sequence[float | None], better: str, decimals: int | None = None) -> list[str]:
    """Makes cells of numbers, the best ones `Bold`.

    Args:
        values: Of one row; None where one was not measured.
        better: As in `Metric`; of ratios, half is as far from one as twice.
        decimals: As in `say_number`.

    Returns:
        A cell per value. All that read the same as the best are bold, but none if all values read the same.
    """
    known = {say_number(value, decimals): value for value in values if say_number(value, decimals) != MISSING}
    cells = [say_number(value, decimals) for value in values]
    if better == "none" or len(known) < 2:
        return cells
    best = min(known, key=lambda text: _badness(known[text], better))
    return [Bold(cell) if cell == best else cell for cell in cells]


def _badness(value: float, better: str) -> float:
    return {"higher": -value, "lower": value, "one": abs(math.log(max(value, 1e-6)))}[better]


def _say_frames(report: Report) -> str:
    return f"{report.frames}, {report.frames / report.fps:.1f} seconds at {report.fps:.4g} per second"


def _shrink(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    if width <= FRAME_WIDTH:
        return image
    return cv2.resize(image, (FRAME_WIDTH, round(height * FRAME_WIDTH / width)), interpolation=cv2.INTER_AREA)


def _group_metrics() -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, metric in METRICS.items():
        groups.setdefault(metric.group, []).append(name)
    return groups


def _add_metrics(page: Page, report: Report) -> None:
    if report.baselines:
        page.add_text(
            "Beside the result's values stand those of results that need no training. They, and the result once more "
            "as 'swap', were measured on the same few frames from the middle of the video; of these columns the best "
            "is bold where there is a better and a worse. Copying the input keeps everything but changes nobody: "
            "read the identity rows first."
        )
    headers = ["metric", "value", "unit", "better", *report.baselines, "what it says"]
    rows, missing = [], {}
    for group, names in _group_metrics().items():
        measured = [name for name in names if say_number(report.values.get(name)) != MISSING]
        for name in set(names) - set(measured):
            reason = report.skipped.get(name) or report.skipped.get(group) or "no reason noted"
            missing.setdefault(reason, []).append(name)
        rows += [[Bold(group)]] if measured else []
        for name in measured:
            metric, value, text = METRICS[name], say_number(report.values.get(name)), METRICS[name].text
            beside = mark_best([baseline.get(name) for baseline in report.baselines.values()], metric.better)
            rows.append([name, value, metric.unit, BETTER[metric.better], *beside, text])
    page.add_grid(headers, rows)
    for reason, names in missing.items():
        page.add_text(f"Not measured: {', '.join(sorted(names, key=list(METRICS).index))} ({reason}).")


def _add_charts(page: Page, report: Report) -> None:
    pictures, missing = [], []
    for names in CHARTS:
        series = {name: report.series[name] for name in names if np.isfinite(report.series.get(name, np.nan)).any()}
        missing += [name for name in names if name not in series]
        if series:
            title = " and ".join(series)
            picture = draw_series(
                series, report.fps, title=title, unit=_say_axis(names[0]), levels=_levels(report, names)
            )
            pictures.append((f"{title} over time and how often each value occurs", picture))
    if pictures:
        page.add_text(
            "At the right of each chart: in how many frames a value occurs. Gaps are frames without a number."
        )
        page.add_gallery(pictures, charts=True)
    if missing:
        page.add_text(f"Not drawn, because no frame has a number: {', '.join(missing)}.")


def _say_axis(name: str) -> str:
    metric = METRICS[name]
    return metric.unit or ("original = 1" if metric.better == "one" else "distance")


def _levels(report: Report, names: typing.Sequence[str]) -> dict[str, float]:
    """What the numbers of a chart are compared with."""
    if METRICS[names[0]].better == "one":
        return {"original": 1.0}
    levels = {name: report.values.get(name) for name in ("within", "before")} if "identity_distance" in names else {}
    return {name: value for name, value in levels.items() if value is not None}


def _add_classes(page: Page, name: str, classes: dict[str, dict[str, float | None]]) -> None:
    if not classes:
        page.add_text(f"No frame has a {name}.")
        return
    columns = [column for column in next(iter(classes.values())) if column != "frames"]
    headers = [f"{column} ({METRICS[column].unit})" if METRICS[column].unit else column for column in columns]
    rows = [
        [label, say_number(row.get("frames"), 0), *(say_number(row.get(column)) for column in columns)]
        for label, row in classes.items()
    ]
    page.add_grid((name, "frames", *headers), rows)


def _compare(reports: list[Report]) -> list[list[str]]:
    """Score, parts and metrics of several reports, a row each."""
    scores = mark_best([report.summary.score for report in reports], "higher", 1)
    rows = [["score", *scores, "higher", "0 to 100, the root of the parts' product"], [Bold("parts, 0 to 1")]]
    for name, text in PARTS.items():
        cells = mark_best([report.summary.parts.get(name) for report in reports], "higher", 2)
        rows.append([name, *cells, "higher", text])
    for group, names in _group_metrics().items():
        rows.append([Bold(group)])
        for name in names:
            metric = METRICS[name]
            cells = mark_best([report.values.get(name) for report in reports], metric.better)
            text = f"{metric.text} ({metric.unit})" if metric.unit else metric.text
            rows.append([name, *cells, BETTER[metric.better], text])
    return rows


def _describe(reports: list[Report]) -> list[list[str]]:
    """Inputs, length and networks of the reports, a row each."""
    rows = [["frames", *(_say_frames(report) for report in reports)]]
    for title, tables in (("videos", [r.inputs for r in reports]), ("networks", [r.networks for r in reports])):
        rows.append([Bold(title)])
        names = dict.fromkeys(name for table in tables for name in table)
        rows += [[name, *(table.get(name, MISSING) for table in tables)] for name in names]
    return rows
