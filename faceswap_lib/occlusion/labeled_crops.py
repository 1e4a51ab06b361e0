"""Labels and the crops of a workspace: reads labeled crops for the training, and exports masks as labels."""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

import numpy as np

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.region import RegionChoice
from faceswap_lib.facesets import CropRecord, Faceset
from faceswap_lib.facesets.workspace import Side
from faceswap_lib.occlusion.dataset import Example, make_scene
from faceswap_lib.occlusion.label_files import read_labels, write_coco, write_labelme
from faceswap_lib.occlusion.network import SIDE
from faceswap_lib.occlusion.polygons import LabeledImage, draw_mask, trace_mask

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportReport:
    """Summary of an export of labels.

    Attributes:
        images: Number of labeled crops.
        polygons: Number of polygons.
        skipped: Number of spots that are left out, see `polygons.trace_mask`.
        unmasked: Number of crops without a mask.
    """

    images: int
    polygons: int
    skipped: int
    unmasked: int


def read_labeled_crops(
    path: pathlib.Path, facesets: dict[Side, Faceset], *, face_region: RegionChoice = "auto"
) -> list[Example]:
    """Reads labels, and the crops that they belong to.

    Args:
        path: A LabelMe file, a COCO file, or a folder of LabelMe files.
        facesets: The facesets that may contain the crops.
        face_region: How the region of a face is determined if no polygon says "face".

    Returns:
        The crops with their masks.

    Raises:
        InputError: If the labels are invalid, a crop's name is in both facesets, or no label belongs to a crop.
    """
    records: dict[Side, dict[str, CropRecord]] = {
        side: {record.crop: record for record in faceset.records} for side, faceset in facesets.items()
    }
    examples, unknown = [], 0
    for labels in read_labels(path):
        sides: list[Side] = [side for side in records if labels.side in (side, None) and labels.crop in records[side]]
        if len(sides) > 1:
            raise InputError(
                f"{path}: {labels.crop} is in {' and '.join(f'face_{side}' for side in sides)}; write the folder "
                f"before the name of the image, face_{sides[0]}/{labels.crop}"
            )
        if not sides:
            unknown += 1
            continue
        faceset = facesets[sides[0]]
        examples.append(_make_example(faceset, records[sides[0]][labels.crop], labels, face_region))
    if unknown:
        logger.warning("%s: %d labeled images are no crops of this workspace and are not used", path, unknown)
    if not examples:
        raise InputError(f"{path}: expected labels of crops in this workspace, got none; check the names of its images")
    return examples


def export_labels(path: pathlib.Path, facesets: dict[Side, Faceset]) -> ExportReport:
    """Exports occlusion masks as polygons, for correction in a label editor.

    Args:
        path: A COCO file (`.json`), or a folder for LabelMe files.
        facesets: The facesets.

    Returns:
        A summary.

    Raises:
        WorkspaceError: If there are no masks.
    """
    images, skipped, unmasked = [], 0, 0
    for side, faceset in facesets.items():
        masks = faceset.occlusion
        for record in faceset.records:
            if masks is None or not masks.is_of(record):
                unmasked += 1
                continue
            polygons, left_out = trace_mask(masks.read(record, SIDE))
            skipped += left_out
            images.append(LabeledImage(crop=record.crop, side=side, size=(SIDE, SIDE), polygons=polygons))
    if not images:
        raise WorkspaceError("expected occlusion masks to export, got none; run 'faceswap mask --train' first")
    if path.suffix.lower() == ".json":
        write_coco(path, images)
    else:
        write_labelme(path, images, {side: faceset.folder for side, faceset in facesets.items()})
    count = sum(len(image.polygons) for image in images)
    return ExportReport(images=len(images), polygons=count, skipped=skipped, unmasked=unmasked)


def _make_example(faceset: Faceset, record: CropRecord, labels: LabeledImage, face_region: RegionChoice) -> Example:
    """Reads a labeled crop and draws its mask."""
    one: Sequence[CropRecord] = (record,)
    (crop,) = dataclasses.replace(faceset, records=tuple(one)).read_crops()
    scene = make_scene(crop, face_region)
    visible = draw_mask(labels, SIDE, np.ones_like(scene.region))
    region = np.maximum(scene.region, draw_mask(labels, SIDE, scene.region))
    return Example(image=scene.crop, visible=visible, region=region)
