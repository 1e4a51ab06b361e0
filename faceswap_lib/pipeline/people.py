"""Everybody that an input shows, of whom a conversion swaps some: found once, and counted."""

import contextlib
import dataclasses
import pathlib
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.conversion import ViewSwapper
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.stages.swap import region_of
from faceswap_lib.conversion.time_range import TimeRange
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import Face, FaceDetector, FaceTrack, VideoTracks
from faceswap_lib.faces.recognition import open_embedder
from faceswap_lib.faces.selection import RULES, check_who, choose_by_rule, choose_person
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets.track_io import TRACKS, read_tracks, write_tracks
from faceswap_lib.provenance.people_count import PeopleCount, count_people, relate_counts
from faceswap_lib.upgrades import upgrade_json

FINGERPRINT = "plan.json"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VideoPeople:
    """The people of the part of a video that is converted.

    Attributes:
        wanted: The tracks of the faces that are swapped, by frames of the whole video.
        count: How many people there are.
    """

    wanted: VideoTracks
    count: PeopleCount


@contextlib.contextmanager
def people_of_job(job: ConversionJob, detector: FaceDetector) -> typing.Iterator[VideoPeople]:
    """Tracks everybody in the converted part of a video, and selects the wanted faces.

    If the job has tracks, they are used, and how many other people the video shows is known only if the whole video is
    converted. Otherwise the tracks are kept in a hidden folder beside the output until the block ends without an error,
    so that a killed conversion does not detect faces again.

    Args:
        job: What to convert; its fingerprint says whether kept tracks belong to it.
        detector: Detects the faces.

    Yields:
        The tracks of the wanted person, and how many people there are. Frames outside the converted part have no faces.

    Raises:
        VideoError: If the file cannot be read.
        InputError: If the subject is neither a rule nor an image, or that person is not in the video.
    """
    part = TimeRange.of(job.source, job.output_config)
    if job.tracks is not None:
        seen = job.tracks.seen if part.is_whole else None
        yield VideoPeople(wanted=job.tracks, count=relate_counts(_within(job.tracks, part), seen))
        return
    subject = job.track_config.subject
    check_who(subject)
    embedder = None if subject in RULES else open_embedder()
    folder = job.out.with_name(f".{job.out.name}.faces")
    try:
        everybody = _read_kept(folder, job.fingerprint)
        if everybody is None:
            everybody = track_video(
                job.source,
                detector,
                detect_config=job.detect_config,
                track_config=dataclasses.replace(job.track_config, subject="all"),
                start=part.start,
                stop=None if part.is_whole else part.start + len(part.seconds),
                progress=job.progress,
            )
            _keep(folder, job.fingerprint, everybody)
        if embedder is None:
            wanted = choose_by_rule(everybody, subject, part.info.width, part.info.height)
        else:
            wanted = choose_person(everybody, job.source, pathlib.Path(subject), detector, embedder, start=part.start)
        yield VideoPeople(wanted=_shift(wanted, part.start), count=count_people(wanted, everybody))
    except InputError:
        _forget(folder)
        raise
    _forget(folder)


class PictureCounter:
    """A detector and a swapper in one that pass everything on and count the faces of the latest picture.

    Attributes:
        resolution, coverage, face_region: The swapper's.
    """

    def __init__(self, detector: FaceDetector, swapper: ViewSwapper):
        self._detector, self._swapper = detector, swapper
        self.resolution, self.coverage = swapper.resolution, swapper.coverage
        self.face_region = region_of(swapper)
        self._seen = self._swapped = 0
        self._counts: list[tuple[int, int]] = []

    def detect(self, frames: Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        """Finds the faces of each frame; see `FaceDetector.detect`."""
        found = self._detector.detect(frames)
        self._seen, self._swapped = len(found[-1]), 0
        return found

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces; see `ViewSwapper.swap`."""
        self._swapped += len(views)
        return self._swapper.swap(views, faces)

    def count(self) -> PeopleCount:
        """Counts the people of the latest picture, and adds it to the total."""
        self._counts.append((self._seen, self._swapped))
        return PeopleCount(seen=(self._seen,) * 2, swapped=(self._swapped,) * 2)

    def total(self) -> PeopleCount | None:
        """Counts the people of all pictures; None if there was none. Who is on two of them may be the same person."""
        if not self._counts:
            return None
        seen, swapped = zip(*self._counts, strict=True)
        return PeopleCount(seen=(max(seen), sum(seen)), swapped=(max(swapped), sum(swapped)))


def _shift(tracks: VideoTracks, frames: int) -> VideoTracks:
    """Counts frames from the beginning of the video instead of from the first one that is converted."""
    return VideoTracks(
        length=tracks.length + frames,
        tracks=tuple(dataclasses.replace(track, start=track.start + frames) for track in tracks.tracks),
        cuts=tuple(cut + frames for cut in tracks.cuts),
    )


def _within(tracks: VideoTracks, part: TimeRange) -> VideoTracks:
    """Keeps what of each track lies in a part of the video."""
    kept = []
    for track in tracks.tracks:
        skipped = max(0, part.start - track.start)
        faces = track.faces[skipped : max(0, part.start + len(part.seconds) - track.start)]
        if any(faces):
            kept.append(FaceTrack(start=track.start + skipped, faces=faces))
    return VideoTracks(length=tracks.length, tracks=tuple(kept))


def _keep(folder: pathlib.Path, fingerprint: dict | None, tracks: VideoTracks) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FINGERPRINT).unlink(
        missing_ok=True
    )  # so that a kill in between leaves tracks of no conversion, not of the old one
    write_tracks(folder, tracks)
    write_json(folder / FINGERPRINT, fingerprint or {})


def _read_kept(folder: pathlib.Path, fingerprint: dict | None) -> VideoTracks | None:
    try:
        return read_tracks(folder) if upgrade_json(read_json(folder / FINGERPRINT)) == fingerprint else None
    except WorkspaceError:  # none there, or cut off while they were written
        return None


def _forget(folder: pathlib.Path) -> None:
    """Removes what `_keep` wrote, and nothing else."""
    for name in (FINGERPRINT, TRACKS):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not there, or somebody else's files are in it
        folder.rmdir()
