"""Packs a faceset into one file and unpacks it again, without any change of a byte; see `pack_format`.

A faceset can also stay in its pack: the notes (manifest, source, tracks) are in the workspace's folder, and crops and
masks are read from the pack beside it. Many tools need a single file, and a network drive needs seconds instead of
minutes for it.
"""

import dataclasses
import hashlib
import pathlib
import zipfile

from faceswap_lib.atomic_io import copy_whole, replacing
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.archive import SPARE, effective_mode
from faceswap_lib.facesets.archive_checks import find_wrong_part
from faceswap_lib.facesets.exclusion import SET_ASIDE
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest
from faceswap_lib.facesets.pack_consents import consents_of, write_consents
from faceswap_lib.facesets.pack_format import (
    CONSENTS,
    DIGEST,
    FACES,
    HEADER,
    INDEX,
    PackedFile,
    PackHeader,
    digest_index,
    folders_of,
    new_entry,
    unpack_command,
)
from faceswap_lib.facesets.pack_reader import PackReader
from faceswap_lib.facesets.scratch import scratch_folder
from faceswap_lib.facesets.workspace import Person, Side, Workspace, side_of
from faceswap_lib.facesets.writable import check_room
from faceswap_lib.limits import ARCHIVE_BYTES, ARCHIVE_FILES
from faceswap_lib.progress import show_progress

