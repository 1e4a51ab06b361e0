"""The motion of a driver: face shapes and head positions over time, without any picture.

A motion can be stored in a file, so that a driver's video need not be shared. The file contains no picture, but people
can be recognized by the way their faces move, so it is personal data.
"""

import dataclasses
import math
import pathlib

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError
from faceswap_lib.faces import align_face
from faceswap_lib.faces.detector import DetectConfig, FaceDetector
from faceswap_lib.faces.track_video import DECODED_AHEAD, track_video
from faceswap_lib.faces.tracking import TrackConfig
from faceswap_lib.faces.types import Face
from faceswap_lib.limits import VIDEO_FRAMES
from faceswap_lib.media import probe_video, read_frames
from faceswap_lib.prefetch import prefetch
from faceswap_lib.progress import show_progress
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector

FORMAT = 1
"""Version of the file format."""

CHUNK = 16
"""Number of crops whose shapes are detected at a time."""

FARTHEST = 10_000.0
"""Largest accepted absolute coordinate in a file, in pixels."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """Motion of one face over the T frames of a video.

    Attributes:
        fps: Frames per second.
        shapes: Shape in the aligned crop of each frame; None where no face was found.
        crop_from_frame: (T, 2, 3) matrix from each frame to its crop of side `CROP_SIZE`; NaN where no face was found.
    """

    fps: float
    shapes: tuple[FaceShape | None, ...]
    crop_from_frame: np.ndarray

    def __post_init__(self):
        if not (math.isfinite(self.fps) and 0 < self.fps <= 1000):
            raise ValueError(f"fps: expected above 0 to 1000, got {self.fps}")
        if self.crop_from_frame.shape != (len(self.shapes), 2, 3):
            raise ValueError(f"crop_from_frame: expected ({len(self.shapes)}, 2, 3), got {self.crop_from_frame.shape}")

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def found(self) -> int:
        """Number of frames in which the face was found."""
        return sum(shape is not None for shape in self.shapes)


def read_driver(
    video: pathlib.Path,
    detector: FaceDetector,
    shape_detector: ShapeDetector,
    *,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    progress: bool = False,
) -> Motion:
    """Reads the motion of the face in a video; reads the video twice, and keeps no frame in memory.

    Args:
        video: The file.
        detector: Detects faces.
        shape_detector: Detects shapes in aligned crops.
        detect_config: Options of the face detection.
        track_config: Options of tracking, and which person is followed.
        progress: Whether to show progress bars.

    Raises:
        VideoError: If the file cannot be read.
        InputError: If no face is found in the whole video.
    """
    tracks = track_video(video, detector, detect_config=detect_config, track_config=track_config, progress=progress)
    shapes: list[FaceShape | None] = [None] * tracks.length
    matrices = np.full((tracks.length, 2, 3), np.nan)
    decoded = prefetch(read_frames(video), DECODED_AHEAD)
    frames = show_progress(decoded, "read motion", tracks.length, disable=not progress)
    pending: list[tuple[int, np.ndarray, Face]] = []

    def finish() -> None:
        crops = [align_face(frame, face) for _, frame, face in pending]
        for (index, _, _), crop, shape in zip(pending, crops, shape_detector.detect(crops), strict=True):
            if shape is not None:
                shapes[index], matrices[index] = shape, crop.crop_from_frame
        pending.clear()

    for index, (frame, faces) in enumerate(zip(frames, tracks.faces, strict=False)):
        if faces:
            pending.append((index, frame, next(iter(faces.values()))))
        if len(pending) == CHUNK:
            finish()
    finish()
    motion = Motion(fps=float(probe_video(video).fps), shapes=tuple(shapes), crop_from_frame=matrices)
    if not motion.found:
        raise InputError(
            f"{video}: no face is found in any of {len(motion)} frames; choose a driver whose face is seen"
        )
    return motion


def write_motion(path: pathlib.Path, motion: Motion) -> None:
    """Writes a motion to a .npz file, which contains only numbers.

    Raises:
        InputError: If the name does not end in .npz.
    """
    if path.suffix.lower() != ".npz":
        raise InputError(f"{path}: expected a file name that ends in .npz")
    count = len(motion)
    points, irises = np.full((count, 68, 2), np.nan, np.float32), np.full((count, 2, 3), np.nan, np.float32)
    yaws = np.full(count, np.nan, np.float32)
    for index, shape in enumerate(motion.shapes):
        if shape is not None:
            points[index], yaws[index] = shape.points, shape.yaw
            if shape.irises is not None:
                irises[index] = shape.irises
    with replacing(path) as temporary:
        np.savez(
            temporary,
            format=np.int64(FORMAT),
            fps=np.float64(motion.fps),
            points=points,
            irises=irises,
            yaws=yaws,
            crop_from_frame=motion.crop_from_frame,
        )


def read_motion(path: pathlib.Path) -> Motion:
    """Reads a motion that `write_motion` wrote. The file may come from anybody.

    Raises:
        InputError: If the file is missing, damaged, of another format, too large, or contains no face.
    """
    try:
        arrays = read_arrays(path, ["format", "fps", "points", "irises", "yaws", "crop_from_frame"])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ArrayFileError as error:
        raise InputError(
            f"{path}: expected a motion that 'faceswap reenact --save-motion' wrote ({error}); save it again"
        ) from error
    points, irises, yaws, matrices = (arrays[name] for name in ("points", "irises", "yaws", "crop_from_frame"))
    count = len(points) if points.ndim else 0
    VIDEO_FRAMES.check(count, path)
    expected = {"points": (count, 68, 2), "irises": (count, 2, 3), "yaws": (count,), "crop_from_frame": (count, 2, 3)}
    for name, shape in {"format": (), "fps": (), **expected}.items():
        if arrays[name].shape != shape or arrays[name].dtype.kind not in "if":
            raise InputError(
                f"{path}: {name}: expected numbers of shape {shape}, got {arrays[name].shape}; save it again"
            )
    if int(arrays["format"]) != FORMAT:
        raise InputError(f"{path}: its format is {int(arrays['format'])}, this version reads {FORMAT}; save it again")
    for name in expected:
        if np.isinf(arrays[name]).any() or (np.abs(arrays[name]) > FARTHEST).any():
            raise InputError(f"{path}: {name}: expected numbers from {-FARTHEST:g} to {FARTHEST:g}; save it again")
    try:
        shapes = tuple(_build(*row) for row in zip(points, irises, yaws, matrices, strict=True))
        motion = Motion(fps=float(arrays["fps"]), shapes=shapes, crop_from_frame=np.array(matrices, np.float64))
    except ValueError as error:
        raise InputError(f"{path}: {error}; save it again") from error
    if not motion.found:
        raise InputError(f"{path}: no face in any of {len(motion)} frames; choose another driver")
    return motion


def _build(points: np.ndarray, irises: np.ndarray, yaw: float, matrix: np.ndarray) -> FaceShape | None:
    """Builds one shape; None for a row of NaN."""
    if np.isnan(points).all():
        return None
    if np.isnan(matrix).any() or abs(np.linalg.det(matrix[:, :2])) < 1e-9:
        raise ValueError("crop_from_frame: expected a matrix with an inverse where there is a face")
    return FaceShape(points=points, irises=None if np.isnan(irises).all() else irises, yaw=float(yaw))
