"""Proposed rejects of a faceset: which crops harm training, and why.

Kinds and colors follow the chart with which DeepFaceLab's users teach the curation of facesets; duplicates are ours.
"""

import dataclasses

import numpy as np

from faceswap_lib.facesets.pose_measures import PITCH, YAW


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectKind:
    """Reason for which a crop is proposed for rejection.

    Attributes:
        name: Name of the kind.
        text: What is wrong with the crop.
        color: Color of the kind in the chart, as CSS.
        columns: Columns that decide.
    """

    name: str
    text: str
    color: str
    columns: tuple[str, ...]


KINDS: dict[str, RejectKind] = {
    kind.name: kind
    for kind in (
        RejectKind(
            name="cut off",
            text="part of the face is outside the frame",
            color="#f2a1c0",
            columns=("cut_off",),
        ),
        RejectKind(name="covered", text="something is in front of the face", color="#3b76c4", columns=("occluded",)),
        RejectKind(
            name="other person", text="the face of another person", color="#8e5bb5", columns=("embedding_distance",)
        ),
        RejectKind(
            name="misaligned",
            text="detector and landmark network disagree",
            color="#d64541",
            columns=("misalignment",),
        ),
        RejectKind(
            name="exposure",
            text="too dark, overexposed, or almost without contrast",
            color="#ef8b2c",
            columns=("dark", "bright", "contrast"),
        ),
        RejectKind(name="blurred", text="out of focus or moving", color="#e6c62e", columns=("motion_blur",)),
        RejectKind(
            name="duplicate",
            text="almost the same image as another crop",
            color="#9aa3ab",
            columns=("duplicate_distance",),
        ),
    )
}
"""All kinds of rejects, in the order in which they are decided: a crop has the first kind that fits."""

KEEP_COLOR = "#4caf6d"
"""Color of crops that are kept, as CSS."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RejectLimits:
    """Limits beyond which a crop is proposed for rejection.

    The defaults were chosen on six people's crops; the docs give precision and recall.

    Attributes:
        cut_off: Largest fraction of the face outside the frame.
        occluded: Largest fraction of the face that may be covered.
        same_person: Largest embedding distance from the person's mean, as a fraction of the network's `same_person`.
        misalignment: Largest disagreement of the landmarks, in % of the eye distance.
        dark: Largest underexposed fraction of the face.
        bright: Largest overexposed fraction of the face.
        contrast: Smallest range of gray levels.
        blur: Largest distance of log10 of the variance of the Laplacian below the faceset's median; see `find_blurred`.
        duplicate: Largest distance of duplicates, in gray levels.
    """

    cut_off: float = 0.1
    occluded: float = 0.12
    same_person: float = 0.95
    misalignment: float = 14.0
    dark: float = 0.5
    bright: float = 0.2
    contrast: float = 35.0
    blur: float = 0.15
    duplicate: float = 0.7


SPREAD = 4.0
"""Number of robust standard deviations below the median from which a crop counts as blurred, if this is lower than the
fixed limit: the Laplacian of facesets with faces of many sizes varies more."""

TO_DEVIATION = 1.4826
"""Ratio of the standard deviation of a normal distribution to its median absolute deviation."""


def propose_rejects(
    columns: dict[str, np.ndarray], copies: np.ndarray, same_person: float, limits: RejectLimits
) -> np.ndarray:
    """Proposes which crops to reject.

    A blurred crop is kept if no sharp crop that is kept has about the same yaw and pitch.

    Args:
        columns: By name, (N,) values; columns that are missing or NaN reject nothing.
        copies: (N,) int, the index of the crop that each crop duplicates; -1 for none.
        same_person: Largest distance of two faces of one person, as the recognition network's authors publish it.
        limits: The limits.

    Returns:
        (N,) names of `KINDS`; "" for crops to keep.
    """
    count = len(copies)

    def exceeds(name: str, limit: float) -> np.ndarray:
        return columns.get(name, np.full(count, np.nan)) > limit

    contrast = columns.get("contrast", np.full(count, np.nan))
    flags = {
        "cut off": exceeds("cut_off", limits.cut_off),
        "covered": exceeds("occluded", limits.occluded),
        "other person": exceeds("embedding_distance", limits.same_person * same_person),
        "misaligned": exceeds("misalignment", limits.misalignment),
        "exposure": exceeds("dark", limits.dark) | exceeds("bright", limits.bright) | (contrast < limits.contrast),
        "blurred": find_blurred(columns.get("motion_blur", np.full(count, np.nan)), limits.blur),
        "duplicate": copies >= 0,
    }
    kinds = np.full(count, "", dtype=object)
    for name, flag in flags.items():
        kinds[flag & (kinds == "")] = name
    kinds[(kinds == "blurred") & ~_has_sharp_neighbor(columns, kinds)] = ""
    return kinds


def find_blurred(motion_blur: np.ndarray, limit: float) -> np.ndarray:
    """Finds blurred crops: the variance of their Laplacian is far below the median of the faceset.

    Args:
        motion_blur: (N,) log10 of the variance of the Laplacian.
        limit: Largest distance below the median, in the unit of `motion_blur`. If `SPREAD` robust standard deviations
            are larger than it, they are the limit.

    Returns:
        (N,) bool.
    """
    known = motion_blur[np.isfinite(motion_blur)]
    if not len(known):
        return np.zeros(len(motion_blur), bool)
    middle = np.median(known)
    deviation = TO_DEVIATION * np.median(np.abs(known - middle))
    return motion_blur < middle - max(limit, SPREAD * deviation)


def _has_sharp_neighbor(columns: dict[str, np.ndarray], kinds: np.ndarray) -> np.ndarray:
    """Determines for each crop whether a crop that is kept has about the same yaw and pitch, (N,) bool."""
    if "yaw" not in columns:
        return np.ones(len(kinds), bool)
    poses = np.stack([columns["yaw"] / YAW.tolerance, columns["pitch"] / PITCH.tolerance], axis=1)
    poses = np.nan_to_num(poses)
    kept = poses[kinds == ""]
    if not len(kept):
        return np.ones(len(kinds), bool)
    return np.array([np.abs(kept - pose).max(axis=1).min() <= 1 for pose in poses])
