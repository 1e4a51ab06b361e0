"""Training: read the facesets, go on from the last checkpoint, run the loop, close the mirror.

A run belongs to one training at a time. The first signal or interrupt ends it behind the step under way, with a
checkpoint, see `signals`; however it ends, its files are closed and its mirror gets what it lacks.
"""

import contextlib
import dataclasses
import logging
import pathlib
import time
import typing

from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets import Faceset, FacesetArrays, Workspace
from faceswap_lib.locks import Lock, hold
from faceswap_lib.networks import PRESETS, NetworkConfig, Networks
from faceswap_lib.networks.config import Preset
from faceswap_lib.signals import defer_stop
from faceswap_lib.training.augmentation import DeviceFaceset, to_device
from faceswap_lib.training.backends import distribute
from faceswap_lib.training.checkpoint import TrainingState, load_ema, read_checkpoint, write_checkpoint
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.config import TRAINING_PRESETS, TrainConfig
from faceswap_lib.training.dataset_checks import COMPARED, check_facesets
from faceswap_lib.training.loop import Loop
from faceswap_lib.training.memory_budget import check_memory
from faceswap_lib.training.preview import Preview
from faceswap_lib.training.remote_sync import CheckpointSync
from faceswap_lib.training.run_config import LoopConfig, parse_duration
from faceswap_lib.training.run_metadata import (
    CONFIG,
    resolve_network_config,
    stored_networks,
    stored_training,
    write_config,
)
from faceswap_lib.training.train_step import TrainStepper, build_state
from faceswap_lib.training.training_logger import PreviewCallback, StepCallback, TrainingLogger
from faceswap_lib.training.warm_start import agree_with, check_begun_from, find_run, warm_start

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainReport:
    """What a training did.

    Attributes:
        folder: The run's folder.
        resumed_at: The step it went on from, 0 when it began anew.
        step: The last step done.
        steps: The steps asked for; more than `step` when it was stopped before.
        seconds: How long this call took.
        seconds_in_all: How long the steps of all calls took.
        rollbacks: How often the guard has gone back in this run.
        mirror_failures: How many copies to the mirror failed in this call.
    """

    folder: pathlib.Path
    resumed_at: int
    step: int
    steps: int
    seconds: float
    seconds_in_all: float = 0.0
    rollbacks: int = 0
    mirror_failures: int = 0


def train(
    workspace: Workspace,
    *,
    run: str = "default",
    preset: Preset | None = None,
    steps: int | None = None,
    network_config: NetworkConfig | None = None,
    config: TrainConfig | None = None,
    run_config: LoopConfig | None = None,
    on_log: StepCallback | None = None,
    on_preview: PreviewCallback | None = None,
    should_stop: typing.Callable[[], bool] | None = None,
    progress: bool = False,
    init_from: str | None = None,
) -> TrainReport:
    """Trains a run to its number of steps, going on from its last checkpoint if there is one.

    Args:
        workspace: Holds both facesets with eye masks; gets `models/<run>`.
        run: Name of the run.
        preset: Networks and the options of training that go with them, for both of which it stands: "tiny", "lite",
            "standard" or "faceswap-gan".
        steps: How many steps are trained in all; those of the options if not given.
        network_config: Which networks; None means the run's own, or the default for a new run.
        config: Options of the training; None means the run's own, or the default for a new run.
        run_config: How the run is kept and watched.
        on_log: Called with every logged step and its terms.
        on_preview: Called with every preview picture.
        should_stop: Asked after every step; once it says yes, a checkpoint is written and training ends.
        progress: Show progress bars.
        init_from: Whose networks a new run begins with, see `warm_start.find_run`; None begins with noise.

    Returns:
        What was done.

    Raises:
        WorkspaceError: If a faceset is missing, the run was made with other networks, or another training has it; if
            the run to begin from is not there, has other networks, or is not the one that this run was begun from.
        CheckpointError: If none of the run's checkpoints is whole.
        InputError: If there are not as many devices, or this backend trains on one alone, or the crops do not fit
            into memory.
        ValueError: If a preset is given and networks or options as well.
        TrainingError: If a loss is no longer a number, or the guard has gone back in vain.
        Stopped: If the command line was stopped by a signal; what was done is saved.
        KeyboardInterrupt: If a notebook or program was interrupted; what was done is saved.
    """
    if preset is not None:
        if network_config is not None or config is not None:
            raise ValueError(f"expected preset {preset} or network_config and config, got both")
        if preset not in PRESETS:
            raise InputError(f"unknown preset '{preset}'{nearest(preset, PRESETS)}")
        network_config, config = PRESETS[preset], TRAINING_PRESETS[preset]
    folder, run_config = workspace.run(run), run_config or LoopConfig()
    config = config or stored_training(folder) or TrainConfig()
    if steps is not None:
        config = dataclasses.replace(config, steps=steps)
    facesets = open_facesets(workspace)
    apart = parse_duration(run_config.sync_interval)
    mirror = CheckpointSync(folder, run_config.sync_dir, interval=apart) if run_config.sync_dir else None
    other = None if init_from is None else find_run(workspace, init_from)
    session = _Session(folder, facesets, config, run_config, mirror, on_log, on_preview, should_stop, progress, other)
    with hold(folder, what=f"run '{run}'") as lock:
        return session.train(network_config, lock)


