"""Difficulty of crops and clips for reenactment: easy, medium or hard.

A face is as hard as its worst measure: how far the head is turned, how much of the face is covered, how small it is.
Source of the tiers: the BIGO challenge of PRCV 2019, whose test videos are easy, medium or hard. The landmark GAN of
`systems.landmark_gan` was trained there once per pair of neighboring tiers, because hard faces make a network worse on
easy ones. The thresholds are ours.
"""

import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE
from faceswap_lib.faces.head_pose import head_pose
from faceswap_lib.facesets.manifest import CropRecord

Tier = typing.Literal["easy", "medium", "hard"]

TIERS: tuple[Tier, ...] = ("easy", "medium", "hard")

Difficulty = typing.Literal["all", "easy", "medium", "hard", "easy-medium", "medium-hard"]
"""Which tiers a training uses: all, one, or two neighboring ones."""

YAW = (12.0, 22.0)
"""Absolute yaw in degrees from which a face is medium and hard.

The 98th percentiles of eight clips are 4, 5, 6, 6 and 12 for people who talk into the camera, 18 and 20 for people who
turn or are turned to one side, and 23 for a face whose far cheek is hidden. From 18 degrees on, the skin of a frontal
photo counts less in the fusion (`skin_alpha.FULL_YAW`)."""

OCCLUDED = (0.05, 0.2)
"""Covered fraction of the face from which it is medium and hard. No face in the eight clips is covered, so these come
from an average face: the mouth is 0.05 of it, and everything below the nose 0.34."""

EYE_PIXELS = (EYE_DISTANCE * CROP_SIZE, EYE_DISTANCE * CROP_SIZE / 2)
"""Eye distance in pixels of the frame below which a face is medium and hard: 70, below which a crop of side `CROP_SIZE`
is enlarged, and half of that, where three quarters of its pixels are interpolated. The 2nd percentiles of eight clips
are 93 to 126."""

CLIP_PERCENTILE = 98
"""Percentile of its crops by which a clip is judged, so that single errors of the detector do not count."""


def measure_difficulty(records: Sequence[CropRecord]) -> tuple[np.ndarray, np.ndarray]:
    """Measures how far heads are turned, and how large faces are.

    Args:
        records: Records of a faceset.

    Returns:
        Absolute yaw in degrees, (N,), and eye distance in pixels of the frame, (N,). The latter is that of an average
        face turned to the camera, from the scale of the crop, so it does not shrink when the head turns.
    """
    yaw = [abs(head_pose(record.landmarks_in_crop(), CROP_SIZE).yaw) for record in records]
    scales = [np.sqrt(abs(np.linalg.det(np.array(record.crop_from_frame)[:, :2]))) for record in records]
    return np.array(yaw, float), EYE_DISTANCE * CROP_SIZE / np.array(scales, float)


def crop_tiers(records: Sequence[CropRecord], occluded: np.ndarray | None = None) -> list[Tier]:
    """Assigns a tier to every crop.

    Args:
        records: Records of a faceset.
        occluded: (N,) covered fraction of each face, 0 to 1, for example from `occlusion_measure.measure_occluded`;
            NaN for crops without an occlusion mask, None for all of them.

    Returns:
        One tier per record.

    Raises:
        ValueError: If the number of fractions is not that of the records.
    """
    measures = _measures(records, occluded)
    return [face_tier(*row) for row in zip(*measures, strict=True)]


def clip_tier(records: Sequence[CropRecord], occluded: np.ndarray | None = None) -> Tier:
    """Assigns a tier to a whole clip by the `CLIP_PERCENTILE` of its crops in each measure.

    Args:
        records: Records of a faceset, at least one.
        occluded: As in `crop_tiers`.

    Raises:
        ValueError: If there is no record, or the number of fractions is not that of the records.
    """
    if not len(records):
        raise ValueError("records: expected at least one, got none")
    yaw, covered, eye_pixels = _measures(records, occluded)
    known = covered[~np.isnan(covered)]
    return face_tier(
        float(np.percentile(yaw, CLIP_PERCENTILE)),
        float(np.percentile(known, CLIP_PERCENTILE)) if len(known) else np.nan,
        float(np.percentile(eye_pixels, 100 - CLIP_PERCENTILE)),
    )


def _measures(records: Sequence[CropRecord], occluded: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns absolute yaw, covered fraction (NaN if unknown) and eye distance of every record, (N,) each."""
    yaw, eye_pixels = measure_difficulty(records)
    covered = np.full(len(records), np.nan) if occluded is None else np.asarray(occluded, float)
    if covered.shape != (len(records),):
        raise ValueError(f"occluded: expected one fraction per record, ({len(records)},), got shape {covered.shape}")
    return yaw, covered, eye_pixels


def face_tier(yaw: float, occluded: float, eye_pixels: float) -> Tier:
    """Returns the tier of the worst measure of a face. A NaN counts as easy: it means that nothing is known.

    Args:
        yaw: Absolute yaw in degrees.
        occluded: Covered fraction of the face, 0 to 1.
        eye_pixels: Eye distance in pixels of the frame, as in `measure_difficulty`.
    """
    level = max(
        sum(yaw >= limit for limit in YAW),
        sum(occluded >= limit for limit in OCCLUDED),
        sum(eye_pixels < limit for limit in EYE_PIXELS),
    )
    return TIERS[level]


def split_difficulty(difficulty: Difficulty) -> tuple[Tier, ...]:
    """Returns the tiers of a difficulty.

    Example:
        >>> split_difficulty("medium-hard")
        ('medium', 'hard')
    """
    return TIERS if difficulty == "all" else tuple(tier for tier in TIERS if tier in difficulty.split("-"))
