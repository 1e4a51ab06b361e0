"""Reasons for a bad swap that can be measured: poses, expressions, crops, training steps, light, size of faces."""

import dataclasses
import typing

import cv2
import numpy as np

from faceswap_lib.faces import FaceCrop, face_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.facesets import Faceset
from faceswap_lib.facesets.pose_coverage import FEW_CROPS, FacesetPoses, PoseCoverage, find_gaps, is_uncovered
from faceswap_lib.facesets.pose_measures import EXPRESSION, POSE, measure_poses

FEW_STEPS = 1500
"""Default number of training steps; after fewer, networks do not generate eyes and mouths yet."""

OTHER_LIGHT = 1.0
"""Difference between the brightness slopes of two faces, in standard deviations of a face's brightness per eye
distance, above which the light comes from another side. Between any two of seven clips it is at most 0.92; an eighth
clip, lit from one side only, differs by 1.1 to 2.0 from all of them."""

SMALL_EYES = 35.0
"""Pixels between the eyes in the video below which a face has less detail than the smallest networks generate."""

LIT = 24
"""Number of faces of the wanted person on which light is measured."""

EXPLAINED = 0.2
"""Minimum fraction of the failed faces that must have a cause for the cause to be reported."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Suspicion:
    """Data that the search for the reasons for a bad swap needs.

    Attributes:
        before: Crops of the input.
        points: (N, P, 2) landmarks of the crops.
        failed: (N,) bool, which of the swapped faces have failed.
        wanted: Faceset of the wanted person.
        step: Number of training steps of the run.
    """

    before: typing.Sequence[FaceCrop]
    points: np.ndarray
    failed: np.ndarray
    wanted: Faceset
    step: int


def find_reasons(suspicion: Suspicion) -> list[str]:
    """Searches for known reasons for a bad swap.

    Args:
        suspicion: The swapped faces, and data about the run and the wanted person.

    Returns:
        Reasons as plain clauses, the most likely first, each with its numbers and what to do; empty if none is found.
    """
    wanted, reasons = suspicion.wanted, []
    if suspicion.step < FEW_STEPS:
        reasons.append(
            f"the run has {suspicion.step} steps, and {FEW_STEPS} are the fewest that are usual: train on (--steps)"
        )
    reasons += _find_uncovered(suspicion)
    if len(wanted) < FEW_CROPS:
        reasons.append(f"there are only {len(wanted)} crops of the wanted person: take a longer video of that person")
    light = np.abs(measure_light(suspicion.before) - measure_light(wanted.sample(LIT).read_crops())).max()
    if light > OTHER_LIGHT:
        reasons.append(
            f"the light falls from another side (brightness over the face differs by {light:.1f} deviations per eye "
            "distance): take a video of the wanted person in light like the input's"
        )
    eyes = measure_eye_distance(wanted)
    if eyes < SMALL_EYES:
        reasons.append(
            f"the wanted person's face is small in its video ({eyes:.0f} pixels between the eyes): take a closer one"
        )
    return reasons


def _find_uncovered(suspicion: Suspicion) -> list[str]:
    """Describes poses and expressions of failed faces that the wanted person's faceset does not cover."""
    shown = FacesetPoses.of(suspicion.wanted)
    has_expression = suspicion.points.shape[1] == 68 and shown.poses.shape[1] > len(POSE)
    points = suspicion.points if has_expression else np.stack([crop.landmarks for crop in suspicion.before])
    poses, others = measure_poses(points), shown.poses if has_expression else shown.poses_5
    missing = is_uncovered(poses, others)[suspicion.failed]
    names = [measure.name for measure in (POSE + EXPRESSION)[: poses.shape[1]]]
    explained = {name for name, ratio in zip(names, missing.mean(axis=0), strict=True) if ratio >= EXPLAINED}
    gaps = [gap for gap in find_gaps(poses, others) if gap.measure.name in explained or gap.is_mirrored]
    coverage = PoseCoverage(
        of="the input",
        by=shown.name,
        looked_at=len(poses),
        uncovered=float(is_uncovered(poses, others).any(axis=1).mean()),
        has_expression=has_expression,
        gaps=tuple(gaps),
    )
    return coverage.sentences()


def measure_light(crops: typing.Sequence[FaceCrop]) -> np.ndarray:
    """Measures the direction of light: slopes of a plane fitted to the brightness of each face, median over the faces.

    Args:
        crops: Aligned faces.

    Returns:
        (2,) slopes to the right and down, in standard deviations of the face's brightness per eye distance.
    """
    slopes = []
    for crop in crops:
        side = len(crop.image)
        y, x = np.nonzero(face_mask(crop.landmarks, side) > 127)
        gray = cv2.cvtColor(crop.image, cv2.COLOR_RGB2GRAY)[y, x].astype(np.float64)
        plane = np.stack([x, y, np.full(len(x), EYE_DISTANCE * side)], axis=1) / (EYE_DISTANCE * side)
        fitted = np.linalg.lstsq(plane, gray, rcond=None)[0][:2]
        slopes.append(fitted / max(1.0, gray.std()))
    return np.median(slopes, axis=0)


def measure_eye_distance(faceset: Faceset) -> float:
    """Measures the size of a person's face in the video: the median eye distance in pixels."""
    eyes = np.array([record.landmarks[:2] for record in faceset.records])
    return float(np.median(np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)))
