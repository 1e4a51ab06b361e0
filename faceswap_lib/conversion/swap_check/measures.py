"""Measures on the sampled faces of a conversion, before and after the swap: likeness, landmarks, score and motion.

None of them needs a face recognition network. Each measure alone can be fooled: likeness by a pasted photograph, motion
and landmarks by the unchanged input, the detector's score by both. An implausible swap fails at least one of them.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.faces import Face, FaceCrop, FaceRefiner
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.landmarks import (
    LandmarkBackend,
    LandmarkDetector,
    available_landmarks,
    open_landmark_detector,
)
from faceswap_lib.faces.likeness import LikenessGallery
from faceswap_lib.facesets import Faceset

FAST_DETECTORS: tuple[LandmarkBackend, ...] = ("dlib", "mesh")
"""Detectors of 68 landmarks that need milliseconds per face on a CPU, the best first."""

GALLERY = 90
"""Number of faces of the wanted person that are used for comparison."""

BOX = np.array([-1.0, -1.05, 1.0, 2.0])
"""Left, top, right, bottom of the box in which the detector evaluates the face of a crop, relative to the center of the
eyes, in eye distances; MTCNN's own boxes on the eight clips are 1.7 to 2.2 eye distances wide and 2.2 to 2.7 high, at
about this position."""

STEADY_MOTION = 0.03
"""Root mean square motion of the input's landmarks inside their crops, in eye distances, below which `following` is not
measured: the jitter of landmarks is half of that."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceMeasures:
    """Measures of N faces.

    Attributes:
        likeness: (N, 3) likeness of eyes, mouth and skin to the wanted person's own faces, see `faces.likeness`; None
            without these faces.
        scores: (N, 2) detection score before and after, 0 to 1, 0 if no face is detected; None without a detector.
        drift: (N,) mean distance between the landmarks before and after, in eye distances; NaN without landmarks.
        following: Fraction of the input's motion inside the crop that the swapped face makes: 1 for all of it, 0 for
            none or another motion; None if the input hardly moves.
        points: (N, P, 2) landmarks of the input in its crops.
    """

    likeness: np.ndarray | None
    scores: np.ndarray | None
    drift: np.ndarray
    following: float | None
    points: np.ndarray


def measure_faces(
    before: typing.Sequence[FaceCrop],
    after: typing.Sequence[FaceCrop],
    *,
    wanted: Faceset | None,
    detector: FaceRefiner | None,
    finder: LandmarkDetector | None = None,
) -> FaceMeasures:
    """Measures faces before and after the swap.

    Args:
        before: Aligned crops of the input.
        after: The same crops of the output.
        wanted: Faceset of the wanted person; None does not measure likeness.
        detector: Detects a face at a known position; None does not measure scores.
        finder: Detects 68 landmarks; None uses a fast detector of this machine, or else the five landmarks of
            `detector`.

    Returns:
        The measures.
    """
    points: list[typing.Sequence[np.ndarray | None]]
    found = [_read_faces(crops, detector) for crops in (before, after)] if detector is not None else None
    finder = finder or open_fast_landmark_detector()
    if finder is not None:
        points = [finder.detect(crops) for crops in (before, after)]
    elif found is not None:
        points = [[face.landmarks if face else None for face in faces] for faces in found]
    else:
        points = [[crop.landmarks for crop in before], [None] * len(after)]
    own = [crop.landmarks if one is None else one for crop, one in zip(before, points[0], strict=True)]
    if len({len(one) for one in own}) > 1:  # the landmark detector failed for some of them
        own = [crop.landmarks for crop in before]
    drift = np.array([_drift(old, new, crop) for old, new, crop in zip(points[0], points[1], before, strict=True)])
    return FaceMeasures(
        likeness=measure_likeness(after, points[1], wanted, finder) if wanted is not None else None,
        scores=np.array([[face.score if face else 0.0 for face in faces] for faces in found]).T if found else None,
        drift=drift,
        following=measure_following(points[0], points[1], unit=EYE_DISTANCE * len(before[0].image)) if before else None,
        points=np.stack(own) if own else np.zeros((0, 5, 2)),
    )


