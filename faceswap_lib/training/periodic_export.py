"""Exports of a run during its training: one model file every N steps; the newest three are kept.

The function that writes a model is given from outside, because exports need the room `conversion`, which comes later.
"""

import logging
import pathlib
import re
import typing

from faceswap_lib.atomic_io import remove_emptied
from faceswap_lib.errors import FaceswapError
from faceswap_lib.networks import Networks

logger = logging.getLogger(__name__)

EXPORTS = "exports"
"""Folder of the exports inside the folder of a run."""

KEPT = 3
"""Number of exports that are kept."""

NAME = re.compile(r"model_(\d+)\.dfm")

FAILURES = (
    *(FaceswapError, OSError, ImportError, MemoryError, RuntimeError),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)
"""Errors of an export that do not end the training."""

WriteModel = typing.Callable[[pathlib.Path, Networks, int], object]
"""Function that writes a model atomically: takes the path, the networks with averaged weights, and their step."""


class PeriodicExport:
    """Writer of a model every N steps, after the checkpoint of that step.

    An export that fails is reported in the log, and the training continues. The training waits for an export.

    Args:
        folder: The folder of the run; models are written to its folder `exports`, as `model_STEP.dfm`.
        every: Steps between exports; 0 for none.
        write: Writes a model.

    Attributes:
        failures: Number of exports that failed.
    """

    def __init__(self, folder: pathlib.Path, every: int, write: WriteModel):
        self._folder, self._every, self._write = folder / EXPORTS, every, write
        self._due = False
        self.failures = 0

    @property
    def is_due(self) -> bool:
        """Whether a model must be written after the next checkpoint."""
        return self._due

    def note_step(self, step: int) -> None:
        """Records whether an export is due after this step."""
        self._due |= self._every > 0 and step % self._every == 0

    def cancel(self) -> None:
        """Cancels an export that is due, because the step was rolled back."""
        self._due = False

    def run_if_due(self, networks: Networks, step: int) -> None:
        """Writes a model if one is due, and removes all but the newest `KEPT`.

        Args:
            networks: The networks with averaged weights.
            step: Their step.
        """
        if not self._due:
            return
        self._due = False
        path = self._folder / f"model_{step}.dfm"
        try:
            self._write(path, networks, step)
            for old in list_exports(self._folder.parent)[KEPT:]:
                for file in (old, old.with_name(f"{old.name}.md")):
                    remove_emptied(file)
        except FAILURES as error:
            self.failures += 1
            logger.warning("step %d could not be exported to %s: %s; the training continues", step, path, error)


def list_exports(folder: pathlib.Path) -> list[pathlib.Path]:
    """Lists the exported models of a run, newest first.

    Args:
        folder: The folder of the run.
    """
    found = [(int(match[1]), path) for path in (folder / EXPORTS).glob("*.dfm") if (match := NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]
