"""The mirror: a second place, slow and liable to vanish, that gets a copy of the newest checkpoints from time to time.

A thread of its own copies, so that training never waits; what fails is told once, counted, and tried again at the next
checkpoint. What the mirror still lacks at the end is copied then. Histories are copied before the checkpoints they
belong to: a checkpoint in the mirror never knows of more than lies beside it.
"""

import logging
import pathlib
import threading
import time
import typing

from faceswap_lib.errors import InputError
from faceswap_lib.files import copy_whole, is_copy, remove_emptied
from faceswap_lib.training.checkpoint import KEPT, list_checkpoints, progress_of, read_progress

logger = logging.getLogger(__name__)

TEXTS = ("config.json", "history.jsonl", "rollbacks.jsonl")
PREVIEWS_KEPT = 5
PATIENCE = 120.0
"""Seconds that the end of a training waits for the last copy."""


class Mirror:
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
        """The run's folder in the mirror."""
        return self._root / self._folder.name

    def fetch(self) -> bool:
        """Takes the run over from the mirror if the mirror is further.

        Returns:
            Whether it was.
        """
        self._make_root()
        if progress_of(self.run / "checkpoints") <= progress_of(self._folder / "checkpoints"):
            return False
        copy_run(self.run, self._folder)
        logger.info("%s is further than %s; going on from its copy", self.run, self._folder)
        return True

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
            logger.warning("the mirror %s lacks the newest checkpoint; copy %s there", self.run, self._folder)

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
        except OSError as error:
            self._due_at = -float("inf")  # tried again at the next checkpoint
            self._note_failure(str(error))
        else:
            self.copies += 1
            self._copied = updates

    def _copy_forward(self) -> None:
        if not self._root.is_dir():
            raise FileNotFoundError(f"{self._root} is not there")
        theirs, ours = (progress_of(run / "checkpoints", thorough=False) for run in (self.run, self._folder))
        if theirs > ours:
            raise FileExistsError(
                f"{self.run} is at step {theirs[1]}, this run at {ours[1]}; stop and start again to go on from there"
            )
        copy_run(self._folder, self.run, newest_alone=True)

    def _note_failure(self, reason: str) -> None:
        self.failures += 1
        if self.failures == 1:
            logger.warning("mirror: %s; training goes on, and the next checkpoint is copied again", reason)


def copy_run(source: pathlib.Path, target: pathlib.Path, *, newest_alone: bool = False) -> None:
    """Makes one folder of a run the copy of another: options, histories, checkpoints, newest previews.

    Every file is whole or not there at any moment. Checkpoints that the copy should not have are removed at the end,
    emptied first, see `remove_emptied`.

    Args:
        source: The run.
        target: Its copy.
        newest_alone: Copy the newest checkpoint only; those that lead to it and are in `target` already stay beside it,
            as many as a run keeps. Otherwise `target` gets all checkpoints of `source` and no others.

    Raises:
        OSError: If something cannot be read or written.
    """
    # Listed before the histories are copied, so that these reach at least as far.
    checkpoints = list_checkpoints(source / "checkpoints")[: 1 if newest_alone else None]
    previews = sorted((source / "previews").glob("step-*.png"))[-PREVIEWS_KEPT:]
    for path in (*(source / name for name in TEXTS), *reversed(checkpoints), *previews):
        copy = target / path.relative_to(source)
        if path.is_file() and (path.suffix in (".json", ".jsonl") or not is_copy(path, copy)):
            _copy_file(path, copy)
    wanted = [target / path.relative_to(source) for path in checkpoints]
    if newest_alone and wanted:
        if not wanted[0].is_file():
            raise FileNotFoundError(f"{checkpoints[0]} was removed before it was copied")
        wanted = _leading_to(wanted[0])
    for path in list_checkpoints(target / "checkpoints"):
        if path not in wanted:
            remove_emptied(path)


def _leading_to(newest: pathlib.Path) -> list[pathlib.Path]:
    """A checkpoint and those before it that training went through to get there: they know of as many rollbacks."""
    found = {path: read_progress(path, thorough=False) for path in list_checkpoints(newest.parent)}
    rollbacks, step = found[newest] or (-1, 0)
    before = [path for path, progress in found.items() if progress and progress[0] == rollbacks and progress[1] <= step]
    return before[:KEPT] or [newest]


def _copy_file(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        copy_whole(source, target)
    except FileNotFoundError:
        if source.exists():
            raise
        # Training went on meanwhile and has removed an old checkpoint.
