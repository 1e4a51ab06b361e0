"""First stage: frames of a video in batches."""

import pathlib
import typing

from faceswap_lib.conversion.resume import CHUNK_FRAMES
from faceswap_lib.conversion.stages.frame_task import Batch, FrameTask
from faceswap_lib.faces import Face
from faceswap_lib.media import read_timed_frames

MEMORY = 2**26
"""Maximum bytes of all frames in a batch; batches of large frames contain fewer frames."""


class ReadStage:
    """Stage that reads the frames that are not converted yet, with the faces to swap in each.

    A batch never contains frames of two chunks.

    Args:
        video: The video file.
        faces: Faces to swap in every frame of the converted time range, by track number.
        start: Index of the first frame of the time range in the video.
        skip: Number of frames of the time range that are already converted.
        batch_size: Maximum number of frames in a batch.
    """

    def __init__(
        self,
        video: pathlib.Path,
        faces: typing.Sequence[dict[int, Face]],
        *,
        start: int = 0,
        skip: int = 0,
        batch_size: int = 16,
    ):
        self._video, self._faces = video, faces
        self._start, self._skip, self._batch_size = start, skip, batch_size

    def __iter__(self) -> typing.Iterator[Batch]:
        """Yields batches in order."""
        batch: Batch = []
        frames = read_timed_frames(self._video, start=self._start + self._skip, stop=self._start + len(self._faces))
        for index, (seconds, frame) in enumerate(frames, self._skip):
            batch.append(FrameTask(index=index, seconds=seconds, frame=frame, faces=self._faces[index]))
            is_full = len(batch) >= min(self._batch_size, max(1, MEMORY // frame.nbytes))
            if is_full or (index + 1) % CHUNK_FRAMES == 0:
                yield batch
                batch = []
        if batch:
            yield batch
