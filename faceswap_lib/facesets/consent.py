"""Records and checks who agreed to the swap, in WORKSPACE/consent.yaml, which the command line or the user writes.

The file is a sequence of YAML documents, one per consent. `statement: Anna and Ben agreed on 3 May` alone is enough;
the command line also records `time` and `videos`. New consents are appended, so text written by hand stays unchanged.

A consent applies to videos, which are identified by the SHA-256 of their bytes: a copy under another name is the same
video, a video that was encoded again is a different one. A consent that names no videos applies to the videos that the
workspace's facesets come from.
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
"""Maximum number of video names in an error message. A folder of images may have thousands."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsentCoverage:
    """Recorded consents that cover some videos.

    Attributes:
        statements: The statements of the consents that cover at least one of the videos, each once, in the order of the
            file.
        uncovered: The videos that no consent covers.
    """

    statements: tuple[str, ...]
    uncovered: tuple[ConsentVideo, ...]


def record_consent(workspace: Workspace, statement: str, videos: Sequence[pathlib.Path | ConsentVideo] = ()) -> None:
    """Adds a consent to the workspace, unless the same statement for the same videos is already recorded.

    Args:
        workspace: The workspace to add it to.
        statement: Who agreed to what; not empty.
        videos: The files that the consent was given for, or their fingerprints. Names and SHA-256 are stored.

    Raises:
        InputError: If the statement is empty or a video is not a file.
        WorkspaceError: If the existing file of consents cannot be read.

    Taught in notebooks/08_responsible_use.
    """
    check_statement(statement)
    named = tuple(video if isinstance(video, ConsentVideo) else ConsentVideo.of(video) for video in videos)
    if any(known.statement == statement.strip() and known.videos == named for known in read_consent(workspace)):
        return
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    append_consent(workspace, Consent(statement=statement.strip(), time=now, videos=named))


def check_statement(statement: str) -> None:
    """Checks that a consent statement is not empty.

    Raises:
        InputError: If it is empty.
    """
    if not statement.strip():
        raise InputError("expected a consent statement that says who agreed to what, got an empty one")


def faceset_videos(workspace: Workspace) -> tuple[ConsentVideo, ConsentVideo]:
    """Returns name and SHA-256 of the videos that the workspace's facesets come from, A's first.

    The video files do not have to exist: the workspace stores their digests. A faceset that was not extracted from a
    video is identified by the digest of its manifest. A missing faceset has an empty digest.
    """
    return _faceset_video(workspace, "src"), _faceset_video(workspace, "dst")


def cover_videos(workspace: Workspace, videos: Sequence[ConsentVideo]) -> ConsentCoverage:
    """Finds the consents that cover some videos.

    Args:
        workspace: The workspace with the consents.
        videos: The videos to check.

    Returns:
        The matching statements, and the videos without any consent.

    Raises:
        WorkspaceError: If the file of consents cannot be read.
    """
    facesets = {video.sha256 for video in faceset_videos(workspace)}
    return _cover(read_consent(workspace), videos, lambda video: video.sha256 in facesets)


