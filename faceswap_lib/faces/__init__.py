"""Faces in frames: detection, tracking, alignment, landmarks and masks. Does not train networks or import Keras."""

from faceswap_lib.faces.alignment import CROP_SIZE, align_face, crop_from_frame, points_in_crop, view_matrix, warp_frame
from faceswap_lib.faces.detector import DetectConfig, FaceDetector, FaceRefiner
from faceswap_lib.faces.masks import eye_mask, face_mask, mouth_mask
from faceswap_lib.faces.mtcnn import MTCNN
from faceswap_lib.faces.parts import Part, parse_parts, part_mask, part_masks
from faceswap_lib.faces.tracking import TrackConfig, track_faces
from faceswap_lib.faces.types import Face, FaceCrop, FaceTrack, VideoTracks

__all__ = [
    "CROP_SIZE",
    "VideoTracks",
    "DetectConfig",
    "Face",
    "FaceCrop",
    "FaceDetector",
    "FaceRefiner",
    "FaceTrack",
    "MTCNN",
    "Part",
    "TrackConfig",
    "align_face",
    "crop_from_frame",
    "eye_mask",
    "face_mask",
    "track_faces",
    "mouth_mask",
    "parse_parts",
    "part_mask",
    "part_masks",
    "points_in_crop",
    "view_matrix",
    "warp_frame",
]
