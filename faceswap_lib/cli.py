"""The command line: one verb per step, each a dataclass whose fields are its options."""

import contextlib
import dataclasses
import io
import itertools
import logging
import os
import pathlib
import re
import sys
import tempfile
import typing
from typing import Annotated, Literal

import tyro

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.report import check_limits
from faceswap_lib.faces.detect import DetectConfig
from faceswap_lib.faces.track import TrackConfig
from faceswap_lib.facesets import ExtractConfig, Workspace
from faceswap_lib.networks.config import PRESETS, NetworkConfig, Preset
from faceswap_lib.options import Doc
from faceswap_lib.training.config import TRAINING_PRESETS, TrainConfig
from faceswap_lib.training.run_config import RunConfig
from faceswap_lib.training.run_folder import stored_training

Flat = tyro.conf.OmitArgPrefixes
Video = Annotated[tyro.conf.Positional[pathlib.Path], Doc("the video file"), tyro.conf.arg(metavar="VIDEO")]
Folder = Annotated[pathlib.Path, Doc("the project's folder; made if it is not there")]
Project = Annotated[pathlib.Path, Doc("the project's folder, with the extracted faces in it")]
PresetName = Annotated[Preset | None, Doc("which networks; by default the run's own, or lite for a new run")]
Coverage = Annotated[
    float | None, Doc("side of what new networks see as a share of the crop's: 0.8 unless given; see docs/faces.md")
]
RunName = Annotated[str, Doc("name of the training run")]
Overwrite = Annotated[bool, Doc("replace what is already there"), tyro.conf.arg(name="overwrite")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo:
    """Animate two public-domain portraits, train on them, swap them, and write a report. Needs no network."""

    workspace: Folder = pathlib.Path("faceswap-demo")
    steps: Annotated[int, Doc("training steps")] = 600

    def __call__(self) -> None:
        _load_keras()
        from faceswap_lib.demo.demo import run_demo

        report = run_demo(self.workspace, steps=self.steps, progress=True)
        print(f"video:  {report.video}\nbeside: {report.side_by_side}\nreport: {report.page}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Extract both people, train, and convert: from two videos to WORKSPACE/swap.mp4; start again to go on."""

    video_a: Annotated[
        tyro.conf.Positional[pathlib.Path], Doc("video of A, whose face is replaced"), tyro.conf.arg(metavar="A.mp4")
    ]
    video_b: Annotated[
        tyro.conf.Positional[pathlib.Path], Doc("video of B, whose face it gets"), tyro.conf.arg(metavar="B.mp4")
    ]
    workspace: Folder
    preset: PresetName = None
    coverage: Coverage = None
    run: RunName = "default"
    training: Flat[TrainConfig] = TrainConfig()
    keeping: Flat[RunConfig] = RunConfig()
    conversion: Flat[ConvertConfig] = ConvertConfig()

    def __call__(self) -> None:
        _load_keras()
        from faceswap_lib.pipeline import run_all

        workspace = Workspace(self.workspace)
        report = run_all(
            self.video_a,
            self.video_b,
            workspace,
            run=self.run,
            network_config=_networks(workspace.run(self.run), self.preset, self.coverage),
            train_config=self.training,
            run_config=self.keeping,
            convert_config=self.conversion,
            progress=True,
        )
        _print_training(report.training)
        _print_conversion(report.conversion)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extract:
    """Cut one person's aligned faces out of a video, with eye masks and a manifest."""

    video: Video
    workspace: Folder
    side: Annotated[Literal["src", "dst"], Doc("src for A, dst for B"), tyro.conf.arg(name="as")]
    extraction: Flat[ExtractConfig] = ExtractConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    overwrite: Overwrite = False

    def __call__(self) -> None:
        _load_keras()
        from faceswap_lib.pipeline import extract

        workspace = Workspace(self.workspace)
        report = extract(
            self.video,
            workspace,
            self.side,
            config=self.extraction,
            detect_config=self.detection,
            track_config=self.tracking,
            overwrite=self.overwrite,
            progress=True,
        )
        dropped = "".join(f", {count} {reason} ones dropped" for reason, count in sorted(report.dropped.items()))
        print(f"{report.crops} faces in {workspace.faces(self.side)} ({report.written} new{dropped})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Masks:
    """Draw the eye masks of all extracted faces that lack one."""

    workspace: Project

    def __call__(self) -> None:
        from faceswap_lib.facesets import write_eye_masks
        from faceswap_lib.facesets.manifest import MANIFEST

        workspace = Workspace(self.workspace)
        sides = [side for side in ("src", "dst") if (workspace.faces(side) / MANIFEST).is_file()]
        for side in sides or ["src"]:
            written = write_eye_masks(workspace, side, progress=True)
            print(f"{written} new eye masks in {workspace.eye_masks(side)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """Train on both facesets, going on from the run's last checkpoint."""

    workspace: Project
    preset: PresetName = None
    coverage: Coverage = None
    run: RunName = "default"
    training: Flat[TrainConfig] = TrainConfig()
    keeping: Flat[RunConfig] = RunConfig()
    estimate: Annotated[bool, Doc("only say what it will cost here, from a few steps; writes nothing")] = False
    plan: Annotated[bool, Doc("only show the schedule, as a table and a chart")] = False
    plan_picture: Annotated[
        pathlib.Path | None, Doc("where --plan writes the chart; plan.png in the run's folder unless given")
    ] = None

    def __call__(self) -> None:
        workspace = Workspace(self.workspace)
        folder = workspace.run(self.run)
        if self.plan or self.plan_picture:
            return _print_plan(self.training, self.plan_picture or folder / "plan.png")
        _load_keras()
        network_config = _networks(folder, self.preset, self.coverage)
        if self.estimate:
            from faceswap_lib.training.estimate import estimate_training
            from faceswap_lib.training.run_folder import agree_networks

            networks = agree_networks(folder, network_config)
            print(estimate_training(workspace, networks, self.training, self.keeping).to_text())
            return None
        from faceswap_lib.training import train

        report = train(
            workspace,
            run=self.run,
            network_config=network_config,
            config=self.training,
            run_config=self.keeping,
            progress=True,
        )
        return _print_training(report)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convert:
    """Replace the face in a video with a trained run."""

    video: Video
    workspace: Project
    out: Annotated[pathlib.Path, Doc("the .mp4 to write")]
    run: RunName = "default"
    conversion: Flat[ConvertConfig] = ConvertConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    overwrite: Overwrite = False

    def __call__(self) -> None:
        _load_keras()
        from faceswap_lib.pipeline import convert

        report = convert(
            self.video,
            Workspace(self.workspace),
            self.out,
            run=self.run,
            config=self.conversion,
            detect_config=self.detection,
            track_config=self.tracking,
            overwrite=self.overwrite,
            progress=True,
        )
        _print_conversion(report)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure how good a swapped video is, and whether it is a swap: report.html, and report.json beside it."""

    swapped: Video
    original: Annotated[pathlib.Path, Doc("the video it was made from")]
    identity: Annotated[pathlib.Path, Doc("a video of the person whose face it should show")]
    out: Annotated[pathlib.Path, Doc("the .html page to write; the numbers come beside it as .json")]
    evaluation: Flat[EvaluateConfig] = EvaluateConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    fail_under: Annotated[
        tuple[str, ...], Doc("exit with 1 if a metric is worse than stated, as in score=30 landmark_error=0.07")
    ] = ()

    def __call__(self) -> None:
        limits = dict(_read_limit(text) for text in self.fail_under)
        check_limits({}, limits)  # names first: measuring takes a while
        if self.out.suffix.lower() != ".html":
            raise InputError(f"expected a page named .html, got {self.out}")
        _load_keras()
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
    """Lay several reports of `evaluate` side by side on one page."""

    reports: Annotated[
        tyro.conf.Positional[tuple[pathlib.Path, ...]], Doc("the .json files"), tyro.conf.arg(metavar="REPORT.json")
    ]
    out: Annotated[pathlib.Path, Doc("the .html page to write")]

    def __call__(self) -> None:
        from faceswap_lib.evaluation.report import Report
        from faceswap_lib.evaluation.report_page import write_comparison_page

        if len(self.reports) < 2:
            raise InputError(f"expected at least two reports to compare, got {len(self.reports)}")
        stems = {path.stem for path in self.reports}
        names = [path.stem if len(stems) == len(self.reports) else str(path) for path in self.reports]
        reports = [Report.read(path) for path in self.reports]
        write_comparison_page(dict(zip(names, reports, strict=True)), self.out)
        print(f"page: {self.out}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor:
    """Say what is installed, which backend and devices there are, and which weights were found."""

    def __call__(self) -> None:
        _load_keras()
        from faceswap_lib.doctor import examine

        findings = examine()
        for finding in findings:
            mark = "ok" if finding.present else ("MISSING" if finding.needed else "-")
            print(f"{mark:8}{finding.name:24}{finding.value}")
        missing = [finding.name for finding in findings if finding.needed and not finding.present]
        if missing:
            raise FaceswapError(f"missing: {', '.join(missing)}; install the package again with pip")


VERBS = (Demo, Run, Extract, Masks, Train, Convert, Evaluate, Compare, Doctor)


def main(arguments: typing.Sequence[str] | None = None) -> int:
    """Runs one verb.

    Args:
        arguments: Without the program's name; None means those of the shell.

    Returns:
        0 done, 1 the work failed, 2 wrong use or unusable input.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("faceswap_lib").setLevel(logging.INFO)
    try:
        _parse(sys.argv[1:] if arguments is None else list(arguments))()
    except FaceswapError as error:
        print(f"faceswap: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(
            f"faceswap: {error.filename or 'file'}: {error.strerror}; check path, permissions and free space",
            file=sys.stderr,
        )
        return InputError.exit_code
    except KeyboardInterrupt:
        print("faceswap: stopped; start the same command again", file=sys.stderr)
        return 1
    return 0


def _networks(folder: pathlib.Path, preset: Preset | None, coverage: float | None) -> NetworkConfig | None:
    """The networks asked for, where nothing was said those of the run in `folder`; None if nothing was said at all."""
    if coverage is None:
        return PRESETS[preset] if preset else None
    from faceswap_lib.training.run_folder import agree_networks

    networks = PRESETS[preset] if preset else agree_networks(folder, None)
    return dataclasses.replace(networks, coverage=coverage)


def _load_keras() -> None:
    """Imports Keras and wakes its devices without the log lines that TensorFlow's C++ writes whatever one asks.

    If that fails, they are shown after all.
    """
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import keras

            keras.ops.zeros(())
            log.truncate(0)
        except ImportError as error:
            name = os.environ.get("KERAS_BACKEND", "tensorflow")
            raise InputError(f"Keras cannot run on '{name}' ({error}); install it or set KERAS_BACKEND") from error
        finally:
            os.dup2(shown, 2)
            log.seek(0)
            os.write(shown, log.read())
            os.close(shown)


def _parse(arguments: list[str]) -> typing.Callable[[], None]:
    verbs = tuple(Annotated[verb, _subcommand(verb, arguments)] for verb in VERBS)
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            return tyro.cli(
                typing.Union[verbs],  # noqa: UP007  (made from a tuple)
                args=arguments,
                prog="faceswap",
                description="Face swapping from two videos: demo, run, or one step at a time.",
                config=(tyro.conf.OmitSubcommandPrefixes,),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise InputError(_one_line(messages.getvalue())) from None


def _subcommand(verb: type, arguments: list[str]):
    """A verb under its name; a run that is there, or a preset, brings its own defaults for the training's options."""
    name = verb.__name__.lower()
    if verb not in (Run, Train):
        return tyro.conf.subcommand(name)
    words = [part for argument in arguments for part in argument.split("=", 1)]

    def given(option: str) -> str | None:
        return next((word for before, word in itertools.pairwise(words) if before == option), None)

    training = TRAINING_PRESETS.get(given("--preset"))
    if training is None and given("--workspace"):
        training = stored_training(Workspace(pathlib.Path(given("--workspace"))).run(given("--run") or "default"))
    if training is None:
        return tyro.conf.subcommand(name)
    required = [field.name for field in dataclasses.fields(verb) if field.default is dataclasses.MISSING]
    return tyro.conf.subcommand(name, default=verb(training=training, **dict.fromkeys(required, tyro.MISSING)))


def _one_line(boxed: str) -> str:
    """Takes a boxed message of several lines apart and keeps its words up to the help it repeats."""
    lines = [line.strip("│ ") for line in boxed.splitlines() if line.strip() and not re.match("[╭╰]", line)]
    blocks = " ".join("\n" if set(line) <= set("─-") else line for line in lines).split("\n")
    if "│" not in boxed:  # where the terminal cannot draw boxes, the title stands in a block of its own
        blocks = blocks[1:]
    told = [re.sub(r"\s+", " ", block).strip() for block in blocks]
    told = [block for block in told if block and not block.startswith(("For full helptext", "Argument helptext"))]
    told = [re.sub(r"(Perhaps you meant: --[\w-]+).*", r"\1", block) for block in told]
    return f"{'; '.join(told[:2])} (see --help)" if told else "wrong use; see 'faceswap --help'"


def _read_limit(text: str) -> tuple[str, float]:
    """Takes `metric=value` apart."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise InputError(f"fail-under: expected metric=value, got '{text}'") from None


def _print_plan(config: TrainConfig, picture: pathlib.Path) -> None:
    from faceswap_lib.training.plan import draw_plan, plan_table, plan_training

    planned = plan_training(config)
    draw_plan(planned, picture)
    print(f"{plan_table(planned)}\nchart: {picture}")


def _print_training(report) -> None:
    resumed = f", resumed at {report.resumed_at}" if report.resumed_at else ""
    rollbacks = f", {report.rollbacks} rollbacks" if report.rollbacks else ""
    print(f"trained to step {report.step}{resumed}{rollbacks} in {report.seconds:.0f} s: {report.folder}")
    if report.step < report.steps:
        print(f"its time was up at step {report.step} of {report.steps}; start the same command again to go on")


def _print_conversion(report) -> None:
    print(f"{report.out}: {report.swapped} of {report.frames} frames swapped, mask {report.mask_mean:.2f} on average")