NOTE_SUFFIXES = (".json", ".jsonl", ".npz")
"""Suffixes of the small files of a faceset, which stay in its folder when its images are only in the pack."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PackReport:
    """Result of packing or unpacking.

    Attributes:
        path: The pack, or the folder of the unpacked faceset.
        crops: Number of crops in the faceset.
        set_aside: Number of crops that are set aside.
        files: Number of files that were packed or written.
        bytes: Size of all files of the faceset in bytes, also of those that were there already.
        consents: Statements of the consents in the pack.
        renamed: Folders of an earlier faceset that were renamed.
    """

    path: pathlib.Path
    crops: int
    set_aside: int
    files: int
    bytes: int
    consents: tuple[str, ...] = ()
    renamed: tuple[pathlib.Path, ...] = ()


def pack_faceset(
    workspace: Workspace,
    side: Side | Person,
    out: pathlib.Path | str | None = None,
    *,
    overwrite: bool = False,
    progress: bool = False,
) -> PackReport:
    """Packs a faceset into one file: crops, masks, manifest, source, tracks, scores, and crops that are set aside.

    The faceset is not changed. The same faceset always gives the same bytes.

    Args:
        workspace: The workspace with the faceset.
        side: Which faceset: "a" or "src", "b" or "dst".
        out: The file to write; None writes `face_src.fspack` or `face_dst.fspack` to the workspace.
        overwrite: Replace an existing file.
        progress: Show a progress bar.

    Returns:
        What was packed.

    Raises:
        WorkspaceError: If there is no faceset, `out` exists, a name cannot be used on every operating system, a link
            leads out of the workspace, a file is changed meanwhile, or the disk is full.
    """
    side = side_of(side)
    out = workspace.pack(side) if out is None else pathlib.Path(out)
    if out.exists() and not (overwrite and out.is_file()):
        raise WorkspaceError(f"{out} is already there; pass --overwrite, or choose another name")
    files, header = _list_files(workspace, side), _count_crops(workspace, side)
    consents = consents_of(workspace, side)
    total = sum(path.stat().st_size for path in files.values())
    ARCHIVE_FILES.check(len(files) + 4, out.name, WorkspaceError)
    ARCHIVE_BYTES.check(total, out.name, WorkspaceError)
    check_room(out.parent, total, out.name, spare=SPARE)
    modes = {name: effective_mode(path, workspace.root) for name, path in files.items()}
    shared = 0o666
    for mode in modes.values():
        shared &= mode
    with scratch_folder(workspace.root, "keep") as scratch, replacing(out, mode=shared) as temporary:
        listed = write_consents(scratch, consents)
        with zipfile.ZipFile(temporary, "w", strict_timestamps=False) as archive:
            writer = _Writer(archive)
            writer.add(HEADER, header.to_bytes())
            if listed is not None:
                writer.add(CONSENTS, listed.read_bytes(), mode=0o600)
            for name, path in show_progress(files.items(), f"pack {out.name}", len(files), disable=not progress):
                writer.add(name, path.read_bytes(), mode=modes[name])
            writer.finish()
        _check_written(temporary, files)
    return PackReport(
        path=out,
        crops=header.crops,
        set_aside=header.set_aside,
        files=len(files),
        bytes=total,
        consents=tuple(consent.statement for consent in consents),
    )


class _Writer:
    """Writer of a pack that collects the lines of the index."""

    def __init__(self, archive: zipfile.ZipFile):
        self._archive, self._lines = archive, []

    def add(self, name: str, data: bytes, *, mode: int = 0o666) -> None:
        """Adds a file."""
        entry = new_entry(name, len(data), mode)
        self._archive.writestr(entry, data)
        begin = entry.header_offset + len(entry.FileHeader(zip64=False))
        digest = hashlib.sha256(data).hexdigest()
        self._lines.append(PackedFile(name=name, offset=begin, size=len(data), sha256=digest).to_line())

    def finish(self) -> None:
        """Adds the index and its digest."""
        index = "".join(self._lines).encode()
        self._archive.writestr(new_entry(INDEX, len(index), 0o666), index)
        self._archive.writestr(new_entry(DIGEST, 65, 0o666), digest_index(index))


def remove_packed(
    workspace: Workspace, side: Side | Person, pack: pathlib.Path | str, *, progress: bool = False
) -> int:
    """Removes the files of a faceset that are in a pack, after a comparison of every byte.

    If the pack is the one of the workspace, the small notes stay, and the faceset is used from the pack. Otherwise all
    of its files are removed, the manifest last. A file that is not in the pack, or differs, is never removed.

    Args:
        workspace: The workspace with the faceset.
        side: Which faceset.
        pack: The pack.
        progress: Show a progress bar.

    Returns:
        The number of removed files.

    Raises:
        WorkspaceError: If the pack is damaged, or a file of the faceset is not in it, or differs. Nothing is removed
            then.
    """
    side, pack = side_of(side), pathlib.Path(pack)
    files = _list_files(workspace, side)
    with PackReader(pack) as reader:
        for name, path in show_progress(files.items(), f"compare {pack.name}", len(files), disable=not progress):
            if name not in reader or reader.read(name) != path.read_bytes():
                raise WorkspaceError(f"{path} is not in {pack} as it is here; pack the faceset again")
    stays = pack.resolve() == workspace.pack(side).resolve()
    gone = {name: path for name, path in files.items() if not (stays and path.suffix in NOTE_SUFFIXES)}
    last = f"{FACES}/{MANIFEST}"
    for name in sorted(gone, key=lambda name: name == last):
        gone[name].unlink()
    for folder in folders_of(workspace, side).values():
        for empty in (folder / SET_ASIDE, folder):
            if empty.is_dir() and not empty.is_symlink() and not any(empty.iterdir()):
                empty.rmdir()
    return len(gone)


def attach_pack(pack: pathlib.Path, workspace: Workspace, side: Side) -> pathlib.Path:
    """Copies a pack to its place in the workspace, from where its crops and masks are read.

    Raises:
        WorkspaceError: If another file is there, or the disk is full.
    """
    place = workspace.pack(side)
    if place.exists() and place.samefile(pack):
        return place
    if place.exists():
        raise WorkspaceError(f"{place} is already there; move it elsewhere first")
    check_room(place.parent, pack.stat().st_size, place.name, spare=SPARE)
    copy_whole(pack, place)
    return place


def _list_files(workspace: Workspace, side: Side) -> dict[str, pathlib.Path]:
    """Lists the files of a faceset by their name in a pack, in the order of the pack."""
    found = {}
    for kind, folder in folders_of(workspace, side).items():
        check_inside(folder, workspace.root)
        for path in sorted(folder.rglob("*"), key=lambda path: (path.suffix not in NOTE_SUFFIXES, path.as_posix())):
            if not path.is_file() or ".partial" in path.suffixes:
                continue
            check_inside(path, workspace.root)
            name = f"{kind}/{path.relative_to(folder).as_posix()}"
            if wrong := find_wrong_part(name):
                raise WorkspaceError(f"{path}: {wrong}; rename it, or move it elsewhere")
            found[name] = path
    return found


def _count_crops(workspace: Workspace, side: Side) -> PackHeader:
    """Counts the crops of a faceset, and checks that all of them are in their folder."""
    folder = workspace.faces(side)
    counts = []
    for place in (folder, folder / SET_ASIDE):
        records = read_manifest(place) if place == folder or (place / MANIFEST).is_file() else []
        missing = [record.crop for record in records if not (place / record.crop).is_file()]
        if missing:
            pack = workspace.pack(side)
            unpacked_by = f"unpack the faceset first: {unpack_command(pack, workspace.root, side)}"
            advice = unpacked_by if pack.is_file() else "extract again with --overwrite"
            raise WorkspaceError(f"{len(missing)} of {len(records)} crops are not in {place}; {advice}")
        counts.append(len(records))
    if not counts[0]:
        raise WorkspaceError(f"no faces in {folder} (its manifest is empty); extract from another video")
    return PackHeader(crops=counts[0], set_aside=counts[1])


def _check_written(temporary: pathlib.Path, files: dict[str, pathlib.Path]) -> None:
    """Checks that a new pack can be read, and that no file changed its size while it was packed."""
    with PackReader(temporary) as reader:
        for name, path in files.items():
            if name not in reader or not path.is_file() or reader.size(name) != path.stat().st_size:
                raise WorkspaceError(f"{path} was changed while it was packed; pack the faceset again")
