"""Facesets: the aligned face crops of one person on disk. Extracts them from a video and reads them for training."""

from faceswap_lib.facesets.exclusion import exclude_crops, list_excluded, restore_crops
from faceswap_lib.facesets.extract_config import ExtractConfig
from faceswap_lib.facesets.extraction import ExtractReport, extract_faces
from faceswap_lib.facesets.eye_masks import write_eye_masks
from faceswap_lib.facesets.faceset import Faceset, FacesetArrays
from faceswap_lib.facesets.manifest import CropRecord, read_manifest, write_manifest
from faceswap_lib.facesets.part_swap import PartSwapReport, swap_parts
from faceswap_lib.facesets.workspace import Side, Workspace

__all__ = [
    "CropRecord",
    "ExtractConfig",
    "ExtractReport",
    "Faceset",
    "FacesetArrays",
    "PartSwapReport",
    "Side",
    "Workspace",
    "restore_crops",
    "extract_faces",
    "list_excluded",
    "read_manifest",
    "exclude_crops",
    "swap_parts",
    "write_eye_masks",
    "write_manifest",
]
