"""Cuts a face out of its frame, and drops it if it is blurred."""

import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.faces import CROP_SIZE, Face, align_face, eye_mask
from faceswap_lib.faces.alignment import crop_from_frame, invert_affine, map_points
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.facesets.extraction_log import DroppedFace, Outcome
from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.media import write_image

SHARPNESS_SIZE = 128
"""Side in pixels to which a crop is resized before its sharpness is measured: about the input size of the networks."""

LARGEST_CROP, CROP_STEP = 512, 64
"""Maximum side in pixels of crops if the user sets none; all sides are multiples of `CROP_STEP`."""

RAW_MARGIN = 0.25
"""Margin of a raw face around the detector's box, as a fraction of the box side."""


class CropCutter:
    """Writer for the crops of one extraction.

    Args:
        folder: The folder of the faceset.
        finder: Detects landmarks in crops.
        min_sharpness: Minimum sharpness of a crop, in the unit of `measure_sharpness`; blurrier crops are dropped.
        size: Side in pixels at which crops are stored.
        single_video: The workspace that also gets raw faces, aligned faces and eye masks; None saves none.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        finder: LandmarkDetector,
        *,
        min_sharpness: float,
        size: int = CROP_SIZE,
        single_video: Workspace | None = None,
    ):
        self._folder, self._finder = folder, finder
        self._min_sharpness, self._size, self._single_video = min_sharpness, size, single_video

    def cut(self, frame: np.ndarray, face: Face, *, index: int, track: int, time: float, name: str) -> Outcome:
        """Cuts out one face and writes it, unless it is blurred.

        Args:
            frame: (H, W, 3) uint8 RGB.
            face: The face in pixels of this frame.
            index: Index of the frame.
            track: Index of the face's track.
            time: Time in seconds after the first frame of the video.
            name: File name of the crop.

        Returns:
            The record of the crop, or of the dropped face with the reason.
        """
        crop = align_face(frame, face)
        sharpness = round(measure_sharpness(crop.image), 3)
        if sharpness < self._min_sharpness:
            return DroppedFace(frame=index, track=track, reason="blurred", value=sharpness)
        (points,) = self._finder.detect([crop])
        stored = crop if self._size == CROP_SIZE else align_face(frame, face, self._size)
        write_image(self._folder / name, stored.image)
        points_in_frame = map_points(invert_affine(crop.crop_from_frame), points)
        record = CropRecord(
            crop=name,
            frame=index,
            time=round(time, 6),
            box_xyxy=np.round(face.box_xyxy, 4).tolist(),
            landmarks=np.round(face.landmarks, 4).tolist(),
            crop_from_frame=crop.crop_from_frame.tolist(),
            score=round(face.score, 4),
            sharpness=sharpness,
            track=track,
            landmarks_68=np.round(points_in_frame, 3).tolist() if len(points) == 68 else None,
        )
        if self._single_video is not None:
            _save_extra_images(self._single_video, record, _raw_face(frame, face), crop.image)
        return record


def _save_extra_images(workspace: Workspace, record: CropRecord, raw: np.ndarray, aligned: np.ndarray) -> None:
    """Saves raw face, aligned face and eye mask under WORKSPACE/faces."""
    folder = workspace.single_video
    write_image(folder("raw_faces") / record.crop, raw)
    write_image(folder("aligned_faces") / record.crop, aligned)
    # Uses the rounded points of the record, like the masks of the faceset. Unrounded ones differ by some gray levels.
    write_image(folder("binary_masks_eyes") / record.mask, eye_mask(record.landmarks_in_crop(), CROP_SIZE))


def natural_crop_size(faces: Sequence[Face]) -> int:
    """Computes the crop side at which at least half of the faces keep their resolution.

    It is a multiple of `CROP_STEP` from `CROP_SIZE` to `LARGEST_CROP` pixels.
    """
    scales = [np.linalg.norm(crop_from_frame(face)[:, 0]) for face in faces]
    wanted = CROP_SIZE / np.median(scales) if scales else CROP_SIZE
    return int(np.clip(CROP_STEP * np.ceil(wanted / CROP_STEP), CROP_SIZE, LARGEST_CROP))


def measure_sharpness(crop: np.ndarray) -> float:
    """Computes the variance of the Laplacian in the central face region of a crop.

    At usual camera noise, faces in focus have a few hundred, and a face blurred over a tenth of the crop has 50.

    Args:
        crop: (S, S, 3) uint8 RGB, aligned.

    Returns:
        The variance in squared gray levels, computed after the crop is resized to 128 x 128 pixels.
    """
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (SHARPNESS_SIZE, SHARPNESS_SIZE), interpolation=cv2.INTER_AREA)
    margin = SHARPNESS_SIZE // 5
    return float(cv2.Laplacian(small[margin:-margin, margin:-margin], cv2.CV_64F).var())


def _raw_face(frame: np.ndarray, face: Face) -> np.ndarray:
    """Cuts out the detector's box with a margin, clipped to the frame."""
    low, high = face.box_xyxy[:2], face.box_xyxy[2:]
    margin = RAW_MARGIN * (high - low)
    height, width = frame.shape[:2]
    left, top = np.clip(low - margin, 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(high + margin), [left + 1, top + 1], [width, height]).astype(int)
    return np.ascontiguousarray(frame[top:bottom, left:right])
