"""People in the input of a conversion: all are detected once, the wanted ones are selected, and both are counted."""

import contextlib
import dataclasses
import pathlib
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.conversion import ViewSwapper
from faceswap_lib.conversion.job import ConversionJob
from faceswap_lib.conversion.resume import FINGERPRINT
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


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VideoPeople:
    """People in the converted part of a video.

    Attributes:
        wanted: Tracks of the faces that are swapped, by frames of the whole video.
        count: Numbers of people in the video and of swapped people.
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
        job: What to convert; its fingerprint tells whether stored tracks belong to it.
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
    """Wrapper of a detector and a swapper that counts the faces of the latest image.

    Attributes:
        resolution: Side of the views in pixels, as in `ViewSwapper`.
        coverage: Side of the view as a fraction of the crop's side.
        face_region: Region inside the face, as in `ViewSwapper`.
        placement, hairline, detail, occlusion: As in `ViewSwapper`; None if the swapper does not have them.
    """

    def __init__(self, detector: FaceDetector, swapper: ViewSwapper):
        self._detector, self._swapper = detector, swapper
        self.resolution, self.coverage = swapper.resolution, swapper.coverage
        self.face_region = region_of(swapper)
        for name in ("placement", "hairline", "detail", "occlusion"):
            setattr(self, name, getattr(swapper, name, None))
        self._seen = self._swapped = 0
        self._counts: list[tuple[int, int]] = []

    def detect(self, frames: Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        """Detects the faces of each frame; see `FaceDetector.detect`."""
        found = self._detector.detect(frames)
        self._seen, self._swapped = len(found[-1]), 0
        return found

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Generates swapped faces; see `ViewSwapper.swap`."""
        self._swapped += len(views)
        return self._swapper.swap(views, faces)

    def count(self) -> PeopleCount:
        """Returns the numbers of people in the latest image, and adds them to the total."""
        self._counts.append((self._seen, self._swapped))
        return PeopleCount(seen=(self._seen, self._seen), swapped=(self._swapped, self._swapped))

    def total(self) -> PeopleCount | None:
        """Returns the numbers of people in all images; None if there was no image.

        The numbers are ranges, because one person may be in several images.
        """
        if not self._counts:
            return None
        seen, swapped = zip(*self._counts, strict=True)
        return PeopleCount(seen=(max(seen), sum(seen)), swapped=(max(swapped), sum(swapped)))


def _shift(tracks: VideoTracks, frames: int) -> VideoTracks:
    """Shifts tracks by a number of frames, so that indices count from the start of the whole video."""
    return VideoTracks(
        length=tracks.length + frames,
        tracks=tuple(dataclasses.replace(track, start=track.start + frames) for track in tracks.tracks),
        cuts=tuple(cut + frames for cut in tracks.cuts),
    )


def _within(tracks: VideoTracks, part: TimeRange) -> VideoTracks:
    """Cuts tracks to a part of the video."""
    kept = []
    for track in tracks.tracks:
        skipped = max(0, part.start - track.start)
        faces = track.faces[skipped : max(0, part.start + len(part.seconds) - track.start)]
        if any(faces):
            kept.append(FaceTrack(start=track.start + skipped, faces=faces))
    return VideoTracks(length=tracks.length, tracks=tuple(kept))


def _keep(folder: pathlib.Path, fingerprint: dict | None, tracks: VideoTracks) -> None:
    """Stores tracks with the fingerprint of their conversion."""
    folder.mkdir(parents=True, exist_ok=True)
    # First, so that tracks left by a kill match no fingerprint.
    (folder / FINGERPRINT).unlink(missing_ok=True)
    write_tracks(folder, tracks)
    write_json(folder / FINGERPRINT, fingerprint or {})


def _read_kept(folder: pathlib.Path, fingerprint: dict | None) -> VideoTracks | None:
    """Reads the stored tracks of a conversion; None if there are none for its fingerprint."""
    try:
        return read_tracks(folder) if upgrade_json(read_json(folder / FINGERPRINT)) == fingerprint else None
    except WorkspaceError:  # missing, or cut off while they were written
        return None


def _forget(folder: pathlib.Path) -> None:
    """Removes the files that `_keep` wrote, and their folder if it is empty."""
    for name in (FINGERPRINT, TRACKS):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # missing, or it contains files of someone else
        folder.rmdir()
