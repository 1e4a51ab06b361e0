"""HTML pages of reports: one for a single result, and one that compares several results."""

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
    "identity": "fraction of the distance from the original to the wanted person that the swap covers",
    "likeness": "likeness of eyes, mouth and skin to the wanted person's own",
    "expression": "pose and expression are kept, and move as the original's",
    "face": "the detector still finds a face",
    "clarity": "as much detail as the original, and no noise",
    "steadiness": "no more jitter and flicker than the original",
    "untouched": "the background is unchanged",
}
"""Description of each part of the score."""

CHARTS = (
    ("identity_distance", "original_distance"),
    ("landmark_error",),
    ("face_score",),
    ("sharpness",),
    ("background_psnr",),
)
CHARTS += (("coverage",), ("eyes_likeness", "mouth_likeness", "skin_likeness"))
"""Metrics that are drawn over time, by chart."""

BETTER = {"higher": "higher", "lower": "lower", "one": "near 1", "none": "neither"}
"""How a page shows the better direction of a metric."""

FRAME_WIDTH = 1280
"""Maximum width in pixels of the frames on a page; wider frames are downsampled."""

MISSING = "-"
"""How a page shows a missing value."""


def write_report_page(report: Report, path: pathlib.Path, frames: typing.Sequence[tuple[str, np.ndarray]]) -> None:
    """Writes a report as one self-contained HTML file.

    Args:
        report: The report.
        path: The file to write.
        frames: The best and the worst frames: for each a caption and an (H, W, 3) uint8 RGB image of the original and
            the swapped frame side by side.
    """
    page = Page(f"How good is this swap? {report.inputs.get('swapped', '')}".strip())
    page.add_text(report.summary.verdict)
    page.add_large(format_number(report.summary.score, 1), "of 100")
    page.add_text("The score is the square root of the product of its parts:")
    parts = ((name, report.summary.parts[name], text) for name, text in PARTS.items() if name in report.summary.parts)
    page.add_bars([(name, value, format_number(value, 2), text) for name, value, text in parts])
    if "identity" in report.networks:
        page.add_text(f"How identity was measured: {report.networks['identity']}.")
    if missing := [name for name in PARTS if name not in report.summary.parts]:
        page.add_text(f"Parts that were not measured, and do not count: {', '.join(missing)}.")
    if frames:
        page.add_heading("Best and worst frames")
        page.add_text("Each image shows the original frame on the left and the swapped frame on the right.")
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
        page.add_grid(("metric or group", "reason"), list(report.skipped.items()))
    else:
        page.add_text("Nothing was left out.")
    page.add_heading("Videos and networks")
    page.add_grid(("", "this report"), _describe([report]))
    page.write(path)


def write_comparison_page(reports: dict[str, Report], path: pathlib.Path) -> None:
    """Writes a comparison of several reports as one self-contained HTML file.

    Args:
        reports: The reports, by the name that the page shows.
        path: The file to write.

    Raises:
        ValueError: If there is no report.
    """
    if not reports:
        raise ValueError("expected at least one report, got none")
    page = Page("Swaps compared")
    scores = {name: report.summary.score for name, report in reports.items()}
    page.add_heading("Score, 0 to 100")
    page.add_bars([(name, (score or 0) / 100, format_number(score, 1), "") for name, score in scores.items()])
    for name, report in reports.items():
        page.add_text(f"{name}: {report.summary.verdict}")
    page.add_heading("Score, parts and metrics")
    page.add_text(f"The best value of each row is bold if one direction is better; {MISSING} means not measured.")
    known = list(reports.values())
    if len({tuple(sorted(report.networks.items())) for report in known}) > 1:
        page.add_text("These reports were measured with different networks, see below; do not compare their distances.")
    if len({report.inputs.get("original") for report in known}) > 1:
        page.add_text("These reports are about different original videos, see below.")
    page.add_grid(("metric", *reports, "better", "description"), _compare(known))
    page.add_heading("Videos and networks")
    page.add_grid(("", *reports), _describe(known))
    page.write(path)


