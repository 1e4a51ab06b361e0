"""`tracks.npz`: where every followed face is in every frame, so that a video need not be searched again."""

import pathlib
import zipfile

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import ClipTracks, Face, FaceTrack
from faceswap_lib.faces.align import five_points
from faceswap_lib.files import replacing

TRACKS = "tracks.npz"


def write_tracks(folder: pathlib.Path, tracks: ClipTracks) -> None:
    """Writes the tracks of a clip.

    One row per face: `track`, `frame`, `box_xyxy` (4), `score`, `landmarks` (5, 2) in pixels of the frame; and `length`
    in frames and the `cuts` of the clip.
    """
    rows = [(number, index, face) for number, track in enumerate(tracks.tracks) for index, face in track.items()]
    faces = [face for _, _, face in rows]
    with replacing(folder / TRACKS) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            length=np.int64(tracks.length),
            cuts=np.array(tracks.cuts, np.int64),
            track=np.array([number for number, _, _ in rows], np.int64),
            frame=np.array([index for _, index, _ in rows], np.int64),
            box_xyxy=np.array([face.box_xyxy for face in faces]).reshape(-1, 4),
            score=np.array([face.score for face in faces]),
            landmarks=np.array([five_points(face.landmarks) for face in faces]).reshape(-1, 5, 2),
        )


def read_tracks(folder: pathlib.Path) -> ClipTracks:
    """Reads the tracks of a clip.

    Raises:
        WorkspaceError: If they are missing or damaged.
    """
    path = folder / TRACKS
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        rows = zip(arrays["box_xyxy"], arrays["score"].tolist(), arrays["landmarks"], strict=True)
        faces = [Face(box_xyxy=box, score=score, landmarks=points) for box, score, points in rows]
        tracks = []
        for number in range(int(arrays["track"].max(initial=-1)) + 1):
            mine = np.flatnonzero(arrays["track"] == number)
            by_frame = {int(arrays["frame"][row]): faces[row] for row in mine}
            start, stop = min(by_frame), max(by_frame) + 1
            tracks.append(FaceTrack(start=start, faces=tuple(by_frame.get(index) for index in range(start, stop))))
        cuts = tuple(arrays["cuts"].tolist())
        return ClipTracks(length=int(arrays["length"]), tracks=tuple(tracks), cuts=cuts)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise WorkspaceError(f"{path}: expected the tracks of a video ({error}); extract with --overwrite") from error
