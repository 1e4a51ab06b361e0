"""Inference backends of the generator: Keras or ONNX Runtime, the faster one by default.

Both compute the same pixels. Which one is faster depends on the CPU, the backend of Keras, the networks and the batch
size, so it is measured. On hardware that supports it, Keras in bfloat16 is measured as well; where the swapped face is
shown, its values differ from float32 by at most 0.01 of their range.
"""

import logging
import statistics
import time
import typing
from collections.abc import Mapping

import numpy as np

from faceswap_lib.conversion.resume import BackendNote
from faceswap_lib.conversion.swapper import GeneratorSwapper, KerasSwapper, OnnxSwapper, ViewSwapper
from faceswap_lib.errors import InputError

logger = logging.getLogger(__name__)

InferenceBackend = typing.Literal["auto", "keras", "onnx"]
"""Backend that runs the generator; `auto` is the fastest one on this machine."""

MEASURED_CALLS = 7
"""Maximum number of timed calls of each backend."""

MEASURED_SECONDS = 1.2
"""Time in seconds after which no further round of calls starts."""


def open_backend(
    networks,
    direction: str,
    backend: InferenceBackend = "auto",
    *,
    batch_size: int = 8,
    note: BackendNote | None = None,
) -> GeneratorSwapper:
    """Opens the generator of a run in one direction with an inference backend.

    Args:
        networks: Networks of the run in float32, a `faceswap_lib.networks.Networks`.
        direction: "a2b" or "b2a".
        backend: `keras`, `onnx`, or `auto` for the fastest one; `auto` logs its choice and all measured times.
        batch_size: Number of faces per batch, with which `auto` measures as well.
        note: Stores the choice of `auto`, so that a resumed conversion uses the same backend.

    Returns:
        The generator, without a latent map.

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
    measured = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in times.items())
    if note is not None:
        note.write(fastest)
    logger.info("faces are swapped by %s, the fastest here (milliseconds a face: %s)", fastest, measured)
    return swappers[fastest]


def measure_swappers(swappers: Mapping[str, ViewSwapper], batch_size: int) -> dict[str, float]:
    """Measures the speed of swappers; their calls alternate, so that other load on the machine affects all equally.

    Args:
        swappers: Swappers of the same resolution, by name.
        batch_size: Number of faces per call.

    Returns:
        Median seconds per face, by name.
    """
    size = next(iter(swappers.values())).resolution
    views = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
    faces = np.full((batch_size, size, size), 255, np.uint8)
    for swapper in swappers.values():
        swapper.swap(views, faces)  # Keras compiles at the first call
    times: dict[str, list[float]] = {name: [] for name in swappers}
    started = time.perf_counter()
    for _ in range(MEASURED_CALLS):
        for name, swapper in swappers.items():
            before = time.perf_counter()
            swapper.swap(views, faces)
            times[name].append((time.perf_counter() - before) / batch_size)
        if time.perf_counter() - started > MEASURED_SECONDS:
            break
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _open_all(networks, direction: str, batch_size: int) -> dict[str, GeneratorSwapper]:
    """Opens every backend that works on this machine; returns the swappers by the backend names that the log shows."""
    from faceswap_lib.devices import list_devices
    from faceswap_lib.networks.precision import resolve_precision

    swappers: dict[str, GeneratorSwapper] = {"Keras": KerasSwapper(networks, direction, batch_size=batch_size)}
    if resolve_precision("auto", list_devices()) == "bfloat16":
        swappers["Keras in bfloat16"] = KerasSwapper(_in_bfloat16(networks), direction, batch_size=batch_size)
    if reason := OnnxSwapper.unavailable_reason():
        logger.info("faces are swapped by Keras: %s", reason)
    else:
        swappers["ONNX Runtime"] = OnnxSwapper(networks, direction)
    return swappers


def _in_bfloat16(networks):
    """Builds a copy of networks that computes in bfloat16; its discriminators are not trained."""
    from faceswap_lib.networks import build_networks
    from faceswap_lib.networks.precision import compute_in

    with compute_in("bfloat16"):
        copies = build_networks(networks.config)
    for copied, network in zip(copies.generators, networks.generators, strict=True):
        copied.set_weights(network.get_weights())
    return copies
