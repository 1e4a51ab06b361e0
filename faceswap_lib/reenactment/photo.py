"""Reads the face of a photo that is to be reenacted."""

import dataclasses
import pathlib

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces import align_face
from faceswap_lib.faces.detector import FaceDetector
from faceswap_lib.faces.head_pose import eye_distance
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.media import read_image
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector

SMALLEST_EYE_DISTANCE = 20.0
"""Smallest distance of the eyes in a photo, in pixels: a face of about 40 pixels. A crop of side 128 then shows it
enlarged by 1.7."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A photo with one face.

    Attributes:
        path: The file.
        image: (H, W, 3) uint8 RGB.
        crop: The aligned face, of side `CROP_SIZE`.
        shape: Its shape.
    """

    path: pathlib.Path
    image: np.ndarray
    crop: FaceCrop
    shape: FaceShape


def read_photo(
    path: pathlib.Path, detector: FaceDetector, shape_detector: ShapeDetector, *, largest: bool = False
) -> Photo:
    """Reads a photo, and detects its face.

    Args:
        path: The image file.
        detector: Detects faces.
        shape_detector: Detects the shape in the aligned crop.
        largest: Whether to take the largest of several faces.

    Raises:
        VideoError: If the file cannot be read as an image.
        InputError: If it shows no face, several faces, a face that is too small, or one without landmarks.
    """
    image = read_image(path)
    (faces,) = detector.detect([image])
    if not faces:
        raise InputError(f"{path}: no face is found; choose a photo with a face that looks into the camera")
    if len(faces) > 1 and not largest:
        raise InputError(
            f"{path}: expected one face, found {len(faces)}; cut out one person, or take the largest face with "
            "--largest"
        )
    face = max(faces, key=lambda found: found.size)
    between = eye_distance(face.landmarks)
    if between < SMALLEST_EYE_DISTANCE:
        raise InputError(
            f"{path}: the eyes are {between:.0f} pixels apart, expected at least {SMALLEST_EYE_DISTANCE:.0f}; choose a "
            "larger photo"
        )
    crop = align_face(image, face)
    (shape,) = shape_detector.detect([crop])
    if shape is None:
        raise InputError(f"{path}: no landmarks are found in its face; choose a photo that shows the whole face")
    return Photo(path=path, image=image, crop=crop, shape=shape)
