"""Training of a reenactment system: the loop, checkpoints and exact resume are those of a face swap's training."""

import contextlib
import dataclasses
import pathlib
import time
import typing
from collections.abc import Sequence

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.faceset import Faceset
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.locks import Lock, hold
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
from faceswap_lib.reenactment.system import System, open_system
from faceswap_lib.reenactment.tier_selection import select_tiers
from faceswap_lib.reenactment.warm_start import agree_with, start_from
from faceswap_lib.signals import defer_stop
from faceswap_lib.training.backends import distribute
from faceswap_lib.training.checkpoint import TrainingState, load_ema_weights, write_checkpoint
from faceswap_lib.training.loop import Loop
from faceswap_lib.training.run_config import LoopConfig
from faceswap_lib.training.run_metadata import CONFIG
from faceswap_lib.training.run_search import find_run
from faceswap_lib.training.session import Origin, Session, TrainReport, open_mirror
from faceswap_lib.training.train_step import copy_state, new_state
from faceswap_lib.training.training_logger import PreviewCallback, StepCallback

WATCHED = ("reconstruction",)
"""Loss terms that the divergence guard watches."""

SWAPS_ONLY = {
    "export_every": "a reenactment system has no .dfm model",
    "faceset_memory": "the crops of facesets stay in memory; for more people, train on a folder of people",
}
"""Options of `LoopConfig` that are for face swaps only, with the reason."""


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
        TrainingError: If a loss is NaN or infinite without the divergence guard, or rollbacks did not help.
        Stopped: If the command line was stopped by a signal; the finished steps are saved.
        KeyboardInterrupt: If a notebook or program was interrupted; the finished steps are saved.
    """
    began, run_config = time.monotonic(), run_config or LoopConfig()
    _refuse_swap_options(run_config)
    folder = workspaces[0].run(run)
    config = config or read_training(folder) or ReenactmentTrainConfig()
    if steps is not None:
        config = dataclasses.replace(config, steps=steps)
    people = _open_people(workspaces, identities, crops_per_person)
    check_people(folder, identities)
    other = None if init_from is None else find_run(workspaces[0], init_from, usual=USUAL_RUN)
    session = Session(
        folder=folder,
        config=config,
        run_config=run_config,
        mirror=open_mirror(folder, run_config),
        on_log=on_log,
        on_preview=on_preview,
        should_stop=should_stop,
        progress=progress,
        began=began,
    )
    with hold(folder, what=f"run '{run}'") as lock:
        return _PairTraining(session, config, people, other).train(network_config, lock)


@dataclasses.dataclass(frozen=True, eq=False)
class _People:
    """The people of a training, before their crops are read.

    Attributes:
        workspace: Where the crops of `identities` are stored.
        facesets: The facesets by name; empty with `identities`.
        identities: The folder of people; None for facesets.
        crops_per_person: Largest number of pictures of each person of `identities`.
    """

    workspace: Workspace
    facesets: dict[str, Faceset]
    identities: IdentityFolder | None
    crops_per_person: int

    def load(
        self, size: int, config: ReenactmentTrainConfig, *, heads: bool, progress: bool
    ) -> ReenactmentDataset | StreamedPeople:
        """Loads the crops of side `size` to train on: without the held-out ones, and of the wanted difficulty."""
        if self.identities is None:
            people = load_people(self.facesets, size, heads=heads, progress=progress)
        else:
            people = load_identities(
                self.identities, self.workspace, size, crops_per_person=self.crops_per_person, progress=progress
            )
        if config.hold_out:
            people, _ = hold_out(people, config.hold_out)
        return select_tiers(people, config.difficulty)


@dataclasses.dataclass(frozen=True, eq=False)
class _PairTraining:
    """One call of `train_reenactment`; the attributes are its arguments."""

    session: Session
    config: ReenactmentTrainConfig
    people: _People
    other: pathlib.Path | None

    def train(self, network_config: ReenactmentNetworkConfig | None, lock: Lock) -> TrainReport:
        """Resumes from the last checkpoint, and trains to the end or until it is stopped."""
        session, mirror = self.session, self.session.mirror
        networks = self._agree_networks(network_config)
        system = open_system(networks.system)
        parse_weights(self.config.loss_weights, system.loss_weights)  # refuses wrong names before the crops are read
        if mirror is not None and mirror.fetch():
            check_people(session.folder, self.people.identities)
        distribute(session.run_config.devices)
        state = new_state(lambda: system.build_networks(networks), self.config)
        begun, resumed_at = session.resume(state, self.other, start_from), state.step
        loop = None
        if state.step < self.config.steps:
            loop = self._prepare(state, system, networks, lock, begun)
        with defer_stop() as stop:
            with contextlib.ExitStack() as at_the_end:
                if mirror is not None:
                    at_the_end.callback(mirror.close)
                if loop is not None:
                    at_the_end.callback(loop.stepper.close)
                    loop.run(stop)
            stop.saved = session.describe_saved(state)
        return session.report(state, resumed_at)

    def _agree_networks(self, asked: ReenactmentNetworkConfig | None) -> ReenactmentNetworkConfig:
        """Determines the networks: those of the run here or in the mirror, of the run to begin with, or as asked."""
        mirror = self.session.mirror
        if mirror is not None and (mirror.run / CONFIG).is_file():
            asked = resolve_networks(mirror.run, asked)
        if self.other is not None:
            asked = agree_with(self.other, asked)
        return resolve_networks(self.session.folder, asked)

    def _prepare(
        self,
        state: TrainingState[ReenactmentNetworks],
        system: System,
        networks: ReenactmentNetworkConfig,
        lock: Lock,
        begun: Origin | None,
    ) -> Loop:
        """Loads the crops and builds the training loop."""
        session, config, people = self.session, self.config, self.people
        crops = people.load(networks.stored_size, config, heads=system.needs_heads, progress=session.progress)
        write_notes(session.folder, networks, config, people.facesets, identities=people.identities, begun=begun)
        if begun is not None:  # the sources of these weights are stored by now, so the weights may be saved
            write_checkpoint(session.folder / "checkpoints", state)
        return session.build_loop(
            PairStepper(state, system, crops, config, xla=session.run_config.xla),
            PairPreview.pick(system, crops, networks.resolution),
            reset=lambda: copy_state(new_state(lambda: system.build_networks(networks), config), state),
            check=lock.check,
            watched=WATCHED,
        )


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


def _open_people(workspaces: Sequence[Workspace], identities: IdentityFolder | None, crops_per_person: int) -> _People:
    """Opens the facesets of the workspaces, or takes the folder of people instead."""
    if identities is not None and len(workspaces) != 1:
        raise InputError(f"identities: expected one workspace, got {len(workspaces)}; leave out --people")
    return _People(
        workspace=workspaces[0],
        facesets={} if identities is not None else open_people(workspaces),
        identities=identities,
        crops_per_person=crops_per_person,
    )


def _refuse_swap_options(run_config: LoopConfig) -> None:
    """Raises `InputError` if an option has no effect on a reenactment."""
    for name, reason in SWAPS_ONLY.items():
        if value := getattr(run_config, name):
            raise InputError(f"{name}: expected 0 for a reenactment, got {value}; {reason}")
