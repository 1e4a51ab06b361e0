"""Training of a run: loads the facesets, resumes from the last checkpoint, runs the loop, and closes the mirror.

Only one process can train a run at a time. The first signal or interrupt ends the training after the current step and
writes a checkpoint, see `signals`. In every case the files of the run are closed and the mirror is brought up to date.
"""

import contextlib
import dataclasses
import logging
import pathlib
import typing

from faceswap_lib.config_fields import nearest
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets import Faceset, FacesetArrays, Workspace
from faceswap_lib.facesets.crop_cache import CROP_CACHE, open_crop_rows, remove_crop_rows
from faceswap_lib.locks import Lock, hold
from faceswap_lib.networks import PRESETS, NetworkConfig, Networks
from faceswap_lib.networks.config import Preset
from faceswap_lib.signals import defer_stop
from faceswap_lib.training.augmentation import DeviceFaceset, to_device, to_streamed
from faceswap_lib.training.backends import distribute
from faceswap_lib.training.checkpoint import TrainingState, load_ema, write_checkpoint
from faceswap_lib.training.config import TRAINING_PRESETS, TrainConfig
from faceswap_lib.training.dataset_checks import COMPARED, check_facesets
from faceswap_lib.training.loop import Loop
from faceswap_lib.training.memory_budget import choose_streamed
from faceswap_lib.training.occlusion_choice import digest_occlusion_masks, settle_occlusion_masks
from faceswap_lib.training.periodic_export import PeriodicExport, WriteModel
from faceswap_lib.training.preview import Preview
from faceswap_lib.training.run_config import LoopConfig
from faceswap_lib.training.run_metadata import (
    CONFIG,
    resolve_network_config,
    stored_networks,
    stored_training,
    write_config,
)
from faceswap_lib.training.run_search import find_run
from faceswap_lib.training.session import Origin, Session, TrainReport, open_mirror
from faceswap_lib.training.train_step import TrainStepper, build_state, reset_state
from faceswap_lib.training.training_logger import PreviewCallback, StepCallback
from faceswap_lib.training.warm_start import agree_with, warm_start

