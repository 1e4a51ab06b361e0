"""Reads and writes `tracks.npz`: every tracked face in every frame, so that no video has to be tracked twice."""

import pathlib
import typing

import numpy as np

from faceswap_lib.arrays import ArrayFileError, read_arrays
from faceswap_lib.atomic_io import replacing
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import Face, FaceTrack, VideoTracks
from faceswap_lib.faces.alignment import five_points
from faceswap_lib.limits import VIDEO_FRAMES

TRACKS = "tracks.npz"

MOST_ENTRIES = 50_000_000
"""Maximum total length of all tracks in frames, including frames in which a face was not visible."""

SHAPES: dict[str, tuple[tuple[int | str, ...], str]] = {
    "length": ((), "iu"),
    "cuts": (("cuts",), "iu"),
    "track": (("rows",), "iu"),
    "frame": (("rows",), "iu"),
    "box_xyxy": (("rows", 4), "iuf"),
    "score": (("rows",), "iuf"),
    "landmarks": (("rows", 5, 2), "iuf"),
    "seen": (("counts",), "iu"),
}
"""The arrays of the file with their shapes and allowed numpy dtype kinds."""

LISTS = ("cuts", "seen")
"""Arrays whose length is independent of the other arrays."""

OPTIONAL = {"seen"}
"""Arrays that are missing in files of earlier versions."""

MOST = 1e9
"""Maximum absolute value of a coordinate, as in a manifest."""


def write_tracks(folder: pathlib.Path, tracks: VideoTracks) -> None:
    """Writes the tracks of a clip.

    The file has one row per face: `track`, `frame`, `box_xyxy` (4), `score`, `landmarks` (5, 2) in pixels of the frame.
    It also has `length` in frames, the `cuts` of the clip, and `seen`, the minimum and maximum number of people in it
    (empty if they were not counted).
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
            seen=np.array(tracks.seen or (), np.int64),
        )


def read_tracks(folder: pathlib.Path) -> VideoTracks:
    """Reads the tracks of a clip.

    Raises:
        WorkspaceError: If the file is missing or damaged, contains values that no face in a video can have, or more
            frames than `limits` allow.
    """
    path = folder / TRACKS
    try:
        arrays = read_arrays(path)
        _check_shapes(arrays)
        return _build_tracks(arrays)
    except (OSError, ValueError, InputError) as error:
        raise WorkspaceError(f"{path}: expected the tracks of a video ({error}); extract with --overwrite") from error


def _check_shapes(arrays: dict[str, np.ndarray]) -> None:
    """Checks names, shapes, dtypes and ranges of the arrays."""
    if set(arrays) | OPTIONAL != set(SHAPES):
        raise ArrayFileError(f"expected arrays {', '.join(SHAPES)}, got {', '.join(map(repr, arrays))[:200]}")
    rows = len(arrays["track"]) if arrays["track"].ndim else 0
    for name, array in arrays.items():
        shape, kinds = SHAPES[name]
        wanted = tuple(rows if side == "rows" else side for side in shape)
        is_right = array.dtype.kind in kinds and (array.ndim == 1 if name in LISTS else array.shape == wanted)
        if not is_right:
            raise ArrayFileError(f"{name}: expected shape {wanted}, got {array.shape} {array.dtype}")
        if name in ("box_xyxy", "landmarks") and not (np.abs(array) <= MOST).all():  # also False for NaN
            raise ArrayFileError(f"{name}: expected numbers from -{MOST:g} to {MOST:g}, got others")
    if not ((arrays["score"] >= 0) & (arrays["score"] <= 1)).all():
        raise ArrayFileError("score: expected numbers from 0 to 1, got others")
    boxes = arrays["box_xyxy"]
    if not (boxes[:, :2] < boxes[:, 2:]).all():
        raise ArrayFileError("box_xyxy: expected left < right and top < bottom, got others")


def _build_tracks(arrays: dict[str, np.ndarray]) -> VideoTracks:
    """Checks the indices and converts the arrays to tracks."""
    length, track, frame = int(arrays["length"]), arrays["track"], arrays["frame"]
    if length < 0:
        raise ArrayFileError(f"length: expected a number of frames, got {length}")
    VIDEO_FRAMES.check(length, "length")
    for name in ("frame", "cuts"):
        if arrays[name].size and not 0 <= arrays[name].min() <= arrays[name].max() < length:
            raise ArrayFileError(f"{name}: expected frames inside 0 to {length}, got others")
    rows = zip(arrays["box_xyxy"], arrays["score"].tolist(), arrays["landmarks"], strict=True)
    faces = [Face(box_xyxy=box, score=score, landmarks=points) for box, score, points in rows]
    order = np.lexsort((frame, track))
    numbers, begins = np.unique(track[order], return_index=True)
    if not np.array_equal(numbers, np.arange(len(numbers))):
        raise ArrayFileError("track: expected every number from 0 on, got others")
    groups = np.split(order, begins[1:]) if len(order) else []
    if sum(int(frame[group[-1]] - frame[group[0]]) + 1 for group in groups) > MOST_ENTRIES:
        raise ArrayFileError(f"expected at most {MOST_ENTRIES} frames in all tracks together, got more")
    tracks = []
    for group in groups:
        by_frame = {int(frame[row]): faces[row] for row in group}
        if len(by_frame) < len(group):
            raise ArrayFileError("frame: expected one face of a track in a frame, got two")
        start, stop = int(frame[group[0]]), int(frame[group[-1]]) + 1
        tracks.append(FaceTrack(start=start, faces=tuple(by_frame.get(index) for index in range(start, stop))))
    cuts = tuple(arrays["cuts"].tolist())
    return VideoTracks(length=length, tracks=tuple(tracks), cuts=cuts, seen=_read_seen(arrays.get("seen", ())))


def _read_seen(counts: np.ndarray | typing.Sequence[int]) -> tuple[int, int] | None:
    """Reads the minimum and maximum number of people; None if they were not counted."""
    if len(counts) == 0:
        return None
    if len(counts) != 2 or not 0 <= counts[0] <= counts[1] <= MOST:
        raise ArrayFileError(f"seen: expected the fewest and the most people, got {list(map(int, counts[:5]))}")
    return int(counts[0]), int(counts[1])
