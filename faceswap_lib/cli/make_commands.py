"""Subcommands of the pipeline, from two videos to a swapped one: all steps at once, or one step at a time."""

import dataclasses
import logging
import os
import pathlib
import re
from typing import Annotated

import tyro

from faceswap_lib.cli.arguments import (
    Consent,
    Coverage,
    Flat,
    Folder,
    InitFrom,
    Overwrite,
    PresetName,
    Project,
    Region,
    RunName,
    Video,
    load_keras,
    networks_of,
)
from faceswap_lib.cli.messages import (
    print_conversion,
    print_reenactment_demo,
    print_run,
    print_schedule,
    print_training,
)
from faceswap_lib.config_fields import Doc
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.image_conversion import find_images
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.preflight import check_conversion
from faceswap_lib.faces.detector import DetectConfig
from faceswap_lib.faces.tracking import TrackConfig
from faceswap_lib.facesets import ExtractConfig, Workspace
from faceswap_lib.facesets.consent import check_statement, require_consent, require_swap_consent
from faceswap_lib.facesets.workspace import Person, side_of
from faceswap_lib.media import probe_video
from faceswap_lib.pipeline.export_preflight import require_export_consent
from faceswap_lib.reenactment.config import SystemName
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.run_config import LoopConfig
from faceswap_lib.training.run_metadata import learnt_videos

logger = logging.getLogger(__name__)

