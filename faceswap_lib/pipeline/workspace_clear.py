"""Clears a workspace: moves what belongs to it into a backup beside the rest, or removes it.

Consents, the user's videos and files of other programs stay. Nothing behind a link is touched.
"""

import contextlib
import dataclasses
import datetime
import os
import pathlib

from faceswap_lib.atomic_io import copy_whole, flush_folder
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent_file import CONSENT
from faceswap_lib.facesets.exclusion import SET_ASIDE
from faceswap_lib.facesets.workspace import MEDIA, SIDES
from faceswap_lib.locks import hold
from faceswap_lib.pipeline.workspace_files import MODELS, list_identity_folders, list_runs, list_workspace_files

BACKUPS = "backups"
"""Folder of the backups in a workspace: on the same disk, so that files are moved without a copy."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClearReport:
    """Result of clearing a workspace.

    Attributes:
        files: Number of files that were moved or removed.
        bytes: Their size in bytes.
        backup: The folder to which they were moved, itself a workspace; None if they were removed.
        stayed: Names of the other files and folders in the workspace, without videos, consents and backups.
    """

    files: int
    bytes: int
    backup: pathlib.Path | None
    stayed: tuple[str, ...]


def clear_workspace(workspace: Workspace, *, keep_backup: bool = True) -> ClearReport:
    """Clears a workspace.

    Args:
        workspace: The workspace.
        keep_backup: Move the files to `backups/DATE` in the workspace, with a copy of the consents, instead of removing
            them. Moved back, or used as a workspace of its own, the backup is complete.

    Returns:
        What was moved or removed.

    Raises:
        WorkspaceError: If another process uses a run or a faceset of the workspace.
        OSError: If a file cannot be moved or removed.
    """
    with contextlib.ExitStack() as held:
        for run in list_runs(workspace):
            held.enter_context(hold(run, what=f"run '{run.name}'"))
        for side in SIDES.values():
            if workspace.faces(side).is_dir():
                held.enter_context(hold(workspace.faces(side), what=f"the faceset {workspace.faces(side)}"))
        for store in list_identity_folders(workspace):
            held.enter_context(hold(store, what=f"the crops of the people in {store.name}"))
        files = list_workspace_files(workspace)
        total = sum(path.lstat().st_size for path in files)
        backup = _new_backup(workspace) if keep_backup and files else None
        for path in _manifests_first(files):
            if backup is None:
                path.unlink()
                continue
            place = backup / path.relative_to(workspace.root)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, place)
        if backup is not None:
            flush_folder(backup)
            if (workspace.root / CONSENT).is_file():
                copy_whole(workspace.root / CONSENT, backup / CONSENT)
    _remove_empty(workspace, {path.parent for path in files})  # after the locks, whose files are in them
    return ClearReport(files=len(files), bytes=total, backup=backup, stayed=_list_stayed(workspace))


def _new_backup(workspace: Workspace) -> pathlib.Path:
    """Creates a new folder for a backup, named by the time."""
    stamp = datetime.datetime.now().astimezone().strftime("%Y-%m-%d_%H%M%S")
    number = 1
    while True:
        folder = workspace.root / BACKUPS / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        return folder


def _manifests_first(files: list[pathlib.Path]) -> list[pathlib.Path]:
    """Sorts files so that after a kill no faceset and no run is there in part: what makes them one goes first."""
    return sorted(files, key=lambda path: path.name not in ("manifest.jsonl", "config.json"))


def _remove_empty(workspace: Workspace, folders: set[pathlib.Path]) -> None:
    """Removes the folders that are empty now, and their parents in the workspace."""
    for side in SIDES.values():
        folders |= {workspace.faces(side) / SET_ASIDE, workspace.eye_masks(side) / SET_ASIDE}
    tried = {place for folder in folders for place in (folder, *folder.parents) if workspace.root in place.parents}
    for folder in sorted(tried | {workspace.root / MODELS}, key=lambda folder: -len(folder.parts)):
        if folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


def _list_stayed(workspace: Workspace) -> tuple[str, ...]:
    """Lists what is left at the top of a workspace."""
    known = (BACKUPS, CONSENT, *MEDIA)
    found = sorted(path.name for path in workspace.root.iterdir()) if workspace.root.is_dir() else []
    return tuple(name for name in found if name not in known and not name.startswith("."))
