"""Subcommands of reenactment: train a system, and move a photo like a driver."""

import dataclasses
import pathlib
from typing import Annotated

import tyro

from faceswap_lib.cli.arguments import Consent, Flat, InitFrom, Overwrite, Project, load_keras
from faceswap_lib.cli.messages import print_training
from faceswap_lib.cli.report_paths import check_pages
from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.conversion.image_conversion import find_images
from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.config import ReenactmentEvaluateConfig
from faceswap_lib.faces.detector import DetectConfig
from faceswap_lib.faces.tracking import TrackConfig
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import record_consent, require_consent
from faceswap_lib.pipeline.reenactment_inputs import check_photo, check_reenactment, require_input_consent
from faceswap_lib.reenactment.config import (
    FrameConfig,
    ReenactmentNetworkConfig,
    ReenactmentTrainConfig,
    RetargetConfig,
)
from faceswap_lib.reenactment.expressions import Expression
from faceswap_lib.reenactment.identities import CROPS_PER_PERSON
from faceswap_lib.reenactment.identity_folders import open_identities
from faceswap_lib.training.run_config import LoopConfig

RunName = Annotated[str, Doc("name of the reenactment run")]
OwnProject = Annotated[
    pathlib.Path | None,
    Doc("the workspace: the folder of the project, with the run and the consents; not needed without a run"),
]
BilayerWeights = Annotated[
    pathlib.Path | None,
    Doc("folder with the published weights of the bilayer avatars, which are used instead of a run"),
    tyro.conf.arg(metavar="FOLDER"),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainReenactment:
    """Train a reenactment system (faceswap train --system NAME) on the people of workspaces; continues a run."""

    workspace: Project
    people: Annotated[
        tuple[pathlib.Path, ...], Doc("more workspaces whose people are trained on; the run is written to --workspace")
    ] = ()
    identities: Annotated[
        pathlib.Path | None,
        Doc(
            "train on a folder of many people instead, one folder per person with images or clips below, as in "
            "VoxCeleb; or on a folder of photos of one person"
        ),
        tyro.conf.arg(metavar="FOLDER"),
    ] = None
    crops_per_person: Annotated[int, Doc("largest number of pictures of each person of --identities")] = (
        CROPS_PER_PERSON
    )
    run: RunName = "reenactment"
    init_from: InitFrom = None
    networks: Flat[ReenactmentNetworkConfig] = ReenactmentNetworkConfig()
    training: Flat[ReenactmentTrainConfig] = ReenactmentTrainConfig()
    keeping: Flat[LoopConfig] = LoopConfig()
    consent: Consent = None

    def __call__(self) -> None:
        """Trains and prints the result."""
        workspace = Workspace(self.workspace)
        identities = None if self.identities is None else open_identities(self.identities)
        if identities is not None:
            require_consent(workspace, self.consent, [identities.as_source()])
        elif self.consent is not None:
            record_consent(workspace, self.consent)
        load_keras()
        from faceswap_lib.reenactment.training import train_reenactment

        report = train_reenactment(
            [workspace, *map(Workspace, self.people)],
            run=self.run,
            network_config=self.networks,
            config=self.training,
            run_config=self.keeping,
            progress=True,
            init_from=self.init_from,
            identities=identities,
            crops_per_person=self.crops_per_person,
        )
        print_training(report)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reenact:
    """Make a video in which the person of a photo moves like the face in another video."""

    photo: Annotated[
        tyro.conf.Positional[pathlib.Path], Doc("the photo, with one face"), tyro.conf.arg(metavar="PHOTO")
    ]
    driver: Annotated[pathlib.Path, Doc("the video whose motion is used, or a motion that --save-motion wrote (.npz)")]
    out: Annotated[pathlib.Path, Doc("output video, of the photo's size: .mp4 or .mov, or .mkv (lossless)")]
    workspace: OwnProject = None
    run: RunName = "reenactment"
    without_network: Annotated[
        bool, Doc("use no trained run: the photo is only warped, and the inner mouth is dark")
    ] = False
    bilayer_weights: BilayerWeights = None
    save_motion: Annotated[
        pathlib.Path | None, Doc("also write the driver's motion to this .npz file, which contains no picture")
    ] = None
    largest: Annotated[bool, Doc("take the largest of several faces in the photo")] = False
    transfer: Flat[RetargetConfig] = RetargetConfig()
    frames: Flat[FrameConfig] = FrameConfig()
    detection: Flat[DetectConfig] = DetectConfig()
    tracking: Flat[TrackConfig] = TrackConfig()
    label: Annotated[bool, Doc("draw a visible label on every frame, which says that it was made by a machine")] = True
    crf: Annotated[int, Doc("constant rate factor of H.264: 0 lossless and large, 18 good, 28 small")] = 18
    consent: Consent = None
    overwrite: Overwrite = False

    def __call__(self) -> None:
        """Makes the video and prints what was done."""
        workspace = _open_workspace(self.workspace, self.bilayer_weights, without_network=self.without_network)
        check_reenactment(self.photo, self.driver, self.out, self.save_motion, crf=self.crf, overwrite=self.overwrite)
        require_input_consent(workspace, self.consent, [self.photo, self.driver])
        load_keras()
        from faceswap_lib.pipeline.reenacting import reenact

        report = reenact(
            self.photo,
            self.driver,
            workspace,
            self.out,
            run=None if self.without_network else self.run,
            bilayer_weights=self.bilayer_weights,
            retarget_config=self.transfer,
            frame_config=self.frames,
            detect_config=self.detection,
            track_config=self.tracking,
            save_motion=self.save_motion,
            largest=self.largest,
            label=self.label,
            crf=self.crf,
            overwrite=self.overwrite,
            consent=self.consent,
            progress=True,
        )
        print(f"{report.out}: {report.frames} frames; the photo corresponds to frame {report.reference} of the driver")
        if report.held:
            print(f"{report.held} frames without a usable face of the driver repeat the frame before them")
        if report.copied:
            print(f"{report.copied} frames show the photo itself (--copy-below {self.frames.copy_below:g})")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Express:
    """Give the faces of photos another expression; writes five images per photo."""

    photos: Annotated[
        tyro.conf.Positional[tuple[pathlib.Path, ...]],
        Doc("photos, or folders of photos, with one face each"),
        tyro.conf.arg(metavar="PHOTOS"),
    ]
    out: Annotated[pathlib.Path, Doc("folder for the images: source, hf, target, pred and cropped of each photo")]
    workspace: OwnProject = None
    expression: Annotated[
        str, Doc("neutral, smile, sliders (see the options below), or a photo of anybody who shows the expression")
    ] = "smile"
    sliders: Flat[Expression] = Expression()
    strength: Annotated[float, Doc("share of the way from the photo's expression to the wanted one, 0 to 1")] = 1.0
    same_person: Annotated[
        bool, Doc("the photo with the expression shows the same person, so every difference counts as expression")
    ] = False
    run: RunName = "reenactment"
    without_network: Annotated[
        bool, Doc("use no trained run: the photo is only warped, and the inner mouth is dark")
    ] = False
    bilayer_weights: BilayerWeights = None
    largest: Annotated[bool, Doc("take the largest of several faces in a photo")] = False
    frames: Flat[FrameConfig] = FrameConfig(fusion="photo")
    label: Annotated[bool, Doc("draw a visible label, which says that the image was made by a machine")] = True
    consent: Consent = None
    overwrite: Overwrite = False

    def __call__(self) -> None:
        """Writes the images and prints what was done."""
        workspace = _open_workspace(self.workspace, self.bilayer_weights, without_network=self.without_network)
        photos = [image for path in self.photos for image in _list_photos(path)]
        require_input_consent(workspace, self.consent, photos)
        check_range("strength", self.strength, 0, 1)
        load_keras()
        from faceswap_lib.pipeline.expressing import express

        report = express(
            photos,
            workspace,
            self.out,
            expression=self.sliders if self.expression == "sliders" else self.expression,
            strength=self.strength,
            same_person=self.same_person,
            run=None if self.without_network else self.run,
            bilayer_weights=self.bilayer_weights,
            frame_config=self.frames,
            largest=self.largest,
            label=self.label,
            overwrite=self.overwrite,
            consent=self.consent,
            progress=True,
        )
        print(f"{self.out}: {len(report.written)} photos with the expression {self.expression}")
        if report.failed:
            print(f"{len(report.failed)} photos could not be changed")


def _open_workspace(
    folder: pathlib.Path | None, weights: pathlib.Path | None, *, without_network: bool
) -> Workspace | None:
    """Opens the workspace; None without one.

    Raises:
        InputError: If the networks are chosen in two ways or in none.
    """
    if weights is not None and without_network:
        raise InputError("expected --bilayer-weights or --without-network, got both; leave one out")
    if folder is None and weights is None and not without_network:
        raise InputError("expected --workspace with a trained run, --bilayer-weights or --without-network, got none")
    return None if folder is None else Workspace(folder)


def _list_photos(path: pathlib.Path) -> list[pathlib.Path]:
    """Lists the images of a folder, or returns the photo itself.

    Raises:
        InputError: If the path is missing, a video, or a folder without images.
    """
    if path.is_dir():
        if not (images := find_images(path)):
            raise InputError(f"{path}: no images in this folder; name a photo, or a folder of photos")
        return images
    check_photo(path)
    return [path]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateReenactment:
    """Measure a reenactment run (faceswap evaluate --workspace W); write an HTML and a JSON report."""

    workspace: Project
    out: Annotated[
        pathlib.Path,
        Doc("the .html page to write; a .json file and the contact sheets as .png files are written beside it"),
    ]
    people: Annotated[
        tuple[pathlib.Path, ...],
        Doc("more workspaces: those that were trained on as well, and those of people whom the run has never seen"),
    ] = ()
    run: RunName = "reenactment"
    evaluation: Flat[ReenactmentEvaluateConfig] = ReenactmentEvaluateConfig()

    def __call__(self) -> None:
        """Evaluates the run, writes the report and prints its summary."""
        workspace = Workspace(self.workspace)
        check_pages(self.out, {}, numbers=self.out.with_suffix(".json"))
        load_keras()
        from faceswap_lib.evaluation.reenactment_run import evaluate_run_to_page, sheet_paths

        report = evaluate_run_to_page(
            workspace,
            self.run,
            self.out,
            people=[Workspace(folder) for folder in self.people],
            config=self.evaluation,
            progress=True,
        )
        print(report.verdict())
        for sentence in report.measured_on():
            print(sentence)
        for name, reason in report.skipped.items():
            print(f"left out: {name} ({reason})")
        print(f"page:   {self.out}\nreport: {self.out.with_suffix('.json')}")
        print(f"sheets: {', '.join(str(path) for path in sheet_paths(self.out).values())}")
