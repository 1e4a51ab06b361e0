"""Reads and extends the file of consents, WORKSPACE/consent.yaml. The file may come from an untrusted source."""

import contextlib
import dataclasses
import datetime
import os
import pathlib
import re
import reprlib
import time
import typing

import yaml

from faceswap_lib.atomic_io import file_digest, replacing
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.text_files import read_text
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.locks import hold

CONSENT = "consent.yaml"

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Safe loader, which builds plain values only. The C version, if available, is ten times as fast."""

MOST_BYTES = 10_000_000
"""Maximum size of the file: about a consent that names 50,000 images one by one."""

MOST_NESTED = 20
"""Maximum nesting depth of lists and mappings. A consent has three levels."""

PATIENCE = 20.0
"""Seconds to wait for other processes that add a consent. Each takes a few hundredths of a second."""

LONGEST_NUMBER = 100
"""Maximum number of characters of a number or date. A SHA-256 has 64."""

_NUMBER = re.compile(r"[-+]?[0-9.][0-9a-fA-FxX_.:,eE+-]*")
"""Text that YAML may parse as a number, including base 60, in which a megabyte of digits takes minutes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsentVideo:
    """Video or image that a consent was given for, identified by its SHA-256.

    Attributes:
        name: File name, for messages.
        sha256: SHA-256 of the file, in hexadecimal; empty if it is not known.
    """

    name: str
    sha256: str

    @classmethod
    def of(cls, path: pathlib.Path) -> "ConsentVideo":
        """Creates the entry of a file from its name and its SHA-256.

        Raises:
            InputError: If the file does not exist or cannot be read.
        """
        path = pathlib.Path(path)
        if not path.is_file():
            raise InputError(f"no such file: {path}; consent is recorded for the videos themselves")
        try:
            return cls(name=valid_text(path.name), sha256=file_digest(path))
        except OSError as error:
            raise InputError(f"cannot read {path} ({error.strerror}); check its permissions") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Consent:
    """Recorded consent.

    Attributes:
        statement: Who agreed to what, in the user's own words.
        time: Time of recording, ISO 8601 in UTC; empty if the file does not contain it.
        videos: The videos that the consent was given for; empty if the file does not name any.
    """

    statement: str
    time: str = ""
    videos: tuple[ConsentVideo, ...] = ()


def read_consent(workspace: Workspace) -> tuple[Consent, ...]:
    """Reads the recorded consents in the order of the file; empty if there is no file.

    Raises:
        WorkspaceError: If the file is not valid YAML, contains aliases, tags or numbers longer than `LONGEST_NUMBER`,
            is nested deeper than `MOST_NESTED`, is longer than `MOST_BYTES`, or an entry has no statement.
    """
    path = workspace.root / CONSENT
    if not os.path.lexists(path):
        return ()
    try:
        text = read_text(path, MOST_BYTES)
        _check_events(text)
        documents = list(yaml.load_all(text, Loader=LOADER))  # noqa: S506  (a safe loader)
    except (ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:  # 31 February: ValueError
        reason = " ".join(str(error).split())[:300]
        raise WorkspaceError(f"{path}: expected YAML such as statement: 'who agreed to what' ({reason})") from error
    return tuple(_to_consent(document, path) for document in documents if document is not None)


def _check_events(text: str) -> None:
    """Rejects YAML constructs that expand a short text to a huge or deep value, before any value is built.

    Raises:
        ValueError: If the text contains an alias (nested lists of ten aliases each can expand to a billion entries), a
            tag such as !!int (which can precede any value), a number that is too long, or is nested too deeply.
        yaml.YAMLError: If the text is not valid YAML.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if getattr(event, "tag", None) not in (None, "!"):
            raise ValueError(f"line {event.start_mark.line + 1} has a tag, {event.tag!r:.80}; leave it out")
        is_bare = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
        if is_bare and len(event.value) > LONGEST_NUMBER and _NUMBER.fullmatch(event.value):
            raise ValueError(f"line {event.start_mark.line + 1} holds a number of {len(event.value):,} letters")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(
                f"line {event.start_mark.line + 1} refers to another part by *{event.anchor}; write it out"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_NESTED:
            raise ValueError(f"line {event.start_mark.line + 1} is nested deeper than {MOST_NESTED} levels")


def append_consent(workspace: Workspace, consent: Consent) -> None:
    """Appends a consent to the file. The existing bytes stay unchanged.

    A new file can be read by its owner only; an existing file keeps its permissions.

    Raises:
        WorkspaceError: If the existing file cannot be read, or other processes hold its lock for `PATIENCE` seconds.
    """
    path = workspace.root / CONSENT
    videos = [{"name": valid_text(video.name), "sha256": video.sha256} for video in consent.videos]
    entry = {"statement": valid_text(consent.statement), "time": consent.time, "videos": videos}
    added = "---\n" + yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100)
    with _wait_for_lock(path):
        before = read_text(path, MOST_BYTES) if path.exists() else ""
        text = before + ("\n" if before and not before.endswith("\n") else "") + added
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        with replacing(path, mode=mode) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")


@contextlib.contextmanager
def _wait_for_lock(path: pathlib.Path) -> typing.Iterator[None]:
    """Holds the lock of the file, and waits while another process or thread holds it.

    Without the lock, one of two consents that are added at the same time would be lost.
    """
    until = time.monotonic() + PATIENCE
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(hold(path, what=str(path)))
                break
            except WorkspaceError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        yield


def valid_text(text: str) -> str:
    """Replaces bytes that are not UTF-8, which file names and arguments may contain, by U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _to_consent(document: object, path: pathlib.Path) -> Consent:
    """Converts one YAML document to a consent. A time written by hand may be a YAML date."""
    values = document if isinstance(document, dict) else {}
    statement = values.get("statement")
    if not isinstance(statement, str) or not statement.strip():
        raise WorkspaceError(
            f"{path}: expected statement: 'who agreed to what', got {reprlib.repr(document)}; write one"
        )
    time, videos = values.get("time") or "", values.get("videos") or []
    try:
        named = tuple(ConsentVideo(name=str(video["name"]), sha256=str(video["sha256"])) for video in videos)
    except (TypeError, KeyError) as error:
        got = reprlib.repr(videos)
        raise WorkspaceError(f"{path}: expected videos with name and sha256, got {got}; leave them out") from error
    stated = time.isoformat() if isinstance(time, datetime.date) else str(time)  # a datetime is a date, too
    return Consent(statement=statement.strip(), time=stated, videos=named)
