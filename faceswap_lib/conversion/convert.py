"""Converting a video: the first pass follows the face, the second swaps it frame by frame."""

import collections
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
    Face,
    FaceDetector,
    FaceTrack,
    TrackConfig,
    crop_from_frame,
    face_mask,
    points_in_crop,
    view_matrix,
    warp_frame,
)
from faceswap_lib.faces.align import VIEW_COVERAGE
from faceswap_lib.faces.scan import track_video
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
    track_config: TrackConfig | None = None,
    track: FaceTrack | None = None,
    progress: bool = False,
) -> ConversionReport:
    """Writes a video in which the main face is replaced, with the sound, size and rate of the first.

    Args:
        video: The video to convert.
        out: The .mp4 to write; it appears only when it is whole.
        swapper: Writes the new faces.
        detector: Finds the old ones.
        config: Options.
        track_config: How the face is followed.
        track: The face's track, if it is known already; saves the first pass.
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
    track = track or track_video(video, detector, track_config, progress=progress)
    if not track.found:
        raise InputError(f"{video}: no face in any of its {len(track.faces)} frames; nothing to swap")
    masks = []
    frames = tqdm(read_frames(video), "convert", len(track.faces), disable=not progress)
    with VideoWriter.like(out, info) as writer:
        for frame, mask_mean in swap_frames(frames, track.faces, swapper, config):
            writer.write(frame)
            if mask_mean is not None:
                masks.append(mask_mean)
    return ConversionReport(out=out, frames=len(track.faces), swapped=len(masks), mask_mean=float(np.mean(masks)))


def swap_frames(
    frames: typing.Iterable[np.ndarray],
    faces: typing.Sequence[Face | None],
    swapper: FaceSwapper,
    config: ConvertConfig,
) -> typing.Iterator[tuple[np.ndarray, float | None]]:
    """Swaps one face per frame, a batch at a time; never holds more than a batch of frames.

    Args:
        frames: (H, W, 3) uint8 RGB pictures in order.
        faces: The face of each frame, None where there is none; as many as frames.
        swapper: Writes the new faces.
        config: Options.

    Yields:
        Each frame in order with the mean of its mask, or untouched with None where there was no face.
    """
    pairs = zip(frames, faces, strict=True)
    while batch := list(itertools.islice(pairs, config.swap_batch)):
        seen = [(frame, face) for frame, face in batch if face is not None]
        swapped = collections.deque(_swap_batch(seen, swapper, config) if seen else ())
        for frame, face in batch:
            yield swapped.popleft() if face is not None else (frame, None)


def _swap_batch(
    batch: list[tuple[np.ndarray, Face]], swapper: FaceSwapper, config: ConvertConfig
) -> typing.Iterator[tuple[np.ndarray, float]]:
    size = swapper.resolution
    matrices = [view_matrix(crop_from_frame(face), CROP_SIZE, size) for _, face in batch]
    points = [points_in_crop(face, matrix) for (_, face), matrix in zip(batch, matrices, strict=True)]
    views = np.stack([warp_frame(frame, matrix, size) for (frame, _), matrix in zip(batch, matrices, strict=True)])
    masks, new = swapper.swap(views, np.stack([face_mask(p, size, coverage=VIEW_COVERAGE) for p in points]))
    for (frame, _), matrix, landmarks, old, mask, picture in zip(
        batch, matrices, points, views, masks, new, strict=True
    ):
        yield paste_face(frame, old, picture, mask, landmarks, matrix, config), float(mask.mean())
