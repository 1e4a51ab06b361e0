"""Self-contained HTML page of an audit."""

import pathlib

import numpy as np

from faceswap_lib.curation.audit import FacesetAudit
from faceswap_lib.curation.charts import draw_histogram
from faceswap_lib.curation.columns import COLUMNS
from faceswap_lib.curation.contact_sheets import draw_contact_sheet
from faceswap_lib.curation.pose_map import draw_pose_map
from faceswap_lib.curation.rejects import KEEP_COLOR, KINDS
from faceswap_lib.evaluation.html import Page

SHOWN = 60
"""Maximum number of crops of each kind on the page, the worst first. Duplicates are in pairs, so half as many."""

PER_ROW = 10


def write_audit_page(audit: FacesetAudit, path: pathlib.Path) -> None:
    """Writes an audit as one self-contained HTML file.

    Args:
        audit: The audit.
        path: The file to write.
    """
    count, rejected = len(audit.faceset), sum(audit.counts().values())
    page = Page(f"Audit of {audit.faceset.folder.name}")
    page.add_text(
        f"{count:,} crops. Proposed to be set aside: {rejected:,} ({rejected / count:.0%}). Nothing has been changed."
    )
    _add_counts(page, audit)
    page.add_heading("Proposed rejects")
    if not rejected:
        page.add_text("None.")
    for name in KINDS:
        if (audit.kinds == name).any():
            _add_rejects(page, audit, name)
    page.add_heading("Head poses")
    page.add_text(
        "Yaw from left to right and pitch from bottom to top, in degrees. Each cell shows its sharpest crop and its "
        "number of crops."
        + (
            " Cells in red: the other person has crops there, this one has none."
            if audit.other_poses is not None
            else ""
        )
    )
    page.add_picture(
        draw_pose_map(audit.faceset, _poses(audit), audit.columns["blur"], other_poses=audit.other_poses), "", wide=True
    )
    _add_coverage(page, audit)
    page.add_heading("All columns")
    page.add_text("Crops to keep are green, proposed rejects have the colors above.")
    charts = [
        (f"histogram of {name}", draw_histogram(COLUMNS[name], values, audit.kinds))
        for name, values in audit.columns.items()
        if np.isfinite(values).any()
    ]
    page.add_gallery(charts, charts=True)
    if audit.skipped:
        page.add_heading("What was left out and why")
        page.add_grid(("column", "reason"), list(audit.skipped.items()))
    page.write(path)


def _add_counts(page: Page, audit: FacesetAudit) -> None:
    """Adds a bar with the number of crops for each kind."""
    counts, total = audit.counts(), len(audit.faceset)
    kept = total - sum(counts.values())
    bars = [("keep", kept / total, f"{kept:,}", "")]
    bars += [(name, count / total, f"{count:,}", KINDS[name].text) for name, count in counts.items()]
    page.add_bars(bars, [KEEP_COLOR, *(kind.color for kind in KINDS.values())])


def _add_rejects(page: Page, audit: FacesetAudit, name: str) -> None:
    """Adds the crops of a kind, the worst first; each duplicate follows the crop that it duplicates."""
    kind = KINDS[name]
    (found,) = np.nonzero(audit.kinds == name)
    values = audit.columns.get(kind.columns[0], np.zeros(len(audit.kinds)))
    order = found[np.argsort(values[found] if name in ("blurred", "duplicate") else -values[found])]
    first = order[: SHOWN // 2 if name == "duplicate" else SHOWN]
    shown = first
    if name == "duplicate":
        shown = np.stack([audit.copies[first], first], axis=1).ravel()
    images = [audit.faceset.crop_files.read_image(audit.faceset.records[index].crop) for index in shown]
    captions = [f"{audit.faceset.records[index].frame}: {values[index]:.2f}" for index in shown]
    colors = [kind.color if audit.kinds[index] == name else KEEP_COLOR for index in shown]
    sheet = draw_contact_sheet(images, captions, columns=PER_ROW, colors=colors)
    more = f", the first {len(first)} of them" if len(first) < len(found) else ""
    column = COLUMNS[kind.columns[0]]
    unit = f", {column.unit}" if column.unit else ""
    page.add_picture(
        sheet, f"{name}: {kind.text} ({len(found):,} crops{more}). Below: frame and {column.name}{unit}.", wide=True
    )


def _add_coverage(page: Page, audit: FacesetAudit) -> None:
    """Adds what the other person shows and this one does not."""
    if audit.coverage is None:
        return
    sentences = audit.coverage.sentences()
    page.add_text(
        f"{audit.coverage.uncovered:.0%} of {audit.coverage.of}'s faces have a pose or expression that "
        f"{audit.coverage.by} never shows."
    )
    for sentence in sentences:
        page.add_text(sentence)


def _poses(audit: FacesetAudit) -> np.ndarray:
    """Returns yaw and pitch of all crops that are kept, (N, 2); NaN for rejects."""
    return np.where((audit.kinds == "")[:, None], audit.poses, np.nan)
