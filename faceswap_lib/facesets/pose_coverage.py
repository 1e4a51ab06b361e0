"""Finds head poses and expressions of one person that are missing in another person's faceset.

A decoder generates well only what it was trained on. Where A turns the head or opens the mouth further than B ever
does, the decoder has to guess the new face. A face of A is covered in a measure of `facesets.pose_measures` if some
face of B is within that measure's tolerance. Each measure is checked separately.
"""

import dataclasses
import typing

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.facesets.manifest import CropRecord
from faceswap_lib.facesets.pose_measures import EXPRESSION, POSE, YAW, PoseMeasure, measure_poses
from faceswap_lib.facesets.source import read_source

FEW_CROPS = 200
"""A faceset with fewer crops than this is small. One short clip of a talking head has about as many."""

REPORTED_FRACTION = 0.03
"""Minimum fraction of faces in a gap that is reported. Two halves of the same clip have smaller gaps."""

REPORTED_MIRRORED_FRACTION = 0.5
"""The same minimum for gaps that mirrored images fill. It is high, because training mirrors images: such a gap matters
only if it is the usual pose of the person."""

MEASURED = 1500
"""Maximum number of crops of a faceset that are measured; takes about a second."""

ENDS = (2, 98)
"""Percentiles that are reported as the ends of a range."""

