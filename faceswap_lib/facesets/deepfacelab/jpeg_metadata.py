"""Reads and writes the metadata of DeepFaceLab's aligned JPEG files: a pickled dict in the segment APP15."""

import dataclasses
import pathlib

import cv2
import numpy as np

from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.facesets.deepfacelab.face_types import CODES
from faceswap_lib.facesets.deepfacelab.jpeg_segments import APP15, MOST_DATA, replace_segment, split_segments
from faceswap_lib.facesets.deepfacelab.pickle_writer import dump_pickle
from faceswap_lib.facesets.deepfacelab.plain_values import (
    MaskPolygon,
    read_bytes,
    read_number,
    read_numbers,
    read_polygons,
    read_text,
)
from faceswap_lib.facesets.deepfacelab.restricted_pickle import load_restricted
from faceswap_lib.limits import FACE_PIXELS, PICTURE_BYTES
from faceswap_lib.media.picture_decoding import decode_picture_bytes

PICKLE_BEGIN = b"\x80"
"""First byte of a pickle of protocol 2 or later; other programs use APP15 for other data."""

OWN_LANDMARKS = "faceswap_lib_landmarks"
"""Key of the only value that DeepFaceLab does not have."""

MOST_MASK_BYTES = 50_000
"""Maximum size of a mask as PNG; larger ones are stored as JPEG, because the whole metadata must fit into a segment."""

MASK_QUALITY = 90


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AlignedFace:
    """Metadata of one aligned face of DeepFaceLab.

    Attributes:
        face_type: How much around the face the image shows: a key of `face_types.CODES`.
        landmarks: (68, 2) float64 x, y in pixels of the face image.
        source_filename: Name of the frame's file; empty if it is not known.
        source_rect: (4,) bounding box in the frame: left, top, right, bottom in pixels; None if it is not known.
        source_landmarks: (68, 2) float64 x, y in pixels of the frame; None if they are not known.
        image_to_face_mat: (2, 3) float64 matrix from the frame to the face image; None if it is not known.
        eyebrows_expand_mod: Factor by which the mask of the face extends above the eyebrows.
        seg_ie_polys: Polygons drawn by a user for the mask of the face.
        xseg_mask: Mask of the face without what hides it: a PNG or JPEG file; None if there is none.
        alignment_landmarks: (5, 2) float64 x, y in pixels of the frame, by which this library aligned the face; None in
            files of other programs. DeepFaceLab does not know this value and keeps it.
    """

    face_type: str
    landmarks: np.ndarray
    source_filename: str = ""
    source_rect: np.ndarray | None = None
    source_landmarks: np.ndarray | None = None
    image_to_face_mat: np.ndarray | None = None
    eyebrows_expand_mod: float = 1.0
    seg_ie_polys: tuple[MaskPolygon, ...] = ()
    xseg_mask: bytes | None = None
    alignment_landmarks: np.ndarray | None = None

    @classmethod
    def from_values(cls, values: object) -> "AlignedFace":
        """Checks and converts the dict of a file. Unknown keys are ignored.

        Raises:
            ValueError: If a value is missing or has a wrong type, shape or range.
        """
        if not isinstance(values, dict):
            raise ValueError(f"expected a dict of metadata, got {type(values).__name__}")
        face_type = values.get("face_type")
        if not isinstance(face_type, str) or face_type not in CODES:
            raise ValueError(f"face_type: expected one of {', '.join(CODES)}, got {face_type!r:.80}")

        def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray | None:
            value = values.get(name)
            return None if value is None else read_numbers(name, value, shape)

        name, mask, factor = (values.get(key) for key in ("source_filename", "xseg_mask", "eyebrows_expand_mod"))
        return cls(
            face_type=face_type,
            landmarks=read_numbers("landmarks", values.get("landmarks"), (68, 2)),
            source_filename="" if name is None else read_text("source_filename", name),
            source_rect=numbers("source_rect", (4,)),
            source_landmarks=numbers("source_landmarks", (68, 2)),
            image_to_face_mat=numbers("image_to_face_mat", (2, 3)),
            eyebrows_expand_mod=1.0 if factor is None else read_number("eyebrows_expand_mod", factor, 0, 100),
            seg_ie_polys=read_polygons("seg_ie_polys", values.get("seg_ie_polys")),
            xseg_mask=None if mask is None else read_bytes("xseg_mask", mask, MOST_DATA),
            alignment_landmarks=numbers(OWN_LANDMARKS, (5, 2)),
        )

    def to_values(self) -> dict[str, object]:
        """Returns the dict as DeepFaceLab stores it; what is not known is left out."""
        rect, points, matrix = self.source_rect, self.source_landmarks, self.image_to_face_mat
        five = self.alignment_landmarks
        values: dict[str, object] = {
            "face_type": self.face_type,
            "landmarks": self.landmarks.tolist(),
            "source_filename": self.source_filename or None,
            "source_rect": None if rect is None else tuple(int(round(side)) for side in rect.tolist()),
            "source_landmarks": None if points is None else points.tolist(),
            "image_to_face_mat": None if matrix is None else matrix.astype(np.float64),
            "eyebrows_expand_mod": self.eyebrows_expand_mod,
            "seg_ie_polys": {"polys": [each.to_value() for each in self.seg_ie_polys]} if self.seg_ie_polys else None,
            "xseg_mask": None if self.xseg_mask is None else np.frombuffer(self.xseg_mask, np.uint8),
            OWN_LANDMARKS: None if five is None else five.tolist(),
        }
        return {name: value for name, value in values.items() if value is not None}


