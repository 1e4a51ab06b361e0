"""Estimates the time, memory and disk space of a training on this machine by timing a few real steps.

Nothing is written to disk.
"""

import dataclasses
import math
import statistics

import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import FacesetArrays, Workspace
from faceswap_lib.memory import peak_memory
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training.augmentation import to_device
from faceswap_lib.training.checkpoint import KEPT, TrainingState
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.memory_budget import choose_streamed
from faceswap_lib.training.run_config import LoopConfig, format_duration, parse_duration
from faceswap_lib.training.schedule_plot import PlannedPhase, plan_training
from faceswap_lib.training.train_step import TrainStepper, build_state
from faceswap_lib.training.trainer import load_person, open_facesets

TIMED = 3
"""Number of timed steps in each kind of phase, after one step that compiles."""

MADE_UP = 64
"""Number of artificial crops of each person if there are no facesets."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated cost of a training.

    Attributes:
        seconds_per_step: Number of steps and seconds per step of each kind of phase, in order.
        compile_seconds: Compilation time: the additional time of the first step of each kind of phase.
        memory: Peak resident memory of this process in bytes.
        checkpoint: Size of a checkpoint in bytes.
        disk: Size in bytes of all checkpoints and backups of the finished run.
        real: Whether the steps were timed with real crops.
    """

    seconds_per_step: tuple[tuple[int, float], ...]
    compile_seconds: float
    memory: int
    checkpoint: int
    disk: int
    real: bool

    @property
    def seconds(self) -> float:
        """Total time of all steps in seconds."""
        return self.compile_seconds + sum(steps * seconds for steps, seconds in self.seconds_per_step)

    def to_text(self) -> str:
        """Formats the estimate as a few lines of text."""
        kinds = "; ".join(f"{steps} steps of {seconds:.3g} s" for steps, seconds in self.seconds_per_step)
        lines = [
            ("time", f"{format_duration(self.seconds)} in total: {kinds}; {self.compile_seconds:.0f} s to compile"),
            ("memory", f"{self.memory / 1e9:.1f} GB peak memory of this process"),
            ("disk", f"{self.checkpoint / 1e6:.0f} MB per checkpoint, {self.disk / 1e6:.0f} MB for all that are kept"),
        ]
        if not self.real:
            lines.append(("crops", "artificial, because there are no facesets here yet"))
        return "\n".join(f"{name + ':':9}{text}" for name, text in lines)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseTiming:
    """Measured time of the steps of one kind of phase: phases with the same active losses.

    Attributes:
        active: The active groups of losses from `Phase.active`.
        steps: Number of steps of this kind in the schedule.
        compile_seconds: Additional time of the first step compared with the others.
        seconds_per_step: Median time of the other steps.
    """

    active: frozenset[str]
    steps: int
    compile_seconds: float
    seconds_per_step: float


def time_phases(
    stepper: TrainStepper, *, timed: int = TIMED, seconds: float = math.inf, whole_only: bool = False
) -> list[PhaseTiming]:
    """Measures the time of steps in every kind of phase, in the order of the schedule.

    Args:
        stepper: Takes the steps.
        timed: Number of timed steps of each kind, after one step that compiles.
        seconds: Time limit in seconds of each kind: no further step starts after it, except the first two.
        whole_only: Whether to time only the kind with the most active losses.

    Returns:
        One timing for each kind.
    """
    kinds: dict[frozenset[str], list[PlannedPhase]] = {}
    for phase in plan_training(stepper.config):
        kinds.setdefault(phase.active, []).append(phase)
    if whole_only:
        whole = max(kinds, key=len)
        kinds = {whole: kinds[whole]}
    timings = []
    for active, phases in kinds.items():
        first, *others = (_time_step(stepper, phases[0].first - 1) for _ in range(2))
        while len(others) < timed and sum(others) < seconds:
            others.append(_time_step(stepper, phases[0].first - 1))
        median = statistics.median(others)
        timings.append(
            PhaseTiming(
                active=active,
                steps=sum(phase.last - phase.first + 1 for phase in phases),
                compile_seconds=max(first - median, 0.0),
                seconds_per_step=median,
            )
        )
    return timings


def estimate_training(
    workspace: Workspace,
    network_config: NetworkConfig,
    config: TrainConfig,
    run_config: LoopConfig,
) -> Estimate:
    """Estimates the cost of a training from a few steps of every kind of phase.

    Args:
        workspace: Its facesets are used if they exist; nothing is written there.
        network_config: Configuration of the networks.
        config: Options of the training.
        run_config: Determines the number of checkpoints and backups.

    Returns:
        The estimate.
    """
    try:
        facesets, real = open_facesets(workspace), True
    except WorkspaceError:
        facesets, real = [], False
    size = network_config.stored_size
    if real:
        streamed = choose_streamed(facesets, size, run_config.faceset_memory * 1e9)
        few = [
            faceset.sample(MADE_UP) if is_streamed else faceset
            for faceset, is_streamed in zip(facesets, streamed, strict=True)
        ]
        people = [load_person(faceset, network_config)[0] for faceset in few]
    else:
        people = [to_device(make_arrays(size, seed)) for seed in (0, 1)]
    state = build_state(network_config, config)
    timings = time_phases(TrainStepper.build(state, people, config, xla=run_config.xla))
    checkpoint = _size_of(state)
    seconds = sum(timing.compile_seconds + timing.steps * timing.seconds_per_step for timing in timings)
    return Estimate(
        seconds_per_step=tuple((timing.steps, timing.seconds_per_step) for timing in timings),
        compile_seconds=sum(timing.compile_seconds for timing in timings),
        memory=peak_memory(),
        checkpoint=checkpoint,
        disk=checkpoint * _count_kept(config.steps, seconds, run_config),
        real=real,
    )


def make_arrays(size: int, seed: int, count: int = MADE_UP) -> FacesetArrays:
    """Creates artificial crops of random noise with a round face mask, for timing only.

    Args:
        size: Side of the crops in pixels.
        seed: Seed of the noise.
        count: Number of crops.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size - 0.5
    face, eyes, mouth = (
        np.repeat((255 * (np.hypot(x, y + down) < radius)).astype(np.uint8)[None], count, axis=0)
        for down, radius in ((0, 0.4), (0.1, 0.1), (-0.2, 0.1))
    )
    images = random.integers(0, 256, (count, size, size, 3), np.uint8)
    return FacesetArrays(images=images, eyes=eyes, mouth=mouth, face=face, rarity=np.ones(len(images)))


def _time_step(stepper: TrainStepper, step: int) -> float:
    stepper.state.step = step
    before = stepper.state.seconds
    stepper.step()
    return stepper.state.seconds - before


def _count_kept(steps: int, seconds: float, run_config: LoopConfig) -> int:
    """Estimates the number of checkpoints and backups on disk at the end of a training."""
    before_last = int(seconds / parse_duration(run_config.checkpoint_interval))
    if run_config.checkpoint_every:
        before_last += (steps - 1) // run_config.checkpoint_every
    backups = min(steps // run_config.backup_every, run_config.backups) if run_config.backup_every else 0
    return min(KEPT, before_last + 1) + backups


def _size_of(state: TrainingState) -> int:
    groups = state.groups().values()
    return sum(variable.numpy().nbytes for variables in groups for variable in variables)
