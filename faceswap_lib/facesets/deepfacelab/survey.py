"""First pass over a faceset of DeepFaceLab: checks every face, before anything is written."""

import collections
import dataclasses
import logging
import pathlib

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import face_error
from faceswap_lib.facesets.deepfacelab.jpeg_segments import image_size, split_segments
from faceswap_lib.facesets.deepfacelab.placement import Placement, is_narrow, place_face
from faceswap_lib.facesets.deepfacelab.source_faces import FaceSource
from faceswap_lib.facesets.removal import crop_name
from faceswap_lib.progress import show_progress

logger = logging.getLogger(__name__)

NO_METADATA, DAMAGED, OTHER_FILES = "without metadata", "damaged", "other files"
"""Reasons for which files are skipped."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class SurveyedFace:
    """Face that can be converted.

    Attributes:
        index: Position in the source.
        label: Name in the source.
        crop: File name of the crop.
        frame: Number of the frame.
        place: Geometry.
        has_mask: Whether there is a mask of what is visible of the face.
    """

    index: int
    label: str
    crop: str
    frame: int
    place: Placement
    has_mask: bool

    @property
    def mask(self) -> str:
        """File name of the mask of the crop."""
        return pathlib.PurePath(self.crop).with_suffix(".png").name


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """Result of the first pass.

    Attributes:
        faces: The faces that can be converted, in the order of their frames.
        skipped: Number of files that cannot be converted, by reason.
        narrow: Number of faces whose image does not show the whole view of the networks.
    """

    faces: tuple[SurveyedFace, ...]
    skipped: dict[str, int]
    narrow: int

    def count_types(self) -> dict[str, int]:
        """Counts the faces by face type."""
        return dict(collections.Counter(face.place.face_type for face in self.faces))


def survey_faces(source: FaceSource, indices: list[int], *, skip_damaged: bool, progress: bool) -> Survey:
    """Reads the metadata of all faces, and names their crops.

    Args:
        source: The faces.
        indices: Which of them.
        skip_damaged: Count damaged faces instead of raising an error.
        progress: Show a progress bar.

    Returns:
        The faces and the counts.

    Raises:
        InputError: If a face is damaged and `skip_damaged` is False, or no face can be converted.
    """
    skipped: collections.Counter[str] = collections.Counter()
    placed: list[tuple[int, bool, Placement]] = []
    narrow = 0
    for index in show_progress(indices, "check faces", disable=not progress):
        label = source.labels[index]
        try:
            data = source.read(index)
            metadata = source.read_metadata(index, data)
            if metadata is None:
                skipped[NO_METADATA] += 1
                continue
            size = image_size(data, split_segments(data))
            place = place_face(metadata, size)
        except (InputError, ValueError) as error:
            wrong = error if isinstance(error, InputError) else face_error(f"{source.path}: {label}", error)
            if not skip_damaged:
                raise wrong from error
            skipped[DAMAGED] += 1
            logger.warning("skipped: %s", wrong)
            continue
        narrow += is_narrow(place, size)
        placed.append((index, metadata.xseg_mask is not None, place))
    skipped[OTHER_FILES] += source.other_files
    if not placed:
        raise InputError(
            f"{source.path}: expected aligned faces of DeepFaceLab, got none among {len(indices):,} files; "
            "name the folder 'aligned' of its workspace"
        )
    return Survey(faces=tuple(_name_crops(source, placed)), skipped=dict(+skipped), narrow=narrow)


def _name_crops(source: FaceSource, placed: list[tuple[int, bool, Placement]]) -> list[SurveyedFace]:
    """Numbers the faces of each frame. A face whose file names have no number gets the number after the last one."""
    following = max((place.frame for _, _, place in placed if place.frame is not None), default=-1) + 1
    ranks: collections.Counter[int] = collections.Counter()
    faces = []
    for index, has_mask, place in placed:
        number = place.frame
        if number is None:
            number, following = following, following + 1
        name = crop_name(number, ranks[number])
        ranks[number] += 1
        label = source.labels[index]
        faces.append(SurveyedFace(index=index, label=label, crop=name, frame=number, place=place, has_mask=has_mask))
    return sorted(faces, key=lambda face: face.frame)
