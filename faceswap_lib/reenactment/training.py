"""Training of a reenactment system: the loop, checkpoints and exact resume are those of a face swap's training."""

import contextlib
import dataclasses
import pathlib
import time
import typing
from collections.abc import Sequence

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.locks import hold
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig, parse_weights
from faceswap_lib.reenactment.crops import hold_out
from faceswap_lib.reenactment.identities import CROPS_PER_PERSON, StreamedPeople, load_identities
from faceswap_lib.reenactment.identity_folders import IdentityFolder
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.people import ReenactmentDataset, load_people, open_people
from faceswap_lib.reenactment.preview import PairPreview
from faceswap_lib.reenactment.run_notes import (
    USUAL_RUN,
    check_people,
    read_networks,
    read_training,
    resolve_networks,
    write_notes,
)
from faceswap_lib.reenactment.stepper import PairStepper
from faceswap_lib.reenactment.system import open_system
from faceswap_lib.reenactment.tier_selection import select_tiers
from faceswap_lib.reenactment.warm_start import agree_with, start_from
from faceswap_lib.signals import defer_stop
from faceswap_lib.training.backends import distribute
from faceswap_lib.training.checkpoint import load_ema_weights, read_checkpoint, write_checkpoint
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.loop import Loop
from faceswap_lib.training.remote_sync import CheckpointSync
from faceswap_lib.training.run_config import LoopConfig, parse_duration
from faceswap_lib.training.run_search import find_run
from faceswap_lib.training.train_step import copy_state, new_state
from faceswap_lib.training.trainer import TrainReport
from faceswap_lib.training.training_logger import PreviewCallback, StepCallback, TrainingLogger
from faceswap_lib.training.warm_start import check_begun_from

WATCHED = ("reconstruction",)
"""Loss terms that the divergence guard watches."""


