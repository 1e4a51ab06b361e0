"""The training loop: read the facesets, go on from the last checkpoint, step, report, keep."""

import dataclasses
import logging
import pathlib
import time
import typing

from faceswap_lib.errors import TrainingError, WorkspaceError
from faceswap_lib.facesets import Faceset, FacesetArrays, Workspace
from faceswap_lib.networks import NetworkConfig, Networks
from faceswap_lib.training.augmentation import DeviceFaces, to_device
from faceswap_lib.training.backends import distribute
from faceswap_lib.training.checkpoint import TrainingState, broken_weights, load_averaged, read_checkpoint
from faceswap_lib.training.concerns import COMPARED, find_concerns
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.guard import Guard, find_broken
from faceswap_lib.training.keeper import Keeper
from faceswap_lib.training.memory_budget import check_memory
from faceswap_lib.training.mirror import Mirror
from faceswap_lib.training.preview import Preview
from faceswap_lib.training.reporter import PreviewCallback, Reporter, StepCallback
from faceswap_lib.training.run_config import RunConfig, parse_duration
from faceswap_lib.training.run_folder import CONFIG, agree_networks, stored_networks, write_config
from faceswap_lib.training.steps import Stepper, build_state

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
    network_config: NetworkConfig | None = None,
    config: TrainConfig | None = None,
    run_config: RunConfig | None = None,
    on_log: StepCallback | None = None,
    on_preview: PreviewCallback | None = None,
    should_stop: typing.Callable[[], bool] | None = None,
    progress: bool = False,
) -> TrainReport:
    """Trains a run to its number of steps, going on from its last checkpoint if there is one.

    Args:
        workspace: Holds both facesets with eye masks; gets `models/<run>`.
        run: Name of the run.
        network_config: Which networks; None means the run's own, or the default for a new run.
        config: Options of the training.
        run_config: How the run is kept and watched.
        on_log: Called with every logged step and its terms.
        on_preview: Called with every preview picture.
        should_stop: Asked after every step; once it says yes, a checkpoint is written and training ends.
        progress: Show progress bars.

    Returns:
        What was done.

    Raises:
        WorkspaceError: If a faceset is missing, or the run was made with other networks.
        CheckpointError: If none of the run's checkpoints is whole.
        InputError: If there are not as many devices, or this backend trains on one alone, or the crops do not fit
            into memory.
        TrainingError: If a loss is no longer a number, or the guard has gone back in vain.
    """
    config, run_config = config or TrainConfig(), run_config or RunConfig()
    began = time.monotonic()
    facesets = open_facesets(workspace)
    folder = workspace.run(run)
    apart = parse_duration(run_config.mirror_interval)
    mirror = Mirror(folder, run_config.mirror, interval=apart) if run_config.mirror else None
    if mirror is not None and (mirror.run / CONFIG).is_file():
        network_config = agree_networks(mirror.run, network_config)
    network_config = agree_networks(folder, network_config)
    if mirror is not None:
        mirror.fetch()
    distribute(run_config.devices)
    state = build_state(network_config, config)
    read_checkpoint(folder / "checkpoints", state)
    resumed_at = state.step
    if state.step < config.steps:
        check_memory(facesets, network_config.stored_size)
        write_config(folder, network_config, config, facesets)
        loaded = [load_person(faceset, network_config.stored_size, progress=progress) for faceset in facesets]
        people, samples = zip(*loaded, strict=True)
        for concern in find_concerns(facesets, samples) if state.step == 0 else ():
            logger.warning("%s", concern)
        keeper = Keeper(folder, state, config, run_config, mirror)
        stepper = Stepper.build(state, people, config, xla=run_config.xla)
        preview = Preview.pick(samples, network_config.resolution)
        del loaded, samples
        reporter = Reporter(
            folder,
            run_config,
            step=state.step,
            steps=config.steps,
            history_bytes=state.history_bytes,
            draw=lambda: preview.draw(state.averaged),
            on_log=on_log,
            on_preview=on_preview,
            progress=progress,
        )
        with reporter:
            stop_at = began + parse_duration(run_config.until)

            def is_over() -> bool:
                return time.monotonic() >= stop_at or (should_stop is not None and should_stop())

            _run_steps(stepper, keeper, reporter, preview, guarded=run_config.guard, is_over=is_over)
    if mirror is not None:
        mirror.close()
    return TrainReport(
        folder=folder,
        resumed_at=resumed_at,
        step=state.step,
        steps=config.steps,
        seconds=time.monotonic() - began,
        seconds_in_all=state.seconds,
        rollbacks=state.rollbacks,
        mirror_failures=mirror.failures if mirror else 0,
    )


def open_facesets(workspace: Workspace) -> list[Faceset]:
    """Opens the facesets of A and of B."""
    return [Faceset.open(workspace, side) for side in ("src", "dst")]


def load_person(faceset: Faceset, size: int, *, progress: bool = False) -> tuple[DeviceFaces, FacesetArrays]:
    """Loads one person's crops onto the device.

    Nothing of them stays in main memory but a few, unless that is where the device computes.

    Args:
        faceset: The person's.
        size: Side in pixels at which the device gets them.
        progress: Show a progress bar.

    Returns:
        All of them on the device, and at most `COMPARED` to look at.
    """
    arrays = faceset.load(size, progress=progress)
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
    return load_averaged(folder / "checkpoints", stored_networks(folder))


def _run_steps(
    stepper: Stepper,
    keeper: Keeper,
    reporter: Reporter,
    preview: Preview,
    *,
    guarded: bool,
    is_over: typing.Callable[[], bool],
) -> None:
    """Takes steps until all are done or it is over before."""
    state, steps = stepper.state, stepper.config.steps
    guard = Guard(state.watched)
    while state.step < steps:
        phase = stepper.phase().start
        terms = stepper.take()
        if not guarded:
            _check_finite(terms, state.step)
        trouble = guard.watch(terms, phase=phase, swapped=state.swapped) if guarded else None
        over = is_over()
        if trouble is None:
            reporter.tell(state.step, terms)
            keeper.note_step()
            if (keeper.is_due or over) and (guard.calm or state.step == steps):
                trouble = _find_damage(state, preview) if guarded else None
                if trouble is None:
                    state.history_bytes = reporter.flush()
                    keeper.save()
                    if over:
                        return
        if trouble is not None:
            keeper.roll_back(trouble)
            reporter.go_back(state.step, state.history_bytes)
            guard = Guard(state.watched)


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
