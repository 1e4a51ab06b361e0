"""Audits a faceset and writes the page, compared with the other person's faceset if there is one."""

import pathlib

from faceswap_lib.curation.audit import NO_EMBEDDER, FacesetAudit, audit_faceset
from faceswap_lib.curation.audit_page import write_audit_page
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
    without_embedder: str = NO_EMBEDDER,
    limits: RejectLimits | None = None,
    progress: bool = False,
) -> FacesetAudit:
    """Audits one person's faceset and writes the result as an HTML page.

    Args:
        workspace: The workspace.
        side: The person's side.
        out: The .html file to write.
        embedder: Recognition network; None skips the search for faces of other people.
        without_embedder: Why there is none; stated in the result.
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
    audit = audit_faceset(
        faceset,
        other=other,
        embedder=embedder,
        without_embedder=without_embedder,
        limits=limits,
        progress=progress,
    )
    write_audit_page(audit, out)
    return audit