def train_reenactment(
    workspaces: Sequence[Workspace],
    *,
    run: str = USUAL_RUN,
    steps: int | None = None,
    network_config: ReenactmentNetworkConfig | None = None,
    config: ReenactmentTrainConfig | None = None,
    run_config: LoopConfig | None = None,
    on_log: StepCallback | None = None,
    on_preview: PreviewCallback | None = None,
    should_stop: typing.Callable[[], bool] | None = None,
    progress: bool = False,
    init_from: str | None = None,
    identities: IdentityFolder | None = None,
    crops_per_person: int = CROPS_PER_PERSON,
) -> TrainReport:
    """Trains a reenactment system up to its number of steps; resumes from its last checkpoint if there is one.

    Args:
        workspaces: Their people are trained on; the run is written to `models/<run>` of the first. With `identities`
            exactly one, whose facesets, if it has any, are not used.
        run: Name of the run.
        steps: Total number of steps; None uses the number in the options.
        network_config: The system and its networks; None uses those of the run, or the default for a new run.
        config: Options of the training; None uses those of the run, or the default for a new run.
        run_config: Options for checkpoints, previews, logging and devices.
        on_log: Called with every logged step and its loss terms.
        on_preview: Called with every preview image.
        should_stop: Called after every step; if it returns True, a checkpoint is written and the training ends.
        progress: Whether to show progress bars.
        init_from: The run whose networks a new run begins with, see `training.run_search.find_run`; None begins with
            random weights.
        identities: A folder of people, from `identity_folders.open_identities`, whose aligned faces are stored in the
            workspace and read from disk during the training, so any number of people is possible. None trains on the
            facesets of the workspaces.
        crops_per_person: Largest number of pictures of each person of `identities`.

    Returns:
        A summary of the training.

    Raises:
        WorkspaceError: If a faceset is missing, the run has other networks or another kind of people, or another
            process is training it; or if the run of `init_from` is missing, has other networks, or is not the one that
            this run began with.
        CheckpointError: If no checkpoint of the run, or of that of `init_from`, is intact.
        InputError: If no network for 68 landmarks is installed, or an option is not valid for the system.
        TrainingError: If a loss is NaN or infinite, or rollbacks did not help.
        Stopped: If the command line was stopped by a signal; the finished steps are saved.
        KeyboardInterrupt: If a notebook or program was interrupted; the finished steps are saved.
    """
    began, run_config = time.monotonic(), run_config or LoopConfig()
    folder = workspaces[0].run(run)
    config = config or read_training(folder) or ReenactmentTrainConfig()
    if steps is not None:
        config = dataclasses.replace(config, steps=steps)
    if identities is not None and len(workspaces) != 1:
        raise InputError(f"identities: expected one workspace, got {len(workspaces)}; leave out --people")
    facesets = {} if identities is not None else open_people(workspaces)
    check_people(folder, identities)
    other = None if init_from is None else find_run(workspaces[0], init_from, usual=USUAL_RUN)
    with hold(folder, what=f"run '{run}'") as lock:
        mirror = _open_mirror(folder, run_config)
        if other is not None:
            network_config = agree_with(other, network_config)
        networks = resolve_networks(folder, network_config)
        if mirror is not None:
            mirror.fetch()
        distribute(run_config.devices)
        system = open_system(networks.system)
        parse_weights(config.loss_weights, system.loss_weights)  # wrong names are refused before the crops are read
        state = new_state(lambda: system.build_networks(networks), config)
        has_checkpoint, begun = read_checkpoint(folder / "checkpoints", state), None
        resumed_at = state.step
        if other is not None and state.step == 0:
            begun = start_from(state, other)
        else:
            check_begun_from(folder, other, has_checkpoint=has_checkpoint)
        with defer_stop() as stop, contextlib.ExitStack() as at_the_end:
            if mirror is not None:
                at_the_end.callback(mirror.close)
            if state.step < config.steps:
                size = networks.stored_size
                if identities is None:
                    people = load_people(facesets, size, heads=system.needs_heads, progress=progress)
                else:
                    people = load_identities(
                        identities, workspaces[0], size, crops_per_person=crops_per_person, progress=progress
                    )
                people = _choose(people, config)
                write_notes(folder, networks, config, facesets, identities=identities, begun=begun)
                if begun is not None:  # the sources of these weights are stored by now, so the weights may be saved
                    write_checkpoint(folder / "checkpoints", state)
                stepper = PairStepper(state, system, people, config, xla=run_config.xla)
                at_the_end.callback(stepper.close)
                preview = PairPreview.pick(system, people, networks.resolution)
                stop_at = began + parse_duration(run_config.max_time)

                def reset() -> None:
                    copy_state(new_state(lambda: system.build_networks(networks), config), state)

                def is_over() -> bool:
                    return time.monotonic() >= stop_at or (should_stop is not None and should_stop())

                keeper = CheckpointManager(folder, state, config, run_config, mirror, reset=reset, check=lock.check)
                reporter = TrainingLogger(
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
                Loop(stepper, keeper, reporter, preview, run_config.divergence_guard, is_over, WATCHED).run(stop)
            stop.saved = f"step {state.step} of {config.steps} is saved in {folder}"
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


def _choose(
    people: ReenactmentDataset | StreamedPeople, config: ReenactmentTrainConfig
) -> ReenactmentDataset | StreamedPeople:
    """Chooses the crops to train on: without the held-out ones, and of the wanted difficulty."""
    if config.hold_out:
        people, _ = hold_out(people, config.hold_out)
    return select_tiers(people, config.difficulty)


def load_reenactment(workspace: Workspace, run: str = USUAL_RUN) -> tuple[ReenactmentNetworks, int]:
    """Loads a trained run with its averaged weights.

    Args:
        workspace: The workspace of the run.
        run: Name of the run.

    Returns:
        The networks (the discriminators have random weights), and the step of the checkpoint.

    Raises:
        WorkspaceError: If the run does not exist, or is of a face swap.
        CheckpointError: If it has no intact checkpoint.
    """
    folder = workspace.run(run)
    config = read_networks(folder)
    networks = open_system(config.system).build_networks(config)
    return networks, load_ema_weights(folder / "checkpoints", networks)


def _open_mirror(folder: pathlib.Path, run_config: LoopConfig) -> CheckpointSync | None:
    """Opens the mirror of the run, if one is asked for."""
    if not run_config.sync_dir:
        return None
    return CheckpointSync(folder, run_config.sync_dir, interval=parse_duration(run_config.sync_interval))
