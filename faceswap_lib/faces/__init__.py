"""A face in a frame: detect, follow, align, mask. No networks of our own, no training, no Keras at import."""

from faceswap_lib.faces.align import CROP_SIZE, align_face, crop_from_frame, points_in_crop, view_matrix, warp_frame
from faceswap_lib.faces.detect import DetectConfig, FaceDetector, MtcnnDetector
from faceswap_lib.faces.face import Face, FaceCrop, FaceTrack
from faceswap_lib.faces.masks import eye_mask, face_mask, mouth_mask
from faceswap_lib.faces.track import TrackConfig, follow_face

__all__ = [
    "CROP_SIZE",
    "DetectConfig",
    "Face",
    "FaceCrop",
    "FaceDetector",
    "FaceTrack",
    "MtcnnDetector",
    "TrackConfig",
    "align_face",
    "crop_from_frame",
    "eye_mask",
    "face_mask",
    "follow_face",
    "mouth_mask",
    "points_in_crop",
    "view_matrix",
    "warp_frame",
]
