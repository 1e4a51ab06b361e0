"""Many faces of one person on disk: extract them from a video, read them back for training."""

from faceswap_lib.facesets.exclusion import bring_back, list_set_aside, set_aside
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
    "bring_back",
    "extract_faces",
    "list_set_aside",
    "read_manifest",
    "set_aside",
    "swap_parts",
    "write_eye_masks",
    "write_manifest",
]
