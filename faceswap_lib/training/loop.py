"""The training loop: takes steps, checks them for divergence, logs them, and writes checkpoints."""

import dataclasses
import typing

from faceswap_lib.errors import TrainingError
from faceswap_lib.signals import Stop
from faceswap_lib.training.checkpoint import TrainingState, broken_weights
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.divergence import WATCHED, DivergenceDetector, find_broken
from faceswap_lib.training.training_logger import TrainingLogger


class AnyStepper(typing.Protocol):
    """Protocol of an executor of training steps.

    Attributes:
        state: The state of the training; every step changes it.
        is_stepping: Whether a step is running, or was ended by an error; the state is then between two steps.
    """

    state: TrainingState
    is_stepping: bool

    @property
    def steps(self) -> int:
        """Total number of steps."""
        ...

    @property
    def phase_start(self) -> float:
        """Start of the current phase of the schedule, as a fraction of all steps."""
        ...

    def step(self) -> dict[str, float]:
        """Takes the next step; returns its loss terms by name."""
        ...

    def close(self) -> None:
        """Closes the files from which the steps read."""
        ...


class DamageFinder(typing.Protocol):
    """Protocol of a preview whose faces show whether the networks still work."""

    def find_damage(self, networks: typing.Any) -> str | None:
        """Describes a degenerate output of the networks; None if there is none."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Loop:
    """Training loop.

    Attributes:
        stepper: Takes the steps.
        keeper: Writes checkpoints and restores them in a rollback.
        reporter: Logs the steps; closed at the end.
        preview: Faces on which degenerate outputs are detected.
        is_guarded: Whether the divergence guard is on.
        is_over: Called after every step; returns True to end the training early.
        watched: Names of the loss terms that the divergence guard watches.
    """

    stepper: AnyStepper
    keeper: CheckpointManager
    reporter: TrainingLogger
    preview: DamageFinder
    is_guarded: bool
    is_over: typing.Callable[[], bool]
    watched: tuple[str, ...] = WATCHED

    def run(self, stop: Stop) -> None:
        """Takes steps until the last step, until `is_over` returns True, or until a stop is requested.

        The last step that was taken is then in a checkpoint.
        """
        with self.reporter:
            try:
                self._run(stop)
            except KeyboardInterrupt:  # raised by a callback, or by a signal handler of the host program
                if not stop.is_asked and not self.stepper.is_stepping:
                    self._save()
                raise

    def _run(self, stop: Stop) -> None:
        stepper, keeper, state = self.stepper, self.keeper, self.stepper.state
        steps, guard = stepper.steps, DivergenceDetector(state.watched, self.watched)
        while state.step < steps:
            phase = stepper.phase_start
            terms = stepper.step()
            if self.is_guarded:
                trouble = guard.update(terms, phase=phase, swapped=state.swapped)
            else:
                trouble = _check_finite(terms, state.step)
            over = self.is_over()
            if trouble is None:
                self.reporter.log_step(state.step, terms)
                keeper.note_step()
                waits = keeper.is_due or over
                if stop.is_asked or (waits and (guard.calm or state.step == steps)):
                    trouble = _find_damage(state, self.preview) if self.is_guarded else None
                    if trouble is None:
                        self._save()
                        if over or stop.is_asked:
                            return
            if trouble is not None:
                keeper.roll_back(trouble)
                self.reporter.go_back(state.step, state.history_bytes)
                guard = DivergenceDetector(state.watched, self.watched)
                if stop.is_asked:
                    return

    def _save(self) -> None:
        self.stepper.state.history_bytes = self.reporter.flush()
        self.keeper.save()


def _find_damage(state: TrainingState, preview: DamageFinder) -> str | None:
    """Describes why a state must not be saved as a checkpoint; None if it is valid."""
    if broken := broken_weights(state):
        return f"{', '.join(broken)} contains NaN or infinity"
    return preview.find_damage(state.networks)


def _check_finite(terms: dict[str, float], step: int) -> None:
    if broken := find_broken(terms):
        raise TrainingError(
            f"step {step}: {', '.join(broken)} is NaN or infinite; the last checkpoint is intact, continue from it "
            "with a lower learning rate"
        )
