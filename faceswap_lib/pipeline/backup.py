"""Backup of a whole workspace to a folder, and restoring it on another machine.

    restore_workspace(folder, workspace)   at the start of a session: restores the work of earlier sessions
    backup_workspace(workspace, folder)    at the end of a session

Facesets are stored as archives (`facesets.backup`). Runs are stored in `folder`/models in the format of
`training.remote_sync`, so that `LoopConfig.sync_dir` may be that folder. Videos and results are copied unchanged.

A file or run in the folder that has the same name but belongs to another project is renamed. A run is recognized by its
id, a file by the note of `facesets.backup_note` in the workspace. Files of a workspace are never replaced by those of
another project.
"""

import pathlib
import typing

from faceswap_lib.atomic_io import copy_whole, flush_folder, is_copy
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.archive import SPARE
from faceswap_lib.facesets.backup import fetch_facesets, keep_facesets
from faceswap_lib.facesets.backup_note import EARLIER, digest_ends, find_earlier, is_noted, note_kept, rename_earlier
from faceswap_lib.facesets.scratch import remove_left_scratch, scratch_folder
from faceswap_lib.facesets.sync_report import SyncReport, attempt, open_folder, while_held
from faceswap_lib.facesets.workspace import MEDIA
from faceswap_lib.facesets.writable import check_room
from faceswap_lib.training.checkpoint import checkpoint_progress, list_checkpoints
from faceswap_lib.training.remote_sync import copy_run
from faceswap_lib.training.run_identity import (
    check_readable,
    describe_run,
    find_copy,
    find_other_faces,
    has_run,
    is_same_run,
    set_run_aside,
)
from faceswap_lib.training.run_metadata import CONFIG

MODELS = "models"
PACKS = "face_*.fspack"
"""Pattern of packs at the top of a workspace, which contain the crops of facesets that are used from there."""

RESULTS = ("*.mp4", "*.mkv", "*.gif", "*.html", "*.provenance.json")
"""Patterns of results at the top of a workspace; they are backed up but not restored."""

SIDECAR = ".provenance.json"
"""Suffix added to the name of a result for its provenance file."""


def backup_workspace(workspace: Workspace, folder: pathlib.Path | str) -> SyncReport:
    """Copies everything new in a workspace to a folder: facesets, consents, runs, videos and results.

    Args:
        workspace: The workspace; it is not changed.
        folder: The backup folder; it is created if its parent folder exists.

    Returns:
        Which items were copied and which failed; failures are not raised.

    Raises:
        InputError: If `folder` is the workspace itself.
    """
    folder = pathlib.Path(folder)
    if (opened := attempt("folder", lambda: open_folder(folder))).failed:
        return opened
    report = keep_facesets(workspace, folder)

    def carry() -> SyncReport:
        report = SyncReport()
        remove_left_scratch(folder / MODELS)
        for name in _list_runs(workspace.root / MODELS):
            report += attempt(f"{MODELS}/{name}", lambda name=name: _keep_run(name, workspace, folder))
        for name, pattern in MEDIA.items():
            report += attempt(name, lambda pattern=pattern: _keep_files(workspace, folder, (pattern,)))
        report += attempt("packs", lambda: _keep_files(workspace, folder, (PACKS,)))
        return report + attempt("results", lambda: _keep_files(workspace, folder, RESULTS))

    return report + while_held(carry, workspace.root, folder) if workspace.root.is_dir() else report


