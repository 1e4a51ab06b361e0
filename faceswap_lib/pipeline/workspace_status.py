"""Describes what is in a workspace, what is missing, and what to do next."""

import dataclasses
import pathlib
import shlex

from faceswap_lib.errors import FaceswapError
from faceswap_lib.facesets import Workspace, list_excluded, read_consent, read_manifest
from faceswap_lib.facesets.crop_files import CropFiles, open_own_pack
from faceswap_lib.facesets.manifest import MANIFEST
from faceswap_lib.facesets.pack_format import unpack_command
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import SIDES, Person, Side
from faceswap_lib.pipeline.workspace_files import REPORTS, list_faceset_files, list_results, list_run_files, list_runs
from faceswap_lib.training.checkpoint_choice import list_checkpoints
from faceswap_lib.training.run_metadata import stored_training


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacesetStatus:
    """State of one person's faceset.

    Attributes:
        person: The person.
        folder: Name of the faceset's folder.
        crops: Number of crops; 0 if there is no faceset.
        set_aside: Number of crops that are set aside.
        eye_masks: Number of crops with an eye mask.
        occlusion_masks: Number of crops with an occlusion mask.
        is_packed: Whether crops are read from the pack beside the folder.
        video: Name of the video that the faces come from; empty if it is not known.
        bytes: Size of all files in bytes.
        problem: What is wrong with it; empty if nothing is.
    """

    person: Person
    folder: str
    crops: int = 0
    set_aside: int = 0
    eye_masks: int = 0
    occlusion_masks: int = 0
    is_packed: bool = False
    video: str = ""
    bytes: int = 0
    problem: str = ""

    def to_text(self) -> str:
        """Formats the state as one line."""
        if self.problem:
            return self.problem
        if not self.crops:
            return "no faces"
        parts = [f"{self.crops:,} crops" + (f" from {self.video}" if self.video else "")]
        parts += [f"{self.set_aside:,} set aside"] if self.set_aside else []
        parts.append(f"{self.eye_masks:,} eye masks, {self.occlusion_masks:,} occlusion masks")
        parts += ["images in the pack"] if self.is_packed else []
        return f"{'; '.join(parts)}; {_size(self.bytes)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunStatus:
    """State of a training run.

    Attributes:
        name: Name of the run.
        step: Step of the newest checkpoint, by its name: checkpoints of some hundred megabytes are not read.
        steps: Number of steps of the last training; 0 if it is not known.
        bytes: Size of its files in bytes.
    """

    name: str
    step: int
    steps: int
    bytes: int

    def to_text(self) -> str:
        """Formats the state as one line."""
        of = f" of {self.steps:,}" if self.steps else ""
        return f"step {self.step:,}{of}; {_size(self.bytes)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkspaceStatus:
    """State of a workspace.

    Attributes:
        root: The folder of the workspace.
        consents: Number of consents; None if their file is damaged.
        facesets: The facesets of A and of B.
        runs: The training runs.
        results: Names of the results, with their sizes in bytes.
        reports: Names of the reports.
        next: The next command and what it is for.
    """

    root: pathlib.Path
    consents: int | None
    facesets: tuple[FacesetStatus, ...]
    runs: tuple[RunStatus, ...]
    results: tuple[tuple[str, int], ...]
    reports: tuple[str, ...]
    next: str

    def to_text(self) -> str:
        """Formats the state in a few lines."""
        consents = "consent.yaml is damaged" if self.consents is None else f"{self.consents or 'none'} recorded"
        rows = [("consents", consents)]
        rows += [(f"person {faces.person}", faces.to_text()) for faces in self.facesets]
        rows += [(f"run {run.name}", run.to_text()) for run in self.runs] or [("runs", "none")]
        rows += [("result", f"{name}; {_size(size)}") for name, size in self.results] or [("results", "none")]
        rows += [("reports", ", ".join(self.reports))] if self.reports else []
        rows.append(("next", self.next))
        width = max(len(label) for label, _ in rows) + 2
        return "\n".join(f"{label + ':':{width}}{text}" for label, text in rows)


