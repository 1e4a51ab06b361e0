"""Timing of training steps on synthetic crops: compile time, step time and memory, in a separate process."""

import concurrent.futures
import dataclasses
import math
import multiprocessing
import os
import typing

if typing.TYPE_CHECKING:
    from faceswap_lib.networks.config import Preset
    from faceswap_lib.training.run_config import Xla

T = typing.TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepTiming:
    """Time and memory of training steps.

    Attributes:
        preset: Name of the preset of networks and options.
        precision: Data type in which the networks compute.
        xla: Whether XLA compiled the steps.
        batch_size: Number of faces of each person per step.
        build_seconds: Time to build the networks and optimizers and to copy the crops to the device.
        compile_seconds: For each kind of phase, named by its groups of losses, the extra time of the first step.
        milliseconds: For each kind of phase, the median duration of the other steps.
        peak_device_memory: Peak memory of the device in bytes; None on a CPU.
        peak_memory: Peak resident set size of the process in bytes.
    """

    preset: str
    precision: str
    xla: bool
    batch_size: int
    build_seconds: float
    compile_seconds: dict[str, float]
    milliseconds: dict[str, float]
    peak_device_memory: int | None
    peak_memory: int


def time_steps(
    preset: "Preset",
    *,
    precision: str = "auto",
    xla: "Xla" = "auto",
    steps: int = 20,
    batch_size: int = 8,
    crops: int = 64,
    processors: int | None = None,
    whole_only: bool = False,
    seconds: float = math.inf,
) -> StepTiming:
    """Times training steps of a preset in this process.

    Args:
        preset: Name of the preset of networks and options.
        precision: "auto", "float32" or "bfloat16".
        xla: "auto", "on" or "off".
        steps: Number of steps timed for each kind of phase, after one step that compiles. Phases with the same active
            losses are of one kind.
        batch_size: Number of faces of each person per step.
        crops: Number of synthetic crops of each person.
        processors: Number of logical CPUs that this process may use (only on Linux); None for all.
        whole_only: Whether to time only the steps in which every loss of the schedule takes part.
        seconds: Time limit in seconds for each kind of phase; at least two steps are taken.

    Returns:
        The timing.
    """
    if processors is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
    import time

    from faceswap_lib.devices import list_devices, peak_device_memory
    from faceswap_lib.memory import peak_memory
    from faceswap_lib.networks import PRESETS
    from faceswap_lib.networks.precision import resolve_precision
    from faceswap_lib.training.augmentation import to_device
    from faceswap_lib.training.backends import resolve_xla
    from faceswap_lib.training.config import TRAINING_PRESETS
    from faceswap_lib.training.cost_estimate import make_arrays, time_phases
    from faceswap_lib.training.train_step import TrainStepper, build_state

    began = time.perf_counter()
    networks = PRESETS[preset]
    config = dataclasses.replace(TRAINING_PRESETS[preset], precision=precision, batch_size=batch_size)
    state = build_state(networks, config)
    people = [to_device(make_arrays(networks.stored_size, seed, crops)) for seed in (0, 1)]
    stepper = TrainStepper.build(state, people, config, xla=xla)
    built = time.perf_counter() - began
    timings = time_phases(stepper, timed=steps, seconds=seconds, whole_only=whole_only)
    names = [" + ".join(sorted(timing.active)) or "reconstruction" for timing in timings]
    return StepTiming(
        preset=preset,
        precision=resolve_precision(precision, list_devices()),
        xla=resolve_xla(xla),
        batch_size=batch_size,
        build_seconds=built,
        compile_seconds={name: timing.compile_seconds for name, timing in zip(names, timings, strict=True)},
        milliseconds={name: 1000 * timing.seconds_per_step for name, timing in zip(names, timings, strict=True)},
        peak_device_memory=peak_device_memory(),
        peak_memory=peak_memory(),
    )


def run_apart(
    function: typing.Callable[..., T], *arguments, environment: typing.Mapping[str, str] | None = None, **options
) -> T:
    """Runs a module-level function in a new process, which has its own memory and its own devices.

    Args:
        function: The function; it, its arguments and its result are pickled.
        *arguments: Positional arguments of the function.
        environment: Environment variables that are set in the new process in addition to those of this process.
        **options: Keyword arguments of the function.

    Returns:
        The result of the function.

    Raises:
        concurrent.futures.process.BrokenProcessPool: If the process was killed. Exceptions of the function are raised
            as well.
    """
    context = multiprocessing.get_context("spawn")
    setting = {"initializer": _set_environment, "initargs": (dict(environment or {}),)}
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=context, **setting) as pool:
        return pool.submit(function, *arguments, **options).result()


def _set_environment(variables: dict[str, str]) -> None:
    """Sets environment variables in the new process, before it imports Keras or a backend."""
    os.environ.update(variables)
