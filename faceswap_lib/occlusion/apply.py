"""Application of an occlusion network to a faceset: writes one mask per crop."""

import dataclasses
import typing

import numpy as np

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces.region import RegionChoice, open_outline_detector
from faceswap_lib.facesets import Faceset
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.occlusion_masks import MaskNote, OcclusionMasks
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.media import write_image
from faceswap_lib.occlusion.dataset import check_side
from faceswap_lib.occlusion.face_region import widened_regions
from faceswap_lib.occlusion.masks import clean_mask
from faceswap_lib.occlusion.network import BATCH, SIDE, OcclusionPredictor
from faceswap_lib.progress import show_progress

CENTER = slice(SIDE // 4, 3 * SIDE // 4)
"""Rows and columns of the middle of a crop, which the face fills."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApplyReport:
    """Summary of the masks of one faceset.

    Attributes:
        written: Number of masks that were written.
        kept: Number of existing masks that were kept because they were changed by hand or come from another program.
        covered: Mean share of the middle of the crops that is covered, over the written masks; 0 without any.
    """

    written: int
    kept: int
    covered: float


def write_occlusion_masks(
    workspace: Workspace,
    side: Side,
    network: OcclusionPredictor,
    *,
    overwrite: bool = False,
    face_region: RegionChoice = "auto",
    progress: bool = False,
) -> ApplyReport:
    """Writes the occlusion masks of one person's crops: 255 where the face is visible.

    A mask is 0 outside of the face: of its ellipse and its outline, both with a margin. Existing masks are replaced,
    except those that were changed by hand or come from another program.

    Args:
        workspace: The workspace with the crops; the masks are written there, too.
        side: Which person's crops.
        network: The occlusion network.
        overwrite: Whether masks that were changed by hand are replaced, too.
        face_region: How the region of the face is determined.
        progress: Whether to show a progress bar.

    Returns:
        A summary.

    Raises:
        WorkspaceError: If there are no crops, a crop is smaller than 256 pixels, or the folder of the masks is a link
            to another place.
    """
    faceset = Faceset.open(workspace, side)
    masks = faceset.occlusion
    if masks is None:
        raise WorkspaceError(f"expected a place for occlusion masks of {faceset.folder}")
    check_inside(masks.folder, workspace.root)
    notes, covered, outlines = dict(masks.notes), [], open_outline_detector(face_region)
    todo = [record for record in faceset.records if overwrite or not _is_changed(masks, notes.get(record.crop), record)]
    bar = show_progress(title=f"masks of {faceset.folder.name}", total=len(todo), disable=not progress)
    try:
        with bar:
            for batch in _batched(todo):
                crops = dataclasses.replace(faceset, records=tuple(batch)).read_crops()
                found = network.predict(np.stack([check_side(crop).image for crop in crops]))
                regions = np.maximum(widened_regions(crops, outlines), widened_regions(crops, None))
                for record, mask, region in zip(batch, found, regions, strict=True):
                    covered.append(1 - float(mask[CENTER, CENTER].mean()))
                    write_image(masks.path(record), np.round(region * clean_mask(mask)).astype(np.uint8))
                    notes[record.crop] = MaskNote(
                        crop=record.crop,
                        crop_sha256=faceset.crop_files.sha256(record.crop),
                        mask_sha256=file_digest(masks.path(record)),
                    )
                bar.update(len(batch))
    finally:  # also after an interrupt: a mask without a note counts as one of another program
        masks.write_notes(notes)
    return ApplyReport(
        written=len(todo), kept=len(faceset) - len(todo), covered=float(np.mean(covered)) if covered else 0.0
    )


def _is_changed(masks: OcclusionMasks, note: MaskNote | None, record: typing.Any) -> bool:
    """Checks whether a crop has a mask that this program did not write, or that was changed since."""
    path = masks.path(record)
    return path.is_file() and (note is None or note.mask_sha256 != file_digest(path))


def _batched(items: typing.Sequence[typing.Any]) -> typing.Iterator[typing.Sequence[typing.Any]]:
    """Yields the items in batches."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