def open_fast_landmark_detector() -> LandmarkDetector | None:
    """Opens a fast detector of 68 landmarks; returns None if none is available on this machine."""
    reasons = available_landmarks()
    name: LandmarkBackend | None = next((name for name in FAST_DETECTORS if reasons.get(name, "unknown") is None), None)
    return open_landmark_detector(name) if name is not None else None


def open_gallery(faceset: Faceset, finder: LandmarkDetector | None) -> LikenessGallery | None:
    """Opens a gallery of a person's faces for comparison.

    Args:
        faceset: Faces of the person.
        finder: Detects 68 landmarks if the faceset has none; None uses the five landmarks of every crop.

    Returns:
        The gallery; None if the faces span too short a time for a comparison, see `LikenessGallery.open`.
    """
    sample = faceset.sample(GALLERY)
    crops = sample.read_crops()
    points = [record.landmarks_in_crop() for record in sample.records]
    if finder is None:
        points = [crop.landmarks for crop in crops]
    elif any(len(face) != 68 for face in points):
        points = finder.detect(crops)
    return LikenessGallery.open(crops, points, [record.time for record in sample.records])


def measure_likeness(
    crops: typing.Sequence[FaceCrop],
    points: typing.Sequence[np.ndarray | None],
    wanted: Faceset,
    finder: LandmarkDetector | None,
) -> np.ndarray | None:
    """Measures the likeness of eyes, mouth and skin to a person's own faces; see `faces.likeness`.

    Args:
        crops: The faces.
        points: Their landmarks, (68, 2) or (5, 2). If any face does not have 68 landmarks, all are compared by the five
            landmarks of their crops.
        wanted: Faceset of the person.
        finder: Detects 68 landmarks if the faceset has none.

    Returns:
        (N, 3), see `FaceMeasures`; None if the faceset is too short for a comparison, see `open_gallery`.
    """
    dense = [face for face in points if face is not None and len(face) == 68]
    is_dense = finder is not None and len(dense) == len(points)
    gallery = open_gallery(wanted, finder if is_dense else None)
    if gallery is None:
        return None
    return gallery.measure(crops, dense if is_dense else [crop.landmarks for crop in crops])


def measure_following(
    before: typing.Sequence[np.ndarray | None], after: typing.Sequence[np.ndarray | None], *, unit: float
) -> float | None:
    """Measures which fraction of the input's motion the output makes.

    This is the slope of the regression of the output's landmarks on those of the input.

    Args:
        before: Landmarks of each face, (P, 2) x, y in pixels of its aligned crop, so without shift, scale and roll;
            None if not detected.
        after: The same for the output.
        unit: Eye distance in pixels.

    Returns:
        1 if the output moves as the input does, 0 if it does not move or moves differently; None if the input hardly
        moves, or fewer than eight faces were detected.
    """
    pairs = [
        (one, other)
        for one, other in zip(before, after, strict=True)
        if one is not None and other is not None and one.shape == other.shape
    ]
    if len(pairs) < 8:
        return None
    old, new = (np.stack(side) for side in zip(*pairs, strict=True))
    old, new = old - old.mean(axis=0), new - new.mean(axis=0)
    moved = np.sum(old**2)
    if np.sqrt(moved / old[..., 0].size) < STEADY_MOTION * unit:
        return None
    return float(np.sum(old * new) / moved)


def _read_faces(crops: typing.Sequence[FaceCrop], detector: FaceRefiner) -> list[Face | None]:
    """Detects the face of each crop at its known position."""
    guesses = []
    for crop in crops:
        unit = EYE_DISTANCE * len(crop.image)
        box = np.tile(crop.landmarks[:2].mean(axis=0), 2) + BOX * unit
        guesses.append([Face(box_xyxy=box, score=1.0, landmarks=crop.landmarks)])
    return [face for (face,) in detector.refine([crop.image for crop in crops], guesses)]


def _drift(old: np.ndarray | None, new: np.ndarray | None, crop: FaceCrop) -> float:
    """Computes the mean distance between landmarks before and after, in eye distances; NaN without landmarks."""
    if old is None or new is None or len(old) != len(new):
        return float("nan")
    return float(np.linalg.norm(new - old, axis=1).mean() / (EYE_DISTANCE * len(crop.image)))
