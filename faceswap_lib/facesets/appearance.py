"""What the parts of a face do in a crop, in numbers that can be compared between two people.

What is 0 for everybody, a head turned neither way and lips that touch, is taken as it is. Everything else is taken
against the person's own median, which takes the person out of it: how open the eyes are, how high the brows.
"""

import concurrent.futures
import typing

import cv2
import numpy as np

from faceswap_lib.faces import Part
from faceswap_lib.faces.alignment import CROP_SIZE, five_points, scale_points
from faceswap_lib.faces.parts import part_outlines
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.media import read_image
from faceswap_lib.progress import show_progress

PICTURE_SIDE = 12
"""Side in pixels of the small gray picture of the parts, in which gaze, teeth and light show."""

LIPS = (62, 66)
GAPS = {
    Part.EYES: ((37, 41), (38, 40), (43, 47), (44, 46)),
    Part.EYEBROWS: ((19, 37), (24, 44)),
    Part.MOUTH: (LIPS, (51, 57), (48, 54)),
}
"""Per part the pairs of the 68 landmarks whose distances say what it does: lids, brows over eyes, lips, mouth width."""


def describe_looks(facesets: typing.Sequence[Faceset], parts: Part, *, progress: bool = False) -> list[np.ndarray]:
    """Describes the crops of several people in one space, in which near means alike whoever it is.

    Pose, expression (where all crops have 68 landmarks) and the small picture count alike: the variance of each within
    a person is 1.

    Args:
        facesets: One per person.
        parts: What has to look alike; the pose counts always.
        progress: Show progress bars.

    Returns:
        Per faceset (N, D) float64.
    """
    points = [[record.landmarks_in_crop() for record in faceset.records] for faceset in facesets]
    # The first number of pose and of expression means the same for everybody.
    blocks = [[_without_person(np.array([describe_pose(face) for face in faces]), 1) for faces in points]]
    if all(len(face) == 68 for faces in points for face in faces):
        gaps = [np.array([describe_expression(face, parts) for face in faces]) for faces in points]
        blocks.append([_without_person(group, 1) for group in gaps])
    blocks.append([_without_person(_small_pictures(faceset, parts, progress)) for faceset in facesets])
    scaled = [[group / _spread(groups) for group in groups] for groups in blocks]
    return [np.concatenate(person, axis=1) for person in zip(*scaled, strict=True)]


def describe_pose(points: np.ndarray) -> np.ndarray:
    """Where the nose and the mouth lie under the eyes, which tells how the head is turned.

    Args:
        points: (68, 2) or (5, 2) x, y of one face.

    Returns:
        (3,) nose tip to the right of and below the eyes' middle, mouth corners below it, in eye distances.
    """
    left, right, nose, *corners = five_points(points)
    across = (right - left) / np.sum((right - left) ** 2)  # one eye distance to the right counts 1
    down = np.array([-across[1], across[0]])
    middle = (left + right) / 2
    return np.array([across @ (nose - middle), down @ (nose - middle), down @ (np.mean(corners, axis=0) - middle)])


def describe_expression(points: np.ndarray, parts: Part) -> np.ndarray:
    """Measures what parts of one face do.

    Args:
        points: (68, 2) x, y.
        parts: Which.

    Returns:
        (K,) how far the lips are apart, 0 if the mouth is none of the parts, then the other lengths of `GAPS`, in eye
        distances.
    """
    pairs = [pair for part, pairs in GAPS.items() if part in parts or Part.FACE in parts for pair in pairs]
    ends = points[np.array([LIPS, *(pair for pair in pairs if pair != LIPS)])]
    left, right = five_points(points)[:2]
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) / np.linalg.norm(right - left)
    return lengths * np.array([LIPS in pairs, *[True] * (len(lengths) - 1)])


def small_picture(image: np.ndarray, points: np.ndarray, parts: Part) -> np.ndarray:
    """The square around the parts, small, gray, and brought to mean 0 and variance 1.

    Args:
        image: (S, S, 3) uint8 RGB.
        points: (68, 2) or (5, 2) x, y in its pixels.
        parts: Which.

    Returns:
        (PICTURE_SIDE**2,) float64; a picture of nearly one gray has less variance.
    """
    ends = np.concatenate(part_outlines(points, len(image), parts))
    middle, side = (ends.min(axis=0) + ends.max(axis=0)) / 2, np.ptp(ends, axis=0).max()
    low, high = (np.clip(np.round(middle + sign * side / 2).astype(int), 0, len(image)) for sign in (-1, 1))
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[low[1] : high[1] + 1, low[0] : high[0] + 1]
    small = cv2.resize(gray.astype(np.float64), (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_AREA).ravel()
    return (small - small.mean()) / max(small.std(), 1.0)


def _small_pictures(faceset: Faceset, parts: Part, progress: bool) -> np.ndarray:
    def read(record: CropRecord) -> np.ndarray:
        image = read_image(faceset.folder / record.crop)
        return small_picture(image, scale_points(record.landmarks_in_crop(), len(image) / CROP_SIZE), parts)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        read_all = pool.map(read, faceset.records)
        return np.stack(
            list(show_progress(read_all, f"look at {faceset.folder.name}", len(faceset), disable=not progress))
        )


def _without_person(group: np.ndarray, first: int = 0) -> np.ndarray:
    """Takes the median of (N, D) from all columns but the first so many."""
    return group - np.where(np.arange(group.shape[1]) < first, 0, np.median(group, axis=0))


def _spread(groups: typing.Sequence[np.ndarray]) -> float:
    """Root of the summed variance of all numbers within a person, the mean over the people."""
    return max(float(np.sqrt(np.mean([group.var(axis=0).sum() for group in groups]))), 1e-6)