def state_consent(
    workspace: Workspace, inputs: Sequence[ConsentVideo], learned: Sequence[ConsentVideo], consent: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the statements of consent that an output states, and the names of videos that no statement covers.

    If an input is not covered, no statements are returned: in an output that shows people who were not asked, the
    consent of others would look like theirs.

    Args:
        workspace: The workspace with the consents.
        inputs: The videos or images whose people the output shows.
        learned: The videos that the networks learned from.
        consent: A statement for all of them, given for this output; None for those that are recorded.

    Raises:
        WorkspaceError: If the file of consents cannot be read.
    """
    found = cover_videos(workspace, [*inputs, *learned])
    if consent is not None:
        return tuple(dict.fromkeys([*found.statements, consent.strip()])), ()
    uncovered = tuple(dict.fromkeys(video.name for video in found.uncovered))
    return () if set(inputs) & set(found.uncovered) else found.statements, uncovered


def require_consent(
    workspace: Workspace, statement: str | None, videos: Sequence[pathlib.Path | ConsentVideo] = ()
) -> None:
    """Records the given statement, or checks that every video has a consent if no statement is given.

    While a faceset of the workspace is missing, a consent that names no videos applies to any video to be extracted.

    Args:
        workspace: The workspace with the consents.
        statement: The value of `--consent`, or None.
        videos: The files to check, or those that the statement is for, or their fingerprints. Without videos, any
            recorded consent is enough.

    Raises:
        InputError: If no statement is given and a video has no recorded consent; if, without videos, the workspace has
            no consent; if the statement is empty; or if a video is not a file.
        WorkspaceError: If the existing file of consents cannot be read.
    """
    if statement is not None:
        return record_consent(workspace, statement, videos)
    consents = read_consent(workspace)
    if not consents:
        raise _no_consent_error(workspace, ())
    facesets = {video.sha256 for video in faceset_videos(workspace)}
    is_unfinished = "" in facesets
    named = [video if isinstance(video, ConsentVideo) else ConsentVideo.of(video) for video in videos]
    found = _cover(consents, named, lambda video: is_unfinished or video.sha256 in facesets)
    if found.uncovered:
        raise _no_consent_error(workspace, [video.name for video in found.uncovered])
    return None


def require_swap_consent(
    workspace: Workspace,
    statement: str | None,
    inputs: Sequence[pathlib.Path] | None,
    learned: Sequence[ConsentVideo] = (),
) -> None:
    """Checks that a swap has consent for its input and for the videos of both facesets. Records nothing.

    Args:
        workspace: The workspace with the facesets and the consents.
        statement: The value of `--consent`, which applies to all of the videos; or None.
        inputs: The video or images whose face is changed; None for a camera, which has no recorded consent.
        learned: Other videos that the networks were trained on, before the facesets were replaced.

    Raises:
        InputError: If one of them has no consent, or the statement is empty.
        WorkspaceError: If the file of consents cannot be read.
    """
    if statement is not None:
        return check_statement(statement)
    if not read_consent(workspace):
        raise _no_consent_error(workspace, ())
    named = [ConsentVideo.of(path) for path in inputs or ()]
    found = cover_videos(workspace, [*named, *faceset_videos(workspace), *learned])
    missing = [video.name for video in found.uncovered]
    if inputs is None:
        missing.insert(0, "the camera's recording")
    if missing:
        raise _no_consent_error(workspace, missing)
    return None


def _faceset_video(workspace: Workspace, side: Side) -> ConsentVideo:
    """Returns name and SHA-256 of the video of one faceset; see `faceset_videos`."""
    folder = workspace.faces(side)
    source = read_source(folder)
    if "sha256" in source:
        return ConsentVideo(name=str(source.get("video", folder.name)), sha256=str(source["sha256"]))
    has_faces = (folder / MANIFEST).is_file()
    return ConsentVideo(name=folder.name, sha256=file_digest(folder / MANIFEST) if has_faces else "")


def _cover(
    consents: Sequence[Consent], videos: Sequence[ConsentVideo], is_own: typing.Callable[[ConsentVideo], bool]
) -> ConsentCoverage:
    """Matches consents with videos. A consent that names no videos covers those for which `is_own` is true."""
    statements, covered = [], set()
    for consent in consents:
        agreed = {video.sha256 for video in consent.videos}
        matching = {video for video in videos if (video.sha256 in agreed if agreed else is_own(video))}
        covered |= matching
        if matching:
            statements.append(consent.statement)
    return ConsentCoverage(
        statements=tuple(dict.fromkeys(statements)),
        uncovered=tuple(dict.fromkeys(video for video in videos if video not in covered)),
    )


def _no_consent_error(workspace: Workspace, names: Sequence[str]) -> InputError:
    """Builds the error message, two lines: what has no consent, and how to record one."""
    path = workspace.root / CONSENT
    if not names:
        return InputError(
            "a swap needs the consent of the people it shows, and this workspace has no record of it\n"
            f'say who agreed to what: with --consent "...", or as statement: ... '
            f"in {path}"
        )
    shown = ", ".join(dict.fromkeys(names[:SHOWN_NAMES]))
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return InputError(
        f"a swap needs the consent of the people it shows, and there is no record of it for {shown}{more}\n"
        f'say who agreed to what in it: with --consent "...", or as statement: ... '
        f"in {path}, with name and sha256 of the video under videos:"
    )
