"""Data types shared by all steps of face processing: a face, the tracks of a clip, an aligned crop."""

import dataclasses
import functools
import typing

import numpy as np


def _frozen_array(values: object, shapes: tuple[tuple[int, ...], ...], name: str) -> np.ndarray:
    """Copies values into a read-only float64 array; raises `ValueError` unless it is finite and of an allowed shape."""
    array = np.array(values, np.float64)
    if array.shape not in shapes:
        raise ValueError(f"{name}: expected shape {' or '.join(map(str, shapes))}, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {array.tolist()}")
    array.flags.writeable = False
    return array


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Face:
    """One face in one frame.

    Attributes:
        box_xyxy: (4,) left, top, right, bottom in pixels of the frame; may extend past its border.
        score: The detector's confidence, 0 to 1.
        landmarks: (5, 2) or (68, 2) x, y in pixels of the frame. The five are the eye on the left of the image, the eye
            on the right, the nose tip, the left and the right mouth corner.

    The arrays are stored as read-only float64 copies.

    Raises:
        ValueError: If an array has another shape or a number that is not finite, the box has no area, or the score is
            not 0 to 1.
    """

    box_xyxy: np.ndarray
    score: float
    landmarks: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "box_xyxy", _frozen_array(self.box_xyxy, ((4,),), "box_xyxy"))
        object.__setattr__(self, "landmarks", _frozen_array(self.landmarks, ((5, 2), (68, 2)), "landmarks"))
        left, top, right, bottom = self.box_xyxy
        if right <= left or bottom <= top:
            raise ValueError(f"box_xyxy: expected left < right and top < bottom, got {self.box_xyxy.tolist()}")
        if not 0 <= self.score <= 1:
            raise ValueError(f"score: expected 0 to 1, got {self.score}")

    @property
    def size(self) -> float:
        """Length of the shorter side of the box in pixels."""
        left, top, right, bottom = self.box_xyxy
        return float(min(right - left, bottom - top))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceTrack:
    """One person's face over a range of frames.

    Attributes:
        start: Index of the frame in which it appears.
        faces: One entry per frame from there to the last one that shows it; None where it was not detected.
    """

    start: int
    faces: tuple[Face | None, ...]

    @property
    def stop(self) -> int:
        """Index of the frame after the last one."""
        return self.start + len(self.faces)

    @property
    def found(self) -> int:
        """Number of frames that show the face."""
        return sum(face is not None for face in self.faces)

    def items(self) -> typing.Iterator[tuple[int, Face]]:
        """Yields the index of the frame and the face, for all frames that show it."""
        return ((index, face) for index, face in enumerate(self.faces, self.start) if face is not None)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VideoTracks:
    """The face tracks of a clip.

    Attributes:
        length: Number of frames in the clip.
        tracks: One per person and shot, in the order in which they appear.
        cuts: Indices of the frames that begin a new shot.
        seen: Smallest and largest possible number of people in the clip, including those whose tracks were not kept;
            None if not counted.

    Raises:
        ValueError: If a track is outside of the clip.
    """

    length: int
    tracks: tuple[FaceTrack, ...]
    cuts: tuple[int, ...] = ()
    seen: tuple[int, int] | None = None

    def __post_init__(self):
        for track in self.tracks:
            if track.start < 0 or track.stop > self.length:
                raise ValueError(f"expected tracks inside 0 to {self.length}, got {track.start} to {track.stop}")

    @functools.cached_property
    def faces(self) -> tuple[dict[int, Face], ...]:
        """Faces of each frame of the clip, by the index of their track."""
        frames = [{} for _ in range(self.length)]
        for number, track in enumerate(self.tracks):
            for index, face in track.items():
                frames[index][number] = face
        return tuple(frames)

    @property
    def found(self) -> int:
        """Number of frames that show at least one face."""
        return sum(bool(faces) for faces in self.faces)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceCrop:
    """An aligned face.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        landmarks: (5, 2) x, y in pixels of the crop.
        crop_from_frame: (2, 3) affine matrix that maps x, y of the frame to x, y of the crop.

    Raises:
        ValueError: If an array has another shape or dtype, or landmarks or matrix are not finite.
    """

    image: np.ndarray
    landmarks: np.ndarray
    crop_from_frame: np.ndarray

    def __post_init__(self):
        side = self.image.shape[0]
        if self.image.shape != (side, side, 3) or self.image.dtype != np.uint8:
            raise ValueError(f"image: expected square (S, S, 3) uint8, got {self.image.shape} {self.image.dtype}")
        object.__setattr__(self, "landmarks", _frozen_array(self.landmarks, ((5, 2),), "landmarks"))
        object.__setattr__(self, "crop_from_frame", _frozen_array(self.crop_from_frame, ((2, 3),), "crop_from_frame"))
