"""Extracts a faceset from a video: tracks the face through the clip, then cuts it out of the frames."""

import collections
import contextlib
import dataclasses
import json
import logging
import pathlib
import re
import typing

import numpy as np

from faceswap_lib.atomic_io import file_digest, read_json, write_json, write_text
from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import DetectConfig, FaceDetector, TrackConfig, VideoTracks
from faceswap_lib.faces.landmarks import open_landmark_detector
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets.crop_writer import CropCutter, natural_crop_size
from faceswap_lib.facesets.extract_config import ExtractConfig
from faceswap_lib.facesets.extraction_log import DROPPED, DroppedFace, ExtractionLog, read_dropped
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest, write_manifest
from faceswap_lib.facesets.removal import (
    check_drawn,
    check_foreign,
    check_places,
    crop_name,
    put_masks_aside,
    remove_extraction,
)
from faceswap_lib.facesets.source import SOURCE
from faceswap_lib.facesets.track_io import TRACKS, read_tracks, write_tracks
from faceswap_lib.facesets.unfinished_repair import remove_unfinished
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.facesets.writable import check_room, check_writable
from faceswap_lib.locks import hold
from faceswap_lib.media import VideoInfo, probe_video, read_timed_frames
from faceswap_lib.progress import show_progress
from faceswap_lib.signals import Stopped, defer_stop
from faceswap_lib.upgrades import upgrade_json

logger = logging.getLogger(__name__)

CROP_BYTES = 10_000
"""Assumed size of a crop in bytes for the estimate of disk space; most have 15,000 to 50,000."""

LEAST_SHOWN = 0.1
"""Assumed fraction of frames that show the face. It is low, so that the estimate rejects nothing that would fit."""

_UNFINISHED = re.compile(rf"\.{re.escape(pathlib.PurePath(SOURCE).stem)}(\.\d+)?\.partial\.json")
"""Name of the temporary file of `source.json`, the first file that an extraction writes. A kill can leave it behind."""

