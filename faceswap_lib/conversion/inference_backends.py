"""What a generator runs on: Keras or ONNX Runtime, whichever is faster here.

Both give the same pixels. Which is faster depends on the processor, the backend of Keras, the networks and how many
faces come at a time, so it is measured. On processors and devices made for it, Keras in bfloat16 is tried as well; it
is at most 1 of 100 away from float32 where the new face shows.
"""

import logging
import statistics
import time
import typing

import numpy as np

from faceswap_lib.conversion.resume import BackendNote
from faceswap_lib.conversion.swapper import GeneratorSwapper, KerasSwapper, OnnxSwapper, ViewSwapper
from faceswap_lib.errors import InputError

logger = logging.getLogger(__name__)

InferenceBackend = typing.Literal["auto", "keras", "onnx"]
"""What runs the generator; `auto` is the fastest one on this machine."""

MEASURED_CALLS = 7
"""Calls of each backend that are timed, unless the time runs out."""

MEASURED_SECONDS = 1.2
"""After this no further round of calls begins."""


def open_backend(
    networks,
    direction: str,
    backend: InferenceBackend = "auto",
    *,
    batch_size: int = 8,
    note: BackendNote | None = None,
) -> GeneratorSwapper:
    """Opens a run's generator in one direction.

    Args:
        networks: The run's `faceswap_lib.networks.Networks`, in float32.
        direction: "a2b" or "b2a".
        backend: What runs it: `keras`, `onnx`, or `auto` for the fastest of them, which it logs with all times.
        batch_size: How many faces will come at a time; what `auto` measures with.
        note: Remembers what `auto` chose for a conversion that is resumed.

    Returns:
        The swapper, without a latent map.

    Raises:
        InputError: If the backend is unknown, or is `onnx` and the extra `export` is not installed.
    """
    if backend not in typing.get_args(InferenceBackend):
        known = ", ".join(typing.get_args(InferenceBackend))
        raise InputError(f"inference_backend must be one of {known}, got {backend}")
    if backend == "keras":
        return KerasSwapper(networks, direction, batch_size=batch_size)
    if backend == "onnx":
        return OnnxSwapper(networks, direction)
    swappers = _open_all(networks, direction, batch_size)
    if len(swappers) == 1:
        return next(iter(swappers.values()))
    if note is not None and (remembered := note.read()) in swappers:
        logger.info("faces are swapped by %s, as in the chunks that are finished", remembered)
        return swappers[remembered]
    times = measure_swappers(swappers, batch_size)
    fastest = min(times, key=lambda name: times[name])
    told = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in times.items())
    if note is not None:
        note.write(fastest)
    logger.info("faces are swapped by %s, the fastest here (milliseconds a face: %s)", fastest, told)
    return swappers[fastest]


def measure_swappers(swappers: dict[str, ViewSwapper], batch_size: int) -> dict[str, float]:
    """Times swappers in turn, so that what else the machine does meets all of them alike.

    Args:
        swappers: By name, all of one resolution.
        batch_size: Faces at a time.

    Returns:
        Median seconds per face of each.
    """
    size = next(iter(swappers.values())).resolution
    views = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
    faces = np.full((batch_size, size, size), 255, np.uint8)
    for swapper in swappers.values():
        swapper.swap(views, faces)  # Keras compiles at the first call
    times: dict[str, list[float]] = {name: [] for name in swappers}
    begun = time.perf_counter()
    for _ in range(MEASURED_CALLS):
        for name, swapper in swappers.items():
            before = time.perf_counter()
            swapper.swap(views, faces)
            times[name].append((time.perf_counter() - before) / batch_size)
        if time.perf_counter() - begun > MEASURED_SECONDS:
            break
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _open_all(networks, direction: str, batch_size: int) -> dict[str, GeneratorSwapper]:
    """Opens every backend that works here, by the name it is logged under."""
    from faceswap_lib.devices import list_devices
    from faceswap_lib.networks.precision import resolve_precision

    swappers: dict[str, GeneratorSwapper] = {"Keras": KerasSwapper(networks, direction, batch_size=batch_size)}
    if resolve_precision("auto", list_devices()) == "bfloat16":
        swappers["Keras in bfloat16"] = KerasSwapper(_in_bfloat16(networks), direction, batch_size=batch_size)
    if lack := OnnxSwapper.unavailable_reason():
        logger.info("faces are swapped by Keras: %s", lack)
    else:
        swappers["ONNX Runtime"] = OnnxSwapper(networks, direction)
    return swappers


def _in_bfloat16(networks):
    """The same networks, computing in bfloat16; their discriminators are fresh."""
    from faceswap_lib.networks import build_networks
    from faceswap_lib.networks.precision import compute_in

    with compute_in("bfloat16"):
        copies = build_networks(networks.config)
    for copied, network in zip(copies.generators, networks.generators, strict=True):
        copied.set_weights(network.get_weights())
    return copies
