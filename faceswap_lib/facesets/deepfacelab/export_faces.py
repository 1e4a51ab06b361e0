"""Makes the face images and metadata of DeepFaceLab from crops of this library."""

import pathlib

import cv2
import numpy as np

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.faces.alignment import invert_affine, map_points, resize_matrix, warp_frame
from faceswap_lib.facesets.crop_files import CropFiles
from faceswap_lib.facesets.crop_loading import check_square
from faceswap_lib.facesets.deepfacelab.face_types import FaceType, image_to_face_matrix
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import AlignedFace, write_metadata
from faceswap_lib.facesets.deepfacelab.mask_transfer import warp_mask_to_face
from faceswap_lib.facesets.deepfacelab.packed_face import PackedFace
from faceswap_lib.facesets.deepfacelab.placement import chain
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.facesets.manifest import ADVICE, CropRecord
from faceswap_lib.facesets.occlusion_masks import OcclusionMasks

JPEG_QUALITY = 95

SMALLEST, LARGEST, STEP = 256, 1024, 16
"""Range of the side of face images in pixels, and what it is a multiple of."""


def check_person(name: str | None) -> str:
    """Checks the name of a person, which becomes the name of a folder. Returns "" for no name.

    Raises:
        InputError: If it is not a plain file name.
    """
    if name is None:
        return ""
    try:
        return check_file_name(name)
    except ValueError as error:
        raise InputError(f"person_name: {error}") from error


def check_out(out: pathlib.Path, faces: pathlib.Path, *, is_pack: bool, overwrite: bool) -> None:
    """Checks that an export does not replace anything unasked.

    Args:
        out: The pack or the folder to write.
        faces: The folder of the exported faceset.
        is_pack: Whether a packed faceset is written.
        overwrite: Whether existing files may be replaced.

    Raises:
        WorkspaceError: If something is there, or `out` is in the folder of the faceset.
    """
    if out.resolve().is_relative_to(faces.resolve()):
        raise WorkspaceError(f"{out} is in the folder of the faceset itself; name another place")
    if is_pack and out.is_dir():
        raise WorkspaceError(f"{out}: expected the name of a packed faceset, got a folder; name another place")
    if not is_pack and out.exists() and not out.is_dir():
        raise WorkspaceError(f"{out}: expected a folder, got a file; name another place")
    is_used = out.exists() if is_pack else out.is_dir() and any(out.iterdir())
    if is_used and not overwrite:
        raise WorkspaceError(f"{out} exists already; name another place, or export with overwrite")


def read_crop(files: CropFiles, record: CropRecord) -> np.ndarray:
    """Reads a crop, from the folder of the faceset or from its pack.

    Returns:
        (S, S, 3) uint8 RGB.

    Raises:
        WorkspaceError: If the file is missing or not square, or its part of the pack is damaged.
    """
    path = files.folder / record.crop
    if not files.exists(record.crop):
        raise WorkspaceError(f"{path} is missing; {ADVICE}")
    return check_square(files.read_image(record.crop), path)


def natural_face_size(record: CropRecord, crop_side: int, face_type: FaceType) -> int:
    """Computes the side of face images at which the pixels of the crops keep their size.

    Args:
        record: Record of a crop with 68 landmarks.
        crop_side: Side of the stored crop in pixels.
        face_type: Face type of the images.

    Returns:
        A multiple of `STEP` from `SMALLEST` to `LARGEST`.
    """
    wanted = crop_side / CROP_SIZE / _scale_of(image_to_face_matrix(record.landmarks_in_crop(), face_type, 1))
    return int(np.clip(STEP * np.ceil(wanted / STEP), SMALLEST, LARGEST))


def _scale_of(matrix: np.ndarray) -> float:
    """Returns the scale of a similarity transform."""
    return float(np.linalg.norm(matrix[:, 0]))


def cut_face(
    image: np.ndarray, record: CropRecord, face_type: FaceType, size: int, masks: OcclusionMasks | None
) -> tuple[np.ndarray, AlignedFace]:
    """Cuts a face image of DeepFaceLab out of a crop.

    Args:
        image: (S, S, 3) uint8 RGB crop.
        record: Record of the crop, with 68 landmarks.
        face_type: How much around the face the image shows. Where it shows more than the crop, its border is repeated.
        size: Side of the image in pixels.
        masks: The occlusion masks of the faceset; None leaves them out.

    Returns:
        (size, size, 3) uint8 RGB, and its metadata.
    """
    points = np.array(record.landmarks_68, np.float64)
    face_from_frame = image_to_face_matrix(points, face_type, size)
    crop_from_frame = resize_matrix(np.array(record.crop_from_frame), len(image) / CROP_SIZE)
    face = AlignedFace(
        face_type=face_type,
        landmarks=map_points(face_from_frame, points),
        source_filename=f"{record.frame:05d}.png",
        source_rect=np.array(record.box_xyxy),
        source_landmarks=points,
        image_to_face_mat=face_from_frame,
        alignment_landmarks=np.array(record.landmarks),
        xseg_mask=None if masks is None else warp_mask_to_face(masks, record, face_from_frame, size),
    )
    return warp_frame(image, chain(face_from_frame, invert_affine(crop_from_frame)), size), face


def encode_face(image: np.ndarray, face: AlignedFace) -> bytes:
    """Encodes a face image as JPEG with metadata.

    Args:
        image: (S, S, 3) uint8 RGB.
        face: Its metadata.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()
    return write_metadata(encoded, face)


def pack_entry(face: AlignedFace, name: str, size: int, person: str) -> PackedFace:
    """Builds the entry of a face in the index of a packed faceset.

    Args:
        face: Metadata of the face.
        name: File name of the face.
        size: Side of the face image in pixels.
        person: Name of the person; empty for none.
    """
    return PackedFace(
        name=name,
        face_type=face.face_type,
        shape=(size, size, 3),
        landmarks=face.landmarks,
        source_filename=face.source_filename,
        person_name=person,
        eyebrows_expand_mod=face.eyebrows_expand_mod,
        xseg_mask=face.xseg_mask,
    )
