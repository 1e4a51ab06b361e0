"""Converting a video: the first pass follows the faces, the second swaps them, and the pieces become a file."""

import contextlib
import dataclasses
import itertools
import logging
import pathlib
import typing

import numpy as np

from faceswap_lib.conversion.compositor import Compositor
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.frame_pipeline import (
    FrameTask,
    num_panels,
    read_batches,
    run_stages,
    sample_interval,
    uses_parts,
)
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.output_formats import check_outputs, piece_suffix, write_output
from faceswap_lib.conversion.resume import LENGTH, ChunkStats, ChunkStore
from faceswap_lib.conversion.space import check_space
from faceswap_lib.conversion.swapper import ViewSwapper
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.errors import InputError
from faceswap_lib.faces import DetectConfig, Face, FaceDetector, TrackConfig, VideoTracks
from faceswap_lib.faces.landmarks import open_landmark_detector
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets.track_io import TRACKS, read_tracks, write_tracks
from faceswap_lib.locks import hold
from faceswap_lib.media import VideoWriter
from faceswap_lib.progress import ProgressBar, show_progress
from faceswap_lib.provenance.visible_label import Label
from faceswap_lib.signals import Stop, Stopped, defer_stop

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ConversionReport:
    """What a conversion did.

    Attributes:
        out: The video, picture or folder written.
        frames: Frames written, as many as were read.
        swapped: Frames that show the new face; the others are the input's own.
        mask_mean: Mean of the attention mask over the swapped views, 0 to 1; near 0 nothing was swapped.
        resumed_at: Frames that an earlier, interrupted call had finished.
        samples: A few faces before and after, (2, S, S, 3) uint8 RGB each.
        points: Their five landmarks, (5, 2) x, y in pixels of the crop.
        seconds: When each of them is shown, from the first picture of the video; empty for stills.
    """

    out: pathlib.Path
    frames: int
    swapped: int
    mask_mean: float
    resumed_at: int = 0
    samples: tuple[np.ndarray, ...] = ()
    points: tuple[np.ndarray, ...] = ()
    seconds: tuple[float, ...] = ()


def convert_video(
    video: pathlib.Path,
    out: pathlib.Path,
    swapper: ViewSwapper,
    detector: FaceDetector,
    *,
    config: ConvertConfig | None = None,
    output_config: OutputConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    tracks: VideoTracks | None = None,
    plan: dict | None = None,
    overwrite: bool = False,
    finish: typing.Callable[[pathlib.Path], None] | None = None,
    progress: bool = False,
) -> ConversionReport:
    """Writes a video in which the wanted faces are replaced, with the sound, size and frame times of the first.

    Args:
        video: The video to convert.
        out: What to write: .mp4, .m4v or .mov (H.264), .mkv (exact), .gif, or a folder for PNG files: a name without a
            suffix, or a folder that is there. It appears only when it is whole. A symbolic link is refused.
        swapper: Writes the new faces.
        detector: Finds the old ones.
        config: How faces are swapped.
        output_config: What is written.
        detect_config: How often the detector looks.
        track_config: How faces are followed, and whose.
        tracks: The faces' tracks in the whole video, if they are known already; saves the first pass.
        plan: Plain JSON that tells this conversion from all others, so that a killed one goes on; None: it begins anew.
        overwrite: Replace an output that is there already; in a folder only what a conversion wrote.
        finish: Called with each finished file before it gets its name, for what belongs into it.
        progress: Show progress bars.

    Returns:
        What was done.

    Raises:
        InputError: If the video cannot be read, shows no face at all, or the output cannot be written, is one of the
            inputs, or has no room on its disk.
        WorkspaceError: If another process converts to the same output.
    """
    config, output_config = config or ConvertConfig(), output_config or OutputConfig()
    mask_path = output_config.mask_path
    outs = ({"mask": mask_path} if mask_path else {}) | {"picture": out}  # the picture last: it says that all is there
    check_outputs(out, mask_path, {"the input": video}, overwrite=overwrite, plan=plan)
    stretch = TimeRange.of(video, output_config)
    check_space(outs, stretch, output_config)
    with hold(out.with_name(f".{out.name}.parts"), what=f"the conversion to {out}"), ChunkStore(out, plan) as pieces:
        return _convert(
            video,
            outs,
            stretch,
            pieces,
            swapper,
            lambda: _find_tracks(video, detector, stretch, pieces, tracks, detect_config, track_config, progress),
            config,
            output_config,
            finish,
            progress,
        )


