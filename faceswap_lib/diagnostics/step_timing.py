"""How long a training step takes: compiling, computing, memory; on made-up crops, in a process of its own."""

import concurrent.futures
import dataclasses
import math
import multiprocessing
import os
import typing

T = typing.TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepTiming:
    """How long the steps of a training take.

    Attributes:
        preset: Networks and options.
        precision: What the networks computed with.
        xla: Whether XLA compiled the steps.
        batch_size: Faces of each person per step.
        build_seconds: Networks, optimizers and crops on the device.
        compile_seconds: For each kind of phase, named by its groups of losses, what the first step took longer.
        milliseconds: For each kind of phase, the median of the other steps.
        peak_device_memory: Bytes; None on a CPU.
        peak_memory: Largest resident set size of the process, in bytes.
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
    preset: str,
    *,
    precision: str = "auto",
    xla: str = "auto",
    steps: int = 20,
    batch_size: int = 8,
    crops: int = 64,
    processors: int | None = None,
    whole_only: bool = False,
    seconds: float = math.inf,
) -> StepTiming:
    """Times training steps of a preset in this process.

    Args:
        preset: Name of networks and options.
        precision: "auto", "float32" or "bfloat16".
        xla: "auto", "on" or "off".
        steps: How many are timed in each kind of phase, after one that compiles.
        batch_size: Faces of each person per step.
        crops: Made-up crops of each person.
        processors: How many of the machine's this process may use, which Linux alone can limit; None for all.
        whole_only: Time only the steps in which every loss of the schedule takes part.
        seconds: After this long no further step of a kind of phase is begun, but for the first two.

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
    """Runs a function of a module in a fresh process, which has its own memory and its own devices.

    Args:
        function: What to run; it, its arguments and its result are pickled.
        *arguments: Of the function.
        environment: Variables that the process has besides this one's.
        **options: Of the function.

    Raises:
        concurrent.futures.process.BrokenProcessPool: If the process was killed. All that the function raises, too.
    """
    context = multiprocessing.get_context("spawn")
    setting = {"initializer": _set_environment, "initargs": (dict(environment or {}),)}
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=context, **setting) as pool:
        return pool.submit(function, *arguments, **options).result()


def _set_environment(variables: dict[str, str]) -> None:
    """Sets the child's variables before it imports Keras or a backend."""
    os.environ.update(variables)
