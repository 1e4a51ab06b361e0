"""Finds the faces of a video that have no crop in its faceset: frames in which tracking or extraction missed them."""

import dataclasses
import typing

from faceswap_lib.atomic_io import read_json
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import Face, FaceTrack, VideoTracks
from faceswap_lib.facesets.exclusion import list_excluded
from faceswap_lib.facesets.extraction_log import read_dropped
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.facesets.source import SOURCE
from faceswap_lib.facesets.track_io import TRACKS, read_tracks
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.upgrades import upgrade_json

Reason = typing.Literal["gap", "no track", "tiny", "blurred"]
"""Why a face has no crop: its track has a gap; no track exists in the frame; or the extraction dropped it."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MissedFace:
    """Face without a crop.

    Attributes:
        frame: Index of the frame in the video, from 0.
        track: Index of the track to which it belongs, or of the nearest track of its shot; None if the shot has none.
        reason: Why it has no crop.
        guess: Where it may be: the tracked face, or one interpolated between its neighbors; None if nothing is known.
    """

    frame: int
    track: int | None
    reason: Reason
    guess: Face | None


def find_missed(
    workspace: Workspace, side: Side, *, reasons: typing.Collection[Reason] = typing.get_args(Reason)
) -> list[MissedFace]:
    """Finds the frames in which a face may have been missed.

    Faces that have a crop, also an excluded one, are left out; frames between the steps of `frame_stride`, too. In a
    frame without a track there may be no face at all.

    Args:
        workspace: The workspace with the faceset.
        side: Which person's faceset.
        reasons: Only faces that were missed for one of these reasons.

    Returns:
        The faces in the order of the video.

    Raises:
        WorkspaceError: If there is no faceset, or it has no tracks.
    """
    folder = workspace.faces(side)
    known = {(record.frame, record.track) for record in [*read_manifest(folder), *list_excluded(workspace, side)]}
    if not (folder / TRACKS).is_file():
        raise WorkspaceError(
            f"{folder}: expected the tracks of a video ({TRACKS}), got a faceset without them; give the frame itself"
        )
    tracks = read_tracks(folder)
    with_crop = {frame for frame, _ in known}
    missed = []
    for frame in range(0, tracks.length, _read_stride(workspace, side)):
        gaps = _find_gaps(tracks, frame)
        missed += [found for found in gaps if (frame, found.track) not in known]
        if not gaps and not tracks.faces[frame] and frame not in with_crop:
            missed.append(_find_untracked(tracks, frame))
    for dropped in read_dropped(folder):
        if (dropped.frame, dropped.track) not in known:
            guess = tracks.faces[dropped.frame].get(dropped.track) if dropped.frame < tracks.length else None
            missed.append(MissedFace(frame=dropped.frame, track=dropped.track, reason=dropped.reason, guess=guess))
    found = [face for face in missed if face.reason in reasons]
    return sorted(found, key=lambda face: (face.frame, -1 if face.track is None else face.track))


def face_near(track: FaceTrack, frame: int) -> Face:
    """Estimates the face of a track in a frame: linear between the nearest frames that show it; constant outside them.

    Args:
        track: The track.
        frame: Index of the frame.

    Returns:
        The face; its score is 0 unless the track shows it in this frame.

    Raises:
        ValueError: If the track never shows the face.
    """
    place, last = frame - track.start, len(track.faces) - 1
    inside = min(max(place, 0), last)
    before = next((index for index in range(inside, -1, -1) if track.faces[index] is not None), None)
    after = next((index for index in range(inside, last + 1) if track.faces[index] is not None), before)
    before = after if before is None else before
    if before is None or after is None:
        raise ValueError("expected a track that shows its face, got an empty one")
    first, second = typing.cast(Face, track.faces[before]), typing.cast(Face, track.faces[after])
    if before == after == place:
        return first
    weight = (inside - before) / (after - before) if after > before else 0.0
    return Face(
        box_xyxy=(1 - weight) * first.box_xyxy + weight * second.box_xyxy,
        score=0.0,
        landmarks=(1 - weight) * first.landmarks + weight * second.landmarks,
    )


def nearest_track(tracks: VideoTracks, frame: int) -> int | None:
    """Returns the index of the track of the same shot that is nearest in time; None if the shot has no track."""
    begin = max((cut for cut in tracks.cuts if cut <= frame), default=0)
    end = min((cut for cut in tracks.cuts if cut > frame), default=tracks.length)
    distances = {
        number: max(track.start - frame, frame - (track.stop - 1), 0)
        for number, track in enumerate(tracks.tracks)
        if track.start < end and track.stop > begin and track.found
    }
    return min(distances, key=lambda number: (distances[number], number)) if distances else None


def _find_gaps(tracks: VideoTracks, frame: int) -> list[MissedFace]:
    """Finds the tracks that continue after this frame but do not show their face in it."""
    return [
        MissedFace(frame=frame, track=number, reason="gap", guess=face_near(track, frame))
        for number, track in enumerate(tracks.tracks)
        if track.start <= frame < track.stop and track.faces[frame - track.start] is None and track.found
    ]


def _find_untracked(tracks: VideoTracks, frame: int) -> MissedFace:
    """Builds the entry of a frame without a track."""
    number = nearest_track(tracks, frame)
    guess = None if number is None else face_near(tracks.tracks[number], frame)
    return MissedFace(frame=frame, track=number, reason="no track", guess=guess)


def _read_stride(workspace: Workspace, side: Side) -> int:
    """Reads `frame_stride` of the extraction; 1 if it is not known."""
    path = workspace.faces(side) / SOURCE
    source = upgrade_json(read_json(path)) if path.is_file() else None
    options = source.get("extract") if isinstance(source, dict) else None
    stride = options.get("frame_stride", 1) if isinstance(options, dict) else 1
    return stride if type(stride) is int and stride >= 1 else 1
