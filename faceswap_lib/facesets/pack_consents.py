"""Consents in a pack: those that cover its faceset, restricted to the video that the faceset comes from."""

import pathlib

from faceswap_lib.facesets.backup import add_consents
from faceswap_lib.facesets.consent import faceset_videos
from faceswap_lib.facesets.consent_file import CONSENT, Consent, ConsentVideo, append_consent, read_consent
from faceswap_lib.facesets.workspace import Side, Workspace


def consents_of(workspace: Workspace, side: Side) -> tuple[Consent, ...]:
    """Lists the consents that cover a faceset, each restricted to the faceset's own video.

    A consent that names no videos covers the facesets of its workspace only. In another workspace it must not cover
    other people, so it gets the name of this video, too.

    Args:
        workspace: The workspace with the faceset.
        side: Which person's faceset.

    Raises:
        WorkspaceError: If the file of consents is damaged.
    """
    video = _video_of(workspace, side)
    found = []
    for consent in read_consent(workspace):
        if not consent.videos or video.sha256 in [each.sha256 for each in consent.videos]:
            found.append(Consent(statement=consent.statement, time=consent.time, videos=(video,)))
    return tuple(found)


def write_consents(folder: pathlib.Path, consents: tuple[Consent, ...]) -> pathlib.Path | None:
    """Writes consents to a file in a folder; returns its path, None if there are no consents."""
    for consent in consents:
        append_consent(Workspace(folder), consent)
    return folder / CONSENT if consents else None


def take_consents(folder: pathlib.Path, workspace: Workspace, side: Side) -> tuple[str, ...]:
    """Adds the consents of an unpacked faceset to a workspace.

    Only consents that name the faceset's own video are added: a pack cannot bring a consent for anybody else.

    Args:
        folder: The folder with the unpacked file of consents.
        workspace: The workspace, which contains the unpacked faceset.
        side: Which person's faceset.

    Returns:
        The statements in the pack for this faceset.

    Raises:
        WorkspaceError: If a file of consents is damaged.
    """
    video = _video_of(workspace, side)
    own = [each for each in read_consent(Workspace(folder)) if [one.sha256 for one in each.videos] == [video.sha256]]
    kept = folder / "own"
    kept.mkdir()
    write_consents(kept, tuple(own))
    add_consents(Workspace(kept), workspace)
    return tuple(dict.fromkeys(consent.statement for consent in own))


def _video_of(workspace: Workspace, side: Side) -> ConsentVideo:
    """Returns name and SHA-256 of the video of one faceset."""
    return faceset_videos(workspace)[0 if side == "src" else 1]
