"""The mirror: a second place, slow and liable to vanish, that gets a copy of the newest checkpoints from time to time.

A thread of its own copies, so that training never waits; what fails is told once, counted, and tried again at the next
checkpoint. What the mirror still lacks at the end is copied then. Histories are copied before the checkpoints they
belong to: a checkpoint in the mirror never knows of more than lies beside it. A run's id decides which copy is its own:
another run of the same name is neither taken over nor replaced.
"""

import errno
import logging
import pathlib
import threading
import time
import typing

from faceswap_lib.atomic_io import copy_whole, is_copy, remove_emptied
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.locks.claimed_file import claim_new, discard
from faceswap_lib.training.checkpoint import KEPT, checkpoint_progress, list_checkpoints, read_progress
from faceswap_lib.training.checkpoint_choice import remove_unfinished
from faceswap_lib.training.run_identity import (
    check_readable,
    describe_run,
    find_copy,
    find_other_faces,
    has_run,
    is_same_run,
)

logger = logging.getLogger(__name__)

TEXTS = ("config.json", "history.jsonl", "rollbacks.jsonl")
PREVIEWS_KEPT = 5
PATIENCE = 120.0
"""Seconds that the end of a training waits for the last copy."""


class CheckpointSync:
    """Copies a run to `root`/<run>.

    Args:
        folder: The run's folder.
        root: The mirror, which must be there.
        interval: Seconds between the beginnings of two copies, on average: one begins with the first checkpoint that
            comes when it is time.
        patience: Seconds to wait for the last copy.
        clock: Gives seconds since any fixed moment.

    Attributes:
        failures: How many copies failed, the last one too if it took longer than `patience`.
        copies: How many succeeded.

    Raises:
        InputError: If the mirror lies in a folder that is not there.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        root: pathlib.Path,
        *,
        interval: float = 0.0,
        patience: float = PATIENCE,
        clock: typing.Callable[[], float] = time.monotonic,
    ):
        if not root.is_dir() and not root.parent.is_dir():
            raise InputError(f"mirror: {root.parent} is not there; mount it or name another folder")
        self._folder, self._root, self._patience = folder, root, patience
        self._interval, self._clock, self._due_at = interval, clock, -float("inf")
        self._thread: threading.Thread | None = None
        self.failures = self.copies = 0
        self._updates, self._copied = 1, 0  # what is there to begin with counts as one

    @property
    def run(self) -> pathlib.Path:
        """The run's folder in the mirror: under its name, or where it was set aside for another run."""
        return find_copy(self._root, self._folder)

    def fetch(self) -> bool:
        """Takes the run over from the mirror if the mirror is further, or if there is none here.

        Returns:
            Whether it was.

        Raises:
            InputError: If the mirror has another run under this name, or one of other people's faces, or none of its
                checkpoints is whole and there is no other; or if it cannot be read. Nothing is changed then, but in the
                last case something may have been copied here.
        """
        self._make_root()
        try:
            copy = self.run
            if not has_run(copy):
                return False
            check_readable(copy, self._folder)
            theirs, ours = (checkpoint_progress(run / "checkpoints") for run in (copy, self._folder))
            if not has_run(self._folder):
                self._check_takeover(copy, theirs)
            elif not is_same_run(self._folder, copy):
                raise InputError(
                    f"mirror: {copy} holds {describe_run(copy)}, {self._folder} {describe_run(self._folder)}; choose "
                    "another --sync-dir or --run, or move away the one that you do not want; nothing was changed"
                )
            elif theirs <= ours:
                return False
            copy_run(copy, self._folder)
        except OSError as error:
            raise InputError(
                f"mirror: {self._root / self._folder.name} cannot be taken over ({error}); start again when the folder "
                "is back and there is room here, or train without --sync-dir"
            ) from error
        if theirs > ours:
            logger.info("%s is further than %s; going on from its copy", copy, self._folder)
        return theirs > ours

    @property
    def is_behind(self) -> bool:
        """Whether something is not copied yet."""
        return self._copied < self._updates

    def update(self) -> None:
        """Takes note of a new checkpoint, and begins to copy all that is new if it is time and no copy is under way."""
        self._updates += 1
        now = self._clock()
        if now >= self._due_at and not self._is_copying():
            following = self._due_at + self._interval
            self._due_at = following if following > now else now + self._interval
            self._begin_copy()

    def close(self) -> None:
        """Copies what the mirror still lacks, waits for it, but not forever, and says what it lacks then."""
        if self._thread is not None:
            self._thread.join(self._patience)
        if self.is_behind and not self._is_copying():
            self._begin_copy()
            self._thread.join(self._patience)
        if self._is_copying():
            self._note_failure(f"the last copy took more than {self._patience:.0f} s")
        if self.is_behind:
            logger.warning("the mirror %s lacks the newest checkpoint; copy %s there", self._root, self._folder)

    def _check_takeover(self, copy: pathlib.Path, progress: tuple[int, int]) -> None:
        """Makes sure that a run which is only in the mirror is of this workspace's people, and can be read."""
        advice = f"choose another --sync-dir or --run; if it is this project's, copy {copy} to {self._folder} yourself"
        if other := find_other_faces(copy, self._folder.parent.parent):
            raise InputError(
                f"mirror: {copy} was trained on other people than those in {' and '.join(other)} here; {advice}"
            )
        if progress < (0, 0) and list_checkpoints(copy / "checkpoints"):
            raise InputError(f"mirror: none of the checkpoints in {copy} is whole; move it away, or {advice}")

    def _make_root(self) -> None:
        try:
            self._root.mkdir(exist_ok=True)
        except OSError as error:
            self._note_failure(str(error))

    def _is_copying(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _begin_copy(self) -> None:
        self._thread = threading.Thread(target=self._copy, args=(self._updates,), name="mirror", daemon=True)
        self._thread.start()

    def _copy(self, updates: int) -> None:
        """Copies what the run has after so many updates."""
        try:
            self._copy_forward()
        except (OSError, WorkspaceError) as error:
            self._due_at = -float("inf")  # tried again at the next checkpoint
            self._note_failure(str(error))
        else:
            self.copies += 1
            self._copied = updates

    def _copy_forward(self) -> None:
        if not self._root.is_dir():
            raise FileNotFoundError(f"{self._root} is not there")
        if has_run(self.run):
            return self._copy_to(self.run)
        lock = self._root / f".{self._folder.name}.lock"
        if not claim_new(lock):  # another run's mirror finds the place free at the same moment
            raise FileExistsError(f"another run is being copied to {self.run}")
        try:
            return self._copy_to(self.run)
        finally:
            discard(lock)

    def _copy_to(self, copy: pathlib.Path) -> None:
        if has_run(copy) and not is_same_run(self._folder, copy):
            raise FileExistsError(
                f"{copy} holds {describe_run(copy)}, this is {describe_run(self._folder)}; move that one away, until "
                "then nothing is copied there"
            )
        check_readable(copy, self._folder)
        theirs, ours = (checkpoint_progress(run / "checkpoints", thorough=False) for run in (copy, self._folder))
        if theirs > ours:
            raise FileExistsError(
                f"{copy} is at step {theirs[1]}, this run at {ours[1]}; stop and start again to go on from there"
            )
        copy_run(self._folder, copy, newest_alone=True)

    def _note_failure(self, reason: str) -> None:
        self.failures += 1
        if self.failures == 1:
            logger.warning("mirror: %s; training goes on, and the next checkpoint is copied again", reason)


def copy_run(source: pathlib.Path, target: pathlib.Path, *, newest_alone: bool = False) -> bool:
    """Makes one folder of a run the copy of another: options, histories, checkpoints, newest previews.

    Every file is whole or not there at any moment. Checkpoints that the copy should not have are removed at the end,
    emptied first, see `remove_emptied`; those that are further than all of `source`, or cannot be read, stay.

    Args:
        source: The run.
        target: Its copy; one that is another run's is the caller's to find out.
        newest_alone: Copy the newest checkpoint only; those that lead to it and are in `target` already stay beside it,
            as many as a run keeps. Otherwise `target` gets all checkpoints of `source` and no others.

    Returns:
        Whether anything was copied.

    Raises:
        OSError: If something cannot be read or written.
    """
    # Listed before the histories are copied, so that these reach at least as far.
    checkpoints = list_checkpoints(source / "checkpoints")[: 1 if newest_alone else None]
    previews = sorted((source / "previews").glob("step-*.png"))[-PREVIEWS_KEPT:]
    is_changed = False
    for path in (*(source / name for name in TEXTS), *reversed(checkpoints), *previews):
        copy = target / path.relative_to(source)
        is_due = newest_alone and path.name in TEXTS  # they have changed, and are not worth the comparison
        if path.is_file() and (is_due or not _has_copy(path, copy)):
            is_changed |= _copy_file(path, copy)
    _remove_old(target, [target / path.relative_to(source) for path in checkpoints], leading=newest_alone)
    remove_unfinished(target / "checkpoints")
    return is_changed


def _remove_old(target: pathlib.Path, copied: list[pathlib.Path], *, leading: bool) -> None:
    """Removes checkpoints of a copy that are not wanted; those that lead to the newest are, if `leading`."""
    found = {path: read_progress(path, thorough=False) for path in list_checkpoints(target / "checkpoints")}
    if not copied or copied[0] not in found:
        if copied and leading:
            raise FileNotFoundError(f"{copied[0].name} was removed before it was copied")
        return
    reached = found[copied[0]]
    if reached is None:
        raise OSError(errno.EIO, "what was copied cannot be read back", str(copied[0]))
    wanted = _leading_to(reached, found) if leading else copied
    for path, progress in found.items():
        if path not in wanted and progress is not None and progress <= reached:
            remove_emptied(path)


def _has_copy(path: pathlib.Path, copy: pathlib.Path) -> bool:
    try:
        return is_copy(path, copy)
    except FileNotFoundError:  # training has removed it meanwhile
        return False


def _leading_to(newest: tuple[int, int], found: dict[pathlib.Path, tuple[int, int] | None]) -> list[pathlib.Path]:
    """The newest checkpoint and those that training went through to get there: they know of as many rollbacks."""
    return [path for path, each in found.items() if each and each[0] == newest[0] and each[1] <= newest[1]][:KEPT]


def _copy_file(source: pathlib.Path, target: pathlib.Path) -> bool:
    try:
        copy_whole(source, target, same_age=True)
    except FileNotFoundError:
        if source.exists():
            raise
        return False  # training went on meanwhile and has removed an old checkpoint
    return True
