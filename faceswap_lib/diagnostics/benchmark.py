"""Benchmark of this machine: the measurements of `faceswap doctor --benchmark`.

Every measurement runs in a separate process. Its memory is therefore counted separately, and a measurement that puts
the device into an error state does not affect the next one. This process never initializes the device, so that it does
not allocate memory there.
"""

import concurrent.futures.process
import dataclasses
import os
import pathlib
import platform
import subprocess
import tempfile
import time
import typing

from faceswap_lib.diagnostics.inventory import BACKENDS, find_duplicates
from faceswap_lib.diagnostics.step_timing import StepTiming, run_apart, time_steps
from faceswap_lib.memory import available_memory

SECONDS = 3.0
"""Length in seconds of the clip that is extracted and converted."""

CPU_SECONDS = 40.0
"""Time limit in seconds for the steps of one configuration (XLA and precision) on a CPU."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkReport:
    """Results of a benchmark; None for a number that was not measured.

    Attributes:
        machine: Properties of the machine and its devices, by name.
        steps: Timing of the training steps of `lite`, one for each configuration (XLA and precision).
        extraction_fps: Frames per second of the extraction, on the demo's clip.
        conversion_fps: Frames per second of the conversion of this clip, both passes, without loading the networks.
        checkpoint_mb: Size of a checkpoint in MB.
        checkpoint_seconds: Time in seconds to write the checkpoint to the folder and to flush it.
        failed: Reason by name of each measurement that failed.
        seconds: Duration of the whole benchmark in seconds.
    """

    machine: dict[str, typing.Any]
    steps: list[StepTiming]
    extraction_fps: float | None
    conversion_fps: float | None
    checkpoint_mb: float | None
    checkpoint_seconds: float | None
    failed: dict[str, str]
    seconds: float


def run_benchmark(folder: pathlib.Path | None = None, *, steps: int = 20) -> BenchmarkReport:
    """Measures training steps with and without XLA in each precision, an extraction, a checkpoint and a conversion.

    Args:
        folder: Existing folder in which clips, crops and the checkpoint are written, in a hidden subfolder that is
            removed at the end; None for the system's folder of temporary files.
        steps: Number of steps timed for each configuration (XLA and precision).

    Returns:
        The results. A measurement that fails does not stop the others; see `BenchmarkReport.failed`.

    Raises:
        OSError: If nothing can be written to the folder.
    """
    began, failed = time.perf_counter(), {}

    def attempt(name: str, function: typing.Callable, *arguments, **options):
        try:
            return run_apart(function, *arguments, environment={"TF_CPP_MIN_LOG_LEVEL": "3"}, **options)
        except (ValueError, RuntimeError, OSError, ImportError, concurrent.futures.process.BrokenProcessPool) as error:
            failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            return None

    found = attempt("devices", describe_devices) or {"ways": []}
    timings = []
    for xla, precision in found.pop("ways"):
        name = f"steps, xla {xla}, {precision}"
        options = {"xla": xla, "precision": precision, "steps": steps, "whole_only": True}
        limit = CPU_SECONDS if found["is_cpu"] else float("inf")
        timings.append(attempt(name, time_steps, "lite", seconds=limit, **options))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".benchmark-") as workspace:
        passes = attempt("extraction, checkpoint, conversion", time_passes, pathlib.Path(workspace)) or {}
    return BenchmarkReport(
        machine=describe_machine() | found,
        steps=[timing for timing in timings if timing is not None],
        extraction_fps=passes.get("extraction_fps"),
        conversion_fps=passes.get("conversion_fps"),
        checkpoint_mb=passes.get("checkpoint_mb"),
        checkpoint_seconds=passes.get("checkpoint_seconds"),
        failed=failed,
        seconds=time.perf_counter() - began,
    )


def describe_machine() -> dict[str, typing.Any]:
    """Describes this machine: system, processors, memory, driver, versions, and packages that are installed twice."""
    import importlib.metadata

    versions = {}
    for name in ("keras", *BACKENDS):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "free_memory_gb": round(available_memory() / 1e9, 1),
        "driver": _ask_driver(),
        **versions,
        "gpu_memory_growth": os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH"),
        "duplicates": find_duplicates(),
    }


def describe_devices() -> dict[str, typing.Any]:
    """Describes the backend, its devices, and the configurations (XLA, precision) worth measuring on them."""
    import keras

    from faceswap_lib.devices import list_devices
    from faceswap_lib.networks.precision import resolve_precision

    backend, devices = keras.backend.backend(), list_devices()
    best = resolve_precision("auto", devices)
    precisions = ["float32", "bfloat16"] if best == "bfloat16" else ["float32"]
    xla = {"tensorflow": ["off", "on"], "jax": ["on"], "torch": ["off"]}[backend]
    return {
        "backend": backend,
        "devices": [dataclasses.asdict(device) for device in devices],
        "is_cpu": devices[0].is_cpu,
        # On a CPU, XLA takes minutes to compile and its steps are slower: one precision is enough.
        "ways": [
            (how, precision)
            for how in xla
            for precision in precisions
            if not (backend == "tensorflow" and how == "on" and devices[0].is_cpu and precision != precisions[0])
        ],
    }


def time_passes(folder: pathlib.Path) -> dict[str, float]:
    """Extracts the demo's clips, writes a checkpoint of untrained networks, and converts a clip with them.

    Args:
        folder: An empty folder; the files that are written there are not removed.

    Returns:
        Frames per second, seconds and MB, by the names of the attributes of `BenchmarkReport`.
    """
    from faceswap_lib.conversion import ConversionJob, ConvertConfig, convert_video
    from faceswap_lib.conversion.inference_backends import open_backend
    from faceswap_lib.demo.fixtures import make_clips
    from faceswap_lib.faces import MTCNN
    from faceswap_lib.facesets import Workspace
    from faceswap_lib.media import count_frames
    from faceswap_lib.networks import PRESETS
    from faceswap_lib.pipeline import extract
    from faceswap_lib.training import TrainConfig
    from faceswap_lib.training.checkpoint import write_checkpoint
    from faceswap_lib.training.train_step import build_state

    workspace, config = Workspace(folder), ConvertConfig(latent_shift=0.0, detail_transfer="none")
    clips = make_clips(folder / "clips", seconds=SECONDS)
    extract(clips[1], workspace, "dst")  # warm-up: loads and compiles what the timed extraction needs
    frames = count_frames(clips[0])
    extraction, _ = _time(extract, clips[0], workspace, "src")
    state = build_state(PRESETS["lite"], TrainConfig())
    checkpoint, path = _time(write_checkpoint, folder, state)
    size = path.stat().st_size
    swapper, detector = open_backend(state.averaged, "a2b", batch_size=config.swap_batch_size), MTCNN()
    convert_video(ConversionJob(source=clips[1], out=folder / "first.mp4", config=config), swapper, detector)  # warm-up
    job = ConversionJob(source=clips[0], out=folder / "swap.mp4", config=config)
    conversion, _ = _time(convert_video, job, swapper, detector)
    return {
        "extraction_fps": frames / extraction,
        "conversion_fps": frames / conversion,
        "checkpoint_mb": size / 1e6,
        "checkpoint_seconds": checkpoint,
    }


def _time(function: typing.Callable, *arguments, **options) -> tuple[float, typing.Any]:
    """Measures the duration of a call in seconds; returns it and the result of the call."""
    began = time.perf_counter()
    result = function(*arguments, **options)
    return time.perf_counter() - began, result


def _ask_driver() -> str | None:
    """Asks nvidia-smi for the GPUs and the driver; returns None if it is not available."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
