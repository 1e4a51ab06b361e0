"""Model card of an exported model: what it was trained on, how good it is, who agreed, and how it may be used."""

import dataclasses
import datetime
import logging
import pathlib
import typing
from collections.abc import Mapping, Sequence

from faceswap_lib import __version__
from faceswap_lib.atomic_io import file_digest, write_text
from faceswap_lib.errors import FaceswapError
from faceswap_lib.evaluation.metrics import METRICS
from faceswap_lib.evaluation.report import Report
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import Side
from faceswap_lib.networks.child_process import to_line
from faceswap_lib.training.run_metadata import learnt_videos, read_config

logger = logging.getLogger(__name__)

REPORT = "report.json"
"""Name of an evaluation report in the workspace whose numbers are shown."""

SHOWN_METRICS = ("identity_distance", "original_distance", "identity_transfer_rate", "landmark_error", "jitter")
"""Metrics of the report that are shown, if they were measured."""

MARKS = (
    "The picture of a live program carries **no label and no credentials by itself**. Show your viewers that the face "
    "is swapped: in the picture, in the title, or in words before you begin. Many countries and most platforms require "
    "it. `faceswap convert` adds a visible label and signed credentials to files; a live stream has neither."
)

LICENSE = (
    "The program that wrote this file is under the MIT license. The weights were computed from the videos named above: "
    "they may be passed on and used only as the people in these videos and the owners of the videos allow. Without "
    "their permission, do not publish this file."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Facts that the card states besides what is stored in the workspace.

    Attributes:
        path: The exported file.
        direction: "a2b" shows B's face on A, "b2a" shows A's face on B.
        run: Name of the run.
        step: Step of its checkpoint.
        layout: What the model reads and returns, in words.
        parts: What the model contains besides the networks, in words.
        consent: Statements of the people who agreed.
        uncovered: Names of the videos without any consent.
    """

    path: pathlib.Path
    direction: str
    run: str
    step: int
    layout: str
    parts: str
    consent: Sequence[str]
    uncovered: Sequence[str]


def card_path(path: pathlib.Path) -> pathlib.Path:
    """Returns the path of the model card of a file."""
    return path.with_name(f"{path.name}.md")


def write_model_card(workspace: Workspace, facts: CardFacts) -> pathlib.Path:
    """Writes the model card beside an exported file.

    Args:
        workspace: Contains the run, the facesets, and perhaps an evaluation report.
        facts: What is not stored there.

    Returns:
        The path of the card.

    Raises:
        WorkspaceError: If `config.json` of the run or a manifest is damaged.
    """
    original, wanted = ("A", "B") if facts.direction == "a2b" else ("B", "A")
    config = read_config(workspace.run(facts.run))
    networks = config.get("networks", {})
    sections = {
        "Use": f"{facts.layout}\n\nIt replaces the face of {original} by the face of {wanted}. On other people than "
        f"{original} it works less well: it learned head poses, expressions and light from videos of these two.",
        "Training": _list_videos(workspace, facts.run)
        + f"\n\nRun `{_plain(facts.run)}` (id {_plain(config.get('id') or 'unknown')}), {facts.step} steps, "
        f"faceswap_lib {__version__}.",
        "Networks": _table(("option", "value"), networks.items()) + f"\n\n{facts.parts}",
        "Evaluation": _describe_report(workspace),
        "Consent": _describe_consent(facts),
        "Marks": MARKS,
        "License": LICENSE,
    }
    now = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    head = (
        f"# {_plain(facts.path.name)}\n\nA face swapping model, exported on {now}. SHA-256 of the file: "
        f"`{file_digest(facts.path)}`."
    )
    out = card_path(facts.path)
    write_text(out, "\n\n".join([head, *(f"## {title}\n\n{text}" for title, text in sections.items())]) + "\n")
    return out


def _list_videos(workspace: Workspace, run: str) -> str:
    """Lists the videos of both facesets with their numbers of crops, and videos that the run learned from before."""
    rows, known = [], set()
    sides: tuple[tuple[Side, str], ...] = (("src", "A"), ("dst", "B"))
    for side, person in sides:
        folder = workspace.faces(side)
        source = read_source(folder)
        known.add(source.get("sha256"))
        crops = len(read_manifest(folder)) if (folder / MANIFEST).is_file() else "no faceset"
        rows.append((person, source.get("video", "unknown"), crops, source.get("sha256", "unknown")[:16]))
    rows += [
        ("earlier", video.name, "", video.sha256[:16])
        for video in learnt_videos(workspace.run(run))
        if video.sha256 not in known
    ]
    return _table(("person", "video", "crops", "SHA-256 begins with"), rows)


def _describe_report(workspace: Workspace) -> str:
    """Describes the evaluation report of the workspace."""
    path = workspace.root / REPORT
    if not path.is_file():
        return f"No evaluation report was in the workspace. `faceswap evaluate` writes one; name it `{REPORT}` there."
    try:
        report = Report.read(path)
    except FaceswapError as error:
        logger.warning("the model card shows no evaluation: %s", error)
        return "The evaluation report in the workspace cannot be read."
    rows = [
        (name, f"{value:.3g}", METRICS[name].text)
        for name in SHOWN_METRICS
        if (value := report.values.get(name)) is not None and name in METRICS
    ]
    score = "not measured" if report.summary.score is None else f"{report.summary.score:.0f} of 100"
    return (
        f"Of a video that was converted offline ({_plain(report.inputs.get('swapped', 'unknown'))}, {report.frames} "
        f"frames), not of a live picture: score {score}.\n\n" + _table(("metric", "value", "meaning"), rows)
    )


def _describe_consent(facts: CardFacts) -> str:
    """Describes who agreed, and which videos no consent covers."""
    lines = [f"- {_plain(statement)}" for statement in facts.consent]
    if facts.uncovered:
        lines.append(f"- **No consent is recorded for {', '.join(map(_plain, facts.uncovered))}.**")
    return "\n".join(lines) or "No consent is recorded."


def _table(names: Sequence[str], rows: typing.Iterable[Sequence[object]] | Mapping[str, object]) -> str:
    """Formats a table in Markdown."""
    lines = [names, ["---"] * len(names), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(value: object) -> str:
    """Formats a value as one line without Markdown, because names come from files of others."""
    text = to_line(str(value))
    return "".join(f"\\{letter}" if letter in "|`*_[]<>#\\" else letter for letter in text)