Place = tuple[int, int]
"""Index of a frame and index of a track."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractReport:
    """Result of an extraction.

    Attributes:
        tracks: The face tracks of the video.
        crops: Number of crops in the faceset.
        written: Number of crops that this call wrote.
        dropped: Number of dropped faces by reason.
    """

    tracks: VideoTracks
    crops: int
    written: int
    dropped: dict[str, int]


def extract_faces(
    video: pathlib.Path,
    workspace: Workspace,
    side: Side,
    detector: FaceDetector,
    *,
    config: ExtractConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> ExtractReport:
    """Extracts the aligned face crops of a video and their manifest into the workspace.

    If a call was killed, the next call continues with the missing crops. If the extraction is finished, the next call
    does nothing.

    Args:
        video: The video of one person.
        workspace: The workspace to write to.
        side: Which person's faceset to write.
        detector: Detects the faces.
        config: Which faces to keep.
        detect_config: Options of the detector, and how often it runs.
        track_config: Options of the tracker, and which person to track.
        overwrite: Replace the faces of another video or of other options. Only files of an extraction are removed;
            other files in the folders stay.
        progress: Show progress bars.

    Returns:
        The number of crops and of dropped faces, and the tracks.

    Raises:
        InputError: If the video cannot be read or shows too few faces; no files are left behind then.
        WorkspaceError: If the folder contains faces of another video or of other options and `overwrite` is False; if a
            file that no extraction wrote has a name that is needed, masks were drawn by hand, a folder is a link, or
            another process extracts to the folder.
    """
    job = ExtractionJob(
        info=probe_video(video),
        workspace=workspace,
        side=side,
        config=config or ExtractConfig(),
        detect_config=detect_config or DetectConfig(),
        track_config=track_config or TrackConfig(),
        overwrite=overwrite,
        progress=progress,
    )
    source = job.describe_source()
    folder = workspace.faces(side)
    check_writable(folder)
    is_new = not workspace.root.exists()
    try:
        with hold(folder, what=f"the extraction to {folder}"):
            return _extract(job, source, detector)
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # not empty after a successful extraction
                workspace.root.rmdir()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractionJob:
    """One extraction: its video, the faceset it writes, and all options.

    Attributes:
        info: The video.
        workspace, side: The faceset to write.
        config: Which faces are kept.
        detect_config: How faces are detected.
        track_config: How faces are tracked, and which person's are kept.
        overwrite: Whether the faces of another video or of other options are replaced.
        progress: Whether progress bars are shown.
    """

    info: VideoInfo
    workspace: Workspace
    side: Side
    config: ExtractConfig
    detect_config: DetectConfig
    track_config: TrackConfig
    overwrite: bool
    progress: bool

    def describe_source(self) -> dict:
        """Describes the video and the options as they are stored in `source.json`."""
        return {
            "video": self.info.path.name,
            "sha256": file_digest(self.info.path),
            "detect": options_to_dict(self.detect_config),
            "extract": options_to_dict(self.config),
            "track": options_to_dict(self.track_config),
        }


def _extract(job: ExtractionJob, source: dict, detector: FaceDetector) -> ExtractReport:
    """Extracts into folders that this process has locked."""
    workspace, side, config, video = job.workspace, job.side, job.config, job.info.path
    folder, saves = workspace.faces(side), config.save_faces
    check_places(workspace, side, saves=saves)
    is_same = _is_same(folder, source, overwrite=job.overwrite)
    if is_same and (folder / MANIFEST).is_file():
        remove_unfinished(workspace, side)  # left by a kill right after the manifest was written, or by a repair
        report = _read_report(folder, written=0)
        logger.info("%s: %d crops of this video are already there", folder, report.crops)
        return report
    put_masks_aside(workspace, side)
    check_foreign(workspace, side, saves=saves)
    crops = (job.info.frame_count or 0) * LEAST_SHOWN / config.frame_stride
    check_room(
        folder, CROP_BYTES * min(crops, config.max_crops or crops), "the extraction", "keep fewer faces (--max-crops)"
    )
    finder = open_landmark_detector(config.landmarks)
    if is_same and (folder / TRACKS).is_file():
        tracks = read_tracks(folder)
    else:
        kept_masks = not job.overwrite and _has_same_crops(folder, source)
        if not kept_masks:
            check_drawn(workspace, side)
        tracks = track_video(
            video,
            detector,
            detect_config=job.detect_config,
            track_config=job.track_config,
            progress=job.progress,
        )
        _check_enough(len(_select(tracks, config)[0]), video, tracks, config)
        check_foreign(workspace, side, saves=saves)  # again, since the tracking may have taken hours
        remove_extraction(workspace, side, masks=not kept_masks, saves=saves)
        write_json(folder / SOURCE, source)
        write_tracks(folder, tracks)
    single_video = workspace if saves else None
    size = config.crop_size or natural_crop_size([face for frame in tracks.faces for face in frame.values()])
    cutter = CropCutter(folder, finder, min_sharpness=config.min_sharpness, size=size, single_video=single_video)
    log = ExtractionLog(folder)
    written = _cut_faces(video, tracks, config, cutter, log, progress=job.progress)
    _finish(workspace, side, log, video, tracks, config)
    report = _read_report(folder, written=written)
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(report.dropped.items())) or "none"
    logger.info("%s: %d faces cut out of %d frames; left out: %s", folder, report.crops, tracks.length, dropped)
    return report


def _is_same(folder: pathlib.Path, source: dict, *, overwrite: bool) -> bool:
    """Returns whether this same extraction was already started in the folder.

    Raises:
        WorkspaceError: If the folder contains a different, finished extraction or files that no extraction wrote.
    """
    if overwrite or not folder.exists() or all(_UNFINISHED.fullmatch(path.name) for path in folder.iterdir()):
        return False
    advice = "choose another workspace, or extract with --overwrite"
    if not (folder / SOURCE).is_file():
        raise WorkspaceError(f"{folder} holds files that no extraction wrote; {advice}")
    before = _read_source(folder, source)
    is_same = before | {"video": source["video"]} == source  # the file may have been renamed
    if is_same or not (folder / MANIFEST).is_file():
        return is_same
    if _has_same_crops(folder, source):
        return not source["extract"]["save_faces"]  # if raw faces are now wanted, too, all crops are cut again
    if before.get("sha256") != source["sha256"]:
        raise WorkspaceError(f"{folder} holds faces of another video ({before.get('video')}); {advice}")
    raise WorkspaceError(f"{folder} holds faces of this video taken with other options; {advice}")


def _read_source(folder: pathlib.Path, source: dict) -> dict:
    """Reads `source.json` of a folder. If the file has no option `crop_size` yet, the value comes from `source`."""
    before = typing.cast(dict, upgrade_json(read_json(folder / SOURCE)))
    if isinstance(options := before.get("extract"), dict):
        before["extract"] = {name: value for name, value in source["extract"].items() if name == "crop_size"} | options
    return before


def _has_same_crops(folder: pathlib.Path, source: dict) -> bool:
    """Returns whether a finished extraction equals the requested one, except for the option `save_faces`."""
    if not ((folder / SOURCE).is_file() and (folder / MANIFEST).is_file()):
        return False
    before = _read_source(folder, source)
    saved = {"save_faces": source["extract"]["save_faces"]}
    return before | {"video": source["video"], "extract": before.get("extract", {}) | saved} == source


def _select(tracks: VideoTracks, config: ExtractConfig) -> tuple[list[Place], list[DroppedFace]]:
    """Selects the faces to cut out, and drops those that are too small."""
    places, tiny = [], []
    for index in range(0, tracks.length, config.frame_stride):
        for number, face in sorted(tracks.faces[index].items()):
            if face.size < config.min_size:
                tiny.append(DroppedFace(frame=index, track=number, reason="tiny", value=round(face.size, 1)))
            else:
                places.append((index, number))
    if config.max_crops and len(places) > config.max_crops:
        places = [places[i] for i in np.linspace(0, len(places) - 1, config.max_crops).round().astype(int)]
    return places, tiny


def _check_enough(count: int, video: pathlib.Path, tracks: VideoTracks, config: ExtractConfig) -> None:
    """Checks that a video has enough faces for training."""
    if count < config.min_crops:
        raise InputError(
            f"{video}: a face in {tracks.found} of {tracks.length} frames, {count} good enough to keep, at least "
            f"{config.min_crops} are needed; choose a longer clip, or one in which the face is larger, sharper and "
            "turned toward the camera"
        )


def _cut_faces(
    video: pathlib.Path,
    tracks: VideoTracks,
    config: ExtractConfig,
    cutter: CropCutter,
    log: ExtractionLog,
    *,
    progress: bool,
) -> int:
    """Cuts out the faces that are not in the log yet. Returns the number of crops written."""
    places, tiny = _select(tracks, config)
    done, before = log.done(), len(log.crops())
    for dropped in tiny:
        if (dropped.frame, dropped.track) not in done:
            log.add(dropped)
    by_frame: dict[int, list[int]] = collections.defaultdict(list)
    for index, number in places:
        by_frame[index].append(number)
    frames = show_progress(read_timed_frames(video), "cut out faces", tracks.length, disable=not progress)
    with defer_stop() as stop:
        for index, (time, frame) in enumerate(frames):
            if stop.is_asked:
                stop.saved = f"{len(log.crops())} crops are kept; the same command continues there"
                raise Stopped(typing.cast(int, stop.number), stop.saved)
            for rank, number in enumerate(by_frame[index]):
                if (index, number) not in done:
                    name, face = crop_name(index, rank), tracks.faces[index][number]
                    log.add(cutter.cut(frame, face, index=index, track=number, time=time, name=name))
    return len(log.crops()) - before


def _finish(
    workspace: Workspace,
    side: Side,
    log: ExtractionLog,
    video: pathlib.Path,
    tracks: VideoTracks,
    config: ExtractConfig,
) -> None:
    """Completes a faceset by writing its manifest. If there are too few crops, removes all files of the extraction."""
    folder = workspace.faces(side)
    try:
        _check_enough(len(log.crops()), video, tracks, config)
    except InputError:
        remove_extraction(workspace, side, masks=False, saves=config.save_faces)
        raise
    crops = sorted(log.crops(), key=lambda record: record.crop)
    dropped = sorted(log.dropped(), key=lambda face: (face.frame, face.track))
    write_text(folder / DROPPED, "".join(json.dumps(options_to_dict(face)) + "\n" for face in dropped))
    write_manifest(folder, crops)
    log.remove()


def _read_report(folder: pathlib.Path, *, written: int) -> ExtractReport:
    """Builds the report of a finished extraction from its files."""
    return ExtractReport(
        tracks=read_tracks(folder),
        crops=len(read_manifest(folder)),
        written=written,
        dropped=dict(collections.Counter(face.reason for face in read_dropped(folder))),
    )
