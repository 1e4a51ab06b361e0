"""Backup of facesets as a few large archives, for a folder that is slow with many small files, such as Google Drive.

The folder may become unavailable at any time. `keep_facesets` builds one archive per faceset locally and copies it in
one piece. `fetch_facesets` unpacks the facesets that are missing in a workspace. An error in the folder never changes
the workspace: it is logged and reported, and the caller continues. An archive that this workspace has neither written
nor fetched (see `backup_note`) belongs to other work: it is renamed, not replaced.
"""

import dataclasses
import filecmp
import os
import pathlib
import secrets
import shutil

import yaml

from faceswap_lib.atomic_io import flush_folder, replacing
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.archive import SPARE, digest_of, pack, read_contents, read_directory, unpack
from faceswap_lib.facesets.backup_note import digest_ends, find_earlier, is_noted, note_kept, rename_earlier
from faceswap_lib.facesets.consent import CONSENT, read_consent
from faceswap_lib.facesets.consent_file import Consent
from faceswap_lib.facesets.exclusion import SET_ASIDE
from faceswap_lib.facesets.extraction_log import read_dropped
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest
from faceswap_lib.facesets.scratch import scratch_folder
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.sync_report import SyncReport, attempt, open_folder, while_held
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.facesets.writable import check_room

BUNDLES = {
    "face_src": ("binary_masks/face_src_eyes", "occlusion_masks/face_src", "face_src"),
    "face_dst": ("binary_masks/face_dst_eyes", "occlusion_masks/face_dst", "face_dst"),
    "faces": ("faces",),
}
"""Workspace folders in each archive, by archive name. If the last folder contains files, the bundle is present."""


def keep_facesets(workspace: Workspace, folder: pathlib.Path | str) -> SyncReport:
    """Writes the facesets of a workspace that are missing in a backup folder, one .zip each, and the consents.

    Args:
        workspace: The workspace with the facesets. Unfinished facesets are skipped.
        folder: The folder of the archives. It is created if only its parent exists.

    Returns:
        The report of what was written. Errors are part of the report and are not raised.

    Raises:
        InputError: If `folder` is the workspace itself.
    """
    folder = pathlib.Path(folder)
    if folder.resolve() == workspace.root.resolve():
        raise InputError(f"expected a folder beside the workspace to keep it in, got {folder} itself")
    report = attempt("folder", lambda: open_folder(folder))
    if report.failed or not workspace.root.is_dir():
        return report

    def carry() -> SyncReport:
        report = SyncReport()
        for name in BUNDLES:
            report += attempt(name, lambda name=name: _keep_bundle(workspace, folder, name))
        return report + attempt(CONSENT, lambda: add_consents(workspace, Workspace(folder)))

    return while_held(carry, workspace.root, folder)


def fetch_facesets(folder: pathlib.Path | str, workspace: Workspace) -> SyncReport:
    """Unpacks the facesets that are missing in a workspace, each completely or not at all, and adds the consents.

    Args:
        folder: The folder that `keep_facesets` wrote to. It is created if only its parent exists.
        workspace: The workspace to fill. Its existing facesets are not changed.

    Returns:
        The report of what was unpacked. Errors are part of the report and are not raised.
    """
    folder = pathlib.Path(folder)
    report = attempt("folder", lambda: open_folder(folder))
    if report.failed:
        return report

    def carry() -> SyncReport:
        report = SyncReport()
        for name in BUNDLES:
            report += attempt(name, lambda name=name: _fetch_bundle(folder, workspace, name))
        return report + attempt(CONSENT, lambda: add_consents(Workspace(folder), workspace))

    return while_held(carry, workspace.root)


def _keep_bundle(workspace: Workspace, folder: pathlib.Path, name: str) -> SyncReport:
    """Writes one archive unless an equal one exists in the folder."""
    if name in ("face_src", "face_dst") and not (workspace.root / name / MANIFEST).is_file():
        begun = _list_files(workspace, name)
        return SyncReport(left=(f"{name} (its extraction is not finished)",) if begun else ())
    here = read_contents(workspace.root, BUNDLES[name])
    if not here:
        return SyncReport()
    target = folder / f"{name}.zip"
    if read_directory(target) == here:
        note_kept(workspace.root, name, digest_of(here))
        return SyncReport(unchanged=(name,))
    own = find_earlier(target, digest_of(here))
    if own is not None and read_directory(own) == here:  # this workspace wrote it; another one then renamed it
        left = _rename_foreign(workspace, name, target)
        own.rename(target)
        flush_folder(folder)
        note_kept(workspace.root, name, digest_of(here))
        return SyncReport(carried=(name,), left=left)
    with scratch_folder(workspace.root, "keep") as scratch:
        archive = pack(workspace.root, here, scratch / target.name)
        check_room(folder, archive.stat().st_size, target.name, spare=SPARE)
        with replacing(target, mode=archive.stat().st_mode) as temporary:
            shutil.copyfile(archive, temporary)
            left = _rename_foreign(workspace, name, target)  # late, since another machine may have written it by now
            # Noted before the archive is in place: after a kill in between, it is still known as ours.
            note_kept(workspace.root, name, digest_of(here))
    return SyncReport(carried=(name,), left=left)