logger = logging.getLogger(__name__)


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
    write_model: WriteModel | None = None,
) -> TrainReport:
    """Trains a run up to its number of steps; resumes from its last checkpoint if there is one.

    Args:
        workspace: Contains both facesets with eye masks; the run is written to `models/<run>`.
        run: Name of the run.
        preset: Name of a network configuration and of the training options for it: "tiny", "lite", "standard" or
            "faceswap-gan". Replaces `network_config` and `config`.
        steps: Total number of steps; None uses the number in the options.
        network_config: Configuration of the networks; None uses that of the run, or the default for a new run.
        config: Options of the training; None uses those of the run, or the default for a new run.
        run_config: Options for checkpoints, previews, logging and devices.
        on_log: Called with every logged step and its loss terms.
        on_preview: Called with every preview image.
        should_stop: Called after every step; if it returns True, a checkpoint is written and the training ends.
        progress: Whether to show progress bars.
        init_from: The run whose networks initialize a new run, see `warm_start.find_run`; None uses random weights.
        write_model: Writes the exports of `run_config.export_every`; `pipeline.exporting.model_writer` returns it.

    Returns:
        A summary of the training.

    Raises:
        WorkspaceError: If a faceset is missing, the run has other networks, or another process is training it; or if
            the run of `init_from` is missing, has other networks, or is not the one that initialized this run.
        CheckpointError: If no checkpoint of the run is intact.
        InputError: If the preset is unknown, there are too few devices, this backend supports only one device,
            `run_config.export_every` is set without `write_model`, or the mirror cannot be used.
        ValueError: If a preset is given together with `network_config` or `config`.
        TrainingError: If a loss is NaN or infinite without the divergence guard, or rollbacks did not help.
        Stopped: If the command line was stopped by a signal; the finished steps are saved.
        KeyboardInterrupt: If a notebook or program was interrupted; the finished steps are saved.
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
    config = settle_occlusion_masks(config, folder, facesets)
    other = None if init_from is None else find_run(workspace, init_from)
    exporter = None
    if run_config.export_every:
        if write_model is None:
            raise InputError("export_every: expected a function that writes models; pass write_model, or set it to 0")
        exporter = PeriodicExport(folder, run_config.export_every, write_model)
    session = Session(
        folder=folder,
        config=config,
        run_config=run_config,
        mirror=open_mirror(folder, run_config),
        on_log=on_log,
        on_preview=on_preview,
        should_stop=should_stop,
        progress=progress,
    )
    with hold(folder, what=f"run '{run}'") as lock:
        return _SwapTraining(session, config, facesets, other, exporter).train(network_config, lock)


@dataclasses.dataclass(frozen=True, eq=False)
class _SwapTraining:
    """One call of `train`; the attributes are its arguments."""

    session: Session
    config: TrainConfig
    facesets: list[Faceset]
    other: pathlib.Path | None
    exporter: PeriodicExport | None

    def train(self, network_config: NetworkConfig | None, lock: Lock) -> TrainReport:
        """Resumes from the last checkpoint, and trains to the end or until it is stopped."""
        session, folder = self.session, self.session.folder
        mirror = session.mirror
        if mirror is not None and (mirror.run / CONFIG).is_file():
            network_config = resolve_network_config(mirror.run, network_config)
        if self.other is not None:
            network_config = agree_with(self.other, network_config)
        network_config = resolve_network_config(folder, network_config).settled()
        if mirror is not None:
            mirror.fetch()
        distribute(session.run_config.devices)
        state = build_state(network_config, self.config)
        begun = session.resume(state, self.other, warm_start)
        resumed_at = state.step
        loop = self._prepare(state, network_config, lock, begun) if state.step < self.config.steps else None
        with defer_stop() as stop:
            with contextlib.ExitStack() as at_the_end:
                if mirror is not None:
                    at_the_end.callback(mirror.close)
                if loop is not None:
                    at_the_end.callback(self._close_crops, state, loop)
                    loop.run(stop)
            stop.saved = session.describe_saved(state)
        return session.report(state, resumed_at)

    def _close_crops(self, state: TrainingState, loop: Loop) -> None:
        """Closes the files of decoded crops; removes them if the training has reached its last step."""
        loop.stepper.close()
        if state.step >= self.config.steps:
            remove_crop_rows(self.session.folder / CROP_CACHE)

    def _prepare(self, state: TrainingState, network_config: NetworkConfig, lock: Lock, begun: Origin | None) -> Loop:
        """Loads the crops and builds the training loop."""
        config, folder, run_config = self.config, self.session.folder, self.session.run_config
        limit = run_config.faceset_memory * 1e9
        streamed = choose_streamed(self.facesets, network_config.stored_size, limit)
        is_masked = config.use_occlusion_masks == "on"
        digests = [digest_occlusion_masks(faceset) for faceset in self.facesets] if is_masked else []
        write_config(folder, network_config, config, self.facesets, init_from=begun, occlusion_digests=digests)
        if begun is not None:  # the source videos of these weights are stored by now, so the weights may be saved
            write_checkpoint(folder / "checkpoints", state)
        people, samples = self._load_people(network_config, streamed)
        for concern in check_facesets(self.facesets, samples) if state.step == 0 else ():
            logger.warning("%s", concern)
        return self.session.build_loop(
            TrainStepper.build(state, people, config, xla=run_config.xla),
            Preview.pick(samples, network_config.resolution),
            reset=lambda: reset_state(state, config),
            check=lock.check,
            exporter=self.exporter,
        )

    def _load_people(
        self, network_config: NetworkConfig, streamed: typing.Sequence[bool]
    ) -> tuple[list[DeviceFaceset], list[FacesetArrays]]:
        """Loads the crops of A and of B as `load_person` does; removes files of crops that are now in memory."""
        rows, is_masked = self.session.folder / CROP_CACHE, self.config.use_occlusion_masks == "on"
        loaded = [
            load_person(
                faceset,
                network_config,
                use_occlusion_masks=is_masked and faceset.has_occlusion_masks,
                progress=self.session.progress,
                rows=rows if is_streamed else None,
            )
            for faceset, is_streamed in zip(self.facesets, streamed, strict=True)
        ]
        for faceset, is_streamed in zip(self.facesets, streamed, strict=True):
            if not is_streamed:
                remove_crop_rows(rows, faceset.folder.name)
        return [people for people, _ in loaded], [sample for _, sample in loaded]


def open_facesets(workspace: Workspace) -> list[Faceset]:
    """Opens the facesets of A and of B."""
    return [Faceset.open(workspace, side) for side in ("src", "dst")]


def load_person(
    faceset: Faceset,
    network_config: NetworkConfig,
    *,
    use_occlusion_masks: bool | None = None,
    progress: bool = False,
    rows: pathlib.Path | None = None,
) -> tuple[DeviceFaceset, FacesetArrays]:
    """Loads the crops of one person to the device, or writes them to a file from which every batch is read.

    With a GPU, only a small sample of the crops stays in main memory.

    Args:
        faceset: The faceset of the person.
        network_config: Determines the size of the crops and the face region.
        use_occlusion_masks: As in `Faceset.load`.
        progress: Whether to show a progress bar.
        rows: The folder of the file; None loads the crops to the device.

    Returns:
        All crops on the device or in the file, and a sample of at most `COMPARED` crops in main memory.
    """
    size, region = network_config.stored_size, network_config.face_region
    if rows is not None:
        opened = open_crop_rows(
            faceset, rows, size, face_region=region, use_occlusion_masks=use_occlusion_masks, progress=progress
        )
        return to_streamed(opened), opened.sample(COMPARED)
    arrays = faceset.load(size, face_region=region, use_occlusion_masks=use_occlusion_masks, progress=progress)
    return to_device(arrays), arrays.sample(COMPARED)


def load_run(workspace: Workspace, run: str = "default") -> tuple[Networks, int]:
    """Loads a trained run for conversion.

    Args:
        workspace: The workspace of the run.
        run: Name of the run.

    Returns:
        The networks with averaged weights, and the step of the checkpoint.

    Raises:
        WorkspaceError: If the run does not exist.
        CheckpointError: If it has no intact checkpoint.
    """
    folder = workspace.run(run)
    if not (folder / CONFIG).is_file():
        raise WorkspaceError(f"no run '{run}' in {workspace.root}; run 'faceswap train' first")
    return load_ema(folder / "checkpoints", stored_networks(folder))
