"""Audit of a faceset: all columns, the proposed rejects, and what another person shows that this one does not."""

import dataclasses

import numpy as np

from faceswap_lib.curation.columns import COLUMNS
from faceswap_lib.curation.duplicates import find_duplicates
from faceswap_lib.curation.measuring import measure_faceset
from faceswap_lib.curation.rejects import KINDS, RejectLimits, propose_rejects
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset, Side, Workspace, exclude_crops
from faceswap_lib.facesets.pose_coverage import FacesetPoses, PoseCoverage, compare_poses

NO_EMBEDDER = "no face recognition network; pip install 'faceswap_lib[dlib]', or pass one"
"""Why embeddings were not measured, if no other reason is given."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FacesetAudit:
    """Result of an audit of N crops.

    Attributes:
        faceset: The faceset.
        columns: By name, (N,) float64; NaN where a value is undefined.
        kinds: (N,) names of `rejects.KINDS`; "" for crops to keep.
        copies: (N,) int, the index of the crop that each duplicate duplicates; -1 for others.
        skipped: What could not be measured, with the reason, by name of the column.
        poses: (N, 2) float64, yaw and pitch in degrees, comparable between people; see `facesets.pose_measures`.
        other_poses: (M, 2) float64, the same of the other person; None without another faceset.
        coverage: What the other person shows and this one does not; None without another faceset.
    """

    faceset: Faceset
    columns: dict[str, np.ndarray]
    kinds: np.ndarray
    copies: np.ndarray
    skipped: dict[str, str]
    poses: np.ndarray
    other_poses: np.ndarray | None = None
    coverage: PoseCoverage | None = None

    def rejects(self, *kinds: str) -> list[str]:
        """Returns the file names of the proposed rejects, of the given kinds or of all."""
        wanted = set(kinds or KINDS)
        return [record.crop for record, kind in zip(self.faceset.records, self.kinds, strict=True) if kind in wanted]

    def counts(self) -> dict[str, int]:
        """Returns the number of proposed rejects by kind, in the order of `rejects.KINDS`."""
        return {name: int((self.kinds == name).sum()) for name in KINDS}


def audit_faceset(
    faceset: Faceset,
    *,
    other: Faceset | None = None,
    embedder: FaceEmbedder | None = None,
    without_embedder: str = NO_EMBEDDER,
    limits: RejectLimits | None = None,
    progress: bool = False,
) -> FacesetAudit:
    """Measures all columns of a faceset and proposes which crops to reject. Changes nothing but `scores.jsonl`.

    Args:
        faceset: The faceset.
        other: The other person's faceset, to compare head poses and expressions.
        embedder: Recognition network; without it, faces of other people are not detected.
        without_embedder: Why there is none; stated in the result.
        limits: Limits of the rejects; None for the defaults.
        progress: Show progress bars.

    Returns:
        The audit.
    """
    skipped = {}
    if embedder is None:
        skipped["embedding_distance"] = without_embedder
    if not faceset.has_occlusion_masks:
        skipped["occluded"] = "no occlusion masks; run 'faceswap mask --train'"
    measures = measure_faceset(
        faceset,
        [name for name in COLUMNS if name not in skipped],
        embedder=embedder,
        progress=progress,
    )
    columns = measures.columns
    if not np.isfinite(columns["eyes_open"]).any():
        reason = "no crop has 68 landmarks; extract with --landmarks dlib or mesh"
        skipped |= dict.fromkeys(("eyes_open", "mouth_open", "misalignment"), reason)
    limits = limits or RejectLimits()
    copies = find_duplicates(measures.descriptors["signature"], columns["motion_blur"], limits.duplicate)
    same_person = np.inf if embedder is None else embedder.same_person
    return FacesetAudit(
        faceset=faceset,
        columns=columns,
        kinds=propose_rejects(columns, copies, same_person, limits),
        copies=copies,
        skipped=skipped,
        poses=_measure_poses(faceset),
        other_poses=None if other is None else _measure_poses(other),
        coverage=None if other is None else compare_poses(FacesetPoses.of(other), FacesetPoses.of(faceset)),
    )


def _measure_poses(faceset: Faceset) -> np.ndarray:
    """Measures yaw and pitch of all crops, (N, 2) float64 in degrees, comparable between people."""
    return FacesetPoses.of(faceset, most=None).poses[:, :2]


def apply_rejects(workspace: Workspace, side: Side, audit: FacesetAudit, *kinds: str) -> int:
    """Excludes the proposed rejects from the faceset; `facesets.restore_crops` brings them back.

    Args:
        workspace: The workspace of the faceset.
        side: The person's side.
        audit: The audit.
        *kinds: Kinds to exclude; all if none is given.

    Returns:
        Number of crops that were excluded.

    Raises:
        WorkspaceError: If no crop would remain, or the faceset has changed since the audit.
    """
    names = audit.rejects(*kinds)
    if not names:
        return 0
    if len(names) == len(audit.faceset):
        raise WorkspaceError(f"all {len(names)} crops of {audit.faceset.folder} would be set aside; leave some")
    exclude_crops(workspace, side, names)
    return len(names)
