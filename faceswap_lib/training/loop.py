"""The training loop: step, watch, report, keep, until the last step or until it is stopped."""

import dataclasses
import typing

from faceswap_lib.errors import TrainingError
from faceswap_lib.signals import Stop
from faceswap_lib.training.checkpoint import TrainingState, broken_weights
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.divergence import DivergenceDetector, find_broken
from faceswap_lib.training.preview import Preview
from faceswap_lib.training.train_step import TrainStepper
from faceswap_lib.training.training_logger import TrainingLogger


@dataclasses.dataclass(frozen=True, eq=False)
class Loop:
    """The steps of a training.

    Attributes:
        stepper: Takes them.
        keeper: Writes checkpoints and goes back to them.
        reporter: Is told of them; closed when they end.
        preview: Shows whether the networks still answer to what they read.
        is_guarded: Whether breakdowns are watched for.
        is_over: Asked after every step whether to end before the last.
    """

    stepper: TrainStepper
    keeper: CheckpointManager
    reporter: TrainingLogger
    preview: Preview
    is_guarded: bool
    is_over: typing.Callable[[], bool]

    def run(self, stop: Stop) -> None:
        """Takes steps until all are done, it is over or it is stopped; then there is a checkpoint of the last one."""
        with self.reporter:
            try:
                self._run(stop)
            except KeyboardInterrupt:  # raised by a callback, or by a handler that is not ours
                if not stop.is_asked and not self.stepper.is_stepping:
                    self._save()
                raise

    def _run(self, stop: Stop) -> None:
        stepper, keeper, state = self.stepper, self.keeper, self.stepper.state
        steps, guard = stepper.config.steps, DivergenceDetector(state.watched)
        while state.step < steps:
            phase = stepper.phase().start
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
                guard = DivergenceDetector(state.watched)
                if stop.is_asked:
                    return

    def _save(self) -> None:
        self.stepper.state.history_bytes = self.reporter.flush()
        self.keeper.save()


def _find_damage(state: TrainingState, preview: Preview) -> str | None:
    """What makes a state unfit to be a checkpoint."""
    if broken := broken_weights(state):
        return f"{', '.join(broken)} holds numbers that are none"
    return preview.find_damage(state.networks)


def _check_finite(terms: dict[str, float], step: int) -> None:
    if broken := find_broken(terms):
        raise TrainingError(
            f"step {step}: {', '.join(broken)} is no longer a number; the last checkpoint is whole, go on from it "
            "with a lower learning rate"
        )
