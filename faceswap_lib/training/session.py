"""One call of a training: what the trainings of a face swap and of a reenactment have in common."""

import dataclasses
import pathlib
import time
import typing

import numpy as np

from faceswap_lib.training.checkpoint import AnyNetworks, TrainingState, read_checkpoint
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.config import BaseTrainConfig
from faceswap_lib.training.divergence import WATCHED
from faceswap_lib.training.loop import AnyStepper, DamageFinder, Loop
from faceswap_lib.training.periodic_export import PeriodicExport
from faceswap_lib.training.remote_sync import CheckpointSync
from faceswap_lib.training.run_config import LoopConfig, parse_duration
from faceswap_lib.training.training_logger import PreviewCallback, StepCallback, TrainingLogger
from faceswap_lib.training.warm_start import check_begun_from

Origin = dict[str, object]
"""What `config.json` stores of the run that a run begins with: `id`, `name`, `step`, `learnt_from`."""


class AnyPreview(DamageFinder, typing.Protocol):
    """Protocol of a preview."""

    def draw(self, networks: typing.Any) -> np.ndarray:
        """Draws the preview image, (H, W, 3) uint8 RGB."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainReport:
    """Summary of one call of a training.

    Attributes:
        folder: The folder of the run.
        resumed_at: The step from which the training resumed; 0 for a new run.
        step: Number of steps that are done.
        steps: Number of steps that were requested; more than `step` if the training was stopped early.
        seconds: Duration of this call in seconds.
        seconds_in_all: Duration of the steps of all calls in seconds.
        rollbacks: Number of rollbacks in this run.
        mirror_failures: Number of failed copies to the mirror in this call.
    """

    folder: pathlib.Path
    resumed_at: int
    step: int
    steps: int
    seconds: float
    seconds_in_all: float = 0.0
    rollbacks: int = 0
    mirror_failures: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Session:
    """One call of a training: its run, its options, and who follows it.

    Attributes:
        folder: The folder of the run.
        config: Options of the training.
        run_config: Options for checkpoints, previews, logging and devices.
        mirror: Mirror of the run; None for no mirror.
        on_log: Called with every logged step and its loss terms.
        on_preview: Called with every preview image.
        should_stop: Called after every step; returns True to end the training early.
        progress: Whether to show progress bars.
        began: Time of the call, in seconds of `time.monotonic`.
    """

    folder: pathlib.Path
    config: BaseTrainConfig
    run_config: LoopConfig
    mirror: CheckpointSync | None
    on_log: StepCallback | None = None
    on_preview: PreviewCallback | None = None
    should_stop: typing.Callable[[], bool] | None = None
    progress: bool = False
    began: float = dataclasses.field(default_factory=time.monotonic)

    def resume(
        self,
        state: TrainingState[AnyNetworks],
        other: pathlib.Path | None,
        start_from: typing.Callable[[TrainingState[AnyNetworks], pathlib.Path], Origin],
    ) -> Origin | None:
        """Reads the last checkpoint into a state; a new run may begin with the networks of another run.

        Args:
            state: The state before the first step; changed in place.
            other: The folder of the other run; None for none.
            start_from: Copies the networks of the other run into the state; returns what `config.json` stores of it.

        Returns:
            The result of `start_from`; None if it was not called.

        Raises:
            CheckpointError: If no checkpoint of the run is intact.
            WorkspaceError: If the run was not begun from `other`; see `warm_start.check_begun_from`.
        """
        has_checkpoint = read_checkpoint(self.folder / "checkpoints", state)
        if other is not None and state.step == 0:
            return start_from(state, other)
        check_begun_from(self.folder, other, has_checkpoint=has_checkpoint)
        return None

    def build_loop(
        self,
        stepper: AnyStepper,
        preview: AnyPreview,
        *,
        reset: typing.Callable[[], None],
        check: typing.Callable[[], None],
        exporter: PeriodicExport | None = None,
        watched: tuple[str, ...] = WATCHED,
    ) -> Loop:
        """Builds the training loop.

        Args:
            stepper: Takes the steps.
            preview: Draws the preview, and detects degenerate outputs.
            reset: Resets the state to the state before the first step.
            check: Raises an error if another process now owns the run.
            exporter: Exports models after their checkpoints; None for no exports.
            watched: Names of the loss terms that the divergence guard watches.
        """
        state, run_config = stepper.state, self.run_config
        keeper = CheckpointManager(
            self.folder, state, self.config, run_config, self.mirror, reset=reset, exporter=exporter, check=check
        )
        reporter = TrainingLogger(
            self.folder,
            run_config,
            step=state.step,
            steps=self.config.steps,
            history_bytes=state.history_bytes,
            draw=lambda: preview.draw(state.averaged),
            on_log=self.on_log,
            on_preview=self.on_preview,
            progress=self.progress,
        )
        return Loop(stepper, keeper, reporter, preview, run_config.divergence_guard, self.is_over, watched)

    def is_over(self) -> bool:
        """Checks whether the time is up, or the caller ends the training."""
        has_time = time.monotonic() < self.began + parse_duration(self.run_config.max_time)
        return not has_time or (self.should_stop is not None and self.should_stop())

    def describe_saved(self, state: TrainingState) -> str:
        """Formats what is saved, for the message about a training that was stopped."""
        return f"step {state.step} of {self.config.steps} is saved in {self.folder}"

    def report(self, state: TrainingState, resumed_at: int) -> TrainReport:
        """Summarizes this call, which resumed at a step."""
        return TrainReport(
            folder=self.folder,
            resumed_at=resumed_at,
            step=state.step,
            steps=self.config.steps,
            seconds=time.monotonic() - self.began,
            seconds_in_all=state.seconds,
            rollbacks=state.rollbacks,
            mirror_failures=self.mirror.failures if self.mirror else 0,
        )


def open_mirror(folder: pathlib.Path, run_config: LoopConfig) -> CheckpointSync | None:
    """Opens the mirror of a run, if `run_config` names one.

    Raises:
        InputError: If the parent folder of the mirror does not exist.
    """
    if not run_config.sync_dir:
        return None
    return CheckpointSync(folder, run_config.sync_dir, interval=parse_duration(run_config.sync_interval))
