"""The mirror: a second place, slow and liable to vanish, that gets a copy of every finished checkpoint.

A thread of its own copies, so that training never waits; what fails is told once, counted, and tried again at the next
checkpoint. Histories are copied before the checkpoints they belong to: a checkpoint in the mirror never knows of more
than lies beside it.
"""

import logging
import pathlib
import threading

from faceswap_lib.errors import InputError
from faceswap_lib.files import copy_whole, is_copy
from faceswap_lib.training.checkpoint import list_checkpoints, progress_of

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
        patience: Seconds to wait for the last copy.

    Attributes:
        failures: How many copies failed or were left out because the one before was not finished.
        copies: How many succeeded.

    Raises:
        InputError: If the mirror lies in a folder that is not there.
    """

    def __init__(self, folder: pathlib.Path, root: pathlib.Path, *, patience: float = PATIENCE):
        if not root.is_dir() and not root.parent.is_dir():
            raise InputError(f"mirror: {root.parent} is not there; mount it or name another folder")
        self._folder, self._root, self._patience = folder, root, patience
        self._thread: threading.Thread | None = None
        self.failures = self.copies = 0
        self._behind = True

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

    def update(self) -> None:
        """Begins to copy what is new; does nothing but count while an earlier copy is under way."""
        if self._thread is not None and self._thread.is_alive():
            self._note_failure("the copy before is not finished")
            return
        self._thread = threading.Thread(target=self._copy, name="mirror", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for the last copy, for a while, and says what the mirror lacks."""
        if self._thread is not None:
            self._thread.join(self._patience)
        if self._behind and (self._thread is None or not self._thread.is_alive()):
            self.update()
            self._thread.join(self._patience)
        if self._thread.is_alive():
            self._note_failure(f"the last copy took more than {self._patience:.0f} s")
        if self._behind:
            logger.warning("the mirror %s lacks the newest checkpoint; copy %s there", self.run, self._folder)

    def _make_root(self) -> None:
        try:
            self._root.mkdir(exist_ok=True)
        except OSError as error:
            self._note_failure(str(error))

    def _copy(self) -> None:
        try:
            self._copy_forward()
        except OSError as error:
            self._note_failure(str(error))
        else:
            self.copies += 1
            self._behind = False

    def _copy_forward(self) -> None:
        if not self._root.is_dir():
            raise FileNotFoundError(f"{self._root} is not there")
        theirs, ours = (progress_of(run / "checkpoints", thorough=False) for run in (self.run, self._folder))
        if theirs > ours:
            raise FileExistsError(
                f"{self.run} is at step {theirs[1]}, this run at {ours[1]}; stop and start again to go on from there"
            )
        copy_run(self._folder, self.run)

    def _note_failure(self, reason: str) -> None:
        self.failures += 1
        self._behind = True
        if self.failures == 1:
            logger.warning("mirror: %s; training goes on, and the next checkpoint is copied again", reason)


def copy_run(source: pathlib.Path, target: pathlib.Path) -> None:
    """Makes one folder of a run the copy of another: options, histories, checkpoints, newest previews.

    Every file is whole or not there at any moment. Checkpoints that `source` does not have are removed at the end.

    Raises:
        OSError: If something cannot be read or written.
    """
    # Listed before the histories are copied, so that these reach at least as far.
    checkpoints = list_checkpoints(source / "checkpoints")
    previews = sorted((source / "previews").glob("step-*.png"))[-PREVIEWS_KEPT:]
    for path in (*(source / name for name in TEXTS), *reversed(checkpoints), *previews):
        copy = target / path.relative_to(source)
        if path.is_file() and (path.suffix in (".json", ".jsonl") or not is_copy(path, copy)):
            _copy_file(path, copy)
    for path in list_checkpoints(target / "checkpoints"):
        if path.name not in {checkpoint.name for checkpoint in checkpoints}:
            path.unlink(missing_ok=True)


def _copy_file(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        copy_whole(source, target)
    except FileNotFoundError:
        if source.exists():
            raise
        # Training went on meanwhile and has removed an old checkpoint.
