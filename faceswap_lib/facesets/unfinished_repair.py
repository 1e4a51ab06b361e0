"""Removes what a killed repair left: files of a crop that the log of unfinished work names, and no manifest."""

from faceswap_lib.facesets.exclusion import list_excluded
from faceswap_lib.facesets.extraction_log import LOG, ExtractionLog
from faceswap_lib.facesets.manifest import CropRecord, read_manifest
from faceswap_lib.facesets.removal import CROP
from faceswap_lib.facesets.workspace import Side, Workspace


def remove_unfinished(workspace: Workspace, side: Side) -> int:
    """Removes the files of a repair that was killed, then its log.

    Files that a manifest names stay, and files with other names than those of extracted crops.

    Args:
        workspace: The workspace of the faceset.
        side: The person's side.

    Returns:
        Number of crops whose files were removed.

    Raises:
        WorkspaceError: If there is no faceset, or the log is damaged.
    """
    folder = workspace.faces(side)
    if not (folder / LOG).is_file():
        return 0
    known = {record.mask.casefold() for record in [*read_manifest(folder), *list_excluded(workspace, side)]}
    log = ExtractionLog(folder)
    left = [r for r in log.crops() if r.mask.casefold() not in known and CROP.fullmatch(r.crop)]
    for record in left:
        remove_crop_files(workspace, side, record)
    log.remove()
    return len(left)


def remove_crop_files(workspace: Workspace, side: Side, record: CropRecord) -> None:
    """Removes the crop and the eye mask of a record that is in no manifest."""
    for path in (workspace.faces(side) / record.crop, workspace.eye_masks(side) / record.mask):
        path.unlink(missing_ok=True)
