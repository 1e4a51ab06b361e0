"""Measures on the looked-at faces of a conversion, before and after: likeness, landmarks, detector and motion.

None of them needs a network that tells people apart. Likeness alone is fooled by a photograph, motion and landmarks
alone by the untouched input, the detector by both; what is no plausible swap fails one of them.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.faces import Face, FaceCrop, FaceRefiner
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.landmarks import LandmarkDetector, available_landmarks, open_landmark_detector
from faceswap_lib.faces.likeness import LikenessGallery
from faceswap_lib.facesets import Faceset

QUICK_FINDERS = ("dlib", "mesh")
"""Finders of 68 landmarks that take milliseconds a face on a processor, the best first."""

GALLERY = 90
"""Faces of the wanted person that are compared with."""

BOX = np.array([-1.0, -1.05, 1.0, 2.0])
"""Left, top, right, bottom of the square in which the detector reads a crop's face, from the middle of the eyes, in eye
distances; MTCNN's own boxes on the eight clips have 1.7 to 2.2 by 2.2 to 2.7 eye distances about there."""

STEADY_MOTION = 0.03
"""Root mean square motion of the input's landmarks inside their crops, in eye distances, below which nothing can be
said about whether the new face follows it: landmarks tremble by half of that."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceMeasures:
    """What was measured of N faces.

    Attributes:
        likeness: (N, 3) of eyes, mouth and skin to the wanted person's own faces, from `faces.likeness`; None without
            her faces.
        scores: (N, 2) the detector's confidence before and after, 0 where it finds no face; None without a detector.
        drift: (N,) mean distance of the landmarks after from those before, in eye distances; NaN where none were found.
        following: How much of the input's motion inside the crop the new face makes: 1 as much, 0 none or another one;
            None where the input hardly moves.
        points: (N, P, 2) the input's landmarks in its crops.
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
    """Measures faces before and after.

    Args:
        before: Aligned crops of the input.
        after: The same places of the output.
        wanted: The faceset of the person whose face is put in.
        detector: Reads a face where it must be.
        finder: Finds 68 landmarks; None takes what is quick here, and else the detector's five.

    Returns:
        The measures.
    """
    found = [_read_faces(crops, detector) for crops in (before, after)] if detector is not None else None
    finder = finder or open_quick_finder()
    if finder is not None:
        points = [finder.detect(crops) for crops in (before, after)]
    elif found is not None:
        points = [[face.landmarks if face else None for face in faces] for faces in found]
    else:
        points = [[crop.landmarks for crop in before], [None] * len(after)]
    own = [crop.landmarks if one is None else one for crop, one in zip(before, points[0], strict=True)]
    if len({len(one) for one in own}) > 1:  # the finder saw no face in some of them
        own = [crop.landmarks for crop in before]
    drift = np.array([_drift(*pair, crop) for *pair, crop in zip(*points, before, strict=True)])
    return FaceMeasures(
        likeness=measure_likeness(after, points[1], wanted, finder) if wanted is not None else None,
        scores=np.array([[face.score if face else 0.0 for face in faces] for faces in found]).T if found else None,
        drift=drift,
        following=measure_following(*points, unit=EYE_DISTANCE * len(before[0].image)) if before else None,
        points=np.stack(own) if own else np.zeros((0, 5, 2)),
    )


def open_quick_finder() -> LandmarkDetector | None:
    """Opens a finder of 68 landmarks that costs no minutes, or None where there is none."""
    lacks = available_landmarks()
    name = next((name for name in QUICK_FINDERS if lacks.get(name, "unknown") is None), None)
    return open_landmark_detector(name) if name is not None else None


def open_gallery(faceset: Faceset, finder: LandmarkDetector | None) -> LikenessGallery | None:
    """Opens a person's faceset to compare faces with.

    Args:
        faceset: The person's faces.
        finder: Finds 68 landmarks where the faceset lacks them; None compares by the five of every crop.

    Returns:
        The gallery, or None if the faceset is too short to be compared with.
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
    """Measures how much eyes, mouth and skin are like a person's own; see `faces.likeness`.

    Args:
        crops: The faces.
        points: Their landmarks, (68, 2) or (5, 2); if any face has none, all are compared by the five of their crops.
        wanted: The person's faceset.
        finder: Finds 68 landmarks where the faceset lacks them.

    Returns:
        (N, 3), or None if the faceset is too short to be compared with.
    """
    is_dense = finder is not None and all(face is not None and len(face) == 68 for face in points)
    gallery = open_gallery(wanted, finder if is_dense else None)
    if gallery is None:
        return None
    return gallery.measure(crops, points if is_dense else [crop.landmarks for crop in crops])


def measure_following(
    before: typing.Sequence[np.ndarray | None], after: typing.Sequence[np.ndarray | None], *, unit: float
) -> float | None:
    """Measures how much of the input's motion the output makes: the slope of its landmarks over the input's.

    Args:
        before: Landmarks of each face in its crop, which takes shift, size and roll out of them.
        after: The same of the output.
        unit: Pixels of an eye distance.

    Returns:
        1 if it moves as the input does, 0 if it does not or moves otherwise; None where the input hardly moves, or
        fewer than eight faces were found.
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
    guesses = []
    for crop in crops:
        unit = EYE_DISTANCE * len(crop.image)
        box = np.tile(crop.landmarks[:2].mean(axis=0), 2) + BOX * unit
        guesses.append([Face(box_xyxy=box, score=1.0, landmarks=crop.landmarks)])
    return [face for (face,) in detector.refine([crop.image for crop in crops], guesses)]


def _drift(old: np.ndarray | None, new: np.ndarray | None, crop: FaceCrop) -> float:
    if old is None or new is None or len(old) != len(new):
        return float("nan")
    return float(np.linalg.norm(new - old, axis=1).mean() / (EYE_DISTANCE * len(crop.image)))
