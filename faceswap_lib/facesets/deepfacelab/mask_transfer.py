"""Carries the masks of faces over: XSeg masks of DeepFaceLab are occlusion masks here.

Both say where the face is visible. They differ in the image to which they belong, so they are warped from one to the
other.
"""

import contextlib
import logging
import os
import typing

import cv2
import numpy as np

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.faces.alignment import crop_from_frame, invert_affine, resize_matrix
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import AlignedFace, decode_mask, encode_mask
from faceswap_lib.facesets.deepfacelab.placement import Placement, chain
from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.facesets.occlusion_masks import MaskNote, OcclusionMasks
from faceswap_lib.facesets.pack_reader import PackReader
from faceswap_lib.facesets.workspace import Side, Workspace

logger = logging.getLogger(__name__)

MOST_SIDE = 512
"""Maximum side of an exported mask in pixels, so that it fits into the metadata of a JPEG file."""


def open_masks(workspace: Workspace, side: Side, pack: PackReader | None = None) -> OcclusionMasks:
    """Returns the occlusion masks of a faceset, which do not have to exist; also those in its pack."""
    return OcclusionMasks(folder=workspace.occlusion_masks(side), crops=workspace.faces(side), pack=pack)


def put_occlusion_masks_aside(masks: OcclusionMasks) -> None:
    """Renames a folder of occlusion masks that belong to another faceset. They may be drawn by hand."""
    folder = masks.folder
    if not masks.exist():
        return
    number = 1
    while os.path.lexists(aside := folder.with_name(f"{folder.name}.earlier-{number}")):
        number += 1
    folder.rename(aside)
    logger.warning("%s: these masks belong to another faceset; the folder is renamed to %s", folder, aside)


def warp_mask_to_crop(face: AlignedFace, place: Placement, size: tuple[int, int], origin: str) -> np.ndarray | None:
    """Warps the mask of a face image to a crop.

    Args:
        face: Metadata of the face.
        place: Geometry of the face.
        size: Width and height of the face image in pixels.
        origin: Name of the face, for the message.

    Returns:
        (CROP_SIZE, CROP_SIZE) uint8, 255 where the face is visible, 0 also outside the face image; None if the face has
        no mask.

    Raises:
        InputError: If the mask cannot be decoded.
    """
    mask = decode_mask(face, origin)
    if mask is None:
        return None
    mask = mask if mask.shape[::-1] == size else cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
    return cv2.warpAffine(mask, crop_from_frame(place.face), (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR)


def note_masks(masks: OcclusionMasks, records: typing.Sequence[CropRecord]) -> None:
    """Notes for which crops the imported masks were made.

    Args:
        masks: The masks.
        records: Records of the crops; those without a mask are passed over.
    """
    written = [record for record in records if masks.path(record).is_file()]
    masks.write_notes(
        {
            record.crop: MaskNote(
                crop=record.crop,
                crop_sha256=file_digest(masks.crops / record.crop),
                mask_sha256=file_digest(masks.path(record)),
            )
            for record in written
        }
    )


def remove_masks(masks: OcclusionMasks, names: typing.Iterable[str]) -> None:
    """Removes the masks of an import that failed, by their file names."""
    for name in names:
        (masks.folder / name).unlink(missing_ok=True)
    for folder in (masks.folder, masks.folder.parent):
        with contextlib.suppress(OSError):  # it does not exist or is not empty
            folder.rmdir()


def warp_mask_to_face(
    masks: OcclusionMasks, record: CropRecord, face_from_frame: np.ndarray, size: int
) -> bytes | None:
    """Warps the occlusion mask of a crop to a face image.

    Args:
        masks: The masks of the faceset.
        record: Record of the crop.
        face_from_frame: (2, 3) matrix from the frame to the face image.
        size: Side of the face image in pixels.

    Returns:
        A PNG or JPEG file of side `size`, at most `MOST_SIDE`; None if the crop has no mask.

    Raises:
        WorkspaceError: If the mask is not square, or the notes about the masks are damaged.
        VideoError: If the mask cannot be decoded.
    """
    if not masks.is_of(record):
        return None
    side = min(size, MOST_SIDE)
    face_from_crop = chain(resize_matrix(face_from_frame, side / size), invert_affine(np.array(record.crop_from_frame)))
    mask = masks.read(record, CROP_SIZE)
    return encode_mask(cv2.warpAffine(mask, face_from_crop, (side, side), flags=cv2.INTER_LINEAR))
