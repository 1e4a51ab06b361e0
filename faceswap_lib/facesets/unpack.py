"""Unpacks a pack into a workspace: completely or not at all, and never over other files; see `pack`."""

import hashlib
import os
import pathlib
import secrets

from faceswap_lib.atomic_io import file_digest, flush_folder
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.archive import SPARE, unpack
from faceswap_lib.facesets.backup import check_faceset
from faceswap_lib.facesets.backup_note import rename_earlier
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.manifest import MANIFEST
from faceswap_lib.facesets.pack import NOTE_SUFFIXES, PackReport, attach_pack
from faceswap_lib.facesets.pack_consents import take_consents
from faceswap_lib.facesets.pack_format import CONSENTS, FACES, FOLDERS, NOTES, folders_of
from faceswap_lib.facesets.pack_reader import PackReader
from faceswap_lib.facesets.scratch import created_folder, scratch_folder
from faceswap_lib.facesets.workspace import Person, Side, Workspace, side_of
from faceswap_lib.facesets.writable import check_room
from faceswap_lib.locks import hold
from faceswap_lib.progress import show_progress


def unpack_faceset(
    file: pathlib.Path | str,
    workspace: Workspace,
    side: Side | Person,
    *,
    keep_packed: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> PackReport:
    """Unpacks a pack into a workspace, byte for byte as it was packed.

    All names, sizes, checksums and records are checked before the workspace is changed. Files that are already there
    with the same bytes stay, so that a call that was killed can be repeated.

    Args:
        file: The pack.
        workspace: The workspace to write to. It is created if it does not exist.
        side: Which faceset to write: "a" or "src", "b" or "dst"; not necessarily the one that was packed.
        keep_packed: Unpack only the small notes, and copy the pack to the workspace: crops and masks are read there.
        overwrite: If the workspace has another faceset of this person, rename its folders to `NAME.earlier-...`.
        progress: Show progress bars.

    Returns:
        What was written.

    Raises:
        WorkspaceError: If the pack is missing, damaged, or contains something that no pack contains; if the workspace
            has another faceset and `overwrite` is False; if a link leads out of the workspace, or the disk is full.
    """
    file, side = pathlib.Path(file), side_of(side)
    with PackReader(file) as reader:
        header, total = reader.header, sum(map(reader.size, reader.names))
        if f"{FACES}/{MANIFEST}" not in reader:
            raise WorkspaceError(f"{file} holds no {FACES}/{MANIFEST}; pack the faceset again")
        folders = folders_of(workspace, side)
        with (
            created_folder(workspace.root),
            hold(workspace.faces(side), what=f"the faceset {workspace.faces(side)}"),
            scratch_folder(workspace.root, "fetch") as scratch,
        ):
            for folder in folders.values():
                check_inside(folder, workspace.root)
            unpacked = scratch / "unpacked"
            unpacked.mkdir()
            if keep_packed:
                reader.verify(progress=progress)
                names = _unpack_notes(reader, unpacked)
            else:
                check_room(scratch, total, file.name, spare=SPARE)
                names = unpack(file, unpacked, FOLDERS)
                _verify(reader, unpacked, progress=progress)
            check_faceset(file.name, unpacked / FACES, names)
            renamed = [] if _is_used_here(reader, workspace, side) else _make_place(reader, folders, overwrite)
            if keep_packed:
                attach_pack(file, workspace, side)
            places = {name: _place(folders, name) for name in reader.names if name in names}
            written = _move(places, unpacked, progress=progress)
            consents = take_consents(unpacked / NOTES, workspace, side) if CONSENTS in names else ()
    return PackReport(
        path=workspace.faces(side),
        crops=header.crops,
        set_aside=header.set_aside,
        files=written,
        bytes=total,
        consents=consents,
        renamed=tuple(renamed),
    )


def _place(folders: dict[str, pathlib.Path], name: str) -> pathlib.Path:
    """Returns where a file of a pack belongs in a workspace."""
    kind, _, rest = name.partition("/")
    return folders[kind] / rest


def _verify(reader: PackReader, unpacked: pathlib.Path, *, progress: bool) -> None:
    """Compares the unpacked files with the SHA-256 of the index."""
    for name in show_progress(reader.names, f"verify {reader.path.name}", disable=not progress):
        reader.check_sha256(name, hashlib.sha256((unpacked / name).read_bytes()).hexdigest())


def _unpack_notes(reader: PackReader, unpacked: pathlib.Path) -> set[str]:
    """Unpacks the small files of a faceset, and the consents; returns their names."""
    names = {name for name in (*reader.names, CONSENTS) if name in reader and name.endswith((*NOTE_SUFFIXES, CONSENTS))}
    for name in sorted(names):
        (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).write_bytes(reader.read(name))
    return names


def _is_used_here(reader: PackReader, workspace: Workspace, side: Side) -> bool:
    """Checks whether a pack contains the crops of the faceset in its own workspace.

    Scores and masks that were written since the faceset was packed are newer than those in the pack, and stay.
    """
    place, manifest = workspace.pack(side), workspace.faces(side) / MANIFEST
    if not place.exists() or not place.samefile(reader.path) or not manifest.is_file():
        return False
    return file_digest(manifest) == reader.sha256(f"{FACES}/{MANIFEST}")


def _make_place(reader: PackReader, folders: dict[str, pathlib.Path], overwrite: bool) -> list[pathlib.Path]:
    """Checks that no other files are in the way, or renames their folders.

    Returns:
        The new names of the renamed folders.
    """
    other = _find_other(reader, folders)
    if other is None:
        return []
    if not overwrite:
        raise WorkspaceError(
            f"{other} belongs to another faceset, which is in the way; choose another workspace, or pass --overwrite "
            "to rename the folders of that faceset"
        )
    mark, renamed = secrets.token_hex(4), []
    for folder in reversed(folders.values()):  # the faces last: until then, they are known as a faceset
        if folder.is_dir() and any(folder.iterdir()):
            renamed.append(rename_earlier(folder, mark))
    return renamed


def _find_other(reader: PackReader, folders: dict[str, pathlib.Path]) -> pathlib.Path | None:
    """Finds a file in the folders of a faceset that is not in a pack, or has other bytes there; None if there is none.

    So a faceset whose crops are only in this pack is no other faceset, and neither is one that is half unpacked.
    """
    for kind, folder in folders.items():
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                continue
            name = f"{kind}/{path.relative_to(folder).as_posix()}"
            if path.is_symlink() or name not in reader or reader.read(name) != path.read_bytes():
                return path
    return None


def _move(places: dict[str, pathlib.Path], unpacked: pathlib.Path, *, progress: bool) -> int:
    """Moves the unpacked files that are not there yet to their places, the manifest last; returns their number."""
    if hasattr(os, "sync"):
        os.sync()  # syncing thousands of small files one by one would take minutes
    last = f"{FACES}/{MANIFEST}"
    written = 0
    for name in show_progress(sorted(places, key=lambda name: name == last), "unpack", disable=not progress):
        if not places[name].exists():
            places[name].parent.mkdir(parents=True, exist_ok=True)
            os.replace(unpacked / name, places[name])
            written += 1
    for folder in {place.parent for place in places.values()}:
        flush_folder(folder)
    return written