def read_metadata(data: bytes, origin: object) -> AlignedFace | None:
    """Reads the metadata of an aligned JPEG file.

    Args:
        data: The whole file.
        origin: Name of the file, for the message.

    Returns:
        The metadata; None if the file has no such segment.

    Raises:
        InputError: If the file is not a JPEG file, is cut off, or its metadata are damaged or contain something that
            no faceset needs. Nothing in the file is run.
    """
    try:
        for segment in split_segments(data):
            content = data[segment.begin : segment.end]
            if segment.marker == APP15 and content.startswith(PICKLE_BEGIN):
                return AlignedFace.from_values(load_restricted(content))
    except ValueError as error:
        raise face_error(origin, error) from error
    return None


def write_metadata(data: bytes, face: AlignedFace) -> bytes:
    """Adds metadata to a JPEG file, in place of those that it has.

    Args:
        data: The whole JPEG file.
        face: The metadata.

    Returns:
        The new file.

    Raises:
        ValueError: If it is not a JPEG file, or the metadata have more bytes than a segment can hold.
    """
    return replace_segment(data, APP15, dump_pickle(face.to_values()))


def read_face_file(path: pathlib.Path) -> bytes:
    """Reads the bytes of an aligned face.

    Raises:
        InputError: If the file is missing, is not a regular file, or has more bytes than `limits.PICTURE_BYTES`.
    """
    try:
        if not path.is_file():  # reading a pipe may never end
            raise InputError(f"{path}: expected a JPEG file, got {'something else' if path.exists() else 'nothing'}")
        PICTURE_BYTES.check(path.stat().st_size, path)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def decode_face(data: bytes, origin: object) -> np.ndarray:
    """Decodes the image of an aligned face.

    Args:
        data: The whole JPEG file.
        origin: Name of the file, for the message.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: If it is not a JPEG file, is damaged, or has more pixels than `limits.FACE_PIXELS`.
    """
    try:
        split_segments(data)
    except ValueError as error:
        raise face_error(origin, error) from error
    return decode_picture_bytes(data, origin, limit=FACE_PIXELS).image


def decode_mask(face: AlignedFace, origin: object) -> np.ndarray | None:
    """Decodes the mask of a face.

    Args:
        face: The metadata of the face.
        origin: Name of its file, for the message.

    Returns:
        (H, W) uint8, 255 on the face; None if the face has no mask. Its size may differ from that of the image.

    Raises:
        InputError: If the mask is not a PNG or JPEG file, is damaged, or has more pixels than `limits.FACE_PIXELS`.
    """
    if face.xseg_mask is None:
        return None
    if not face.xseg_mask.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8")):
        raise face_error(origin, "its mask is neither a PNG nor a JPEG file")
    try:
        image = decode_picture_bytes(face.xseg_mask, f"{origin}, its mask", limit=FACE_PIXELS).image
    except VideoError as error:
        raise InputError(str(error)) from error
    return np.ascontiguousarray(image[..., 0])


def encode_mask(mask: np.ndarray) -> bytes:
    """Encodes a mask for `AlignedFace.xseg_mask`.

    Args:
        mask: (H, W) uint8, 255 on the face.

    Returns:
        A PNG file, or a JPEG file if the PNG file had more than `MOST_MASK_BYTES`.
    """
    encoded = cv2.imencode(".png", mask)[1].tobytes()
    if len(encoded) <= MOST_MASK_BYTES:
        return encoded
    return cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, MASK_QUALITY])[1].tobytes()


def face_error(origin: object, reason: object) -> InputError:
    """Builds the error of a face that cannot be read."""
    return InputError(f"{origin}: expected an aligned face of DeepFaceLab ({reason}); remove it, or get it again")