def format_number(value: float | None, decimals: int | None = None) -> str:
    """Formats a number for a page.

    Args:
        value: The number; None, NaN and infinity are shown as `MISSING`.
        decimals: Digits after the decimal point; None shows about three significant digits.

    Returns:
        The text.
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if decimals is None:
        decimals = sum(abs(value) < limit for limit in (100, 10, 1))
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def mark_best(values: typing.Sequence[float | None], better: str, decimals: int | None = None) -> list[str]:
    """Formats the numbers of one row as cells and makes the best ones `Bold`.

    Args:
        values: The numbers; None where a value was not measured.
        better: As in `Metric`; for ratios 0.5 is as bad as 2.
        decimals: As in `format_number`.

    Returns:
        One cell per value. All cells with the same text as the best one are bold; none is bold if all texts are equal.
    """
    texts = ((format_number(value, decimals), value) for value in values)
    known = {text: value for text, value in texts if value is not None and text != MISSING}
    cells = [format_number(value, decimals) for value in values]
    if better == "none" or len(known) < 2:
        return cells
    best = min(known, key=lambda text: _cost(known[text], better))
    return [Bold(cell) if cell == best else cell for cell in cells]


def _cost(value: float, better: str) -> float:
    """Maps a value to a number that is lower for better values."""
    return {"higher": -value, "lower": value, "one": abs(math.log(max(value, 1e-6)))}[better]


def _format_frames(report: Report) -> str:
    """Formats the number of frames, the duration and the frame rate."""
    return f"{report.frames}, {report.frames / report.fps:.1f} seconds at {report.fps:.4g} per second"


def _shrink(image: np.ndarray) -> np.ndarray:
    """Downsamples an image that is wider than `FRAME_WIDTH`."""
    height, width = image.shape[:2]
    if width <= FRAME_WIDTH:
        return image
    return cv2.resize(image, (FRAME_WIDTH, round(height * FRAME_WIDTH / width)), interpolation=cv2.INTER_AREA)


def _group_metrics() -> dict[str, list[str]]:
    """Lists the names of all metrics by group."""
    groups: dict[str, list[str]] = {}
    for name, metric in METRICS.items():
        groups.setdefault(metric.group, []).append(name)
    return groups


def _add_metrics(page: Page, report: Report) -> None:
    """Adds the table of all metrics and baselines, and the reasons for missing metrics."""
    if report.baselines:
        page.add_text(
            "The table also shows baselines that need no training. The baselines, and the result again as 'swap', were "
            "measured on the same few frames from the middle of the video. The best value of these columns is bold if "
            "one direction is better. Copying the input keeps everything but does not change the identity, so read "
            "the identity rows first."
        )
    headers = ["metric", "value", "unit", "better", *report.baselines, "description"]
    rows, missing = [], {}
    for group, names in _group_metrics().items():
        measured = [name for name in names if format_number(report.values.get(name)) != MISSING]
        for name in set(names) - set(measured):
            reason = report.skipped.get(name) or report.skipped.get(group) or "no reason noted"
            missing.setdefault(reason, []).append(name)
        rows += [[Bold(group)]] if measured else []
        for name in measured:
            metric, value, text = METRICS[name], format_number(report.values.get(name)), METRICS[name].text
            beside = mark_best([baseline.get(name) for baseline in report.baselines.values()], metric.better)
            rows.append([name, value, metric.unit, BETTER[metric.better], *beside, text])
    page.add_grid(headers, rows)
    for reason, names in missing.items():
        page.add_text(f"Not measured: {', '.join(sorted(names, key=list(METRICS).index))} ({reason}).")


def _add_charts(page: Page, report: Report) -> None:
    """Adds the charts over time, and names the metrics that no frame has."""
    charts, missing = [], []
    for names in CHARTS:
        series = {name: report.series[name] for name in names if np.isfinite(report.series.get(name, np.nan)).any()}
        missing += [name for name in names if name not in series]
        if series:
            title = " and ".join(series)
            chart = draw_series(
                series, report.fps, title=title, unit=_axis_label(names[0]), levels=_levels(report, names)
            )
            charts.append((f"{title} over time with a histogram", chart))
    if charts:
        page.add_text("The histogram at the right of each chart counts frames. Gaps are frames without a value.")
        page.add_gallery(charts, charts=True)
    if missing:
        page.add_text(f"Not drawn, because no frame has a number: {', '.join(missing)}.")


def _axis_label(name: str) -> str:
    """Returns the label of the y-axis for a metric."""
    metric = METRICS[name]
    if metric.unit:
        return metric.unit
    return "original = 1" if metric.better == "one" else name.rpartition("_")[2]


def _levels(report: Report, names: typing.Sequence[str]) -> dict[str, float]:
    """Returns the reference values of a chart by name, which are drawn as dashed lines."""
    if METRICS[names[0]].better == "one":
        return {"original": 1.0}
    levels = {name: report.values.get(name) for name in ("within", "before")} if "identity_distance" in names else {}
    return {name: value for name, value in levels.items() if value is not None}


def _add_classes(page: Page, name: str, classes: dict[str, dict[str, float | None]]) -> None:
    """Adds the table of mean metrics by class of frames."""
    if not classes:
        page.add_text(f"No frame has a {name}.")
        return
    columns = [column for column in next(iter(classes.values())) if column != "frames"]
    headers = [f"{column} ({METRICS[column].unit})" if METRICS[column].unit else column for column in columns]
    rows = [
        [label, format_number(row.get("frames"), 0), *(format_number(row.get(column)) for column in columns)]
        for label, row in classes.items()
    ]
    page.add_grid((name, "frames", *headers), rows)


def _compare(reports: list[Report]) -> list[list[str]]:
    """Builds the rows of the comparison: score, parts and metrics of several reports."""
    scores = mark_best([report.summary.score for report in reports], "higher", 1)
    rows = [["score", *scores, "higher", "0 to 100, from the product of the parts"], [Bold("parts, 0 to 1")]]
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
    """Builds the rows with length, input videos and networks of the reports."""
    rows = [["frames", *(_format_frames(report) for report in reports)]]
    for title, tables in (("videos", [r.inputs for r in reports]), ("networks", [r.networks for r in reports])):
        rows.append([Bold(title)])
        names = dict.fromkeys(name for table in tables for name in table)
        rows += [[name, *(table.get(name, MISSING) for table in tables)] for name in names]
    return rows
