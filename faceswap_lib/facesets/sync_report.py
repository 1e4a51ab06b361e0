"""What was carried between a workspace and a folder that may vanish: one thing after the other, failures reported."""

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
"""In a workspace and in a folder, while something is carried there; what a kill leaves blocks nobody."""

TROUBLES = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, WorkspaceError)
"""What reading an archive or a folder that vanishes may raise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncReport:
    """What was carried between a workspace and a folder.

    Attributes:
        carried: What was written now.
        unchanged: What was there already, the same.
        left: What was left as it is, and why.
        failed: What could not be carried, and why; nothing of the workspace is lost by it.
    """

    carried: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __add__(self, other: "SyncReport") -> "SyncReport":
        names = [field.name for field in dataclasses.fields(self)]
        return SyncReport(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def to_text(self) -> str:
        """The report in a few lines."""
        lines = []
        for word in ("carried", "unchanged", "left", "failed"):
            found = getattr(self, word)
            if found:
                lines.append(f"{word}: {('; ' if word in ('left', 'failed') else ', ').join(found)}")
        return "\n".join(lines) or "nothing there yet"


def while_held(carry: typing.Callable[[], SyncReport], *places: pathlib.Path) -> SyncReport:
    """Carries something while this process holds some folders, so that no two carry there at once.

    What killed processes have left there is removed first.

    Args:
        carry: Carries it; not called if another process has one of the folders.
        places: The folders.

    Returns:
        Its report, or that of what failed.
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
    lock.parent.mkdir(parents=True, exist_ok=True)
    if not claim_new(lock):
        raise WorkspaceError(f"another process is keeping or fetching here; try again when it has ended ({lock})")
    return SyncReport()


def attempt(name: str, carry: typing.Callable[[], SyncReport]) -> SyncReport:
    """Carries one thing; what goes wrong with it is logged and becomes part of the report.

    Args:
        name: What is carried.
        carry: Carries it.
    """
    try:
        return carry()
    except TROUBLES as error:
        logger.warning("%s: %s; what is here stays as it is", name, error)
        return SyncReport(failed=(f"{name} ({error})",))


def open_folder(folder: pathlib.Path) -> SyncReport:
    """Makes the folder if need be, but none above it: those of a drive that is not mounted must not come to be.

    Raises:
        OSError: If the folder it lies in is not there.
    """
    folder.mkdir(exist_ok=True)
    return SyncReport()
