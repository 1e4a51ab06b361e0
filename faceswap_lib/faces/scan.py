"""The first pass over a video: detect in every frame, then follow one face."""

import itertools
import pathlib
import typing

import numpy as np
from tqdm.auto import tqdm

from faceswap_lib.faces.detect import FaceDetector
from faceswap_lib.faces.face import Face, FaceTrack
from faceswap_lib.faces.track import TrackConfig, follow_face
from faceswap_lib.media import count_frames, read_frames

DETECT_BATCH = 8
"""Frames given to the detector at a time; the only frames held in memory."""


def detect_faces(frames: typing.Iterable[np.ndarray], detector: FaceDetector) -> typing.Iterator[tuple[Face, ...]]:
    """Runs a detector over frames of one size, a few at a time; yields the faces of each frame in order."""
    frames = iter(frames)
    while batch := list(itertools.islice(frames, DETECT_BATCH)):
        yield from detector.detect(batch)


def track_video(
    video: pathlib.Path, detector: FaceDetector, config: TrackConfig | None = None, *, progress: bool = False
) -> FaceTrack:
    """Reads a video once and follows its main face.

    Args:
        video: The file.
        detector: Finds the faces.
        config: How the face is followed.
        progress: Show a progress bar.

    Returns:
        The track, one entry per frame that could be read.

    Raises:
        VideoError: If the file cannot be read.
    """
    frames = tqdm(read_frames(video), "faces", count_frames(video), disable=not progress)
    return follow_face(detect_faces(frames, detector), config)