Kind = typing.Literal["low", "high", "between"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseGap:
    """Range of poses or expressions that the first person shows and the other person never shows.

    Attributes:
        measure: The measure that differs.
        kind: Whether the range is below the other person's lowest value ("low"), above the highest ("high"), or in
            between.
        share: Fraction of the first person's faces in the range, 0 to 1.
        first: Lower end of the range (2nd percentile), in the unit of the measure.
        last: Upper end of the range (98th percentile).
        limit: The other person's nearest value.
        is_mirrored: Whether mirrored images of the other person cover the range.
        index: Index of the face that is farthest from the other person's values.
        crop: File name of the crop of that face.
        frame: Index of the frame of that face.
        time: Time of that face in the video, in seconds.
    """

    measure: PoseMeasure
    kind: Kind
    share: float
    first: float
    last: float
    limit: float
    is_mirrored: bool
    index: int
    crop: str = ""
    frame: int = 0
    time: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseCoverage:
    """Coverage of one person's poses and expressions by another person's faceset.

    Attributes:
        of: Name of the person whose poses have to be covered.
        by: Name of the person whose faceset has to cover them.
        looked_at: Number of compared faces of the first person.
        uncovered: Fraction of these faces, 0 to 1, that the other person does not cover in at least one measure,
            neither as filmed nor, if mirrored images count, mirrored.
        has_expression: Whether mouth, eyes and eyebrows were compared as well, which needs 68 landmarks of both people.
        gaps: The missing ranges, the largest fraction first. Gaps that mirrored images fill are last.
    """

    of: str
    by: str
    looked_at: int
    uncovered: float
    has_expression: bool
    gaps: tuple[PoseGap, ...]

    def sentences(self) -> list[str]:
        """Formats each gap as one sentence, with advice."""
        return [_format_gap(gap, self.of, self.by) for gap in self.gaps]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FacesetPoses:
    """Head poses and expressions of one faceset.

    Attributes:
        name: Name of the source video, or of the folder if the video is not known.
        records: The crops that were measured.
        poses: (N, K) float64 measures from `measure_poses`; from 68 landmarks if all crops have them, else from five.
        poses_5: (N, 2) float64 measures from five landmarks, in degrees.
    """

    name: str
    records: tuple[CropRecord, ...]
    poses: np.ndarray
    poses_5: np.ndarray

    @classmethod
    def of(cls, faceset: Faceset, most: int | None = MEASURED) -> "FacesetPoses":
        """Measures the head poses and expressions of a faceset in at most `most` crops, evenly spaced; None for all."""
        records = faceset.sample(len(faceset) if most is None else most).records
        poses_5 = measure_poses(np.stack([record.points_in_crop() for record in records]))
        points = [record.landmarks_in_crop() for record in records]
        has_68 = all(len(face) == 68 for face in points)
        return cls(
            name=name_person(faceset),
            records=records,
            poses=measure_poses(np.stack(points)) if has_68 else poses_5,
            poses_5=poses_5,
        )


def compare_poses(of: FacesetPoses, by: FacesetPoses, *, mirrored: bool = True) -> PoseCoverage:
    """Compares the head poses and expressions of two people.

    Args:
        of: Poses of the original person, whose face is replaced.
        by: Poses of the wanted person, whose face is shown.
        mirrored: Whether mirrored images count, as in training.

    Returns:
        The coverage of the first person by the second.
    """
    has_expression = min(of.poses.shape[1], by.poses.shape[1]) > len(POSE)
    poses, others = (of.poses, by.poses) if has_expression else (of.poses_5, by.poses_5)
    placed = []
    for gap in find_gaps(poses, others, mirrored=mirrored):
        record = of.records[gap.index]
        placed.append(dataclasses.replace(gap, crop=record.crop, frame=record.frame, time=record.time))
    return PoseCoverage(
        of=of.name,
        by=by.name,
        looked_at=len(poses),
        uncovered=float(np.mean(np.any(is_uncovered(poses, others, mirrored=mirrored), axis=1))),
        has_expression=has_expression,
        gaps=tuple(placed),
    )


def name_person(faceset: Faceset) -> str:
    """Returns the name of a faceset's source video, or of its folder if the video is not known."""
    try:
        return read_source(faceset.folder).get("video", faceset.folder.name)
    except WorkspaceError:
        return faceset.folder.name


def is_uncovered(poses: np.ndarray, others: np.ndarray, *, mirrored: bool = True) -> np.ndarray:
    """Determines which faces another person does not cover.

    Args:
        poses: (N, K) from `measure_poses`.
        others: (M, K) from `measure_poses`, of the other person.
        mirrored: Whether mirrored images of the other person count.

    Returns:
        (N, K) bool, True where a measure of a face is not covered.
    """
    known = np.concatenate([others, _mirror(others)]) if mirrored else others
    return np.abs(_steps_to_nearest(poses, known)) > 1


def find_gaps(poses: np.ndarray, others: np.ndarray, *, mirrored: bool = True) -> list[PoseGap]:
    """Finds the ranges of poses and expressions that another person never shows.

    Args:
        poses: (N, K) from `measure_poses`.
        others: (M, K) from `measure_poses`, of the other person.
        mirrored: Whether mirrored images of the other person count.

    Returns:
        The gaps with at least `REPORTED_FRACTION` of the faces, the largest first, without the names of their crops.
        The gaps that mirrored images fill follow, if at least `REPORTED_MIRRORED_FRACTION` of the faces are in them.
    """
    missing = is_uncovered(poses, others, mirrored=mirrored)
    gaps = []
    for column, measure in enumerate((POSE + EXPRESSION)[: poses.shape[1]]):
        known = np.concatenate([others, _mirror(others)])[:, column] if mirrored else others[:, column]
        gaps += _gaps_of(measure, poses[:, column], known, missing[:, column], is_mirrored=False)
    if mirrored:
        only = np.abs(_steps_to_nearest(poses, others)[:, 0]) > 1
        gaps += _gaps_of(YAW, poses[:, 0], others[:, 0], only & ~missing[:, 0], is_mirrored=True)
    return sorted(gaps, key=lambda gap: (gap.is_mirrored, -gap.share))


def _gaps_of(
    measure: PoseMeasure, values: np.ndarray, known: np.ndarray, missing: np.ndarray, *, is_mirrored: bool
) -> list[PoseGap]:
    """Finds the gaps of one measure below, above and between the known values."""
    lowest, highest = known.min(), known.max()
    sides: dict[Kind, np.ndarray] = {
        "low": missing & (values < lowest),
        "high": missing & (values > highest),
        "between": missing & (values >= lowest) & (values <= highest),
    }
    gaps = []
    for kind, inside in sides.items():
        (numbers,) = inside.nonzero()
        if len(numbers) < max(1, (REPORTED_MIRRORED_FRACTION if is_mirrored else REPORTED_FRACTION) * len(values)):
            continue
        distances = np.abs(values[numbers, None] - known[None]).min(axis=1)
        farthest = int(numbers[distances.argmax()])
        nearest = known[np.abs(known - values[farthest]).argmin()]
        first, last = np.percentile(values[numbers], ENDS)
        gap = PoseGap(
            measure=measure,
            kind=kind,
            share=len(numbers) / len(values),
            first=float(first),
            last=float(last),
            limit=float(nearest),
            is_mirrored=is_mirrored,
            index=farthest,
        )
        gaps.append(gap)
    return gaps


def _steps_to_nearest(poses: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Computes the (N, K) distances of each value to the other person's nearest value, in units of the tolerance."""
    steps = np.empty(poses.shape)
    for column, measure in enumerate((POSE + EXPRESSION)[: poses.shape[1]]):
        known = np.sort(others[:, column])
        after = np.clip(np.searchsorted(known, poses[:, column]), 1, max(1, len(known) - 1))
        ends = np.stack([known[after - 1], known[np.minimum(after, len(known) - 1)]])
        steps[:, column] = np.abs(poses[:, column] - ends).min(axis=0) / measure.tolerance
    return steps


def _mirror(poses: np.ndarray) -> np.ndarray:
    """Computes the measures of the mirrored faces: only the yaw changes its sign."""
    return np.concatenate([-poses[:, :1], poses[:, 1:]], axis=1)


def _format_gap(gap: PoseGap, of: str, by: str) -> str:
    """Formats a gap as one sentence with advice."""
    measure, low = gap.measure, gap.kind == "low"
    values = measure.describe(gap.first, gap.last) + (f", most at {gap.time:.1f} s" if gap.crop else "")
    share, nearest = f"{gap.share:.0%} of {of}'s faces", measure.describe(gap.limit)
    if gap.is_mirrored:
        return (
            f"{share} turn the head to a side ({values}) that {by} shows only in mirrored pictures (as filmed, its "
            f"nearest is {nearest}): light, hair parting and other asymmetries of the face may appear on the wrong "
            f"side; add a clip of {by} that {measure.wanted[gap.first + gap.last > 0]}"
        )
    if gap.kind == "between":
        return (
            f"{share} have a {measure.name} ({values}) between those that {by} shows (nearest: {nearest}): there "
            f"the new face is guessed; add a clip of {by} that shows this, too"
        )
    verb, wanted = (measure.low, measure.wanted[0]) if low else (measure.high, measure.wanted[1])
    return (
        f"{share} {verb} ({values}) than {by} ever does (nearest: {nearest}): there the new face is guessed; add a "
        f"clip of {by} that {wanted}"
    )
