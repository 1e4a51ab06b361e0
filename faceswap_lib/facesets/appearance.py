"""Feature vectors for pose, expression and appearance of a crop that can be compared between two people.

Measures that are 0 for everybody are used unchanged: the yaw of a frontal head, the gap of closed lips. From every
other measure, the person's own median is subtracted, which removes the differences between people: how open the eyes
are, how high the eyebrows are.
"""

import concurrent.futures
import typing

import cv2
import numpy as np

from faceswap_lib.faces import Part
from faceswap_lib.faces.alignment import CROP_SIZE, five_points, scale_points
from faceswap_lib.faces.landmarks_68 import EYELIDS, INNER_LIPS, MOUTH_CORNERS, OUTER_LIPS
from faceswap_lib.faces.parts import part_outlines
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.progress import show_progress

THUMBNAIL_SIDE = 12
"""Side in pixels of the gray thumbnail of the parts, which shows gaze, teeth and lighting."""

GAPS = {
    Part.EYES: EYELIDS,
    Part.EYEBROWS: ((19, 37), (24, 44)),
    Part.MOUTH: (INNER_LIPS, OUTER_LIPS, MOUTH_CORNERS),
}
"""Per part, the pairs of the 68 landmarks whose distance is measured: eyelids, eyebrow to eye, lips, mouth width."""


def describe_appearances(
    facesets: typing.Sequence[Faceset], parts: Part, *, progress: bool = False
) -> list[np.ndarray]:
    """Computes comparable feature vectors for the crops of several people; a small distance means a similar look.

    Pose, expression (if all crops have 68 landmarks) and thumbnail have equal weight: each has a variance of 1 within a
    person.

    Args:
        facesets: One faceset per person.
        parts: The parts that must look alike. The pose is always included.
        progress: Show progress bars.

    Returns:
        One (N, D) float64 array per faceset, with one row per crop.
    """
    points = [[record.landmarks_in_crop() for record in faceset.records] for faceset in facesets]
    # The first value of pose and of expression is comparable between people, so its median is not subtracted.
    blocks = [[_subtract_median(np.array([describe_pose(face) for face in faces]), 1) for faces in points]]
    if all(len(face) == 68 for faces in points for face in faces):
        gaps = [np.array([describe_expression(face, parts) for face in faces]) for faces in points]
        blocks.append([_subtract_median(group, 1) for group in gaps])
    blocks.append([_subtract_median(_small_images(faceset, parts, progress)) for faceset in facesets])
    scaled = [[group / _pooled_deviation(groups) for group in groups] for groups in blocks]
    return [np.concatenate(person, axis=1) for person in zip(*scaled, strict=True)]


def describe_pose(points: np.ndarray) -> np.ndarray:
    """Measures the head pose by the positions of nose and mouth relative to the eyes.

    Args:
        points: (68, 2) or (5, 2) x, y of the landmarks of one face, in any unit.

    Returns:
        (3,) float64 offsets from the midpoint of the eyes, in eye distances: nose tip to the right, nose tip downward,
        mean of the mouth corners downward.
    """
    left, right, nose, *corners = five_points(points)
    across = (right - left) / np.sum((right - left) ** 2)  # projects one eye distance to the right onto 1
    down = np.array([-across[1], across[0]])
    middle = (left + right) / 2
    return np.array([across @ (nose - middle), down @ (nose - middle), down @ (np.mean(corners, axis=0) - middle)])


def describe_expression(points: np.ndarray, parts: Part) -> np.ndarray:
    """Measures the expression of parts of one face.

    Args:
        points: (68, 2) x, y of the landmarks, in any unit.
        parts: The parts to measure.

    Returns:
        (K,) float64 lengths in eye distances: first the gap between the lips (0 if the mouth is not one of the parts),
        then the other lengths of `GAPS`.
    """
    pairs = [pair for part, pairs in GAPS.items() if part in parts or Part.FACE in parts for pair in pairs]
    ends = points[np.array([INNER_LIPS, *(pair for pair in pairs if pair != INNER_LIPS)])]
    left, right = five_points(points)[:2]
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) / np.linalg.norm(right - left)
    return lengths * np.array([INNER_LIPS in pairs, *[True] * (len(lengths) - 1)])


def make_thumbnail(image: np.ndarray, points: np.ndarray, parts: Part) -> np.ndarray:
    """Cuts out the square around the parts, shrinks it, and normalizes it to mean 0 and variance 1.

    Args:
        image: (S, S, 3) uint8 RGB.
        points: (68, 2) or (5, 2) x, y of the landmarks in pixels of the image.
        parts: The parts to show.

    Returns:
        (THUMBNAIL_SIDE**2,) float64 gray levels. The variance is smaller than 1 if the image is almost uniform.
    """
    ends = np.concatenate(part_outlines(points, len(image), parts))
    middle, side = (ends.min(axis=0) + ends.max(axis=0)) / 2, np.ptp(ends, axis=0).max()
    low, high = (np.clip(np.round(middle + sign * side / 2).astype(int), 0, len(image)) for sign in (-1, 1))
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[low[1] : high[1] + 1, low[0] : high[0] + 1]
    small = cv2.resize(gray.astype(np.float64), (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA).ravel()
    return (small - small.mean()) / max(small.std(), 1.0)


def _small_images(faceset: Faceset, parts: Part, progress: bool) -> np.ndarray:
    """Computes `make_thumbnail` for all crops of a faceset, (N, THUMBNAIL_SIDE**2) float64."""

    def read(record: CropRecord) -> np.ndarray:
        image = faceset.crop_files.read_image(record.crop)
        return make_thumbnail(image, scale_points(record.landmarks_in_crop(), len(image) / CROP_SIZE), parts)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        read_all = pool.map(read, faceset.records)
        return np.stack(
            list(show_progress(read_all, f"look at {faceset.folder.name}", len(faceset), disable=not progress))
        )


def _subtract_median(group: np.ndarray, first: int = 0) -> np.ndarray:
    """Subtracts the column medians of an (N, D) array, except in the first `first` columns."""
    return group - np.where(np.arange(group.shape[1]) < first, 0, np.median(group, axis=0))


def _pooled_deviation(groups: typing.Sequence[np.ndarray]) -> float:
    """Computes the square root of the within-person variance, summed over the features, averaged over the people."""
    return max(float(np.sqrt(np.mean([group.var(axis=0).sum() for group in groups]))), 1e-6)