def describe_workspace(workspace: Workspace) -> WorkspaceStatus:
    """Describes a workspace. Damaged parts are part of the description and raise nothing.

    Args:
        workspace: The workspace. It does not have to exist.
    """
    facesets = tuple(_describe_faceset(workspace, person, side) for person, side in SIDES.items())
    runs = tuple(_describe_run(run) for run in list_runs(workspace))
    made = [path for path in list_results(workspace) if path.suffix != ".json"]
    results = tuple((path.name, path.stat().st_size) for path in made if path.name not in REPORTS)
    reports = tuple(path.name for path in made if path.name in REPORTS)
    try:
        consents = len(read_consent(workspace))
    except FaceswapError:
        consents = None
    return WorkspaceStatus(
        root=workspace.root,
        consents=consents,
        facesets=facesets,
        runs=runs,
        results=results,
        reports=reports,
        next=_next_command(workspace.root, facesets, runs, has_result=bool(results)),
    )


def _describe_faceset(workspace: Workspace, person: str, side: Side) -> FacesetStatus:
    folder, name = workspace.faces(side), "a" if person == "a" else "b"
    empty = FacesetStatus(person=name, folder=folder.name)
    if not (folder / MANIFEST).is_file():
        if workspace.pack(side).is_file():
            return dataclasses.replace(empty, is_packed=True, problem=f"only in {workspace.pack(side).name}")
        has_begun = folder.is_dir() and any(folder.iterdir())
        return dataclasses.replace(empty, problem="an extraction that is not finished") if has_begun else empty
    try:
        records = read_manifest(folder)
        kinds = {"faces": folder, "eye_masks": workspace.eye_masks(side)}
        kinds["occlusion_masks"] = workspace.occlusion_masks(side)
        is_packed = any(not (folder / record.crop).is_file() for record in records) and workspace.pack(side).is_file()
        pack = open_own_pack(workspace, side) if is_packed else None
        files = {kind: CropFiles(folder=place, kind=kind, pack=pack) for kind, place in kinds.items()}  # pyright: ignore[reportArgumentType]
        lost = sum(not files["faces"].exists(record.crop) for record in records)
        return FacesetStatus(
            person=name,
            folder=folder.name,
            crops=len(records),
            set_aside=len(list_excluded(workspace, side)),
            eye_masks=sum(files["eye_masks"].exists(record.mask) for record in records),
            occlusion_masks=sum(files["occlusion_masks"].exists(record.mask) for record in records),
            is_packed=is_packed,
            video=read_source(folder).get("video", ""),
            bytes=sum(path.lstat().st_size for path in list_faceset_files(workspace, side)),
            problem=f"{lost:,} of {len(records):,} crops are missing; extract again with --overwrite" if lost else "",
        )
    except FaceswapError as error:
        return dataclasses.replace(empty, problem=f"damaged: {error}")


def _describe_run(run: pathlib.Path) -> RunStatus:
    training = stored_training(run)
    return RunStatus(
        name=run.name,
        step=max((int(path.stem.removeprefix("step-")) for path in list_checkpoints(run / "checkpoints")), default=0),
        steps=training.steps if training is not None else 0,
        bytes=sum(path.lstat().st_size for path in list_run_files(run)),
    )


def _next_command(
    root: pathlib.Path, facesets: tuple[FacesetStatus, ...], runs: tuple[RunStatus, ...], *, has_result: bool
) -> str:
    """Chooses the next command."""
    place = f"--workspace {shlex.quote(str(root))}"
    for faces in facesets:
        if faces.is_packed and not faces.crops and not faces.problem.startswith("damaged"):
            side = SIDES[faces.person]
            return unpack_command(Workspace(root).pack(side), root, side)
        if not faces.crops or faces.problem:
            again = " --overwrite" if faces.problem.startswith(("damaged", f"{faces.crops}")) else ""
            return f'faceswap extract VIDEO {place} --person {faces.person} --consent "who agreed to what"{again}'
        if faces.eye_masks < faces.crops:
            return f"faceswap masks {place}"
    if not runs:
        return f"faceswap train {place} --preset lite"
    for run in runs:
        if run.step < run.steps:
            named = "" if run.name == "default" else f" --run {shlex.quote(run.name)}"
            return f"faceswap train {place}{named}"
    if not has_result:
        named = "" if runs[0].name == "default" else f" --run {shlex.quote(runs[0].name)}"
        return f"faceswap convert VIDEO {place}{named} --out {shlex.quote(str(root / 'swap.mp4'))}"
    return "look at the results; 'faceswap evaluate --help' tells how to measure them"


def _size(size: int) -> str:
    """Formats a size in MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
