"""Facesets in few large files, for a folder that is slow with many small ones and may vanish, such as Google Drive.

`keep_facesets` writes one archive per faceset, built here and then copied in one piece; `fetch_facesets` unpacks what a
workspace lacks. Nothing that goes wrong with the folder touches the workspace: it is logged and reported, and the
caller goes on. `kept.json` in the workspace notes which archives it has seen; one that it has not seen is somebody's
other work and is renamed, not replaced.
"""

import dataclasses
import logging
import pathlib
import shutil
import tempfile
import typing
import zipfile
import zlib

import yaml

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.archive import Contents, digest_of, pack, read_contents, read_directory, unpack
from faceswap_lib.facesets.consent import CONSENT, read_consent
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest
from faceswap_lib.facesets.progress import read_dropped
from faceswap_lib.facesets.set_aside import SET_ASIDE
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.files import read_json, replacing, write_json, write_text

logger = logging.getLogger(__name__)

NOTE = "kept.json"
"""In the workspace: a digest of each archive as it was last written or unpacked."""

BUNDLES = {
    "face_src": ("binary_masks/face_src_eyes", "face_src"),
    "face_dst": ("binary_masks/face_dst_eyes", "face_dst"),
    "faces": ("faces",),
}
"""The archives, and the folders each holds, the one that makes it a faceset last."""