def restore_workspace(folder: pathlib.Path | str, workspace: Workspace) -> SyncReport:
    """Copies everything that is missing in a workspace from a backup: facesets, consents, runs with more steps, videos.

    Args:
        folder: The backup folder, written by `backup_workspace`; it is created if its parent folder exists.
        workspace: The workspace to restore.

    Returns:
        Which items were copied and which failed; failures are not raised.
    """
    folder = pathlib.Path(folder)
    if (opened := attempt("folder", lambda: open_folder(folder))).failed:
        return opened
    report = fetch_facesets(folder, workspace)

    def carry() -> SyncReport:
        runs: list[str] = []
        remove_left_scratch(workspace.root / MODELS)
        fetched = attempt(MODELS, lambda: runs.extend(_list_runs(folder / MODELS)) or SyncReport())
        for name in runs:
            fetched += attempt(f"{MODELS}/{name}", lambda name=name: _fetch_run(name, folder, workspace))
        everything = report + fetched
        if (everything.carried or everything.unchanged) and not (everything.left or everything.failed):
            fetched += attempt("results", lambda: _adopt_results(workspace, folder))
        for name, pattern in (("packs", PACKS), *MEDIA.items()):
            fetched += attempt(name, lambda pattern=pattern: _fetch_files(folder, workspace, pattern))
        return fetched

    return report + while_held(carry, workspace.root)


def list_results(workspace: Workspace) -> list[pathlib.Path]:
    """Lists the videos, pages and provenance files at the top of a workspace."""
    return sorted(path for pattern in RESULTS for path in workspace.root.glob(pattern) if path.is_file())


def _list_runs(models: pathlib.Path) -> list[str]:
    """Lists the runs in a folder, without renamed runs of other projects."""
    names = sorted(path.parent.name for path in models.glob(f"*/{CONFIG}"))
    return [name for name in names if not name.startswith(".") and not EARLIER.search(name)]


def _keep_run(name: str, workspace: Workspace, folder: pathlib.Path) -> SyncReport:
    """Copies a run to the backup unless its copy has more steps; another run under its name is renamed first."""
    run, place, left = workspace.run(name), folder / MODELS / name, ()
    own = find_copy(place.parent, run)
    if place.exists() and (own != place or (has_run(place) and not is_same_run(run, place))):
        earlier = set_run_aside(place)
        left = (f"{MODELS}/{earlier.name} (another run, which was there)",)
    if own != place:
        own.rename(place)
        flush_folder(place.parent)
    return SyncReport(left=left) + _carry_run(name, run, place)


def _fetch_run(name: str, folder: pathlib.Path, workspace: Workspace) -> SyncReport:
    """Copies a run from the backup if it has more steps, unless it is another run or was trained on other people."""
    title, run, copy = f"{MODELS}/{name}", workspace.run(name), folder / MODELS / name
    if has_run(run):
        copy = find_copy(copy.parent, run)
        if not is_same_run(run, copy):
            return SyncReport(left=(f"{title} (there it is {describe_run(copy)}, here {describe_run(run)})",))
    elif other := find_other_faces(copy, workspace.root):
        return SyncReport(left=(f"{title} (trained on other people than those in {' and '.join(other)} here)",))
    return _carry_run(name, copy, run)


def _carry_run(name: str, source: pathlib.Path, target: pathlib.Path) -> SyncReport:
    """Copies a run unless the target has more steps; a run that is new there is copied completely or not at all."""
    title = f"{MODELS}/{name}"
    check_readable(source, target)
    ours, theirs = (checkpoint_progress(place / "checkpoints") for place in (source, target))
    if theirs > ours:
        return SyncReport(left=(f"{title} (at step {theirs[1]} there, {max(ours[1], 0)} here)",))
    size = sum(path.stat().st_size for path in list_checkpoints(source / "checkpoints"))
    check_room(target, size, title, spare=SPARE)
    if target.exists():
        is_changed = copy_run(source, target)
    else:
        target.parent.mkdir(exist_ok=True)
        with scratch_folder(target.parent, "carry") as scratch:
            is_changed = copy_run(source, scratch / name)
            if is_changed:
                (scratch / name).replace(target)
                flush_folder(target.parent)
    if theirs == ours and not is_changed:
        return SyncReport(unchanged=(title,))
    return SyncReport(carried=(f"{title} at step {max(ours[1], 0)}",))


