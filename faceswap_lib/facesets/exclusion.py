"""Excludes crops from training without deleting them, and restores them.

Excluded crops are stored in a subfolder `set_aside` of the faceset, together with a manifest of their records. Their
masks are stored in a subfolder of the same name in the folder of the masks. The faceset's own manifest defines which
crops belong to it, and it is written atomically. Therefore a kill at any moment leaves a valid faceset. First, crops
are copied to their new place. Then both manifests are written: the faceset's manifest last when a crop is excluded, and
first when it is restored. The old copies are removed at the end.

A file is removed only if an identical copy exists. Nothing is written or removed if a link leads out of the workspace.
"""

import difflib
import filecmp
import pathlib
import typing

from faceswap_lib.atomic_io import copy_whole
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.crop_files import check_unpacked
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.manifest import MANIFEST, CropRecord, check_distinct, read_manifest, write_manifest
from faceswap_lib.facesets.workspace import Side, Workspace

SET_ASIDE = "set_aside"
"""Name of the folder of excluded files, in a faceset and in the folder of its masks."""


def exclude_crops(workspace: Workspace, side: Side, crops: typing.Iterable[str]) -> int:
    """Excludes crops from a faceset. Trainings that are started or resumed afterwards do not use them.

    Args:
        workspace: The workspace with the faceset.
        side: Which person's faceset.
        crops: File names of the crops, as in the manifest.

    Returns:
        The total number of excluded crops.

    Raises:
        WorkspaceError: If there is no faceset, a crop is not in it, the crops are only in a pack, or no crop would
            remain; or if a link leads out of the workspace. Nothing is changed then.
    """
    return replace_crops(workspace, side, crops, ())


def replace_crops(
    workspace: Workspace, side: Side, crops: typing.Iterable[str], added: typing.Iterable[CropRecord]
) -> int:
    """Excludes crops and adds others in their place with one write of the manifest.

    Args:
        workspace: The workspace with the faceset.
        side: Which person's faceset.
        crops: File names of the crops to exclude, as in the manifest.
        added: Records of the new crops. Their files and masks must exist, under names that no other crop has.

    Returns:
        The total number of excluded crops.

    Raises:
        WorkspaceError: As `exclude_crops`, or if a new crop has the name of another one. Nothing is changed then.
    """
    folder = workspace.faces(side)
    records, wanted, new = read_manifest(folder), set(crops), list(added)
    check_unpacked(workspace, side, records)
    aside = _read_aside(workspace, side, records)
    _check_known(wanted, records, folder)
    check_distinct([*records, *aside, *new], folder / MANIFEST)
    kept, leaving = ([r for r in records if (r.crop in wanted) == leaves] for leaves in (False, True))
    kept = _sort_records([*kept, *new]) if new else kept
    if records and not kept:
        raise WorkspaceError(f"all {len(records)} crops of {folder} would be set aside; leave some")
    places = [place for record in leaving for place in _places(workspace, side, record)]
    for place in places:
        _check_files(workspace, *place)
    for inside, outside in places:
        _copy_existing(inside, outside)
    together = _sort_records([*aside, *leaving])
    if together:
        write_manifest(folder / SET_ASIDE, together)
    if leaving or new:
        write_manifest(folder, kept)
    _remove_old_copies(workspace, side, kept, together)
    return len(together)


def restore_crops(workspace: Workspace, side: Side, crops: typing.Iterable[str] | None = None) -> int:
    """Restores excluded crops to their faceset.

    Args:
        workspace: The workspace with the faceset.
        side: Which person's faceset.
        crops: File names of the crops; None restores all of them.

    Returns:
        The number of restored crops.

    Raises:
        WorkspaceError: If there is no faceset, the crops are only in a pack, a crop is not excluded, its file is
            missing, or another file has its name in the faceset; or if a link leads out of the workspace. Nothing is
            changed then.
    """
    folder = workspace.faces(side)
    records = read_manifest(folder)
    check_unpacked(workspace, side, records)
    aside = _read_aside(workspace, side, records)
    wanted = {record.crop for record in aside} if crops is None else set(crops)
    _check_known(wanted, aside, folder / SET_ASIDE)
    staying, returning = ([r for r in aside if (r.crop in wanted) == returns] for returns in (False, True))
    lost = [record.crop for record in returning if not (folder / SET_ASIDE / record.crop).is_file()]
    if lost:
        raise WorkspaceError(
            f"{len(lost)} of {len(returning)} crops are missing in {folder / SET_ASIDE}, the first is {lost[0]}; "
            "restore the others by name"
        )
    places = [place for record in returning for place in _places(workspace, side, record)]
    for inside, outside in places:
        _check_files(workspace, inside, outside)
        if outside.is_file() and inside.is_file() and not filecmp.cmp(inside, outside, shallow=False):
            raise WorkspaceError(f"{inside} is another file than the one that was set aside; move it elsewhere first")
    for inside, outside in places:
        _copy_existing(outside, inside)
    together = _sort_records([*records, *returning])
    if returning:
        write_manifest(folder, together)
    if staying:
        write_manifest(folder / SET_ASIDE, staying)
    _remove_old_copies(workspace, side, together, staying)
    return len(returning)


def list_excluded(workspace: Workspace, side: Side) -> list[CropRecord]:
    """Returns the records of the excluded crops, in the order of their names.

    Raises:
        WorkspaceError: If there is no faceset, or a link leads out of the workspace.
    """
    folder = workspace.faces(side)
    return _read_aside(workspace, side, read_manifest(folder))


def _read_aside(workspace: Workspace, side: Side, records: list[CropRecord]) -> list[CropRecord]:
    """Reads the records of excluded crops, without those that are still in the faceset after a kill.

    Also checks that no folder is a link that leads out of the workspace.
    """
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
    """Checks that paths are inside the workspace and are not folders."""
    for path in paths:
        check_inside(path, workspace.root)
        if path.is_dir():
            raise WorkspaceError(f"{path}: expected a picture, got a folder; move it elsewhere")


def _sort_records(records: list[CropRecord]) -> list[CropRecord]:
    """Sorts records by the names of their crops."""
    return sorted(records, key=lambda record: record.crop)


def _check_known(wanted: set[str], records: list[CropRecord], folder: pathlib.Path) -> None:
    """Checks that all wanted crops have records."""
    names = [record.crop for record in records]
    for crop in sorted(wanted.difference(names)):
        near = difflib.get_close_matches(crop, names, 1)
        raise WorkspaceError(f"no crop {crop} in {folder}" + (f"; the nearest is {near[0]}" if near else ""))


def _places(workspace: Workspace, side: Side, record: CropRecord) -> list[tuple[pathlib.Path, pathlib.Path]]:
    """Returns the paths of a crop and of its mask: inside the faceset, and when excluded."""
    folder, masks = workspace.faces(side), workspace.eye_masks(side)
    return [(place / name, place / SET_ASIDE / name) for place, name in ((folder, record.crop), (masks, record.mask))]


def _copy_existing(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a file atomically, if it exists."""
    if source.is_file():  # the mask may not exist yet
        copy_whole(source, target)


def _remove_old_copies(workspace: Workspace, side: Side, inside: list[CropRecord], aside: list[CropRecord]) -> None:
    """Removes the copies that are no longer needed, including those left by a killed process."""
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
    """Removes a file if an identical copy exists. A file without a copy, or with a different one, stays."""
    if path.is_file() and copy.is_file() and filecmp.cmp(path, copy, shallow=False):
        path.unlink()