TROUBLES = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, WorkspaceError)
"""What reading an archive or a folder that vanishes may raise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeepReport:
    """What was carried between a workspace and a folder.

    Attributes:
        carried: What was written now.
        unchanged: What was there already, the same.
        left: What was left as it is, and why.
        failed: What could not be carried, and why; nothing of the workspace is lost by it.
    """

    carried: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __add__(self, other: "KeepReport") -> "KeepReport":
        names = [field.name for field in dataclasses.fields(self)]
        return KeepReport(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def to_text(self) -> str:
        """The report in a few lines."""
        lines = []
        for word in ("carried", "unchanged", "left", "failed"):
            found = getattr(self, word)
            if found:
                lines.append(f"{word}: {('; ' if word in ('left', 'failed') else ', ').join(found)}")
        return "\n".join(lines) or "nothing there yet"


def keep_facesets(workspace: Workspace, folder: pathlib.Path | str) -> KeepReport:
    """Writes what a folder lacks of a workspace's facesets: one .zip each, and the consents.

    Args:
        workspace: Holds the facesets; unfinished ones are left out.
        folder: Where the archives lie; it may be missing if the folder it lies in is there.

    Returns:
        What was written; what failed is in it, not raised.

    Raises:
        InputError: If `folder` is the workspace itself.
    """
    folder = pathlib.Path(folder)
    if folder.resolve() == workspace.root.resolve():
        raise InputError(f"expected a folder beside the workspace to keep it in, got {folder} itself")
    report = attempt("folder", lambda: open_folder(folder))
    if report.failed:
        return report
    for name in BUNDLES:
        report += attempt(name, lambda name=name: _keep_bundle(workspace, folder, name))
    return report + attempt(CONSENT, lambda: _add_consents(workspace, Workspace(folder)))


def fetch_facesets(folder: pathlib.Path | str, workspace: Workspace) -> KeepReport:
    """Unpacks the facesets that a workspace lacks, each whole or not at all, and takes over the consents.

    Args:
        folder: Where `keep_facesets` wrote; it may be missing if the folder it lies in is there.
        workspace: Gets what it lacks; what it has stays as it is.

    Returns:
        What was unpacked; what failed is in it, not raised.
    """
    folder = pathlib.Path(folder)
    report = attempt("folder", lambda: open_folder(folder))
    if report.failed:
        return report
    for name in BUNDLES:
        report += attempt(name, lambda name=name: _fetch_bundle(folder, workspace, name))
    return report + attempt(CONSENT, lambda: _add_consents(Workspace(folder), workspace))


def attempt(name: str, carry: typing.Callable[[], KeepReport]) -> KeepReport:
    """Carries one thing; what goes wrong with it is logged and becomes part of the report.

    Args:
        name: What is carried.
        carry: Carries it.
    """
    try:
        return carry()
    except TROUBLES as error:
        logger.warning("%s: %s; what is here stays as it is", name, error)
        return KeepReport(failed=(f"{name} ({error})",))


def open_folder(folder: pathlib.Path) -> KeepReport:
    """Makes the folder if need be, but none above it: those of a drive that is not mounted must not come to be.

    Raises:
        OSError: If the folder it lies in is not there.
    """
    folder.mkdir(exist_ok=True)
    return KeepReport()


def _keep_bundle(workspace: Workspace, folder: pathlib.Path, name: str) -> KeepReport:
    if name in ("face_src", "face_dst") and not (workspace.root / name / MANIFEST).is_file():
        begun = _list_files(workspace, name)
        return KeepReport(left=(f"{name} (its extraction is not finished)",) if begun else ())
    here = read_contents(workspace.root, BUNDLES[name])
    if not here:
        return KeepReport()
    target = folder / f"{name}.zip"
    there = read_directory(target)
    if there == here:
        _note(workspace, name, here)
        return KeepReport(unchanged=(name,))
    left = ()
    with tempfile.TemporaryDirectory(prefix=".keep-", dir=workspace.root) as scratch:
        archive = pack(workspace.root, here, pathlib.Path(scratch) / target.name)
        with replacing(target) as temporary:
            shutil.copyfile(archive, temporary)
            if target.exists() and (there is None or digest_of(there) != _noted(workspace).get(name)):
                earlier = target.with_name(f"{name}.earlier-{digest_of(there or {})[:8]}.zip")
                target.replace(earlier)
                left = (f"{earlier.name} (another faceset, or a damaged one, that lay there)",)
    _note(workspace, name, here)
    return KeepReport(carried=(name,), left=left)


def _fetch_bundle(folder: pathlib.Path, workspace: Workspace, name: str) -> KeepReport:
    archive = folder / f"{name}.zip"
    if not archive.exists():
        return KeepReport()
    if present := _list_files(workspace, name):
        there = read_directory(archive)
        if there is not None and read_contents(workspace.root, BUNDLES[name]) == there:
            _note(workspace, name, there)
            return KeepReport(unchanged=(name,))
        return KeepReport(left=(f"{name} (the workspace has its own, of {len(present)} files)",))
    workspace.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=workspace.root) as scratch:
        copy = pathlib.Path(shutil.copyfile(archive, pathlib.Path(scratch) / archive.name))
        unpacked = pathlib.Path(scratch) / "unpacked"
        held = unpack(copy, unpacked, BUNDLES[name])
        if name != "faces":
            _check_faceset(copy.name, unpacked / name, held)
        for part in BUNDLES[name]:
            check_inside(workspace.root / part, workspace.root)
        _note(workspace, name, read_directory(copy))
        for part in BUNDLES[name]:
            place = workspace.root / part
            if place.exists():  # empty, or masks whose faces are not there
                shutil.rmtree(place)
            if (unpacked / part).exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                (unpacked / part).replace(place)
    return KeepReport(carried=(name,))


def _check_faceset(archive: str, folder: pathlib.Path, held: set[str]) -> None:
    """Reads the records of an unpacked faceset, so that none with a wrong name or value gets into a workspace."""
    name = folder.name
    if f"{name}/{MANIFEST}" not in held:
        raise WorkspaceError(f"{archive} holds no {name}/{MANIFEST}; delete it and keep the faces again")
    try:
        read_manifest(folder)
        if (folder / SET_ASIDE / MANIFEST).is_file():
            read_manifest(folder / SET_ASIDE)
        read_dropped(folder)
        read_source(folder)
    except WorkspaceError as error:
        raise WorkspaceError(f"{archive} holds a damaged faceset: {error}") from error


def _list_files(workspace: Workspace, name: str) -> list[pathlib.Path]:
    """What makes a bundle present: the files of its last folder."""
    return [path for path in (workspace.root / BUNDLES[name][-1]).rglob("*") if path.is_file()]


def _noted(workspace: Workspace) -> dict[str, str]:
    return read_json(workspace.root / NOTE) if (workspace.root / NOTE).is_file() else {}


def _note(workspace: Workspace, name: str, contents: Contents) -> None:
    write_json(workspace.root / NOTE, _noted(workspace) | {name: digest_of(contents)})


def _add_consents(source: Workspace, target: Workspace) -> KeepReport:
    """Adds the consents that one folder has and the other lacks; what was written by hand stays as it is."""
    known = read_consent(target)
    added = [consent for consent in read_consent(source) if consent not in known]
    path = target.root / CONSENT
    if not added:
        return KeepReport(unchanged=(CONSENT,) if known else ())
    if known:
        documents = [dataclasses.asdict(consent) | {"videos": _to_list(consent)} for consent in added]
        dumped = (yaml.safe_dump(each, sort_keys=False, allow_unicode=True, width=100) for each in documents)
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n" + "".join(f"---\n{each}" for each in dumped)
    else:
        text = (source.root / CONSENT).read_text(encoding="utf-8")
    target.root.mkdir(exist_ok=True)
    write_text(path, text)
    return KeepReport(carried=(CONSENT,))


def _to_list(consent) -> list[dict[str, str]]:
    return [dataclasses.asdict(video) for video in consent.videos]
