"""Who agreed to the swap: WORKSPACE/consent.yaml, written by the command line or by hand.

The file is a sequence of YAML documents, one per consent. `statement: Anna and Ben agreed on 3 May` alone is enough;
`time` and `videos` are added to what the command line records. New consents are appended, so what was written by hand
stays as it is.
"""

import dataclasses
import datetime
import pathlib
from collections.abc import Sequence

import yaml

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.files import file_digest, write_text

CONSENT = "consent.yaml"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsentVideo:
    """A video that a consent was given for."""

    name: str
    sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Consent:
    """One recorded consent.

    Attributes:
        statement: Who agreed to what, in the user's own words.
        time: When it was recorded, ISO 8601 in UTC; empty if the file does not say.
        videos: The videos it was given for; empty if the file does not say.
    """

    statement: str
    time: str = ""
    videos: tuple[ConsentVideo, ...] = ()


def record_consent(workspace: Workspace, statement: str, videos: Sequence[pathlib.Path] = ()) -> None:
    """Adds a consent to the workspace; one that is there already, for the same videos, is not added again.

    Args:
        workspace: Where to.
        statement: Who agreed to what; not empty.
        videos: The files it was given for; their names and SHA-256 are kept.

    Raises:
        InputError: If the statement is empty or a video is no file.
        WorkspaceError: If the file that is there already cannot be read.

    Taught in notebooks/08_responsible_use.
    """
    if not statement.strip():
        raise InputError("expected a consent statement that says who agreed to what, got an empty one")
    for video in videos:
        if not pathlib.Path(video).is_file():
            raise InputError(f"no such file: {video}; consent is recorded for the videos themselves")
    named = tuple(ConsentVideo(name=path.name, sha256=file_digest(path)) for path in map(pathlib.Path, videos))
    if any(known.statement == statement.strip() and known.videos == named for known in read_consent(workspace)):
        return
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    entry = {"statement": statement.strip(), "time": now, "videos": [dataclasses.asdict(video) for video in named]}
    added = "---\n" + yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100)
    path = workspace.root / CONSENT
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_text(path, before + ("\n" if before and not before.endswith("\n") else "") + added)


def read_consent(workspace: Workspace) -> tuple[Consent, ...]:
    """Reads what was agreed to, in the order of the file; nothing if there is no file.

    Raises:
        WorkspaceError: If the file is no YAML, or an entry has no statement.
    """
    path = workspace.root / CONSENT
    if not path.exists():
        return ()
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise WorkspaceError(f"{path}: expected YAML such as statement: 'who agreed to what' ({reason})") from error
    return tuple(_to_consent(document, path) for document in documents if document is not None)


def require_consent(workspace: Workspace, statement: str | None, videos: Sequence[pathlib.Path] = ()) -> None:
    """Records the statement given, if one is, and makes sure that there is one.

    Args:
        workspace: Where consents are kept.
        statement: What `--consent` said, or None.
        videos: The files a given statement is for.

    Raises:
        InputError: If no consent was given, now or before.
        WorkspaceError: If the file that is there already cannot be read.
    """
    if statement is not None:
        record_consent(workspace, statement, videos)
    elif not read_consent(workspace):
        raise InputError(
            "a swap needs the consent of the people it shows, and this workspace has no record of it\n"
            f'say who agreed to what: --consent "...", or statement: ... in {workspace.root / CONSENT}'
        )


def _to_consent(document: object, path: pathlib.Path) -> Consent:
    """Checks one document; a hand-written time may be a YAML date."""
    statement = document.get("statement") if isinstance(document, dict) else None
    if not isinstance(statement, str) or not statement.strip():
        raise WorkspaceError(f"{path}: expected statement: 'who agreed to what', got {document!r}; write one")
    time, videos = document.get("time") or "", document.get("videos") or []
    try:
        named = tuple(ConsentVideo(name=str(video["name"]), sha256=str(video["sha256"])) for video in videos)
    except (TypeError, KeyError) as error:
        raise WorkspaceError(f"{path}: expected videos with name and sha256, got {videos!r}; leave them out") from error
    is_date = isinstance(time, datetime.date)  # a datetime is one too
    return Consent(statement=statement.strip(), time=time.isoformat() if is_date else str(time), videos=named)
