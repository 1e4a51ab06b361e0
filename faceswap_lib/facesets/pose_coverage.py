"""Which head poses and expressions of one person another person's faceset never shows.

A decoder writes well what it was trained on. Where A turns the head or opens the mouth further than B ever does, the
new face is guessed. A face of A is covered, in each number of `facesets.pose_measures` by itself, if some face of B is
within that number's tolerance.
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
"""Crops below which a faceset is small; what one short clip of a talking head gives."""

TOLD_SHARE = 0.03
"""Share of the faces from which a gap is told: with the other half of the same clip, a half has fewer."""

TOLD_MIRRORED = 0.5
"""The same where mirrored pictures show it: training mirrors, so only the usual pose of a person is worth a word."""

MEASURED = 1500
"""Crops of a faceset that are measured, about a second's work."""

ENDS = (2, 98)
"""Percentiles that are told as the ends of a range."""

Kind = typing.Literal["low", "high", "between"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseGap:
    """A range of poses or expressions that one person shows and the other never does.

    Attributes:
        measure: The number that differs.
        kind: Whether it is lower than the other person's lowest, higher than the highest, or in a gap between them.
        share: Share of the first person's faces, 0 to 1.
        first, last: From where to where they are.
        limit: The other person's nearest.
        is_mirrored: Whether mirrored pictures of the other person do show it.
        index: The face that is farthest off.
        crop: File name of that face.
        frame: Its frame in the video.
        time: Its time in seconds.
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
    """How much of what one person does another one's faceset shows.

    Attributes:
        of: Name of the person whose poses are looked for.
        by: Name of the person who should show them.
        looked_at: How many faces of the first one were compared.
        uncovered: Share of them that the other one shows neither as filmed nor mirrored, in any of the numbers.
        has_expression: Whether mouth, eyes and brows were compared too, which needs 68 landmarks of both.
        gaps: What is missing, the largest share first; what mirrored pictures show comes last.
    """

    of: str
    by: str
    looked_at: int
    uncovered: float
    has_expression: bool
    gaps: tuple[PoseGap, ...]

    def sentences(self) -> list[str]:
        """Says each gap in one plain sentence, with what to do about it."""
        return [_say_gap(gap, self.of, self.by) for gap in self.gaps]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FacesetPoses:
    """The head poses and expressions of one faceset.

    Attributes:
        name: The video it was cut from, or its folder where that is not known.
        records: The crops that were measured.
        poses: (N, K) of the most landmarks that all of them have, from `measure_poses`.
        poses_5: (N, 2) of five landmarks.
    """

    name: str
    records: tuple[CropRecord, ...]
    poses: np.ndarray
    poses_5: np.ndarray

    @classmethod
    def of(cls, faceset: Faceset) -> "FacesetPoses":
        """Measures a faceset; of more than `MEASURED` crops, this many spread evenly over it."""
        records = faceset.sample(MEASURED).records
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
        of: Those of the person whose face is replaced.
        by: Those of the person whose face is put in.
        mirrored: Whether mirrored pictures count, as they do in training.

    Returns:
        What the second one never shows of the first.
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
    """Names a faceset by the video it was cut from, or by its folder where that is not known."""
    try:
        return read_source(faceset.folder).get("video", faceset.folder.name)
    except WorkspaceError:
        return faceset.folder.name


def is_uncovered(poses: np.ndarray, others: np.ndarray, *, mirrored: bool = True) -> np.ndarray:
    """Says which faces another person never shows.

    Args:
        poses: (N, K) from `measure_poses`.
        others: (M, K) the same of the other person.
        mirrored: Whether mirrored pictures of the other person count.

    Returns:
        (N, K) bool, for each of the numbers.
    """
    beside = np.concatenate([others, _mirror(others)]) if mirrored else others
    return np.abs(_steps_to_nearest(poses, beside)) > 1


def find_gaps(poses: np.ndarray, others: np.ndarray, *, mirrored: bool = True) -> list[PoseGap]:
    """Finds the ranges of poses and expressions that another person never shows.

    Args:
        poses: (N, K) from `measure_poses`.
        others: (M, K) the same of the other person.
        mirrored: Whether mirrored pictures of the other person count.

    Returns:
        Those that at least `TOLD_SHARE` of the faces are in, the largest first, without their crops' names; last what
        mirrored pictures show, from `TOLD_MIRRORED` of the faces.
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
    """The gaps in one number below, above and between what is known."""
    lowest, highest = known.min(), known.max()
    sides: dict[Kind, np.ndarray] = {
        "low": missing & (values < lowest),
        "high": missing & (values > highest),
        "between": missing & (values >= lowest) & (values <= highest),
    }
    gaps = []
    for kind, inside in sides.items():
        (numbers,) = inside.nonzero()
        if len(numbers) < max(1, (TOLD_MIRRORED if is_mirrored else TOLD_SHARE) * len(values)):
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
    """(N, K) how far each number is from the other person's nearest, in tolerances."""
    steps = np.empty(poses.shape)
    for column, measure in enumerate((POSE + EXPRESSION)[: poses.shape[1]]):
        known = np.sort(others[:, column])
        after = np.clip(np.searchsorted(known, poses[:, column]), 1, max(1, len(known) - 1))
        ends = np.stack([known[after - 1], known[np.minimum(after, len(known) - 1)]])
        steps[:, column] = np.abs(poses[:, column] - ends).min(axis=0) / measure.tolerance
    return steps


def _mirror(poses: np.ndarray) -> np.ndarray:
    """The same faces in a mirror: of all numbers only the yaw changes."""
    return np.concatenate([-poses[:, :1], poses[:, 1:]], axis=1)


def _say_gap(gap: PoseGap, of: str, by: str) -> str:
    measure, low = gap.measure, gap.kind == "low"
    told = measure.tell(gap.first, gap.last) + (f", most at {gap.time:.1f} s" if gap.crop else "")
    share, nearest = f"{gap.share:.0%} of {of}'s faces", measure.tell(gap.limit)
    if gap.is_mirrored:
        return (
            f"{share} turn the head to a side ({told}) that {by} shows only in mirrored pictures (as filmed, its "
            f"nearest is {nearest}): light, parting and whatever else is uneven in the face may come out on the wrong "
            f"side; add a clip of {by} that {measure.wanted[gap.first + gap.last > 0]}"
        )
    if gap.kind == "between":
        return (
            f"{share} have a {measure.name} ({told}) between those that {by} shows (nearest: {nearest}): there "
            f"the new face is guessed; add a clip of {by} that shows this, too"
        )
    verb, wanted = (measure.low, measure.wanted[0]) if low else (measure.high, measure.wanted[1])
    return (
        f"{share} {verb} ({told}) than {by} ever does (nearest: {nearest}): there the new face is guessed; add a "
        f"clip of {by} that {wanted}"
    )
