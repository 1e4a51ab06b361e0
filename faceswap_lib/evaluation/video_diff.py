"""Difference of a converted video and its input: change of the face, and PSNR of the background."""

import dataclasses
import pathlib

import numpy as np

from faceswap_lib.evaluation.blend_metrics import label_area
from faceswap_lib.faces import VideoTracks, crop_from_frame
from faceswap_lib.faces.alignment import CROP_SIZE, map_points
from faceswap_lib.media import read_frames


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwapDifference:
    """Difference of a converted video and its input.

    Attributes:
        frames: Number of compared frames; frames without a face are skipped.
        background_psnr: Peak signal-to-noise ratio outside the crops of the faces in dB (data range 255), median over
            frames; the loss there comes from the video codec. None if the crops cover every frame completely.
        face_change: Mean absolute difference inside the central half of the crops, 0 to 255; near 0 means that nothing
            was swapped.
    """

    frames: int
    background_psnr: float | None
    face_change: float


def compare_videos(
    original: pathlib.Path, converted: pathlib.Path, tracks: VideoTracks, every: int = 5, *, start: int = 0
) -> SwapDifference:
    """Compares a converted video with its input.

    Args:
        original: The input video.
        converted: The output video, of the same frame size; it ends at the same frame as the input or earlier.
        tracks: Tracks of the swapped faces, by frame of the input.
        every: Interval of the compared frames; 1 is used instead if the interval misses every face.
        start: Index of the input frame that is the first frame of the output.

    Returns:
        The differences.

    Raises:
        ValueError: If no compared frame has a face, or the output is longer than the input.
    """
    psnrs, changes, frames = [], [], 0
    tracked = tracks.faces[start:]
    if not any(tracked[::every]):
        every = 1  # the face is visible only for a few frames
    originals = iter(zip(read_frames(original, start=start, step=every), tracked[::every], strict=True))
    for after in read_frames(converted, step=every):
        before, faces = next(originals, (None, None))
        if before is None:
            raise ValueError(f"expected a video that ends with {original} or before, got a longer one: {converted}")
        if not faces:
            continue
        frames += 1
        difference = before.astype(np.float32) - after
        masks = [_distance_masks(before.shape, crop_from_frame(face)) for face in faces.values()]
        far = np.all([far for far, _ in masks], axis=0) & ~label_area(*before.shape[1::-1])
        near = np.any([near for _, near in masks], axis=0)
        changes.append(float(np.abs(difference[near]).mean()))
        if far.any():
            psnrs.append(10 * np.log10(255**2 / max(float(np.square(difference[far]).mean()), 1e-9)))
    if not changes:
        raise ValueError(f"expected a face in some compared frame, got none in {len(tracked[::every])}")
    return SwapDifference(
        frames=frames,
        background_psnr=float(np.median(psnrs)) if psnrs else None,
        face_change=float(np.mean(changes)),
    )


def _distance_masks(shape: tuple[int, ...], crop_from_frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes two (H, W) bool masks: pixels outside the crop, and pixels in its central half."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    points = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
    from_center = np.abs(map_points(crop_from_frame, points) - (CROP_SIZE - 1) / 2).max(axis=1)
    from_center = from_center.reshape(shape[:2])
    return from_center > CROP_SIZE / 2, from_center < CROP_SIZE / 4
