"""Conversion of a video: faces are tracked first, then the stages swap them chunk by chunk, then chunks are joined."""

import contextlib
import logging
import pathlib
import typing

import numpy as np

from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.job import ConversionJob, ConversionReport
from faceswap_lib.conversion.output_formats import check_outputs, chunk_suffix, write_output
from faceswap_lib.conversion.resume import ChunkStats, ChunkStore
from faceswap_lib.conversion.space import check_space
from faceswap_lib.conversion.stages.annotate import AnnotateStage
from faceswap_lib.conversion.stages.composite import CompositeStage
from faceswap_lib.conversion.stages.pipeline import run_stages
from faceswap_lib.conversion.stages.read import ReadStage
from faceswap_lib.conversion.stages.swap import SwapStage
from faceswap_lib.conversion.stages.write import WriteStage
from faceswap_lib.conversion.swapper import ViewSwapper
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.faces import Face, FaceDetector
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets.track_io import TRACKS, read_tracks, write_tracks
from faceswap_lib.locks import hold
from faceswap_lib.progress import show_progress
from faceswap_lib.signals import Stopped, defer_stop

logger = logging.getLogger(__name__)

FacesOfFrames = typing.Sequence[dict[int, Face]]
"""Faces of every frame of the converted time range, by track number."""


def convert_video(job: ConversionJob, swapper: ViewSwapper, detector: FaceDetector) -> ConversionReport:
    """Swaps the faces of a video; the output has the sound, frame size and frame times of the input.

    The output appears under its name only when it is complete.

    Args:
        job: What to convert.
        swapper: Generates the new faces.
        detector: Detects the faces to replace.

    Returns:
        What was done.

    Raises:
        InputError: If the video cannot be read, shows no face, or the output cannot be written, is one of the inputs,
            or does not fit on its disk.
        WorkspaceError: If another process converts to the same output.
    """
    check_outputs(
        job.out,
        job.output_config.mask_path,
        {"the input": job.source},
        overwrite=job.overwrite,
        fingerprint=job.fingerprint,
    )
    time_range = TimeRange.of(job.source, job.output_config)
    check_space(job.outputs, time_range, job.output_config)
    held = hold(job.out.with_name(f".{job.out.name}.parts"), what=f"the conversion to {job.out}")
    with held, ChunkStore(job.out, job.fingerprint) as store:
        faces = _find_faces(job, detector, time_range, store)
        if not any(faces):
            raise InputError(f"{job.source}: no face in any of its {len(faces)} frames; nothing to swap")
        resumed_at = store.frames
        if resumed_at:
            logger.info("%s: continuing after frame %d of %d", job.out, resumed_at, len(faces))
        _convert_chunks(job, swapper, time_range, faces, store)
        _join_chunks(job, time_range, store)
        stats = ChunkStats()
        for chunk in store.done:
            stats.add(chunk)
        try:
            store.remove()
        except OSError as error:  # the outputs are complete, so this is not a failure
            logger.warning("%s could not be removed (%s); you can remove it", store.folder, error.strerror)
    return ConversionReport(
        out=job.out,
        frames=stats.frames,
        swapped=stats.swapped,
        mask_mean=float(np.mean(stats.masks)),
        resumed_at=resumed_at,
        samples=tuple(stats.samples),
        points=tuple(stats.points),
        seconds=tuple(stats.seconds),
    )


def _find_faces(job: ConversionJob, detector: FaceDetector, time_range: TimeRange, store: ChunkStore) -> FacesOfFrames:
    """Returns the faces to swap: from the job's tracks, from an interrupted conversion, or by tracking them now."""
    stop = time_range.start + len(time_range.seconds)
    if job.tracks is not None:
        if job.tracks.length < stop:
            raise InputError(
                f"{job.source} has {stop} frames, its tracks {job.tracks.length}; they are of another video"
            )
        return job.tracks.faces[time_range.start : stop]
    if (store.folder / TRACKS).is_file():
        return read_tracks(store.folder).faces
    tracks = track_video(
        job.source,
        detector,
        detect_config=job.detect_config,
        track_config=job.track_config,
        start=time_range.start,
        stop=None if time_range.is_whole else stop,
        progress=job.progress,
    )
    write_tracks(store.folder, tracks)
    return tracks.faces


def _convert_chunks(
    job: ConversionJob, swapper: ViewSwapper, time_range: TimeRange, faces: FacesOfFrames, store: ChunkStore
) -> None:
    """Passes all frames that are not converted yet through the five stages.

    Raises:
        Stopped: If a signal requested a stop; the unfinished chunk is converted again by the next call.
        VideoError: If the video has fewer readable frames than expected.
    """
    info, length = time_range.info, len(faces)
    compositor = Compositor(job.config, swapper.coverage)
    if store.done:
        compositor.restore(store.done[-1].state)
    read = ReadStage(
        job.source, faces, start=time_range.start, skip=store.frames, batch_size=job.config.swap_batch_size
    )
    swap = SwapStage(swapper, job.config)
    composite = CompositeStage(compositor, job.output_config)
    annotate = AnnotateStage(job.output_config, width=info.width, height=info.height, length=length)
    bar = show_progress(title="convert", total=length, disable=not job.progress)
    with contextlib.ExitStack() as stack:
        stack.enter_context(bar)
        write, stop = stack.enter_context(WriteStage(job, store, time_range)), stack.enter_context(defer_stop())
        bar.update(store.frames)
        batches = stack.enter_context(contextlib.closing(run_stages(read, [swap], [composite, annotate])))
        for batch in batches:
            bar.update(len(write.process(batch)))
            if stop.is_asked and store.frames < length:
                stop.saved = f"{store.frames} of {length} frames are kept; the same command continues there"
                raise Stopped(typing.cast(int, stop.number), stop.saved)
    if store.frames < length:
        raise VideoError(f"{job.source}: expected {length} frames, could not read all of them; is the file complete?")


def _join_chunks(job: ConversionJob, time_range: TimeRange, store: ChunkStore) -> None:
    """Joins the chunks of each output, unless an earlier call has done so."""
    starts = np.cumsum([0, *(chunk.frames for chunk in store.done)])[:-1].tolist()
    for kind, path in job.outputs.items():
        if store.has_output(kind, path):
            continue
        suffix = chunk_suffix(path)

        def finish(unfinished: pathlib.Path, kind: str = kind) -> None:
            if job.on_written is not None and kind == "picture":
                job.on_written(unfinished)
            store.note_output(kind, unfinished)

        write_output(
            path,
            [(store.path(kind, number, suffix), time_range.start_of(first)) for number, first in enumerate(starts)],
            time_range,
            with_sound=kind == "picture",
            audio_stop=None if time_range.is_whole else job.output_config.end,
            on_written=finish,
            progress=job.progress,
        )