def _keep_files(workspace: Workspace, folder: pathlib.Path, patterns: typing.Iterable[str]) -> SyncReport:
    """Copies files whose copies are missing or differ; copies of another project are renamed first."""
    report = SyncReport()
    for path in _list_files(workspace.root, patterns):
        name = path.relative_to(workspace.root).as_posix()
        report += attempt(name, lambda path=path, name=name: _keep_file(workspace, path, folder / name, name))
    return report


def _keep_file(workspace: Workspace, path: pathlib.Path, copy: pathlib.Path, name: str) -> SyncReport:
    """Copies one file to the backup, unless its copy is equal; a copy of another project is renamed first."""
    digest, left = digest_ends(path), ()
    if is_copy(path, copy):
        note_kept(workspace.root, name, digest)
        return SyncReport(unchanged=(name,))
    check_room(copy.parent, path.stat().st_size, name, spare=SPARE)
    own = find_earlier(copy, digest)
    if copy.exists() and not is_noted(workspace.root, name, digest_ends(copy)):
        sidecar = copy.with_name(copy.name + SIDECAR)
        is_theirs = sidecar.is_file() and not is_noted(workspace.root, name + SIDECAR, digest_ends(sidecar))
        earlier = rename_earlier(copy, digest_ends(copy))
        if is_theirs:
            _rename_sidecar(copy, earlier)
        left = (f"{name.removesuffix(path.name)}{earlier.name} (another file, which was there)",)
    note_kept(workspace.root, name, digest)
    if own is not None and not copy.exists() and is_copy(path, own):  # an earlier copy, which another project renamed
        own.rename(copy)
        _rename_sidecar(own, copy)
        flush_folder(copy.parent)
    else:
        copy_whole(path, copy, same_age=True)
    return SyncReport(carried=(name,), left=left)


def _rename_sidecar(before: pathlib.Path, after: pathlib.Path) -> None:
    """Renames the provenance file of a renamed result; an existing file is not replaced."""
    sidecar, renamed = (path.with_name(path.name + SIDECAR) for path in (before, after))
    if sidecar.is_file() and not renamed.exists():
        sidecar.rename(renamed)


def _fetch_files(folder: pathlib.Path, workspace: Workspace, pattern: str) -> SyncReport:
    """Copies the files that are missing in a workspace; each is copied completely or not at all."""
    carried, unchanged, left = [], [], []
    for path in _list_files(folder, (pattern,)):
        title = path.relative_to(folder).as_posix()
        if EARLIER.search(path.name):
            continue
        copy = workspace.root / title
        if copy.exists() and not is_copy(path, copy):
            left.append(f"{title} (the workspace has another)")
            continue
        if copy.exists():
            unchanged.append(title)
        else:
            check_room(copy.parent, path.stat().st_size, title, spare=SPARE)
            copy_whole(path, copy, same_age=True)
            carried.append(title)
    return SyncReport(carried=tuple(carried), unchanged=tuple(unchanged), left=tuple(left))


def _adopt_results(workspace: Workspace, folder: pathlib.Path) -> SyncReport:
    """Records that the results in a backup belong to this workspace, so that a later backup may replace them.

    Called after all facesets and runs of the workspace were restored from this backup.
    """
    for path in _list_files(folder, RESULTS):
        note_kept(workspace.root, path.name, digest_ends(path))
    return SyncReport()


def _list_files(root: pathlib.Path, patterns: typing.Iterable[str]) -> list[pathlib.Path]:
    """Lists the files that match any of the patterns, except hidden files; JSON files are last."""
    found = sorted((path for pattern in patterns for path in root.glob(pattern)), key=_notes_last)
    return [path for path in found if path.is_file() and not path.name.startswith(".")]


def _notes_last(path: pathlib.Path) -> tuple[bool, str]:
    """Returns a sorting key with which JSON files are last."""
    return path.suffix == ".json", path.name
