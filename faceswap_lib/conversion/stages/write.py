"""Fifth stage: frames are encoded, chunk by chunk."""

import contextlib
import types

import numpy as np

from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.output_formats import chunk_suffix
from faceswap_lib.conversion.resume import CHUNK_FRAMES, ChunkStats, ChunkStore
from faceswap_lib.conversion.stages.annotate import num_panels
from faceswap_lib.conversion.stages.frame_task import Batch, FrameTask
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.media import VideoWriter


class WriteStage:
    """Stage that encodes frames into the videos of chunks; a context manager.

    A chunk becomes part of the store when all its frames are encoded. A chunk that an error or a stop leaves unfinished
    is encoded again by the next call.

    Args:
        job: What to convert.
        store: Keeps the chunks.
        time_range: The converted part of the video.
    """

    def __init__(self, job: ConversionJob, store: ChunkStore, time_range: TimeRange):
        self._outputs, self._config = job.outputs, job.output_config
        self._store, self._time_range = store, time_range
        self._open_files = contextlib.ExitStack()
        self._writers: dict[str, VideoWriter] = {}
        self._stats = ChunkStats()

    def __enter__(self) -> "WriteStage":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None
    ) -> bool | None:
        return self._open_files.__exit__(kind, error, traceback)

    def process(self, batch: Batch) -> Batch:
        """Encodes the frames of a batch."""
        for task in batch:
            if not self._writers:
                self._open_chunk()
            self._write(task)
            if self._stats.frames == min(CHUNK_FRAMES, len(self._time_range.seconds) - self._store.frames):
                self._close_chunk()
        return batch

    def _open_chunk(self) -> None:
        info = self._time_range.info
        for kind, path in self._outputs.items():
            writer = VideoWriter(
                self._store.path(kind, len(self._store.done), chunk_suffix(path)),
                width=info.width * (num_panels(self._config.layout) if kind == "picture" else 1),
                height=info.height,
                fps=info.fps,
                crf=self._config.crf,
                sample_aspect=info.sample_aspect,
                timed=self._time_range.is_vfr,
            )
            self._writers[kind] = self._open_files.enter_context(writer)

    def _write(self, task: FrameTask) -> None:
        time_range = self._time_range
        seconds = None
        if time_range.is_vfr:
            seconds = float(time_range.start_of(task.index) - time_range.start_of(self._store.frames))
        self._writers["picture"].write(task.written, seconds)
        if "mask" in self._writers:
            self._writers["mask"].write(np.repeat(task.written_mask[..., None], 3, axis=2), seconds)
        self._stats.add(task.stats)

    def _close_chunk(self) -> None:
        self._open_files.close()
        self._writers.clear()
        self._store.finish(self._stats)
        self._stats = ChunkStats()
