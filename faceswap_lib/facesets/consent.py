"""Who agreed to the swap: WORKSPACE/consent.yaml, written by the command line or by hand.

The file is a sequence of YAML documents, one per consent. `statement: Anna and Ben agreed on 3 May` alone is enough;
`time` and `videos` are added to what the command line records. New consents are appended, so what was written by hand
stays as it is.

A consent is for videos, which are known by the SHA-256 of their bytes: a copy under another name is the same video, one
that was encoded again is another. A consent that names no videos is for those that the workspace's facesets come from.
"""

import dataclasses
import datetime
import pathlib
import typing
from collections.abc import Sequence

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.consent_file import CONSENT, Consent, ConsentVideo, append_consent, read_consent
from faceswap_lib.facesets.manifest import MANIFEST
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.workspace import Side, Workspace

SHOWN_NAMES = 3
"""Names of videos that an error lists; a folder of pictures may have thousands."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsentCoverage:
    """What the recorded consents say about some videos.

    Attributes:
        statements: The statements of the consents that cover at least one of them, each once, in the file's order.
        uncovered: The videos that no consent covers.
    """

    statements: tuple[str, ...]
    uncovered: tuple[ConsentVideo, ...]


def record_consent(workspace: Workspace, statement: str, videos: Sequence[pathlib.Path | ConsentVideo] = ()) -> None:
    """Adds a consent to the workspace; one that is there already, for the same videos, is not added again.

    Args:
        workspace: Where to.
        statement: Who agreed to what; not empty.
        videos: The files it was given for, or what is known of them; their names and SHA-256 are kept.

    Raises:
        InputError: If the statement is empty or a video is no file.
        WorkspaceError: If the file that is there already cannot be read.

    Taught in notebooks/08_responsible_use.
    """
    check_statement(statement)
    named = tuple(video if isinstance(video, ConsentVideo) else ConsentVideo.of(video) for video in videos)
    if any(known.statement == statement.strip() and known.videos == named for known in read_consent(workspace)):
        return
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    append_consent(workspace, Consent(statement=statement.strip(), time=now, videos=named))


def check_statement(statement: str) -> None:
    """Raises `InputError` if a consent statement says nothing."""
    if not statement.strip():
        raise InputError("expected a consent statement that says who agreed to what, got an empty one")


def faceset_videos(workspace: Workspace) -> tuple[ConsentVideo, ConsentVideo]:
    """Names the videos that the workspace's facesets come from, A's first.

    The files need not be there: a workspace that was fetched from elsewhere still knows their fingerprints. A faceset
    that was made in another way is known by its manifest. One that is missing has an empty fingerprint.
    """
    return _faceset_video(workspace, "src"), _faceset_video(workspace, "dst")


def cover_videos(workspace: Workspace, videos: Sequence[ConsentVideo]) -> ConsentCoverage:
    """Finds the consents that cover some videos.

    Args:
        workspace: Where consents are kept.
        videos: What is asked about.

    Returns:
        What is agreed to, and which of the videos nobody agreed to.

    Raises:
        WorkspaceError: If the file of consents cannot be read.
    """
    facesets = {video.sha256 for video in faceset_videos(workspace)}
    return _cover(read_consent(workspace), videos, lambda video: video.sha256 in facesets)


def require_consent(workspace: Workspace, statement: str | None, videos: Sequence[pathlib.Path] = ()) -> None:
    """Records the statement given, if one is, and makes sure that there is one for every video.

    As long as the workspace lacks a faceset, a consent that names no videos counts for whatever is to be extracted.

    Args:
        workspace: Where consents are kept.
        statement: What `--consent` said, or None.
        videos: The files a given statement is for; without any, some consent must be there.

    Raises:
        InputError: If a video has no consent, given now or before; or, without videos, if the workspace has none.
        WorkspaceError: If the file that is there already cannot be read.
    """
    if statement is not None:
        return record_consent(workspace, statement, videos)
    consents = read_consent(workspace)
    if not consents:
        raise _refuse(workspace, ())
    facesets = {video.sha256 for video in faceset_videos(workspace)}
    is_unfinished = "" in facesets
    named = [ConsentVideo.of(video) for video in videos]
    found = _cover(consents, named, lambda video: is_unfinished or video.sha256 in facesets)
    if found.uncovered:
        raise _refuse(workspace, [video.name for video in found.uncovered])
    return None


def require_swap_consent(
    workspace: Workspace,
    statement: str | None,
    inputs: Sequence[pathlib.Path] | None,
    learnt: Sequence[ConsentVideo] = (),
) -> None:
    """Makes sure that a swap is agreed to: its input, and the videos that both facesets come from. Records nothing.

    Args:
        workspace: Holds the facesets and the consents.
        statement: What `--consent` said, which is for all of them; or None.
        inputs: The video or pictures whose face is changed; None for a camera, whose pictures are always new.
        learnt: Other videos that the networks were trained on, before the facesets were replaced.

    Raises:
        InputError: If one of them has no consent, or the statement is empty.
        WorkspaceError: If the file of consents cannot be read.
    """
    if statement is not None:
        return check_statement(statement)
    if not read_consent(workspace):
        raise _refuse(workspace, ())
    named = [ConsentVideo.of(path) for path in inputs or ()]
    found = cover_videos(workspace, [*named, *faceset_videos(workspace), *learnt])
    missing = [video.name for video in found.uncovered]
    if inputs is None:
        missing.insert(0, "the camera's recording")
    if missing:
        raise _refuse(workspace, missing)
    return None


def _faceset_video(workspace: Workspace, side: Side) -> ConsentVideo:
    folder = workspace.faces(side)
    source = read_source(folder)
    if "sha256" in source:
        return ConsentVideo(name=str(source.get("video", folder.name)), sha256=str(source["sha256"]))
    has_faces = (folder / MANIFEST).is_file()
    return ConsentVideo(name=folder.name, sha256=file_digest(folder / MANIFEST) if has_faces else "")


def _cover(
    consents: Sequence[Consent], videos: Sequence[ConsentVideo], is_own: typing.Callable[[ConsentVideo], bool]
) -> ConsentCoverage:
    """Matches consents and videos; one that names no videos covers those for which `is_own` is true."""
    statements, covered = [], set()
    for consent in consents:
        agreed = {video.sha256 for video in consent.videos}
        mine = {video for video in videos if (video.sha256 in agreed if agreed else is_own(video))}
        covered |= mine
        if mine:
            statements.append(consent.statement)
    return ConsentCoverage(
        statements=tuple(dict.fromkeys(statements)),
        uncovered=tuple(dict.fromkeys(video for video in videos if video not in covered)),
    )


def _refuse(workspace: Workspace, names: Sequence[str]) -> InputError:
    """Makes the error, two lines: what has no consent, and how to record one."""
    path = workspace.root / CONSENT
    if not names:
        return InputError(
            "a swap needs the consent of the people it shows, and this workspace has no record of it\n"
            f'say who agreed to what: --consent "...", or statement: ... in {path}'
        )
    shown = ", ".join(dict.fromkeys(names[:SHOWN_NAMES]))
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return InputError(
        f"a swap needs the consent of the people it shows, and there is no record of it for {shown}{more}\n"
        f'say who agreed to what in it: --consent "...", or statement: ... with name and sha256 under videos: in {path}'
    )
