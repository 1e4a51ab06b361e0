"""Work that outlives its machine: a whole workspace kept in a folder, and fetched from it on the next machine.

    fetch_work(folder, workspace)   at the beginning: what an earlier session left
    keep_work(workspace, folder)    at the end

Facesets go as archives (`facesets.keep`), runs as a training's mirror has them in `folder`/models, so that
`RunConfig.mirror` may be that folder; videos and results as they are.
"""

import pathlib
import typing

from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.keep import KeepReport, attempt, fetch_facesets, keep_facesets, open_folder
from faceswap_lib.files import copy_whole, is_copy
from faceswap_lib.training.checkpoint import progress_of
from faceswap_lib.training.mirror import copy_run
from faceswap_lib.training.run_folder import CONFIG

MODELS = "models"
VIDEOS = ("clips", "videos")
"""Folders of videos: the demo's, and the user's own."""

RESULTS = ("*.mp4", "*.mkv", "*.gif", "*.html", "*.provenance.json")
"""What a notebook leaves at the top of its workspace for people to look at; kept, not fetched."""


def keep_work(workspace: Workspace, folder: pathlib.Path | str) -> KeepReport:
    """Brings a folder up to what a workspace has: facesets, consents, runs, videos, results.

    Args:
        workspace: Stays as it is, whatever happens to the folder.
        folder: May be missing if the folder it lies in is there.

    Returns:
        What was written; what failed is in it, not raised.

    Raises:
        InputError: If `folder` is the workspace itself.
    """
    folder = pathlib.Path(folder)
    if (opened := attempt("folder", lambda: open_folder(folder))).failed:
        return opened
    report = keep_facesets(workspace, folder)
    for name in _list_runs(workspace.root / MODELS):
        report += _carry_run(name, workspace.root / MODELS, folder / MODELS)
    for name in VIDEOS:
        report += attempt(name, lambda name=name: _copy_files(workspace.root, folder, (f"{name}/*",)))
    return report + attempt("results", lambda: _copy_files(workspace.root, folder, RESULTS))


def fetch_work(folder: pathlib.Path | str, workspace: Workspace) -> KeepReport:
    """Gives a workspace what it lacks of what a folder keeps: facesets, consents, runs that are further, videos.

    Args:
        folder: What `keep_work` wrote; it may be missing if the folder it lies in is there.
        workspace: Where to.

    Returns:
        What was fetched; what failed is in it, not raised.
    """
    folder = pathlib.Path(folder)
    if (opened := attempt("folder", lambda: open_folder(folder))).failed:
        return opened
    report = fetch_facesets(folder, workspace)
    runs: list[str] = []
    report += attempt(MODELS, lambda: runs.extend(_list_runs(folder / MODELS)) or KeepReport())
    for name in runs:
        report += _carry_run(name, folder / MODELS, workspace.root / MODELS)
    for name in VIDEOS:
        report += attempt(
            name, lambda name=name: _copy_files(folder, workspace.root, (f"{name}/*",), missing_only=True)
        )
    return report


def list_results(workspace: Workspace) -> list[pathlib.Path]:
    """The videos and pages at the top of a workspace."""
    return sorted(path for pattern in RESULTS for path in workspace.root.glob(pattern) if path.is_file())


def _list_runs(models: pathlib.Path) -> list[str]:
    return sorted(path.parent.name for path in models.glob(f"*/{CONFIG}") if not path.parent.name.startswith("."))


def _carry_run(name: str, source: pathlib.Path, target: pathlib.Path) -> KeepReport:
    """Copies a run unless the other place is as far or further; a run that was not there comes whole or not at all."""

    def carry() -> KeepReport:
        title = f"{MODELS}/{name}"
        ours, theirs = (progress_of(place / name / "checkpoints") for place in (source, target))
        if theirs == ours:
            return KeepReport(unchanged=(title,))
        if theirs > ours:
            return KeepReport(left=(f"{title} (at step {theirs[1]} there, {max(ours[1], 0)} here)",))
        if (target / name).exists():
            copy_run(source / name, target / name)
        else:
            partial = target / f".{name}.partial"
            copy_run(source / name, partial)
            partial.replace(target / name)
        return KeepReport(carried=(f"{title} at step {ours[1]}",))

    return attempt(f"{MODELS}/{name}", carry)


def _copy_files(
    source: pathlib.Path, target: pathlib.Path, patterns: typing.Iterable[str], *, missing_only: bool = False
) -> KeepReport:
    """Copies files that are not there, or are older or of another size there; each whole or not at all."""
    carried, unchanged = [], []
    for path in sorted((path for pattern in patterns for path in source.glob(pattern)), key=_notes_last):
        if not path.is_file() or path.name.startswith("."):
            continue
        name = path.relative_to(source)
        if (target / name).is_file() if missing_only else is_copy(path, target / name):
            unchanged.append(name.as_posix())
            continue
        copy_whole(path, target / name, same_age=missing_only)  # what was fetched need not be kept again
        carried.append(name.as_posix())
    return KeepReport(carried=tuple(carried), unchanged=tuple(unchanged))


def _notes_last(path: pathlib.Path) -> tuple[bool, str]:
    return path.suffix == ".json", path.name
