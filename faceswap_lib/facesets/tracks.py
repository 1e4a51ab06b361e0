"""`tracks.npz`: where every followed face is in every frame, so that a video need not be searched again."""

import math
import pathlib
import tokenize
import typing
import zipfile

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces import ClipTracks, Face, FaceTrack
from faceswap_lib.faces.align import five_points
from faceswap_lib.files import replacing

TRACKS = "tracks.npz"

MOST_FRAMES = 10_000_000
"""Frames of the longest video: 92 hours at 30 a second."""

MOST_ENTRIES = 50_000_000
"""Frames of all tracks together, those in which a face was out of sight too."""

SHAPES: dict[str, tuple[tuple[int | str, ...], str]] = {
    "length": ((), "iu"),
    "cuts": (("cuts",), "iu"),
    "track": (("rows",), "iu"),
    "frame": (("rows",), "iu"),
    "box_xyxy": (("rows", 4), "iuf"),
    "score": (("rows",), "iuf"),
    "landmarks": (("rows", 5, 2), "iuf"),
}
"""The arrays of the file, with their shapes and numpy's letters for their kinds."""

DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, OverflowError),
    *(zipfile.BadZipFile, SyntaxError, tokenize.TokenError),
)
"""What reading a damaged file raises; numpy parses an array's header as Python does."""


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
        WorkspaceError: If they are missing or damaged, or hold more than a video of `MOST_FRAMES` frames may have.
    """
    path = folder / TRACKS
    try:
        return _build_tracks(_read_arrays(path))
    except DAMAGED as error:
        raise WorkspaceError(f"{path}: expected the tracks of a video ({error}); extract with --overwrite") from error


def _read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads the arrays of the file after comparing what they claim to need with what the file has."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename.removesuffix(".npy") not in SHAPES or entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"expected arrays {', '.join(SHAPES)}, got {entry.filename!r:.60}")
            with archive.open(entry) as member:
                _check_header(member, entry.file_size)
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in SHAPES}
    rows = len(arrays["track"])
    for name, (shape, kinds) in SHAPES.items():
        array, wanted = arrays[name], tuple(rows if side == "rows" else side for side in shape)
        is_right = array.dtype.kind in kinds and (array.ndim == 1 if name == "cuts" else array.shape == wanted)
        if not is_right:
            raise ValueError(f"{name}: expected shape {wanted}, got {array.shape} {array.dtype}")
    return arrays


def _check_header(member: typing.IO[bytes], size: int) -> None:
    """Refuses an array that claims more bytes than its file has, before room for it is made."""
    version = np.lib.format.read_magic(member)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = read_header[version](member)
    if math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"an array of shape {shape} in {size} bytes")


def _build_tracks(arrays: dict[str, np.ndarray]) -> ClipTracks:
    length, track, frame = int(arrays["length"]), arrays["track"], arrays["frame"]
    if not 0 <= length <= MOST_FRAMES:
        raise ValueError(f"length: expected 0 to {MOST_FRAMES} frames, got {length}")
    for name in ("frame", "cuts"):
        if arrays[name].size and not 0 <= arrays[name].min() <= arrays[name].max() < length:
            raise ValueError(f"{name}: expected frames inside 0 to {length}, got others")
    rows = zip(arrays["box_xyxy"], arrays["score"].tolist(), arrays["landmarks"], strict=True)
    faces = [Face(box_xyxy=box, score=score, landmarks=points) for box, score, points in rows]
    order = np.lexsort((frame, track))
    numbers, begins = np.unique(track[order], return_index=True)
    if not np.array_equal(numbers, np.arange(len(numbers))):
        raise ValueError("track: expected every number from 0 on, got others")
    groups = np.split(order, begins[1:]) if len(order) else []
    if sum(int(frame[group[-1]] - frame[group[0]]) + 1 for group in groups) > MOST_ENTRIES:
        raise ValueError(f"expected at most {MOST_ENTRIES} frames in all tracks together, got more")
    tracks = []
    for group in groups:
        by_frame = {int(frame[row]): faces[row] for row in group}
        if len(by_frame) < len(group):
            raise ValueError("frame: expected one face of a track in a frame, got two")
        start, stop = int(frame[group[0]]), int(frame[group[-1]]) + 1
        tracks.append(FaceTrack(start=start, faces=tuple(by_frame.get(index) for index in range(start, stop))))
    return ClipTracks(length=length, tracks=tuple(tracks), cuts=tuple(arrays["cuts"].tolist()))
