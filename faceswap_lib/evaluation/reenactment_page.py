"""HTML page about a reenactment run: the table of all methods, contact sheets, and what was measured."""

import pathlib
from collections.abc import Mapping

import numpy as np

from faceswap_lib.evaluation.html import Bold, Page
from faceswap_lib.evaluation.html_report import BETTER, format_number, mark_best
from faceswap_lib.evaluation.reenactment_report import REENACTMENT_METRICS, ReenactmentEvaluation


def write_reenactment_page(report: ReenactmentEvaluation, path: pathlib.Path, sheets: Mapping[str, np.ndarray]) -> None:
    """Writes the page as one self-contained HTML file.

    Args:
        report: The report.
        path: The file to write.
        sheets: Contact sheets (H, W, 3) uint8 RGB by tier.
    """
    page = Page(f"How good is this reenactment? {report.run}")
    page.add_text(report.verdict())
    for sentence in report.measured_on():
        page.add_text(sentence)
    page.add_text(
        f"One photo of each person is driven by other frames of the same person's video, so every driving frame is the "
        f"right answer. All methods get the photo and make crops of {report.resolution} pixels. Baselines need no "
        "training. The best value of each row is bold."
    )
    for group, names in report.groups.items():
        page.add_heading(f"Means over the {group}")
        page.add_grid(("metric", *report.methods, "unit", "better", "description"), _table(report, names))
    missing = [name for name in REENACTMENT_METRICS if name not in _measured(report)]
    for name in missing:
        page.add_text(f"Not measured: {name} ({report.skipped.get(name, 'no frame has a value')}).")
    for tier, sheet in sheets.items():
        page.add_heading(f"Contact sheet: {tier}")
        page.add_picture(sheet, f"Driving frames with a {tier} head; each row states its yaw.", wide=True)
    for person in report.people:
        page.add_heading(person)
        rows = _rows(report, {name: vars(scores.people[person]) for name, scores in report.methods.items()})
        page.add_grid(("metric", *report.methods), [row[: 1 + len(report.methods)] for row in rows])
    page.add_heading("People, run and networks")
    page.add_grid(("", "this report"), _describe(report))
    page.write(path)


def _measured(report: ReenactmentEvaluation) -> list[str]:
    """Lists the metrics that some method has."""
    means = [scores.mean() for scores in report.methods.values()]
    return [name for name in REENACTMENT_METRICS if any(np.isfinite(row[name]) for row in means)]


def _table(report: ReenactmentEvaluation, people: list[str]) -> list[list[str]]:
    """Builds the rows of the means over some people, under headings by group, and the speed of each method."""
    rows = _rows(report, {name: scores.mean(people) for name, scores in report.methods.items()})
    table: list[list[str]] = []
    group = ""
    for row in rows:
        if (now := REENACTMENT_METRICS[row[0]].group) != group:
            table.append([Bold(now)])
            group = now
        table.append(row)
    speeds = [format_number(scores.fps) for scores in report.methods.values()]
    return [*table, [Bold("speed")], ["fps", *speeds, "frames/s", "higher", "crops made per second on this machine"]]


def _rows(report: ReenactmentEvaluation, scores: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Builds one row per measured metric: name, one cell per method, unit, better direction, description."""
    rows = []
    for name in _measured(report):
        metric = REENACTMENT_METRICS[name]
        cells = mark_best([row[name] for row in scores.values()], metric.better)
        rows.append([name, *cells, metric.unit, BETTER[metric.better], metric.text])
    return rows


def _describe(report: ReenactmentEvaluation) -> list[list[str]]:
    """Builds the rows with people, run and networks."""
    rows: list[list[str]] = [[Bold("people")]]
    for name, facts in report.people.items():
        text = (
            f"{facts.source}; frame {facts.photo_frame} is the photo, {facts.frames} frames from "
            f"{facts.first_frame} to {facts.last_frame} drive it; yaw up to {facts.most_yaw:.0f} degrees"
        )
        rows.append([name, text])
    rows += [[Bold("run")], ["system", report.system], ["steps", str(report.step)]]
    rows += [["hold_out", f"{report.hold_out:g}"], [Bold("networks")]]
    return rows + [[name, value] for name, value in report.networks.items()]
