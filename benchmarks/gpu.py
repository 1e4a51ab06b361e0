"""Acceptance run for a machine with an accelerator: steps, memory, cache, resume, upload, swap; six minutes at most.

Usage: python benchmarks/gpu.py [--out RESULTS.json] [--parts steps torch ...] [--minutes 6] [--clips DIR]

Every measurement runs in a separate process. Most of them use JAX: its wheels include all their dependencies, and it
compiles with XLA as TensorFlow does. Measurements that do not fit into the time are listed under `left_out`, failed
ones under `failed`, with the reason. Keras with JAX and PyTorch is required; TensorFlow is timed as well if it supports
the GPU (`--parts tensorflow`).
"""

import argparse
import concurrent.futures
import concurrent.futures.process
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from harness import CLIPS, print_table, time_matmul

from faceswap_lib.diagnostics.step_timing import run_apart, time_steps

DETERMINISTIC = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"
"""XLA flags with which a GPU computes the same bytes in every process."""

CROPS, CROP_PRESET_SIZE = 5000, 320
"""Number of crops of one person that are copied to the device, and their stored side, for networks of 256 pixels."""


def main() -> None:
    """Runs the chosen parts and prints and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, help="write the numbers to this .json file")
    parser.add_argument("--parts", nargs="+", default=list(PARTS)[:-2], choices=PARTS, help="what to measure")
    parser.add_argument("--minutes", type=float, default=6, help="time after which no further part starts")
    parser.add_argument("--clips", type=pathlib.Path, default=CLIPS, help="folder with A.mp4 and B.mp4 for `swap`")
    parser.add_argument("--pair", nargs=2, default=("d6", "d14"), help="names of A's and B's clip")
    parser.add_argument("--workspace", type=pathlib.Path, help="workspace of `swap`; a temporary folder by default")
    parser.add_argument("--steps", type=int, default=3000, help="training steps of `swap`")
    options = parser.parse_args()
    began = time.perf_counter()
    results = {"machine": describe_machine(), "seconds": {}, "failed": {}, "left_out": []}
    with tempfile.TemporaryDirectory() as folder:
        options.folder = pathlib.Path(folder)
        for name in options.parts:
            if time.perf_counter() - began > options.minutes * 60:
                results["left_out"].append(name)
                continue
            before = time.perf_counter()
            try:
                results[name] = PARTS[name](options)
            except (
                RuntimeError,
                ValueError,
                OSError,
                ImportError,
                concurrent.futures.process.BrokenProcessPool,
            ) as error:
                results["failed"][name] = f"{type(error).__name__}: {error}"[:2000]
            results["seconds"][name] = round(time.perf_counter() - before, 1)
            print(f"{name}: {results['seconds'][name]} s", json.dumps(results.get(name, results["failed"].get(name))))
            sys.stdout.flush()
            if options.out:
                options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    _print_steps(results)


def describe_machine() -> dict:
    """Describes the GPU, its driver and the processor's speed, without initializing the device in this process."""
    query = ["nvidia-smi", "--query-gpu=name,compute_cap,memory.total,driver_version", "--format=csv,noheader"]
    try:
        cards = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError) as error:
        cards = [f"nvidia-smi: {error}"]
    return {"cards": [card for card in cards if card], "matmul_s": time_matmul(5)}


def measure_steps(options: argparse.Namespace) -> dict:
    """Times `lite`, batch 8, on JAX: bfloat16, float32, with the compilation cache, and on two processors."""
    cache = {"KERAS_BACKEND": "jax", "JAX_COMPILATION_CACHE_DIR": str(options.folder / "cache")}

    def timed(**arguments) -> dict:
        return dataclasses.asdict(run_apart(time_steps, "lite", steps=50, environment=cache, **arguments))

    return {
        "bfloat16": timed(precision="bfloat16"),
        "float32": timed(precision="float32", whole_only=True),
        "bfloat16, cached": timed(precision="bfloat16"),
        "bfloat16, 2 processors": timed(precision="bfloat16", processors=2),
    }


def measure_torch(options: argparse.Namespace) -> dict:
    """Times `lite`, batch 8, on PyTorch."""
    torch = {"KERAS_BACKEND": "torch"}
    return {
        precision: dataclasses.asdict(run_apart(time_steps, "lite", steps=20, precision=precision, environment=torch))
        for precision in ("bfloat16", "float32")
    }


def measure_tensorflow(options: argparse.Namespace) -> dict:
    """Times `lite`, batch 8, on TensorFlow, with and without XLA."""
    tensorflow = {"KERAS_BACKEND": "tensorflow"}
    return {
        f"{precision}, xla {xla}": dataclasses.asdict(
            run_apart(time_steps, "lite", steps=20, precision=precision, xla=xla, environment=tensorflow)
        )
        for precision in ("bfloat16", "float32")
        for xla in ("on", "off")
    }


