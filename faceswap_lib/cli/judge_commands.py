"""Subcommands that measure and check: a swapped video, several reports, the credentials of a file, this machine."""

import dataclasses
import json
import pathlib
import sys
from typing import Annotated

import tyro

from faceswap_lib.cli.arguments import Flat, Video, load_keras
from faceswap_lib.cli.report_paths import check_pages
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.report import check_limits
from faceswap_lib.faces.detector import DetectConfig
from faceswap_lib.faces.tracking import TrackConfig
from faceswap_lib.media import probe_video
from faceswap_lib.upgrades import METRICS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure the quality of a swapped video and whether the face was swapped; write an HTML and a JSON report."""

    swapped: Video
    original: Annotated[pathlib.Path, Doc("the original video, before the swap")]
    identity: Annotated[pathlib.Path, Doc("a video of the person whose face the swapped video should show")]
    out: Annotated[
        pathlib.Path, Doc("the .html page to write; the numbers are written to a .json file of the same name")
    ]
    evaluation: Flat[EvaluateConfig] = EvaluateConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    fail_under: Annotated[
        tuple[str, ...],
        Doc("exit with code 1 if a metric is worse than its limit, for example score=30 landmark_error=0.07"),
    ] = ()

    def __call__(self) -> None:
        """Evaluates the video, writes the report and prints its summary."""
        limits = dict(_read_limit(text) for text in self.fail_under)
        check_limits({}, limits)  # reject unknown names before the slow measurement
        read = {"the swapped video": self.swapped, "the original": self.original, "the wanted person": self.identity}
        check_pages(self.out, read, numbers=self.out.with_suffix(".json"))
        for video in read.values():
            probe_video(video)
        load_keras()
        from faceswap_lib.evaluation.evaluate import evaluate_to_page

        report = evaluate_to_page(
            self.swapped,
            self.original,
            self.identity,
            self.out,
            config=self.evaluation,
            detect_config=self.detection,
            track_config=self.tracking,
            progress=True,
        )
        score = "-" if report.summary.score is None else f"{report.summary.score:.0f} of 100"
        print(f"{report.summary.verdict} Score: {score}")
        for name, reason in report.skipped.items():
            print(f"left out: {name} ({reason})")
        print(f"page:   {self.out}\nreport: {self.out.with_suffix('.json')}")
        if failures := check_limits(report.values | {"score": report.summary.score}, limits):
            raise FaceswapError("; ".join(failures))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compare:
    """Compare several reports of `evaluate` side by side on one page."""

    reports: Annotated[
        tyro.conf.Positional[tuple[pathlib.Path, ...]],
        Doc("the .json reports of `evaluate`, at least two"),
        tyro.conf.arg(metavar="REPORT.json"),
    ]
    out: Annotated[pathlib.Path, Doc("the .html page to write")]

    def __call__(self) -> None:
        """Writes the comparison page."""
        from faceswap_lib.evaluation.html_report import write_comparison_page
        from faceswap_lib.evaluation.report import Report

        if len(self.reports) < 2:
            raise InputError(f"expected at least two reports to compare, got {len(self.reports)}")
        check_pages(self.out, {f"report {number}": path for number, path in enumerate(self.reports, 1)})
        stems = {path.stem for path in self.reports}
        names = [path.stem if len(stems) == len(self.reports) else str(path) for path in self.reports]
        reports = [Report.read(path) for path in self.reports]
        write_comparison_page(dict(zip(names, reports, strict=True)), self.out)
        print(f"page: {self.out}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verify:
    """Show a file's credentials and check that it is intact; exit code 0 if so and this computer signed it."""

    file: Annotated[
        tyro.conf.Positional[pathlib.Path],
        Doc("a video, an image, or a folder of images"),
        tyro.conf.arg(metavar="FILE"),
    ]

    def __call__(self) -> None:
        """Prints the result of the check; raises an error unless the file is intact and was signed here."""
        from faceswap_lib.provenance.provenance import verify

        verdict = verify(self.file)
        print(_encodable("\n".join(verdict.summary)))
        if not (verdict.intact and verdict.ours):
            raise FaceswapError(_encodable(f"{self.file}: {verdict.summary[0]}"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor:
    """Show the installed packages, the backend, the devices and the weights that were found."""

    benchmark: Annotated[
        bool,
        Doc(
            "measure the speed of this machine instead: training steps, an extraction, a checkpoint and a conversion; "
            "takes minutes"
        ),
        tyro.conf.arg(name="benchmark"),
    ] = False
    workspace: Annotated[
        pathlib.Path | None,
        Doc("with --benchmark: the folder to which the checkpoint is written; by default the one for temporary files"),
    ] = None
    json: Annotated[bool, Doc("with --benchmark: print one JSON object"), tyro.conf.arg(name="json")] = False

    def __call__(self) -> None:
        """Prints what was found on this machine, or runs the benchmark."""
        if self.benchmark:
            self._run_benchmark()
            return
        trouble = None
        try:
            load_keras()
        except InputError as error:  # this subcommand reports the problem, so it does not stop here
            trouble = str(error)
        from faceswap_lib.diagnostics.inventory import examine

        findings = examine(keras_trouble=trouble)
        for finding in findings:
            mark = "ok" if finding.present else ("MISSING" if finding.needed else "-")
            print(f"{mark:8}{finding.name:24}{finding.value}")
        if trouble is not None:
            raise FaceswapError(trouble)
        missing = [finding.name for finding in findings if finding.needed and not finding.present]
        if missing:
            raise FaceswapError(f"missing: {', '.join(missing)}; install the package again with pip")

    def _run_benchmark(self) -> None:
        """Runs the benchmark and prints its report."""
        from faceswap_lib.diagnostics.benchmark import run_benchmark
        from faceswap_lib.diagnostics.benchmark_text import to_text

        if self.workspace is not None and not self.workspace.is_dir():
            raise InputError(f"workspace: {self.workspace} is not a folder; name an existing one")
        report = run_benchmark(self.workspace)
        print(json.dumps(dataclasses.asdict(report), indent=2) if self.json else to_text(report))
        if report.failed:
            raise FaceswapError(f"not measured: {', '.join(report.failed)}")


def _encodable(text: str) -> str:
    """Escapes the characters that the terminal's encoding does not have; a statement may be in any language."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # without a console there is no stdout
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _read_limit(text: str) -> tuple[str, float]:
    """Parses `metric=number`; returns the metric's current name and the number."""
    name, _, value = text.partition("=")
    try:
        return METRICS.get(name, name), float(value)
    except ValueError:
        raise InputError(f"--fail-under: expected metric=number, such as score=30, got '{text}'") from None