WEBCAM = re.compile("[0-9]{1,3}")
"""Matches the number of a webcam; a longer number is the name of a file."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo:
    """Animate two public-domain portraits, train on them, swap the faces, and write a report. Works offline.

    With --system, one portrait is moved like the other instead (reenactment).
    """

    workspace: Annotated[
        pathlib.Path | None,
        Doc("the folder of the demo; by default faceswap-demo, with --system faceswap-demo-reenactment"),
    ] = None
    system: Annotated[
        SystemName | None, Doc("show a reenactment system instead of a swap: one portrait moves like the other")
    ] = None
    steps: Annotated[
        int | None, Doc("number of training steps; by default 600 for the swap, and 300 to 400 for a system")
    ] = None

    def __call__(self) -> None:
        """Runs the demo and prints its results."""
        load_keras()
        if self.system is not None:
            from faceswap_lib.demo.reenactment_demo import run_reenactment_demo

            return print_reenactment_demo(
                run_reenactment_demo(
                    self.workspace or pathlib.Path("faceswap-demo-reenactment"),
                    self.system,
                    steps=self.steps,
                    progress=True,
                )
            )
        from faceswap_lib.demo.demo import run_demo
        from faceswap_lib.demo.fixtures import STEPS

        return print_run(
            run_demo(
                self.workspace or pathlib.Path("faceswap-demo"),
                steps=STEPS if self.steps is None else self.steps,
                progress=True,
            )
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Extract both people, train, and convert to WORKSPACE/swap.mp4; run the same command again to continue."""

    video_a: Annotated[
        tyro.conf.Positional[pathlib.Path],
        Doc("video of person A, whose face is replaced"),
        tyro.conf.arg(metavar="A.mp4"),
    ]
    video_b: Annotated[
        tyro.conf.Positional[pathlib.Path],
        Doc("video of person B, whose face replaces it"),
        tyro.conf.arg(metavar="B.mp4"),
    ]
    workspace: Folder
    subject_a: Annotated[
        str | None, Doc("which person in A.mp4 to use; values as for --subject, which applies to both videos")
    ] = None
    subject_b: Annotated[
        str | None, Doc("which person in B.mp4 to use; values as for --subject, which applies to both videos")
    ] = None
    preset: PresetName = None
    coverage: Coverage = None
    face_region: Region = None
    run: RunName = "default"
    init_from: InitFrom = None
    training: Flat[TrainConfig] = TrainConfig()
    keeping: Flat[LoopConfig] = LoopConfig()
    conversion: Flat[ConvertConfig] = ConvertConfig()
    output: Flat[OutputConfig] = OutputConfig()
    extraction: Flat[ExtractConfig] = ExtractConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    overwrite: Overwrite = False
    consent: Consent = None

    def __call__(self) -> None:
        """Runs all steps and prints the results."""
        workspace = Workspace(self.workspace)
        _check_consent(workspace, self.consent, self.video_a, self.video_b)
        load_keras()
        from faceswap_lib.pipeline import run_all

        report = run_all(
            self.video_a,
            self.video_b,
            workspace,
            run=self.run,
            network_config=networks_of(workspace.run(self.run), self.preset, self.coverage, self.face_region),
            train_config=self.training,
            run_config=self.keeping,
            convert_config=self.conversion,
            output_config=self.output,
            extract_config=self.extraction,
            detect_config=self.detection,
            track_config=self.tracking,
            subject_a=self.subject_a,
            subject_b=self.subject_b,
            overwrite=self.overwrite,
            consent=self.consent,
            progress=True,
            init_from=self.init_from,
        )
        print_run(report)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extract:
    """Extract the aligned faces of one person from a video, with eye masks and a manifest."""

    video: Video
    workspace: Folder
    person: Annotated[Person, Doc("a: the person whose face is replaced; b: the person whose face replaces it")]
    extraction: Flat[ExtractConfig] = ExtractConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    overwrite: Overwrite = False
    consent: Consent = None

    def __call__(self) -> None:
        """Extracts the faces and prints how many there are."""
        workspace = Workspace(self.workspace)
        _check_consent(workspace, self.consent, self.video)
        load_keras()
        from faceswap_lib.pipeline import extract

        report = extract(
            self.video,
            workspace,
            person=self.person,
            config=self.extraction,
            detect_config=self.detection,
            track_config=self.tracking,
            overwrite=self.overwrite,
            consent=self.consent,
            progress=True,
        )
        dropped = "".join(f", {count} {reason} ones dropped" for reason, count in sorted(report.dropped.items()))
        print(f"{report.crops} faces in {workspace.faces(side_of(self.person))} ({report.written} new{dropped})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """Train on both facesets; an existing run continues from its last checkpoint."""

    workspace: Project
    preset: PresetName = None
    coverage: Coverage = None
    face_region: Region = None
    run: RunName = "default"
    init_from: InitFrom = None
    training: Flat[TrainConfig] = TrainConfig()
    keeping: Flat[LoopConfig] = LoopConfig()
    estimate: Annotated[
        bool, Doc("only estimate time, memory and disk space on this machine from a few steps; writes nothing")
    ] = False
    show_schedule: Annotated[bool, Doc("only show the schedule, as a table and a chart")] = False
    schedule_picture: Annotated[
        pathlib.Path | None, Doc("file for the chart of --show-schedule; by default plan.png in the run's folder")
    ] = None

    def __call__(self) -> None:
        """Trains and prints the result, or only shows the estimate or the schedule."""
        workspace = Workspace(self.workspace)
        folder = workspace.run(self.run)
        if self.show_schedule or self.schedule_picture:
            return print_schedule(self.training, self.schedule_picture or folder / "plan.png")
        if self.keeping.export_every:
            require_export_consent(workspace, None, self.run)
        load_keras()
        network_config = networks_of(folder, self.preset, self.coverage, self.face_region)
        if self.estimate:
            from faceswap_lib.training.cost_estimate import estimate_training
            from faceswap_lib.training.run_metadata import resolve_network_config
            from faceswap_lib.training.run_search import find_run
            from faceswap_lib.training.warm_start import agree_with

            if self.init_from is not None:
                network_config = agree_with(find_run(workspace, self.init_from), network_config)
            networks = resolve_network_config(folder, network_config)
            print(estimate_training(workspace, networks, self.training, self.keeping).to_text())
            return None
        from faceswap_lib.training import train

        write_model = None
        if self.keeping.export_every:
            from faceswap_lib.pipeline.exporting import model_writer

            write_model = model_writer(workspace, self.run, direction=self.keeping.export_direction)
        report = train(
            workspace,
            run=self.run,
            network_config=network_config,
            config=self.training,
            run_config=self.keeping,
            progress=True,
            init_from=self.init_from,
            write_model=write_model,
        )
        return print_training(report)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convert:
    """Swap faces with a trained run: in a video, an image, a folder of images, or the stream of a webcam."""

    source: Annotated[
        tyro.conf.Positional[str],
        Doc("a video, an image, a folder of images, or the number of a webcam if no file has that name"),
        tyro.conf.arg(metavar="SOURCE"),
    ]
    workspace: Project
    out: Annotated[
        pathlib.Path,
        Doc("output: .mp4 or .mov, .mkv (lossless), .gif, .png or .jpg, or a folder for PNG images"),
    ]
    run: RunName = "default"
    conversion: Flat[ConvertConfig] = ConvertConfig()
    output: Flat[OutputConfig] = OutputConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    overwrite: Overwrite = False
    consent: Consent = None

    def __call__(self) -> None:
        """Converts the source and prints the result."""
        workspace = Workspace(self.workspace)
        is_webcam = WEBCAM.fullmatch(self.source) is not None and not os.path.lexists(self.source)
        path = None if is_webcam else pathlib.Path(self.source)
        source = int(self.source) if path is None else path
        _check_swap_consent(workspace, self.consent, path, self.run)
        check_conversion(
            source,
            [] if path is None else find_images(path),
            workspace,
            self.out,
            run=self.run,
            output_config=self.output,
            who=self.tracking.subject,
            overwrite=self.overwrite,
        )
        load_keras()
        from faceswap_lib.pipeline import convert

        conversion = convert(
            source,
            workspace,
            self.out,
            run=self.run,
            config=self.conversion,
            output_config=self.output,
            detect_config=self.detection,
            track_config=self.tracking,
            overwrite=self.overwrite,
            consent=self.consent,
            progress=True,
        )
        print_conversion(conversion)


def _check_consent(workspace: Workspace, statement: str | None, *videos: pathlib.Path) -> None:
    """Checks that each video can be read and has a consent; a new statement is recorded later, when it is used."""
    for video in videos:
        probe_video(video)
    if statement is None:
        require_consent(workspace, None, videos)
    else:
        check_statement(statement)


def _check_swap_consent(workspace: Workspace, statement: str | None, source: pathlib.Path | None, run: str) -> None:
    """Checks that the source and the videos of the training have a consent; None as the source means a webcam."""
    inputs = None
    if source is not None:
        inputs = find_images(source)
        if not inputs:
            probe_video(source)
            inputs = [source]
    require_swap_consent(workspace, statement, inputs, learnt_videos(workspace.run(run)))