def measure_resume(options: argparse.Namespace) -> dict:
    """Compares the weights after twenty steps of `tiny` in one process and in two processes of ten steps."""
    ways = {
        "programs compiled anew": {"JAX_ENABLE_COMPILATION_CACHE": "false"},
        "programs from the cache": {"JAX_COMPILATION_CACHE_DIR": str(options.folder / "cache-resume")},
        "deterministic": {
            "JAX_COMPILATION_CACHE_DIR": str(options.folder / "cache-deterministic"),
            "XLA_FLAGS": DETERMINISTIC,
        },
    }
    with concurrent.futures.ThreadPoolExecutor(len(ways)) as pool:  # most of the time is compilation
        results = [
            pool.submit(compare_resume, options.folder / f"resume-{n}", way) for n, way in enumerate(ways.values())
        ]
        found = {}
        for name, result in zip(ways, results, strict=True):
            try:
                found[name] = result.result()
            except (RuntimeError, concurrent.futures.process.BrokenProcessPool) as error:
                found[name] = {"failed": f"{type(error).__name__}: {error}"[:500]}
        return found


def compare_resume(folder: pathlib.Path, way: dict[str, str]) -> dict:
    """Trains in one process and in two, as described in `measure_resume`, and compares the weights."""
    environment = {"KERAS_BACKEND": "jax", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | way
    for run, steps in (("whole", 20), ("parts", 10), ("parts", 20)):
        seconds = run_apart(train_to, folder / run, steps, environment=environment)
    whole, parts = (read_weights(folder / run) for run in ("whole", "parts"))
    return {"largest_difference": largest_difference(whole, parts), "milliseconds": 1000 * seconds}


def train_to(folder: pathlib.Path, steps: int, preset: str = "tiny") -> float:
    """Trains on synthetic crops from the checkpoint in a folder, if any; returns the median seconds per step."""
    from faceswap_lib.networks import PRESETS
    from faceswap_lib.training.augmentation import to_device
    from faceswap_lib.training.checkpoint import read_checkpoint, write_checkpoint
    from faceswap_lib.training.config import TrainConfig
    from faceswap_lib.training.cost_estimate import make_arrays
    from faceswap_lib.training.train_step import TrainStepper, build_state

    networks, config = PRESETS[preset], TrainConfig(steps=20)
    state = build_state(networks, config)
    folder.mkdir(parents=True, exist_ok=True)
    read_checkpoint(folder, state)
    people = [to_device(make_arrays(networks.stored_size, seed)) for seed in (0, 1)]
    stepper = TrainStepper.build(state, people, config)
    seconds = []
    while state.step < steps:
        before = time.perf_counter()
        stepper.step()
        seconds.append(time.perf_counter() - before)
    write_checkpoint(folder, state)
    return float(np.median(seconds))


def read_weights(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads all arrays of the newest checkpoint except the counters."""
    from faceswap_lib.training.checkpoint import list_checkpoints, read_arrays

    arrays = read_arrays(list_checkpoints(folder)[0])
    return {name: array for name, array in arrays.items() if "/" in name}


def largest_difference(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    """Computes the largest absolute difference between the arrays of two checkpoints."""
    return max(float(np.abs(ours[name].astype(np.float64) - theirs[name]).max()) for name in ours)


def measure_keeping(options: argparse.Namespace) -> dict:
    """Times the work of a training besides its steps, for `lite`: checkpoint, checks of the weights, preview."""
    return run_apart(time_keeping, options.folder / "keeping", environment={"KERAS_BACKEND": "jax"})


def time_keeping(folder: pathlib.Path) -> dict:
    """Times each action of `measure_keeping` three times, because the first time includes compilation."""
    from faceswap_lib.networks import PRESETS
    from faceswap_lib.training.checkpoint import broken_weights, write_checkpoint
    from faceswap_lib.training.config import TrainConfig
    from faceswap_lib.training.cost_estimate import make_arrays
    from faceswap_lib.training.preview import Preview
    from faceswap_lib.training.train_step import build_state

    networks = PRESETS["lite"]
    state = build_state(networks, TrainConfig())
    preview = Preview.pick([make_arrays(networks.stored_size, seed) for seed in (0, 1)], networks.resolution)
    actions = {
        "checkpoint": lambda: write_checkpoint(folder, state),
        "finite_check": lambda: broken_weights(state),
        "damage_check": lambda: preview.find_damage(state.networks),
        "preview": lambda: preview.draw(state.averaged),
    }
    found = {}
    for name, act in actions.items():
        seconds = []
        for _ in range(3):
            before = time.perf_counter()
            act()
            seconds.append(time.perf_counter() - before)
        found[name] = {"first": seconds[0], "then": min(seconds[1:])}
    megabytes = sum(path.stat().st_size for path in folder.glob("*.npz")) / 1e6
    return found | {"checkpoint_mb": megabytes}


def measure_swapper(options: argparse.Namespace) -> dict:
    """Computes the largest difference of mask and face between the networks called directly and the swapper."""
    return {backend: run_apart(compare_swapper, environment={"KERAS_BACKEND": backend}) for backend in ("jax", "torch")}


def compare_swapper() -> dict:
    """Compares as described in `measure_swapper`; also measures the swapper's milliseconds per face."""
    import keras

    from faceswap_lib.conversion.inference_backends import measure_swappers
    from faceswap_lib.conversion.swapper import KerasSwapper
    from faceswap_lib.networks import PRESETS, build_networks
    from faceswap_lib.networks.preprocessing import postprocess_faces, preprocess_views

    keras.utils.set_random_seed(0)
    networks = build_networks(PRESETS["lite"])
    side, random = networks.config.resolution, np.random.default_rng(0)
    views = random.integers(0, 256, (8, side, side, 3), np.uint8)
    faces = np.full((8, side, side), 255, np.uint8)
    seen, tones = preprocess_views(views, faces, networks.config.input_mode)
    mask, raw = (keras.ops.convert_to_numpy(output) for output in networks.generate(seen, "a2b")[:2])
    swapper = KerasSwapper(networks, "a2b")
    masks, pictures = swapper.swap(views, faces)
    difference = np.abs(pictures.astype(int) - postprocess_faces(raw, tones)).max()
    seconds = measure_swappers({"keras": swapper}, 8)["keras"]
    return {
        "mask": float(np.abs(masks - mask[..., 0]).max()),
        "face_levels": int(difference),
        "ms_per_face": 1000 * seconds,
    }


def measure_upload(options: argparse.Namespace) -> dict:
    """Measures seconds and memory of copying 5,000 crops of one person, for 256 pixels, to the device."""
    return {backend: run_apart(time_upload, environment={"KERAS_BACKEND": backend}) for backend in ("jax", "torch")}


def time_upload(count: int = CROPS, size: int = CROP_PRESET_SIZE) -> dict:
    """Measures as described in `measure_upload`; also returns the size of the arrays themselves."""
    import keras

    from faceswap_lib.devices import empty_aligned, peak_device_memory
    from faceswap_lib.facesets import FacesetArrays
    from faceswap_lib.memory import peak_memory
    from faceswap_lib.training.augmentation import to_device

    shapes = {"images": (count, size, size, 3)} | dict.fromkeys(("eyes", "mouth", "face"), (count, size, size))
    parts = {name: empty_aligned(shape) for name, shape in shapes.items()}
    for part in parts.values():
        part[:] = 127
    before, began = peak_memory(), time.perf_counter()
    faces = to_device(FacesetArrays(rarity=np.ones(count), **parts))
    float(keras.ops.mean(keras.ops.cast(faces.images[-1], "float32")))  # waits until the copy is complete
    return {
        "seconds": time.perf_counter() - began,
        "arrays_mb": sum(part.nbytes for part in parts.values()) / 1e6,
        "main_memory_mb": (peak_memory() - before) / 1e6,
        "device_memory_mb": (peak_device_memory() or 0) / 1e6,
    }


def measure_swap(options: argparse.Namespace) -> dict:
    """Extracts two clips, trains and converts with `faceswap run`."""
    import os

    workspace = options.workspace or options.folder / "swap"
    clips = [options.clips / f"{name}.mp4" for name in options.pair]
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    program = [sys.executable, "-c", "import sys; from faceswap_lib.cli import main; sys.exit(main())"]
    arguments = ["--preset", "lite", "--steps", str(options.steps), "--consent", "a benchmark on clips made for it"]
    before = time.perf_counter()
    run = [*program, "run", *map(str, clips), "--workspace", str(workspace), *arguments]
    done = subprocess.run(run, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - before
    if done.returncode:
        raise RuntimeError(done.stderr[-1500:])
    return {"seconds": seconds, "said": (done.stdout + done.stderr)[-2500:]}


PARTS = {
    "steps": measure_steps,
    "torch": measure_torch,
    "resume": measure_resume,
    "keeping": measure_keeping,
    "swapper": measure_swapper,
    "upload": measure_upload,
    "swap": measure_swap,
    "tensorflow": measure_tensorflow,
}


def _print_steps(results: dict) -> None:
    """Prints the timings of all backends as a table."""
    rows = [
        {
            "backend": part,
            "how": how,
            "phase": phase,
            "compile s": timing["compile_seconds"][phase],
            "ms": timing["milliseconds"][phase],
            "device MB": (timing["peak_device_memory"] or 0) / 1e6,
        }
        for part in ("steps", "torch", "tensorflow")
        for how, timing in results.get(part, {}).items()
        for phase in timing["milliseconds"]
    ]
    if rows:
        print_table("Steps of lite, batch 8 (steps: JAX)", rows)


if __name__ == "__main__":
    main()
