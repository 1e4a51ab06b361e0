"""The file of consents, WORKSPACE/consent.yaml: reading it, whoever wrote it, and adding to it."""

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
"""Builds plain values alone; the one in C where it is there, which is ten times as fast."""

MOST_BYTES = 10_000_000
"""Far more than consents need: a folder of 50,000 pictures, named one by one, takes as much."""

MOST_NESTED = 20
"""Levels of lists and mappings in each other; a consent has three."""

PATIENCE = 20.0
"""Seconds to wait for others that add a consent; each takes a few hundredths."""

LONGEST_NUMBER = 100
"""Letters of a number or date; a SHA-256 has 64."""

_NUMBER = re.compile(r"[-+]?[0-9.][0-9a-fA-FxX_.:,eE+-]*")
"""All that YAML may take for a number, to the base of 60 too, in which a megabyte of digits takes minutes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsentVideo:
    """A video or picture that a consent was given for."""

    name: str
    sha256: str

    @classmethod
    def of(cls, path: pathlib.Path) -> "ConsentVideo":
        """Computes the fingerprint of a file.

        Raises:
            InputError: If there is no such file, or it cannot be read.
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
    """One recorded consent.

    Attributes:
        statement: Who agreed to what, in the user's own words.
        time: When it was recorded, ISO 8601 in UTC; empty if the file does not say.
        videos: The videos it was given for; empty if the file does not say.
    """

    statement: str
    time: str = ""
    videos: tuple[ConsentVideo, ...] = ()


def read_consent(workspace: Workspace) -> tuple[Consent, ...]:
    """Reads what was agreed to, in the order of the file; nothing if there is no file.

    Raises:
        WorkspaceError: If the file is no YAML, has aliases, tags or numbers without end, is nested deeper than a
            consent is, is longer than `MOST_BYTES`, or an entry has no statement.
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
    """Refuses what makes a short text large or deep, or fails when it is built, before any of it is built.

    Raises:
        ValueError: If the text has an alias, with which a list of lists of ten holds a thousand million entries, a tag
            such as !!int, which may stand before anything, a number without end, or is nested too deeply.
        yaml.YAMLError: If it is no YAML.
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
    """Adds a consent to the file; what is there stays as it is, byte by byte.

    A file that is made here can be read by its owner alone; one that is there keeps its permissions.

    Raises:
        WorkspaceError: If the file that is there cannot be read, or others add to it all the time.
    """
    path = workspace.root / CONSENT
    videos = [{"name": valid_text(video.name), "sha256": video.sha256} for video in consent.videos]
    entry = {"statement": valid_text(consent.statement), "time": consent.time, "videos": videos}
    added = "---\n" + yaml.safe_dump(entry, sort_keys=False, allow_unicode=True, width=100)
    with _take_turn(path):
        before = read_text(path, MOST_BYTES) if path.exists() else ""
        text = before + ("\n" if before and not before.endswith("\n") else "") + added
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        with replacing(path, mode=mode) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")


@contextlib.contextmanager
def _take_turn(path: pathlib.Path) -> typing.Iterator[None]:
    """Waits while another process or thread adds a consent: of two that read the same file one would be lost."""
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
    """Replaces what a text got from bytes that are not UTF-8, as file names and arguments may hold them, by U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _to_consent(document: object, path: pathlib.Path) -> Consent:
    """Checks one document; a hand-written time may be a YAML date."""
    statement = document.get("statement") if isinstance(document, dict) else None
    if not isinstance(statement, str) or not statement.strip():
        raise WorkspaceError(
            f"{path}: expected statement: 'who agreed to what', got {reprlib.repr(document)}; write one"
        )
    time, videos = document.get("time") or "", document.get("videos") or []
    try:
        named = tuple(ConsentVideo(name=str(video["name"]), sha256=str(video["sha256"])) for video in videos)
    except (TypeError, KeyError) as error:
        got = reprlib.repr(videos)
        raise WorkspaceError(f"{path}: expected videos with name and sha256, got {got}; leave them out") from error
    is_date = isinstance(time, datetime.date)  # a datetime is one too
    return Consent(statement=statement.strip(), time=time.isoformat() if is_date else str(time), videos=named)
