"""Draws the eye masks of a faceset, one per crop, from the landmarks in its manifest."""

from faceswap_lib.faces import CROP_SIZE, eye_mask
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.facesets.removal import check_places
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.media import write_image
from faceswap_lib.progress import show_progress


def write_eye_masks(workspace: Workspace, side: Side, *, progress: bool = False) -> int:
    """Writes the eye masks of one person's crops. Existing masks are not changed.

    Args:
        workspace: The workspace with the crops; the masks are written there, too.
        side: Which person's crops.
        progress: Show a progress bar.

    Returns:
        The number of masks that this call wrote.

    Raises:
        WorkspaceError: If there is no faceset, or a folder is a link.

    Taught in notebooks/02_prep_binary_masks.
    """
    check_places(workspace, side, saves=False)
    folder = workspace.eye_masks(side)
    written = 0
    for record in show_progress(read_manifest(workspace.faces(side)), "draw eye masks", disable=not progress):
        path = folder / record.mask
        if not path.exists():
            write_image(path, eye_mask(record.landmarks_in_crop(), CROP_SIZE))
            written += 1
    return written
