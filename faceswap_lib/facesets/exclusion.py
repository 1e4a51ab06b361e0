"""Crops that a training shall not see: set aside, not deleted, and brought back at any time.

They lie in a folder `set_aside` inside the faceset's, their masks in one inside the masks' folder, and their lines of
the manifest in a manifest there. The faceset's own manifest says who belongs to it, and it is written whole, so a kill
at any moment leaves a faceset that opens: a crop is copied to where it goes, then the two manifests are written, the
faceset's last when a crop leaves and first when it comes back, and what is left behind is removed at the very end.

A file is removed only where its copy is there, byte by byte, and nothing is written or removed where a link leads out
of the workspace.
"""

import difflib
import filecmp
import pathlib
import typing

from faceswap_lib.atomic_io import copy_whole
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.manifest import MANIFEST, CropRecord, check_distinct, read_manifest, write_manifest
from faceswap_lib.facesets.workspace import Side, Workspace

SET_ASIDE = "set_aside"
"""Folder of what was set aside, in a faceset and in the folder of its masks."""


def exclude_crops(workspace: Workspace, side: Side, crops: typing.Iterable[str]) -> int:
    """Takes crops out of a faceset; trainings begun or resumed afterwards do not see them.

    Args:
        workspace: Holds the faceset.
        side: Whose.
        crops: File names of the crops, as in the manifest.

    Returns:
        How many are set aside now, in all.

    Raises:
        WorkspaceError: If there is no faceset, a crop is not in it, or none would be left; or if a link leads out of
            the workspace. Nothing is changed then.
    """
    folder = workspace.faces(side)
    records, wanted = read_manifest(folder), set(crops)
    aside = _read_aside(workspace, side, records)
    _check_known(wanted, records, folder)
    kept, leaving = ([r for r in records if (r.crop in wanted) == leaves] for leaves in (False, True))
    if records and not kept:
        raise WorkspaceError(f"all {len(records)} crops of {folder} would be set aside; leave some")
    places = [place for record in leaving for place in _places(workspace, side, record)]
    for place in places:
        _check_files(workspace, *place)
    for inside, outside in places:
        _copy_if_there(inside, outside)
    together = _in_order([*aside, *leaving])
    if together:
        write_manifest(folder / SET_ASIDE, together)
    if leaving:
        write_manifest(folder, kept)
    _tidy(workspace, side, kept, together)
    return len(together)


def restore_crops(workspace: Workspace, side: Side, crops: typing.Iterable[str] | None = None) -> int:
    """Puts crops that were set aside back into their faceset.

    Args:
        workspace: Holds the faceset.
        side: Whose.
        crops: File names of the crops; None brings all of them back.

    Returns:
        How many came back.

    Raises:
        WorkspaceError: If there is no faceset, a crop was not set aside, is not where it was put, or another file has
            its place; or if a link leads out of the workspace. Nothing is changed then.
    """
    folder = workspace.faces(side)
    records = read_manifest(folder)
    aside = _read_aside(workspace, side, records)
    wanted = {record.crop for record in aside} if crops is None else set(crops)
    _check_known(wanted, aside, folder / SET_ASIDE)
    staying, returning = ([r for r in aside if (r.crop in wanted) == returns] for returns in (False, True))
    lost = [record.crop for record in returning if not (folder / SET_ASIDE / record.crop).is_file()]
    if lost:
        raise WorkspaceError(
            f"{folder / SET_ASIDE} lacks {len(lost)} crops, {lost[0]} first; bring back others by name"
        )
    places = [place for record in returning for place in _places(workspace, side, record)]
    for inside, outside in places:
        _check_files(workspace, inside, outside)
        if outside.is_file() and inside.is_file() and not filecmp.cmp(inside, outside, shallow=False):
            raise WorkspaceError(f"{inside} is another file than the one that was set aside; move it elsewhere first")
    for inside, outside in places:
        _copy_if_there(outside, inside)
    together = _in_order([*records, *returning])
    if returning:
        write_manifest(folder, together)
    if staying:
        write_manifest(folder / SET_ASIDE, staying)
    _tidy(workspace, side, together, staying)
    return len(returning)


def list_excluded(workspace: Workspace, side: Side) -> list[CropRecord]:
    """The records of the crops that are set aside, in the order of their names.

    Raises:
        WorkspaceError: If there is no faceset, or a link leads out of the workspace.
    """
    folder = workspace.faces(side)
    return _read_aside(workspace, side, read_manifest(folder))


def _read_aside(workspace: Workspace, side: Side, records: list[CropRecord]) -> list[CropRecord]:
    """What is set aside and not, after a kill, in the faceset as well; no folder may lead out of the workspace."""
    folder = workspace.faces(side)
    for place in (folder, workspace.eye_masks(side)):
        check_inside(place, workspace.root)
        check_inside(place / SET_ASIDE, workspace.root)
    if not (folder / SET_ASIDE / MANIFEST).is_file():
        return []
    inside = {record.crop for record in records}
    aside = [record for record in read_manifest(folder / SET_ASIDE) if record.crop not in inside]
    check_distinct([*records, *aside], folder / SET_ASIDE / MANIFEST)
    return aside


def _check_files(workspace: Workspace, *paths: pathlib.Path) -> None:
    for path in paths:
        check_inside(path, workspace.root)
        if path.is_dir():
            raise WorkspaceError(f"{path}: expected a picture, got a folder; move it elsewhere")


def _in_order(records: list[CropRecord]) -> list[CropRecord]:
    return sorted(records, key=lambda record: record.crop)


def _check_known(wanted: set[str], records: list[CropRecord], folder: pathlib.Path) -> None:
    names = [record.crop for record in records]
    for crop in sorted(wanted.difference(names)):
        near = difflib.get_close_matches(crop, names, 1)
        raise WorkspaceError(f"no crop {crop} in {folder}" + (f"; the nearest is {near[0]}" if near else ""))


def _places(workspace: Workspace, side: Side, record: CropRecord) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Where a crop and its mask are in the faceset, and where they are when it is set aside."""
    folder, masks = workspace.faces(side), workspace.eye_masks(side)
    return [(place / name, place / SET_ASIDE / name) for place, name in ((folder, record.crop), (masks, record.mask))]


def _copy_if_there(source: pathlib.Path, target: pathlib.Path) -> None:
    if source.is_file():  # there may be no mask yet
        copy_whole(source, target)


def _tidy(workspace: Workspace, side: Side, inside: list[CropRecord], aside: list[CropRecord]) -> None:
    """Removes the copies that are no longer wanted, also those that a kill has left."""
    for record in aside:
        for path, copy in _places(workspace, side, record):
            _remove_copied(path, copy)
    for record in inside:
        for copy, path in _places(workspace, side, record):
            _remove_copied(path, copy)
    if not aside:
        folder, masks = workspace.faces(side) / SET_ASIDE, workspace.eye_masks(side) / SET_ASIDE
        (folder / MANIFEST).unlink(missing_ok=True)
        for empty in (folder, masks):
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()


def _remove_copied(path: pathlib.Path, copy: pathlib.Path) -> None:
    """Removes a file whose bytes are elsewhere too; what is the only one, or differs, stays."""
    if path.is_file() and copy.is_file() and filecmp.cmp(path, copy, shallow=False):
        path.unlink()
