"""Place of a face of DeepFaceLab: in its face image, in the frame, and in a crop of this library."""

import dataclasses
import pathlib
import re

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE, Face, align_face
from faceswap_lib.faces.alignment import (
    VIEW_COVERAGE,
    crop_from_frame,
    five_points,
    invert_affine,
    map_points,
    similarity_transform,
)
from faceswap_lib.facesets.crop_writer import measure_sharpness
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import AlignedFace
from faceswap_lib.facesets.manifest import CropRecord

MOST_FRAME_DIGITS = 9
"""Maximum number of digits of a frame number; longer numbers are dates or identifiers."""

MOST_WIDER = 3.0
"""Maximum side of a crop in sides of the face image. The crop of `half_face` needs about 2.2."""

TOLERANCE = 0.02
"""Maximum distance of landmarks that should be equal, in sides of the face image."""


MOST_APART = 0.25
"""Maximum distance of stored landmarks from those of the same name. The unit is the distance between the eyes or the
one from eyes to mouth, whichever is larger."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Placement:
    """Geometry of one face.

    Attributes:
        face_type: Face type of DeepFaceLab.
        frame: Number of the frame; None if its file name has no number.
        landmarks_in_frame: (68, 2) x, y in pixels of the frame, or of the face image if the frame is not known.
        alignment_in_frame: (5, 2) x, y of the landmarks by which the crop is aligned, in pixels of the frame.
        face_from_frame: (2, 3) matrix from the frame to the face image; the identity if the frame is not known.
        box_xyxy: (4,) bounding box in the frame.
        has_frame: Whether the place in the frame is known.
    """

    face_type: str
    frame: int | None
    landmarks_in_frame: np.ndarray
    alignment_in_frame: np.ndarray
    face_from_frame: np.ndarray
    box_xyxy: np.ndarray
    has_frame: bool

    @property
    def face(self) -> Face:
        """The face in pixels of the face image."""
        return _to_face(map_points(self.face_from_frame, self.alignment_in_frame))


def place_face(face: AlignedFace, size: tuple[int, int]) -> Placement:
    """Finds out where a face is in its frame, and checks that its landmarks fit its image.

    Args:
        face: The metadata.
        size: Width and height of the face image in pixels.

    Returns:
        The geometry. If the metadata have no landmarks in the frame, or contradict each other, the face image is taken
        as the frame.

    Raises:
        ValueError: If the landmarks do not belong to a face, or to another image.
    """
    points, side = face.landmarks, float(max(size))
    scale = np.linalg.norm(crop_from_frame(_to_face(points))[:, 0])
    if not CROP_SIZE / (MOST_WIDER * side) <= scale <= CROP_SIZE or np.abs(points).max() > MOST_WIDER * side:
        raise ValueError(f"landmarks: expected those of a face in {size[0]} x {size[1]} pixels, got others")
    source, matrix = face.source_landmarks, np.eye(3)[:2]
    if source is not None:
        candidates = [face.image_to_face_mat, similarity_transform(source, points)]
        fitting = [m for m in candidates if m is not None and _fits(m, source, points, TOLERANCE * side)]
        source, matrix = (source, fitting[0]) if fitting else (None, matrix)
    in_frame = points if source is None else source
    box = np.concatenate([in_frame.min(0), in_frame.max(0)])
    rect = face.source_rect
    if source is not None and rect is not None and rect[0] < rect[2] and rect[1] < rect[3]:
        box = rect
    return Placement(
        face_type=face.face_type,
        frame=read_frame_number(face.source_filename),
        landmarks_in_frame=in_frame,
        alignment_in_frame=_choose_alignment(in_frame, None if source is None else face.alignment_landmarks),
        face_from_frame=matrix,
        box_xyxy=box,
        has_frame=source is not None,
    )


def _to_face(points: np.ndarray) -> Face:
    """Builds a face from (68, 2) or (5, 2) landmarks."""
    return Face(box_xyxy=np.concatenate([points.min(0), points.max(0)]), score=1.0, landmarks=points)


def _choose_alignment(landmarks: np.ndarray, stored: np.ndarray | None) -> np.ndarray:
    """Returns the stored five landmarks if they belong to the 68 of the face, else the five from the 68."""
    five = five_points(landmarks)
    reach = MOST_APART * max(np.linalg.norm(five[1] - five[0]), np.linalg.norm(five[:2].mean(0) - five[3:].mean(0)))
    return five if stored is None or np.linalg.norm(stored - five, axis=1).max() > reach else stored


def _fits(matrix: np.ndarray, points_a: np.ndarray, points_b: np.ndarray, tolerance: float) -> bool:
    """Checks that a matrix maps points of `a` to points of `b`, has an inverse, and does not mirror."""
    distances = np.linalg.norm(map_points(matrix, points_a) - points_b, axis=1)
    return bool(distances.max() <= tolerance and np.linalg.det(matrix[:, :2]) > 1e-9)


def read_frame_number(name: str) -> int | None:
    """Reads the number of a frame from its file name: the last group of digits.

    Example:
        >>> read_frame_number("00017.png"), read_frame_number("anna.png")
        (17, None)
    """
    groups = re.findall("[0-9]+", pathlib.PurePath(name).stem)
    return int(groups[-1]) if groups and len(groups[-1]) <= MOST_FRAME_DIGITS else None


def chain(c_from_b: np.ndarray, b_from_a: np.ndarray) -> np.ndarray:
    """Combines two affine transforms, (2, 3) each, to `c_from_a`."""
    linear = c_from_b[:, :2] @ b_from_a[:, :2]
    return np.concatenate([linear, map_points(c_from_b, b_from_a[:, 2:].T).T], axis=1)


def is_narrow(place: Placement, size: tuple[int, int]) -> bool:
    """Returns whether the networks' view extends beyond the face image, so that its border is repeated there.

    Args:
        place: Geometry of the face.
        size: Width and height of the face image in pixels.
    """
    margin = (1 - VIEW_COVERAGE) / 2 * CROP_SIZE
    low, high = margin - 0.5, CROP_SIZE - margin - 0.5
    corners = np.array([[low, low], [high, low], [high, high], [low, high]])
    inside = map_points(invert_affine(crop_from_frame(place.face)), corners)
    return bool((inside < -1).any() or (inside > np.array(size)).any())


def cut_crop(
    image: np.ndarray, place: Placement, *, name: str, frame: int, fps: float, crop_size: int, origin: str
) -> tuple[np.ndarray, CropRecord]:
    """Cuts a crop of this library out of a face image of DeepFaceLab.

    Args:
        image: (H, W, 3) uint8 RGB face image.
        place: Geometry of the face.
        name: File name of the crop.
        frame: Number of the frame.
        fps: Frames per second of the source video.
        crop_size: Side of the crop in pixels.
        origin: Name of the face, for the message.

    Returns:
        (crop_size, crop_size, 3) uint8 RGB, and the record of the crop.

    Raises:
        InputError: If the values of the face cannot be those of a face in a video.
    """
    crop = align_face(image, place.face, crop_size)
    small = crop.image if crop_size == CROP_SIZE else align_face(image, place.face).image
    matrix = chain(crop_from_frame(place.face), place.face_from_frame)
    try:
        record = CropRecord(
            crop=name,
            frame=frame,
            time=round(frame / fps, 6),
            box_xyxy=np.round(place.box_xyxy, 4).tolist(),
            landmarks=np.round(place.alignment_in_frame, 4).tolist(),
            crop_from_frame=matrix.tolist(),
            score=1.0,
            sharpness=round(measure_sharpness(small), 3),
            landmarks_68=np.round(place.landmarks_in_frame, 3).tolist(),
        )
    except ValueError as error:
        raise InputError(f"{origin}: expected a face in a video ({error}); remove it") from error
    return crop.image, record
