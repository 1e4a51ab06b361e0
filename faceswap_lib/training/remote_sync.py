"""Mirror of a run: periodic copies of the newest checkpoints to a second folder, which may be slow or unavailable.

A separate thread copies, so that training never waits. The first failure is logged; every failure is counted, and the
next checkpoint causes a new attempt. At the end of the training, missing files are copied. Histories are copied before
the checkpoints that belong to them, so the history in the mirror is never shorter than a checkpoint in the mirror
expects. The id of a run identifies its copy: another run with the same name is neither restored nor replaced.
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
"""Text files of a run."""

PREVIEWS_KEPT = 5
"""Number of newest previews that are copied."""

PATIENCE = 120.0
"""Maximum time in seconds to wait for the last copy at the end of a training."""


class CheckpointSync:
    """Synchronization of a run to the mirror folder `root`/<run>.

    Args:
        folder: The folder of the run.
        root: The mirror folder; its parent folder must exist.
        interval: Average time in seconds between the starts of two copies. A copy starts with the first checkpoint
            after this time.
        patience: Maximum time in seconds to wait for the last copy.
        clock: Returns seconds since any fixed moment.

    Attributes:
        failures: Number of failed copies. A last copy that takes longer than `patience` is a failure.
        copies: Number of successful copies.

    Raises:
        InputError: If the parent folder of the mirror does not exist.
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
            raise InputError(
                f"mirror: expected a folder in an existing folder, but {root.parent} is not there; mount it, or name "
                "another --sync-dir"
            )
        self._folder, self._root, self._patience = folder, root, patience
        self._interval, self._clock, self._due_at = interval, clock, -float("inf")
        self._thread: threading.Thread | None = None
        self.failures = self.copies = 0
        self._updates, self._copied = 1, 0  # the initial state of the run counts as one update

    @property
    def run(self) -> pathlib.Path:
        """Folder of the run in the mirror: under its own name, or renamed if another run has taken this name."""
        return find_copy(self._root, self._folder)

    def fetch(self) -> bool:
        """Restores the run from the mirror if the mirror has a later checkpoint, or if there is no local run.

        Returns:
            Whether the mirror had a later checkpoint, which is now the local one.

        Raises:
            InputError: If the mirror contains another run with this name; if there is no local run and the mirror has
                a run with the faces of other people, or a run whose checkpoints are all damaged; or if the mirror
                cannot be read. Only in the last case some files may have been copied here; otherwise nothing is
                changed.
            WorkspaceError: If a `config.json` is damaged.
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
                f"mirror: cannot restore {self._root / self._folder.name} ({error}); start again when the folder is "
                "available and this disk has enough space, or train without --sync-dir"
            ) from error
        if theirs > ours:
            logger.info("%s is ahead of %s; continuing from this copy", copy, self._folder)
        return theirs > ours

    @property
    def is_behind(self) -> bool:
        """Whether there are changes that are not copied yet."""
        return self._copied < self._updates

    def update(self) -> None:
        """Records a new checkpoint, and starts a copy if the interval has passed and no copy is running."""
        self._updates += 1
        now = self._clock()
        if now >= self._due_at and not self._is_copying():
            following = self._due_at + self._interval
            self._due_at = following if following > now else now + self._interval
            self._begin_copy()

    def close(self) -> None:
        """Copies all remaining changes and waits for a limited time; warns if the copy is not finished then."""
        if self._thread is not None:
            self._thread.join(self._patience)
        if self.is_behind and not self._is_copying():
            self._begin_copy().join(self._patience)
        if self._is_copying():
            self._note_failure(f"the last copy took more than {self._patience:.0f} s")
        if self.is_behind:
            logger.warning("the newest checkpoint is missing in the mirror %s; copy %s there", self._root, self._folder)

    def _check_takeover(self, copy: pathlib.Path, progress: tuple[int, int]) -> None:
        """Checks that a run that is only in the mirror shows the people of this workspace and is not damaged.

        A run without checkpoints is accepted; a run whose checkpoints are all damaged is not.

        Raises:
            InputError: If it does not.
        """
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

    def _begin_copy(self) -> threading.Thread:
        thread = threading.Thread(target=self._copy, args=(self._updates,), name="mirror", daemon=True)
        self._thread = thread
        thread.start()
        return thread

    def _copy(self, updates: int) -> None:
        """Copies the state of the run after a number of updates."""
        try:
            self._copy_forward()
        except (OSError, WorkspaceError) as error:
            self._due_at = -float("inf")  # try again at the next checkpoint
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
        if not claim_new(lock):  # the mirror of another run may start to use the same folder at this moment
            raise FileExistsError(f"another run is being copied to {self.run}")
        try:
            return self._copy_to(self.run)
        finally:
            discard(lock)

    def _copy_to(self, copy: pathlib.Path) -> None:
        if has_run(copy) and not is_same_run(self._folder, copy):
            raise FileExistsError(
                f"{copy} holds {describe_run(copy)}, this is {describe_run(self._folder)}; move the other run away, "
                "until then nothing is copied there"
            )
        check_readable(copy, self._folder)
        theirs, ours = (checkpoint_progress(run / "checkpoints", thorough=False) for run in (copy, self._folder))
        if theirs > ours:
            raise FileExistsError(
                f"{copy} is at step {theirs[1]}, this run at {ours[1]}; stop and start again to continue from the copy"
            )
        copy_run(self._folder, copy, newest_alone=True)

    def _note_failure(self, reason: str) -> None:
        self.failures += 1
        if self.failures == 1:
            logger.warning("mirror: %s; training continues, and the next checkpoint will be copied again", reason)


def copy_run(source: pathlib.Path, target: pathlib.Path, *, newest_alone: bool = False) -> bool:
    """Copies a run to another folder: options, histories, checkpoints, newest previews.

    At any moment every file in the copy is either complete or absent. Outdated checkpoints in the copy are removed at
    the end; each is truncated before it is removed, see `remove_emptied`. Checkpoints that are ahead of all checkpoints
    of `source`, or cannot be read, are kept.

    Args:
        source: The folder of the run.
        target: The folder of the copy. The caller must check that it is not a copy of another run.
        newest_alone: Copy only the newest checkpoint. Earlier checkpoints in `target` that led to it are kept, up to
            the number that a run keeps. Otherwise `target` gets all checkpoints of `source` and no others.

    Returns:
        Whether any file was copied.

    Raises:
        OSError: If a file cannot be read or written.
    """
    # Listed before the histories are copied, so that the histories reach at least as far as the checkpoints.
    checkpoints = list_checkpoints(source / "checkpoints")[: 1 if newest_alone else None]
    previews = sorted((source / "previews").glob("step-*.png"))[-PREVIEWS_KEPT:]
    is_changed = False
    for path in (*(source / name for name in TEXTS), *reversed(checkpoints), *previews):
        copy = target / path.relative_to(source)
        is_due = newest_alone and path.name in TEXTS  # these have changed, so a comparison is not needed
        if path.is_file() and (is_due or not _has_copy(path, copy)):
            is_changed |= _copy_file(path, copy)
    _remove_old(target, [target / path.relative_to(source) for path in checkpoints], leading=newest_alone)
    remove_unfinished(target / "checkpoints")
    return is_changed


def _remove_old(target: pathlib.Path, copied: list[pathlib.Path], *, leading: bool) -> None:
    """Removes outdated checkpoints of a copy; `leading` keeps the checkpoints that led to the newest one."""
    found = {path: read_progress(path, thorough=False) for path in list_checkpoints(target / "checkpoints")}
    if not copied or copied[0] not in found:
        if copied and leading:
            raise FileNotFoundError(f"{copied[0].name} was removed before it was copied")
        return
    reached = found[copied[0]]
    if reached is None:
        raise OSError(errno.EIO, "the copied file cannot be read back", str(copied[0]))
    wanted = _leading_to(reached, found) if leading else copied
    for path, progress in found.items():
        if path not in wanted and progress is not None and progress <= reached:
            remove_emptied(path)


def _has_copy(path: pathlib.Path, copy: pathlib.Path) -> bool:
    try:
        return is_copy(path, copy)
    except FileNotFoundError:  # the training has removed it in the meantime
        return False


def _leading_to(newest: tuple[int, int], found: dict[pathlib.Path, tuple[int, int] | None]) -> list[pathlib.Path]:
    """Selects the newest checkpoint and the checkpoints that led to it, which have the same number of rollbacks."""
    return [path for path, each in found.items() if each and each[0] == newest[0] and each[1] <= newest[1]][:KEPT]


def _copy_file(source: pathlib.Path, target: pathlib.Path) -> bool:
    try:
        copy_whole(source, target, same_age=True)
    except FileNotFoundError:
        if source.exists():
            raise
        return False  # the training has removed an old checkpoint in the meantime
    return True