@dataclasses.dataclass(frozen=True, eq=False)
class _Session:
    """One call of `train`, whose arguments its attributes are."""

    folder: pathlib.Path
    facesets: list[Faceset]
    config: TrainConfig
    run_config: LoopConfig
    mirror: CheckpointSync | None
    on_log: StepCallback | None
    on_preview: PreviewCallback | None
    should_stop: typing.Callable[[], bool] | None
    progress: bool
    other: pathlib.Path | None
    began: float = dataclasses.field(default_factory=time.monotonic)

    def train(self, network_config: NetworkConfig | None, lock: Lock) -> TrainReport:
        """Goes on from the last checkpoint, and trains to the end or until it is stopped."""
        mirror = self.mirror
        if mirror is not None and (mirror.run / CONFIG).is_file():
            network_config = resolve_network_config(mirror.run, network_config)
        if self.other is not None:
            network_config = agree_with(self.other, network_config)
        network_config = resolve_network_config(self.folder, network_config).settled()
        if mirror is not None:
            mirror.fetch()
        distribute(self.run_config.devices)
        state = build_state(network_config, self.config)
        has_checkpoint = read_checkpoint(self.folder / "checkpoints", state)
        resumed_at, begun = state.step, None
        if self.other is not None and state.step == 0:
            begun = warm_start(state, self.other)
        else:
            check_begun_from(self.folder, self.other, has_checkpoint=has_checkpoint)
        loop = self._prepare(state, network_config, lock, begun) if state.step < self.config.steps else None
        with defer_stop() as stop:
            with contextlib.ExitStack() as at_the_end:
                if mirror is not None:
                    at_the_end.callback(mirror.close)
                if loop is not None:
                    loop.run(stop)
            stop.saved = f"step {state.step} of {self.config.steps} is saved in {self.folder}"
        return TrainReport(
            folder=self.folder,
            resumed_at=resumed_at,
            step=state.step,
            steps=self.config.steps,
            seconds=time.monotonic() - self.began,
            seconds_in_all=state.seconds,
            rollbacks=state.rollbacks,
            mirror_failures=mirror.failures if mirror else 0,
        )

    def _prepare(
        self, state: TrainingState, network_config: NetworkConfig, lock: Lock, begun: dict[str, object] | None
    ) -> Loop:
        """Loads the crops and builds all that takes part in the loop."""
        config, run_config, size = self.config, self.run_config, network_config.stored_size
        check_memory(self.facesets, size)
        write_config(self.folder, network_config, config, self.facesets, init_from=begun)
        if begun is not None:  # whose faces they know is noted by now, so these weights may stay
            write_checkpoint(self.folder / "checkpoints", state)
        loaded = [load_person(faceset, network_config, progress=self.progress) for faceset in self.facesets]
        people, samples = zip(*loaded, strict=True)
        for concern in check_facesets(self.facesets, samples) if state.step == 0 else ():
            logger.warning("%s", concern)
        keeper = CheckpointManager(self.folder, state, config, run_config, self.mirror, check=lock.check)
        stepper = TrainStepper.build(state, people, config, xla=run_config.xla)
        preview = Preview.pick(samples, network_config.resolution)
        reporter = TrainingLogger(
            self.folder,
            run_config,
            step=state.step,
            steps=config.steps,
            history_bytes=state.history_bytes,
            draw=lambda: preview.draw(state.averaged),
            on_log=self.on_log,
            on_preview=self.on_preview,
            progress=self.progress,
        )
        stop_at = self.began + parse_duration(run_config.max_time)

        def is_over() -> bool:
            return time.monotonic() >= stop_at or (self.should_stop is not None and self.should_stop())

        return Loop(stepper, keeper, reporter, preview, run_config.divergence_guard, is_over)


def open_facesets(workspace: Workspace) -> list[Faceset]:
    """Opens the facesets of A and of B."""
    return [Faceset.open(workspace, side) for side in ("src", "dst")]


def load_person(
    faceset: Faceset, network_config: NetworkConfig, *, progress: bool = False
) -> tuple[DeviceFaceset, FacesetArrays]:
    """Loads one person's crops onto the device.

    Nothing of them stays in main memory but a few, unless that is where the device computes.

    Args:
        faceset: The person's.
        network_config: Says at which size the device gets them, and what of them is face.
        progress: Show a progress bar.

    Returns:
        All of them on the device, and at most `COMPARED` to look at.
    """
    size, region = network_config.stored_size, network_config.face_region
    arrays = faceset.load(size, face_region=region, progress=progress)
    return to_device(arrays), arrays.sample(COMPARED)


def load_run(workspace: Workspace, run: str = "default") -> tuple[Networks, int]:
    """Loads a trained run for conversion.

    Returns:
        The networks with averaged weights, and the step they were saved at.

    Raises:
        WorkspaceError: If there is no such run.
        CheckpointError: If it has no whole checkpoint.
    """
    folder = workspace.run(run)
    if not (folder / CONFIG).is_file():
        raise WorkspaceError(f"no run '{run}' in {workspace.root}; run 'faceswap train' first")
    return load_ema(folder / "checkpoints", stored_networks(folder))