def _convert(
    video: pathlib.Path,
    outs: dict[str, pathlib.Path],
    stretch: TimeRange,
    pieces: ChunkStore,
    swapper: ViewSwapper,
    find_tracks: typing.Callable[[], typing.Sequence[dict[int, Face]]],
    config: ConvertConfig,
    output_config: OutputConfig,
    finish: typing.Callable[[pathlib.Path], None] | None,
    progress: bool,
) -> ConversionReport:
    """Does what is left to do, and makes the outputs from the pieces."""
    faces = find_tracks()
    if not any(faces):
        raise InputError(f"{video}: no face in any of its {len(faces)} frames; nothing to swap")
    resumed_at = pieces.frames
    if resumed_at:
        logger.info("%s: going on after frame %d of %d", outs["picture"], resumed_at, len(faces))
    _write_pieces(video, outs, stretch, faces, pieces, swapper, config, output_config, progress)
    starts = np.cumsum([0, *(notes.frames for notes in pieces.done)])[:-1].tolist()
    for kind, path in outs.items():
        if pieces.has_output(kind, path):  # it got its name before a kill
            continue
        suffix = piece_suffix(path)

        def finish_one(unfinished: pathlib.Path, kind: str = kind) -> None:
            if finish is not None and kind == "picture":
                finish(unfinished)
            pieces.note_output(kind, unfinished)

        write_output(
            path,
            [(pieces.path(kind, number, suffix), stretch.start_of(first)) for number, first in enumerate(starts)],
            stretch.info,
            with_sound=kind == "picture",
            start=0.0 if stretch.start == 0 else float(stretch.seconds[0]),
            stop=None if stretch.is_whole else output_config.end,
            times=[float(stretch.start_of(index)) for index in range(len(faces))] if stretch.is_vfr else None,
            length=stretch.length,
            finish=finish_one,
            progress=progress,
        )
    notes = ChunkStats()
    for one in pieces.done:
        notes.add(one)
    try:
        pieces.remove()
    except OSError as error:  # all is written: what is left over is no failure
        logger.warning("%s stays (%s); it can be removed", pieces.folder, error.strerror)
    return ConversionReport(
        out=outs["picture"],
        frames=notes.frames,
        swapped=notes.swapped,
        mask_mean=float(np.mean(notes.masks)),
        resumed_at=resumed_at,
        samples=tuple(notes.samples),
        points=tuple(notes.points),
        seconds=tuple(notes.seconds),
    )


def _find_tracks(
    video: pathlib.Path,
    detector: FaceDetector,
    stretch: TimeRange,
    pieces: ChunkStore,
    tracks: VideoTracks | None,
    detect_config: DetectConfig | None,
    track_config: TrackConfig | None,
    progress: bool,
) -> typing.Sequence[dict[int, Face]]:
    """The faces of every frame of a stretch, by track; given, found by an interrupted conversion, or looked for."""
    stop = stretch.start + len(stretch.seconds)
    if tracks is not None:
        if tracks.length < stop:
            raise InputError(f"{video} has {stop} frames, its tracks {tracks.length}; they are of another video")
        return tracks.faces[stretch.start : stop]
    if (pieces.folder / TRACKS).is_file():
        return read_tracks(pieces.folder).faces
    found = track_video(
        video,
        detector,
        detect_config=detect_config,
        track_config=track_config,
        start=stretch.start,
        stop=None if stretch.is_whole else stop,
        progress=progress,
    )
    write_tracks(pieces.folder, found)
    return found.faces


def _write_pieces(
    video: pathlib.Path,
    outs: dict[str, pathlib.Path],
    stretch: TimeRange,
    faces: typing.Sequence[dict[int, Face]],
    pieces: ChunkStore,
    swapper: ViewSwapper,
    config: ConvertConfig,
    output_config: OutputConfig,
    progress: bool,
) -> None:
    """Swaps all frames that are not done yet, a piece at a time."""
    info = stretch.info
    compositor = Compositor(config, swapper.coverage)
    if pieces.done:
        compositor.restore(pieces.done[-1].state)
    shots = run_stages(
        read_batches(video, faces, start=stretch.start, skip=pieces.frames, size=config.swap_batch_size, every=LENGTH),
        swapper,
        compositor,
        output_config,
        Label(info.width, info.height) if output_config.label else None,
        finder=open_landmark_detector() if uses_parts(config) else None,
        sample_every=sample_interval(len(faces)),
    )
    bar = show_progress(title="convert", total=len(faces), disable=not progress)
    with contextlib.closing(shots), bar, defer_stop() as stop:
        bar.update(pieces.frames)
        while pieces.frames < len(faces):
            _write_piece(shots, outs, stretch, pieces, output_config, len(faces), bar, stop)


def _write_piece(
    shots: typing.Iterator[FrameTask],
    outs: dict[str, pathlib.Path],
    stretch: TimeRange,
    pieces: ChunkStore,
    config: OutputConfig,
    length: int,
    bar: ProgressBar,
    stop: Stop,
) -> None:
    """Writes the next piece's videos, and then what is known about it.

    Raises:
        Stopped: If that was asked for; the piece is not written then.
    """
    first, number, info = pieces.frames, len(pieces.done), stretch.info
    widths = {"picture": info.width * num_panels(config.layout), "mask": info.width}
    notes = ChunkStats()
    with contextlib.ExitStack() as stack:
        writers = {
            kind: stack.enter_context(
                VideoWriter(
                    pieces.path(kind, number, piece_suffix(path)),
                    width=widths[kind],
                    height=info.height,
                    fps=info.fps,
                    crf=config.crf,
                    sample_aspect=info.sample_aspect,
                    timed=stretch.is_vfr,
                )
            )
            for kind, path in outs.items()
        }
        for shot in itertools.islice(shots, min(LENGTH, length - first)):
            seconds = float(stretch.start_of(shot.index) - stretch.start_of(first)) if stretch.is_vfr else None
            writers["picture"].write(shot.shown, seconds)
            if "mask" in writers:
                writers["mask"].write(np.repeat(shot.mask[..., None], 3, axis=2), seconds)
            notes.add(shot.notes)
            bar.update()
            if stop.is_asked:
                stop.saved = f"{first} of {length} frames are kept; the same command goes on there"
                raise Stopped(stop.number, stop.saved)
    pieces.finish(notes)
