"""Copies items one by one between a workspace and a folder that may become unavailable, and reports failures."""

import dataclasses
import logging
import pathlib
import typing
import zipfile
import zlib

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.scratch import remove_left_scratch
from faceswap_lib.locks.claimed_file import claim_new, discard

logger = logging.getLogger(__name__)

LOCK = ".kept.lock"
"""Name of the lock file in a workspace and in a backup folder. A lock left by a killed process blocks nobody."""

TROUBLES = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, WorkspaceError)
"""Errors that reading an archive, or a folder that becomes unavailable, may raise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncReport:
    """Result of copying between a workspace and a backup folder.

    Attributes:
        carried: Items that were written.
        unchanged: Items that were already there, identical.
        left: Items that were not changed, with the reason.
        failed: Items that could not be copied, with the reason. The workspace loses nothing.
    """

    carried: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __add__(self, other: "SyncReport") -> "SyncReport":
        names = [field.name for field in dataclasses.fields(self)]
        return SyncReport(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def to_text(self) -> str:
        """Formats the report in a few lines."""
        lines = []
        for word in ("carried", "unchanged", "left", "failed"):
            found = getattr(self, word)
            if found:
                lines.append(f"{word}: {('; ' if word in ('left', 'failed') else ', ').join(found)}")
        return "\n".join(lines) or "nothing there yet"


def while_held(carry: typing.Callable[[], SyncReport], *places: pathlib.Path) -> SyncReport:
    """Calls a function while this process holds locks on some folders, so that no two processes copy there at once.

    Removes the temporary folders of killed processes first.

    Args:
        carry: The function that copies. It is not called if another process holds a lock.
        *places: The folders to lock.

    Returns:
        The report of `carry` with any failure to lock or unlock.
    """
    if not places:
        return carry()
    place, lock = places[0], places[0] / LOCK
    report = attempt(str(place), lambda: _hold(lock))
    if report.failed:
        return report
    remove_left_scratch(place)
    try:
        report += while_held(carry, *places[1:])
    finally:
        report += attempt(str(place), lambda: discard(lock) or SyncReport())
    return report


def _hold(lock: pathlib.Path) -> SyncReport:
    """Creates a lock file, or raises an error if another process holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    if not claim_new(lock):
        raise WorkspaceError(f"another process writes or reads a backup here; try again when it has ended ({lock})")
    return SyncReport()


def attempt(name: str, carry: typing.Callable[[], SyncReport]) -> SyncReport:
    """Copies one item. An error is logged and becomes part of the report.

    Args:
        name: Name of the item, for the report.
        carry: The function that copies it.

    Returns:
        The report of `carry`, or a report of the failure.
    """
    try:
        return carry()
    except TROUBLES as error:
        logger.warning("%s: %s; what is here stays as it is", name, error)
        return SyncReport(failed=(f"{name} ({error})",))


def open_folder(folder: pathlib.Path) -> SyncReport:
    """Creates a folder if it does not exist, but not its parents: a missing parent means that the drive is not mounted.

    Returns:
        An empty report, as `attempt` expects it.

    Raises:
        OSError: If the parent folder does not exist.
    """
    folder.mkdir(exist_ok=True)
    return SyncReport()
