"""The checkpoint manager: writes checkpoints and backups, updates the mirror, and rolls a diverged run back."""

import logging
import pathlib
import time
import typing

from faceswap_lib.errors import TrainingError
from faceswap_lib.training.checkpoint import TrainingState, read_checkpoint, write_backup, write_checkpoint
from faceswap_lib.training.config import BaseTrainConfig
from faceswap_lib.training.divergence import TRIES
from faceswap_lib.training.history import note_rollback
from faceswap_lib.training.periodic_export import PeriodicExport
from faceswap_lib.training.remote_sync import CheckpointSync
from faceswap_lib.training.run_config import LoopConfig, parse_duration

logger = logging.getLogger(__name__)


class CheckpointManager:
    """Manager of the checkpoints of a run.

    Args:
        folder: The folder of the run.
        state: The state of the training.
        config: Options of the training.
        run_config: Intervals of checkpoints and backups.
        mirror: Mirror of the run, which is updated after every checkpoint; None for no mirror.
        reset: Resets the state to the state before the first step.
        exporter: Exports models after their checkpoints; None for no exports.
        check: Called before a checkpoint is written; raises an error if another process now owns the run.
        clock: Returns seconds since any fixed moment.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        state: TrainingState,
        config: BaseTrainConfig,
        run_config: LoopConfig,
        mirror: CheckpointSync | None,
        *,
        reset: typing.Callable[[], None],
        exporter: PeriodicExport | None = None,
        check: typing.Callable[[], None] = lambda: None,
        clock: typing.Callable[[], float] = time.monotonic,
    ):
        self._check, self._exporter, self._reset = check, exporter, reset
        self._checkpoints, self._rollbacks = folder / "checkpoints", folder / "rollbacks.jsonl"
        self._state, self._config, self._run_config, self._mirror = state, config, run_config, mirror
        self._interval, self._clock = parse_duration(run_config.checkpoint_interval), clock
        self._saved_at = clock()
        self._due = False
        self._backup_due = False

    def note_step(self) -> None:
        """Records whether a checkpoint, a backup or an export is due after this step."""
        step, options = self._state.step, self._run_config
        by_time = self._clock() - self._saved_at >= self._interval
        self._due |= by_time or _is_multiple(step, options.checkpoint_every) or step == self._config.steps
        self._backup_due |= _is_multiple(step, options.backup_every)
        if self._exporter is not None:
            self._exporter.note_step(step)

    @property
    def is_due(self) -> bool:
        """Whether a checkpoint, a backup or an export must be written."""
        return self._due or self._backup_due or (self._exporter is not None and self._exporter.is_due)

    def save(self) -> None:
        """Writes a checkpoint, writes a backup if one is due, updates the mirror, and exports a model if one is due."""
        self._check()
        state = self._state
        if state.step > state.trouble:
            state.strikes = 0
        write_checkpoint(self._checkpoints, state)
        if self._backup_due:
            write_backup(self._checkpoints, state, self._run_config.backups)
        if self._mirror is not None:
            self._mirror.update()
        self._due = self._backup_due = False
        if self._exporter is not None:
            self._exporter.run_if_due(state.averaged, state.step)
        self._saved_at = self._clock()

    def roll_back(self, reason: str) -> None:
        """Restores the last good checkpoint, halves the learning rates and changes the random seed.

        If no checkpoint was written after the step of the last divergence, the training goes back one checkpoint
        further, if there is one.

        Args:
            reason: Description of the divergence.

        Raises:
            TrainingError: If there were already `TRIES` rollbacks without a checkpoint after the step of a divergence.
        """
        state, step, seconds = self._state, self._state.step, self._state.seconds
        rollbacks, strikes = state.rollbacks + 1, state.strikes + 1
        if strikes > TRIES:
            raise TrainingError(
                f"step {step}: {reason}, again after {TRIES} rollbacks; look at the newest preview, then continue with "
                f"a --learning-rate below {self._config.learning_rate * state.learning_rate_factor:.2g} or with "
                "--precision float32, and if this does not help, begin another --run"
            )
        if not read_checkpoint(self._checkpoints, state, skip=strikes - 1):
            self._reset()
        state.rollbacks, state.strikes, state.trouble, state.seconds = rollbacks, strikes, step, seconds
        self._due = self._backup_due = False
        if self._exporter is not None:
            self._exporter.cancel()
        factor = state.learning_rate_factor
        note_rollback(
            self._rollbacks, rollbacks, step=step, reason=reason, back_to=state.step, learning_rate_factor=factor
        )
        logger.warning(
            "step %d: %s; back to step %d with %g of the learning rate and other batches",
            step,
            reason,
            state.step,
            factor,
        )
        self.save()


def _is_multiple(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
