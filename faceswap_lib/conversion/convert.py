"""Converting a video: the first pass follows the face, the second swaps it frame by frame."""

import dataclasses
import itertools
import pathlib
import typing

import numpy as np
from tqdm.auto import tqdm

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.paste import paste_face
from faceswap_lib.conversion.swapper import FaceSwapper
from faceswap_lib.errors import InputError
from faceswap_lib.faces import (
    CROP_SIZE,
    ClipTracks,
    DetectConfig,
    Face,
    FaceDetector,
    TrackConfig,
    crop_from_frame,
    face_mask,
    points_in_crop,
    view_matrix,
    warp_frame,
)
from faceswap_lib.faces.clip import track_video
from faceswap_lib.media import VideoWriter, probe_video, read_frames


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """What a conversion did.

    Attributes:
        out: The video written.
        frames: Frames written, as many as were read.
        swapped: Frames that show the new face; the others are the input's own.
        mask_mean: Mean of the attention mask over the swapped views, 0 to 1; near 0 nothing was swapped.
    """

    out: pathlib.Path
    frames: int
    swapped: int
    mask_mean: float


def convert_video(
    video: pathlib.Path,
    out: pathlib.Path,
    swapper: FaceSwapper,
    detector: FaceDetector,
    *,
    config: ConvertConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    tracks: ClipTracks | None = None,
    progress: bool = False,
) -> ConversionReport:
    """Writes a video in which the wanted faces are replaced, with the sound, size and rate of the first.

    Args:
        video: The video to convert.
        out: The .mp4 to write; it appears only when it is whole.
        swapper: Writes the new faces.
        detector: Finds the old ones.
        config: Options.
        detect_config: How often the detector looks.
        track_config: How faces are followed, and whose.
        tracks: The faces' tracks, if they are known already; saves the first pass.
        progress: Show progress bars.

    Returns:
        What was done.

    Raises:
        InputError: If the video cannot be read, shows no face at all, or `out` is the input itself.
    """
    config = config or ConvertConfig()
    info = probe_video(video)
    if out.exists() and out.samefile(video):
        raise InputError(f"{out} is the input; name another file to write")
    if tracks is None:
        tracks = track_video(video, detector, detect_config=detect_config, track_config=track_config, progress=progress)
    if not tracks.found:
        raise InputError(f"{video}: no face in any of its {tracks.length} frames; nothing to swap")
    masks, swapped = [], 0
    frames = tqdm(read_frames(video), "convert", tracks.length, disable=not progress)
    faces = [tuple(faces.values()) for faces in tracks.faces]
    with VideoWriter.like(out, info) as writer:
        for frame, means in swap_frames(frames, faces, swapper, config):
            writer.write(frame)
            masks += means
            swapped += bool(means)
    return ConversionReport(out=out, frames=tracks.length, swapped=swapped, mask_mean=float(np.mean(masks)))


def swap_frames(
    frames: typing.Iterable[np.ndarray],
    faces: typing.Sequence[tuple[Face, ...]],
    swapper: FaceSwapper,
    config: ConvertConfig,
) -> typing.Iterator[tuple[np.ndarray, list[float]]]:
    """Swaps the faces of every frame, a batch of frames at a time; never holds more than a batch.

    Args:
        frames: (H, W, 3) uint8 RGB pictures in order.
        faces: The faces of each frame; as many as frames.
        swapper: Writes the new faces.
        config: Options.

    Yields:
        Each frame in order, untouched where it has no face, with the mean of each new face's mask.
    """
    pairs = zip(frames, faces, strict=True)
    while batch := list(itertools.islice(pairs, config.swap_batch)):
        pictures = [frame for frame, _ in batch]
        means: list[list[float]] = [[] for _ in batch]
        places = [(index, face) for index, (_, found) in enumerate(batch) for face in found]
        # A frame with several faces takes them one after the other, each onto the picture with those before.
        swapped = _swap_faces([(pictures[index], face) for index, face in places], swapper) if places else ()
        for (index, _), (old, new, mask, landmarks, matrix) in zip(places, swapped, strict=True):
            pictures[index] = paste_face(pictures[index], old, new, mask, landmarks, matrix, swapper.coverage, config)
            means[index].append(float(mask.mean()))
        yield from zip(pictures, means, strict=True)


def _swap_faces(
    batch: list[tuple[np.ndarray, Face]], swapper: FaceSwapper
) -> typing.Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Gives for each face its view before and after, the mask, its five points in the view, and `view_from_frame`."""
    size, coverage = swapper.resolution, swapper.coverage
    matrices = [view_matrix(crop_from_frame(face), CROP_SIZE, size, coverage) for _, face in batch]
    points = [points_in_crop(face, matrix) for (_, face), matrix in zip(batch, matrices, strict=True)]
    views = np.stack([warp_frame(frame, matrix, size) for (frame, _), matrix in zip(batch, matrices, strict=True)])
    masks, new = swapper.swap(views, np.stack([face_mask(p, size, coverage=coverage) for p in points]))
    return zip(views, new, masks, points, matrices, strict=True)