def _rename_foreign(workspace: Workspace, name: str, target: pathlib.Path) -> tuple[str, ...]:
    """Renames an archive that does not belong to this workspace, and returns a note for the report."""
    there = read_directory(target)
    if there == {} and not target.exists():
        return ()
    if there and is_noted(workspace.root, name, digest_of(there)):
        return ()
    earlier = rename_earlier(target, digest_of(there) if there else digest_ends(target))
    return (f"{earlier.name} (another faceset, or a damaged one, that was there)",)


def _fetch_bundle(folder: pathlib.Path, workspace: Workspace, name: str) -> SyncReport:
    """Unpacks one archive if its faceset is missing in the workspace."""
    archive = folder / f"{name}.zip"
    if not archive.exists():
        return SyncReport()
    if present := _list_files(workspace, name):
        there = read_directory(archive)
        if there is not None and read_contents(workspace.root, BUNDLES[name]) == there:
            note_kept(workspace.root, name, digest_of(there))
            return SyncReport(unchanged=(name,))
        return SyncReport(left=(f"{name} (the workspace has its own, of {len(present)} files)",))
    workspace.root.mkdir(parents=True, exist_ok=True)
    left = []
    with scratch_folder(workspace.root, "fetch") as scratch:
        check_room(scratch, archive.stat().st_size, archive.name, spare=SPARE)
        copy = pathlib.Path(shutil.copyfile(archive, scratch / archive.name))
        unpacked = scratch / "unpacked"
        held = unpack(copy, unpacked, BUNDLES[name])
        if name != "faces":
            check_faceset(copy.name, unpacked / name, held)
        for part in BUNDLES[name]:
            check_inside(workspace.root / part, workspace.root)
        note_kept(workspace.root, name, digest_of(read_directory(copy) or {}))
        if hasattr(os, "sync"):
            os.sync()  # syncing thousands of small files one by one would take minutes
        for part in BUNDLES[name]:
            if earlier := _clear_place(workspace.root / part, unpacked / part):
                left.append(f"{earlier.relative_to(workspace.root).as_posix()} (files without their faces)")
            if (unpacked / part).exists():
                place = workspace.root / part
                place.parent.mkdir(parents=True, exist_ok=True)
                (unpacked / part).replace(place)
                flush_folder(place.parent)
    return SyncReport(carried=(name,), left=tuple(left))


def _clear_place(place: pathlib.Path, coming: pathlib.Path) -> pathlib.Path | None:
    """Makes the place free for an unpacked folder.

    Removes empty folders and the files of a killed attempt; renames a folder that contains any other file.

    Returns:
        The new name of the renamed folder; None if nothing was renamed.
    """
    if not place.exists():
        return None
    files = [path for path in place.rglob("*") if not path.is_dir() or path.is_symlink()]
    if all(_is_same(path, coming / path.relative_to(place)) for path in files):
        shutil.rmtree(place)
        return None
    return rename_earlier(place, secrets.token_hex(4))


def _is_same(path: pathlib.Path, other: pathlib.Path) -> bool:
    """Returns whether both paths are regular files with the same bytes."""
    is_plain = not path.is_symlink() and path.is_file() and other.is_file()
    return is_plain and filecmp.cmp(path, other, shallow=False)


def check_faceset(archive: str, folder: pathlib.Path, held: set[str]) -> None:
    """Validates the records of an unpacked faceset, so that no invalid name or value gets into a workspace.

    Args:
        archive: Name of the archive, for the message.
        folder: The unpacked folder of the faceset.
        held: Names of the files in the archive.

    Raises:
        WorkspaceError: If the manifest is missing, or a record is invalid.
    """
    name = folder.name
    if f"{name}/{MANIFEST}" not in held:
        raise WorkspaceError(f"{archive} holds no {name}/{MANIFEST}; delete it and back up the faces again")
    try:
        read_manifest(folder)
        if (folder / SET_ASIDE / MANIFEST).is_file():
            read_manifest(folder / SET_ASIDE)
        read_dropped(folder)
        read_source(folder)
    except WorkspaceError as error:
        raise WorkspaceError(f"{archive} holds a damaged faceset: {error}") from error


def _list_files(workspace: Workspace, name: str) -> list[pathlib.Path]:
    """Lists the files of a bundle's last folder. The bundle is present if there are any."""
    return [path for path in (workspace.root / BUNDLES[name][-1]).rglob("*") if path.is_file()]


def add_consents(source: Workspace, target: Workspace) -> SyncReport:
    """Adds the consents of `source` that are missing in `target`. The existing text of the file stays unchanged."""
    known = read_consent(target)
    added = [consent for consent in read_consent(source) if consent not in known]
    path = target.root / CONSENT
    if not added:
        return SyncReport(unchanged=(CONSENT,) if known else ())
    if known:
        documents = [dataclasses.asdict(consent) | {"videos": _to_list(consent)} for consent in added]
        dumped = (yaml.safe_dump(each, sort_keys=False, allow_unicode=True, width=100) for each in documents)
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n" + "".join(f"---\n{each}" for each in dumped)
    else:
        text = (source.root / CONSENT).read_text(encoding="utf-8")
    target.root.mkdir(exist_ok=True)
    with replacing(path, mode=(source.root / CONSENT).stat().st_mode) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return SyncReport(carried=(CONSENT,))


def _to_list(consent: Consent) -> list[dict[str, str]]:
    """Converts the videos of a consent to plain dicts for YAML."""
    return [dataclasses.asdict(video) for video in consent.videos]
