"""Decides whether a training leaves covered pixels out, so that a resumed training does the same as before."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Faceset
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.run_metadata import stored_training


def settle_occlusion_masks(config: TrainConfig, folder: pathlib.Path, facesets: Sequence[Faceset]) -> TrainConfig:
    """Resolves `use_occlusion_masks` "auto": as the run was begun; for a new run, whether there are occlusion masks.

    Args:
        config: Options of the training.
        folder: Folder of the run. It does not have to exist.
        facesets: The facesets of A and of B.

    Returns:
        The options with "on" or "off".

    Raises:
        WorkspaceError: If covered pixels must be left out and there are no occlusion masks.
    """
    choice, has_masks = config.use_occlusion_masks, any(faceset.has_occlusion_masks for faceset in facesets)
    if choice == "auto" and (stored := stored_training(folder)) is not None:
        # Runs of versions without this option were begun without masks.
        choice = "off" if stored.use_occlusion_masks == "auto" else stored.use_occlusion_masks
    elif choice == "auto":
        choice = "on" if has_masks else "off"
    if choice == "on" and not has_masks:
        raise WorkspaceError(
            f"run '{folder.name}' leaves covered pixels out, and no faceset has occlusion masks; run 'faceswap mask "
            "--train', "
            "or pass --use-occlusion-masks off"
        )
    return dataclasses.replace(config, use_occlusion_masks=choice)


def digest_occlusion_masks(faceset: Faceset) -> str:
    """Computes the SHA-256 of the names and contents of a faceset's occlusion masks; empty if there are none."""
    if faceset.occlusion is None or not faceset.has_occlusion_masks:
        return ""
    digest = hashlib.sha256()
    for record in faceset.records:
        files = faceset.occlusion.files
        if files.exists(record.mask):
            digest.update(f"{record.mask} {files.sha256(record.mask)}\n".encode())
    return digest.hexdigest()
