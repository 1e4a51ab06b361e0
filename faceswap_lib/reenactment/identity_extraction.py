"""Aligns the faces of one person of a folder of people, with shapes and head masks."""

import collections
import dataclasses
import itertools
import logging
import pathlib
import typing

import numpy as np

from faceswap_lib.errors import VideoError
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, align_face
from faceswap_lib.faces.detector import FaceDetector
from faceswap_lib.faces.head_pose import eye_distance, head_pose
from faceswap_lib.faces.types import Face, FaceCrop
from faceswap_lib.facesets.crop_loading import shrink
from faceswap_lib.facesets.faceset import spread_evenly
from faceswap_lib.media import count_frames, read_frames, read_image
from faceswap_lib.reenactment.difficulty import TIERS, face_tier
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector
from faceswap_lib.reenactment.head_masks import segment_head
from faceswap_lib.reenactment.identity_folders import Identity, list_files
from faceswap_lib.reenactment.photo import SMALLEST_EYE_DISTANCE

logger = logging.getLogger(__name__)

CHUNK = 16
"""Number of pictures of one size in which faces are detected at a time."""

SKIPPED = ("unreadable", "without a face", "with a small face", "without landmarks")
"""Reasons for which a picture, or a whole clip, is skipped."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityCrop:
    """One aligned face of a person.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        head: (S, S) uint8, 255 inside the head.
        shape: Its shape.
        tier: Index of its difficulty in `difficulty.TIERS`; that a face is covered is not known here.
        frame: Position of the picture among those that were chosen of this person.
    """

    image: np.ndarray
    head: np.ndarray
    shape: FaceShape
    tier: int
    frame: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityExtractor:
    """Extractor of aligned faces of people.

    Attributes:
        detector: Detects faces; of several in one picture, the largest is taken.
        shape_detector: Detects shapes.
        size: Side S of the crops in pixels.
        most: Largest number of pictures that are chosen of one person, evenly spread over the images and clips.
    """

    detector: FaceDetector
    shape_detector: ShapeDetector
    size: int
    most: int

    def extract(self, person: Identity, skipped: collections.Counter[str]) -> typing.Iterator[IdentityCrop]:
        """Yields the aligned faces of a person, in the order of the files; memory does not grow with their number.

        Args:
            person: The person.
            skipped: Changed: counts what is skipped, by reason (see `SKIPPED`).

        Raises:
            OSError: If a folder cannot be read.
        """
        frames = enumerate(read_pictures(person.folder, self.most, skipped))
        for chunk in _chunks(frames):
            found = self.detector.detect([picture for _, picture in chunk])
            for (frame, picture), faces in zip(chunk, found, strict=True):
                crop = self._crop(picture, faces, frame, skipped)
                if crop is not None:
                    yield crop

    def _crop(
        self, picture: np.ndarray, faces: tuple[Face, ...], frame: int, skipped: collections.Counter[str]
    ) -> IdentityCrop | None:
        """Aligns the largest face of a picture; None, counted, if it cannot be used."""
        if not faces:
            skipped["without a face"] += 1
            return None
        face = max(faces, key=lambda found: found.size)
        if eye_distance(face.landmarks) < SMALLEST_EYE_DISTANCE:
            skipped["with a small face"] += 1
            return None
        crop = align_face(picture, face, max(self.size, CROP_SIZE))
        (shape,) = self.shape_detector.detect([crop])
        if shape is None:
            skipped["without landmarks"] += 1
            return None
        return IdentityCrop(
            image=shrink(crop.image, self.size),
            head=segment_head(crop.image, shape, size=self.size),
            shape=shape,
            tier=TIERS.index(_tier_of(crop, shape)),
            frame=frame,
        )


def read_pictures(folder: pathlib.Path, most: int, skipped: collections.Counter[str]) -> typing.Iterator[np.ndarray]:
    """Reads pictures of a person, evenly spread over the images, and over the clips and their frames.

    If there are both images and clips, each kind gets half of the pictures.

    Args:
        folder: The folder of the person.
        most: Largest number of pictures.
        skipped: Changed: counts images and clips that cannot be read.

    Yields:
        (H, W, 3) uint8 RGB.

    Raises:
        OSError: If a folder cannot be read.
    """
    images, clips = list_files(folder)
    from_images = min(len(images), most if not clips else most // 2)
    for index in spread_evenly(len(images), from_images):
        try:
            yield read_image(images[index])
        except VideoError as error:
            _skip(skipped, error)
    left = most - from_images
    chosen = [clips[index] for index in spread_evenly(len(clips), left)]
    for number, clip in enumerate(chosen):
        share = (number + 1) * left // len(chosen) - number * left // len(chosen)
        try:
            yield from _read_clip(clip, share)
        except VideoError as error:
            _skip(skipped, error)


def _read_clip(clip: pathlib.Path, count: int) -> typing.Iterator[np.ndarray]:
    """Reads `count` frames of a clip, evenly spaced; all frames if there are fewer."""
    step = max(1, count_frames(clip) // count)
    return itertools.islice(read_frames(clip, step=step), count)


def _skip(skipped: collections.Counter[str], error: VideoError) -> None:
    """Counts a file that cannot be read."""
    skipped["unreadable"] += 1
    logger.debug("%s", error)


def _chunks(
    frames: typing.Iterable[tuple[int, np.ndarray]],
) -> typing.Iterator[list[tuple[int, np.ndarray]]]:
    """Groups consecutive pictures of one size."""
    for _, same in itertools.groupby(frames, key=lambda pair: pair[1].shape):
        while chunk := list(itertools.islice(same, CHUNK)):
            yield chunk


def _tier_of(crop: FaceCrop, shape: FaceShape) -> str:
    """Returns the difficulty of a crop, as `difficulty.crop_tiers` does for the records of a faceset."""
    scale = np.sqrt(abs(np.linalg.det(crop.crop_from_frame[:, :2]))) * CROP_SIZE / len(crop.image)
    yaw = abs(head_pose(shape.points, CROP_SIZE).yaw)
    return face_tier(yaw, float("nan"), float(EYE_DISTANCE * CROP_SIZE / scale))
