"""Entry of one face in the index of a packed faceset."""

import dataclasses

import numpy as np

from faceswap_lib.facesets.deepfacelab.face_types import CODES
from faceswap_lib.facesets.deepfacelab.pickle_writer import EnumMember
from faceswap_lib.facesets.deepfacelab.plain_values import (
    MaskPolygon,
    read_bytes,
    read_number,
    read_numbers,
    read_polygons,
    read_text,
)
from faceswap_lib.facesets.file_names import check_file_name

FACE, FACE_OF_PERSON = 1, 2
"""Sample types: a face, and a face of one of several people."""

MOST_SIDE = 65_535
MOST_MASK_BYTES = 1_000_000
"""Maximum size of a compressed mask; usual ones have less than 50,000 bytes."""

SUFFIX = ".jpg"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PackedFace:
    """Entry of one face.

    Attributes:
        name: File name of the face image, a plain name that ends in ".jpg".
        face_type: Key of `face_types.CODES`; None if it is not known.
        shape: Height, width and channels of the image; empty if they are not known.
        landmarks: (68, 2) float64 x, y in pixels of the image; None if they are not known.
        source_filename: Name of the frame's file; empty if it is not known.
        person_name: Name of the person, in a faceset of several people; empty otherwise.
        eyebrows_expand_mod: Factor by which the mask of the face extends above the eyebrows.
        seg_ie_polys: Polygons drawn by a user for the mask of the face.
        xseg_mask: Mask of the face: a PNG or JPEG file; None if there is none.
    """

    name: str
    face_type: str | None
    shape: tuple[int, ...] = ()
    landmarks: np.ndarray | None
    source_filename: str = ""
    person_name: str = ""
    eyebrows_expand_mod: float = 1.0
    seg_ie_polys: tuple[MaskPolygon, ...] = ()
    xseg_mask: bytes | None = None

    @property
    def label(self) -> str:
        """Name of the person and of the file, for messages."""
        return f"{self.person_name}/{self.name}" if self.person_name else self.name

    @classmethod
    def from_values(cls, values: object) -> "PackedFace":
        """Checks and converts one dict of the index. Unknown keys are ignored.

        A mask that is stored as numbers per pixel, without compression, is not read.

        Raises:
            ValueError: If a value is missing or has a wrong type, shape or range.
        """
        if not isinstance(values, dict):
            raise ValueError(f"expected a dict for each face, got {type(values).__name__}")
        name = check_file_name(values.get("filename"))
        if not name.lower().endswith(SUFFIX) or name.startswith("."):
            raise ValueError(f"filename: expected a name ending in {SUFFIX}, got {name!r:.80}")
        person, source = values.get("person_name"), values.get("source_filename")
        landmarks, factor = values.get("landmarks"), values.get("eyebrows_expand_mod")
        mask = values.get("xseg_mask_compressed")
        return cls(
            name=name,
            face_type=_read_face_type(values.get("face_type")),
            shape=_read_shape(values.get("shape")),
            landmarks=None if landmarks is None else read_numbers("landmarks", landmarks, (68, 2)),
            source_filename=read_text("source_filename", source) if source else "",
            person_name=check_file_name(person) if person else "",
            eyebrows_expand_mod=1.0 if factor is None else read_number("eyebrows_expand_mod", factor, 0, 100),
            seg_ie_polys=read_polygons("seg_ie_polys", values.get("seg_ie_polys")),
            xseg_mask=None if mask is None else read_bytes("xseg_mask_compressed", mask, MOST_MASK_BYTES),
        )

    def to_values(self) -> dict[str, object]:
        """Returns the dict as DeepFaceLab stores it."""
        sample_type = FACE_OF_PERSON if self.person_name else FACE
        code = None if self.face_type is None else EnumMember("facelib.FaceType", "FaceType", CODES[self.face_type])
        return {
            "sample_type": EnumMember("samplelib.Sample", "SampleType", sample_type),
            "filename": self.name,
            "face_type": code,
            "shape": self.shape or None,
            "landmarks": None if self.landmarks is None else self.landmarks.tolist(),
            "seg_ie_polys": {"polys": [polygon.to_value() for polygon in self.seg_ie_polys]},
            "xseg_mask": None,
            "xseg_mask_compressed": None if self.xseg_mask is None else np.frombuffer(self.xseg_mask, np.uint8),
            "eyebrows_expand_mod": self.eyebrows_expand_mod,
            "source_filename": self.source_filename or None,
            "person_name": self.person_name or None,
        }


def _read_face_type(code: object) -> str | None:
    """Converts the number of a face type to its name."""
    if code is None:
        return None
    names = [name for name, number in CODES.items() if type(code) is int and number == code]
    if not names:
        raise ValueError(f"face_type: expected one of {', '.join(map(str, CODES.values()))}, got {code!r:.40}")
    return names[0]


def _read_shape(value: object) -> tuple[int, ...]:
    """Checks the shape of an image."""
    if value is None:
        return ()
    sides = read_numbers("shape", value, (3,)).tolist()
    if any(not side.is_integer() or not 1 <= side <= MOST_SIDE for side in sides):
        raise ValueError(f"shape: expected height, width and channels, got {sides}")
    height, width, channels = map(int, sides)
    return height, width, channels
