"""Audits a faceset and writes the page, compared with the other person's faceset if there is one."""

import pathlib

import numpy as np

from faceswap_lib.curation.audit import FacesetAudit, audit_faceset
from faceswap_lib.curation.audit_page import write_audit_page
from faceswap_lib.curation.record_measures import measure_records
from faceswap_lib.curation.rejects import RejectLimits
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset, Side, Workspace
from faceswap_lib.facesets.manifest import MANIFEST


def audit_to_page(
    workspace: Workspace,
    side: Side,
    out: pathlib.Path,
    *,
    embedder: FaceEmbedder | None = None,
    limits: RejectLimits | None = None,
    progress: bool = False,
) -> FacesetAudit:
    """Audits one person's faceset and writes the result as an HTML page.

    Args:
        workspace: The workspace.
        side: The person's side.
        out: The .html file to write.
        embedder: Recognition network; None skips the search for faces of other people.
        limits: Limits of the rejects; None for the defaults.
        progress: Show progress bars.

    Returns:
        The audit.

    Raises:
        WorkspaceError: If there is no faceset, or the other person's is damaged.
    """
    faceset = Faceset.open(workspace, side)
    other_side: Side = "dst" if side == "src" else "src"
    has_other = (workspace.faces(other_side) / MANIFEST).is_file()
    other = Faceset.open(workspace, other_side) if has_other else None
    audit = audit_faceset(faceset, other=other, embedder=embedder, limits=limits, progress=progress)
    poses = None
    if other is not None:
        records = measure_records(other)
        poses = np.stack([records["yaw"], records["pitch"]], axis=1)
    write_audit_page(audit, out, other_poses=poses)
    return audit
