"""Measures the content of a checkpoint, what compression would save, and how much a training writes per hour.

Usage: python benchmarks/checkpoints.py [--only lite standard] [--steps 10] [--rate 30] [--hours 1] [--json]

The networks are trained for a few steps in every kind of phase on synthetic crops, so that no optimizer moment is still
zero. The hour is simulated: the real `CheckpointManager` and `CheckpointSync` run with a simulated clock, and their
writes are counted. Histories and previews, some megabytes, are not counted.
"""

import argparse
import dataclasses
import importlib
import os
import pathlib
import tempfile
import time
import typing
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
from harness import print_json, print_table

from faceswap_lib.networks import PRESETS
from faceswap_lib.training import TRAINING_PRESETS, LoopConfig, TrainConfig, checkpoint_manager
from faceswap_lib.training.augmentation import to_device
from faceswap_lib.training.checkpoint import TrainingState, read_arrays, write_checkpoint
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.cost_estimate import make_arrays
from faceswap_lib.training.remote_sync import CheckpointSync
from faceswap_lib.training.run_config import parse_duration
from faceswap_lib.training.schedule_plot import plan_training
from faceswap_lib.training.train_step import TrainStepper, build_state, reset_state

BY_STEPS = LoopConfig(checkpoint_interval="", checkpoint_every=250, sync_interval="1s")
"""The earlier behavior: checkpoints at fixed numbers of steps."""

HOUR = 3600


class Coding(typing.NamedTuple):
    """Lossless coding of an array: `encode` returns blocks of bytes, `decode` returns the bytes of the array."""

    encode: typing.Callable[[np.ndarray], list[bytes]]
    decode: typing.Callable[[list[bytes]], bytes]


def shuffle(array: np.ndarray) -> np.ndarray:
    """Groups the first bytes of all numbers, then the second bytes, etc.: (bytes per number, numbers) uint8."""
    return np.ascontiguousarray(np.frombuffer(array.tobytes(), np.uint8).reshape(-1, array.itemsize).T)


def deflate_last(planes: np.ndarray) -> list[bytes]:
    """Compresses only the last plane of `shuffle`: the sign and seven of the eight bits of the exponent."""
    return [*map(bytes, planes[:-1]), zlib.compress(planes[-1], 1)]


def unshuffle(planes: list[bytes]) -> bytes:
    """Inverts `shuffle`."""
    return np.stack([np.frombuffer(plane, np.uint8) for plane in planes], axis=1).tobytes()


def find_codings() -> dict[str, Coding]:
    """Lists the codings that this Python supports, by name."""
    codings = {
        "as it is": Coding(lambda array: [array.tobytes()], lambda blocks: blocks[0]),
        "deflate, level 1": Coding(
            lambda array: [zlib.compress(array.tobytes(), 1)], lambda blocks: zlib.decompress(blocks[0])
        ),
        "bytes shuffled, deflate, level 1": Coding(
            lambda array: [zlib.compress(plane, 1) for plane in shuffle(array)],
            lambda blocks: unshuffle([zlib.decompress(block) for block in blocks]),
        ),
        "only the top byte of each deflated": Coding(
            lambda array: deflate_last(shuffle(array)),
            lambda blocks: unshuffle([*blocks[:-1], zlib.decompress(blocks[-1])]),
        ),
    }
    try:
        zstd = importlib.import_module("compression.zstd")  # Python 3.14
    except ImportError:
        return codings
    codings["bytes shuffled, zstd, level 1"] = Coding(
        lambda array: [zstd.compress(plane, 1) for plane in shuffle(array)],
        lambda blocks: unshuffle([zstd.decompress(block) for block in blocks]),
    )
    return codings


def train_some(preset: str, steps: int) -> TrainingState:
    """Trains for `steps` steps in the first phase of every kind."""
    config = TRAINING_PRESETS[preset]
    state = build_state(PRESETS[preset], config)
    crops = [to_device(make_arrays(PRESETS[preset].stored_size, seed)) for seed in (0, 1)]
    stepper = TrainStepper.build(state, crops, config)
    for first in {phase.active: phase.first for phase in reversed(plan_training(config))}.values():
        state.step = first - 1
        for _ in range(steps):
            stepper.step()
    return state


def kind_of(name: str) -> str:
    """Classifies an array of a checkpoint by its name: weights, averages, moments, or other (a few small ones)."""
    group, _, index = name.partition("/")
    if group.endswith("_optimizer"):
        return "moments" if int(index) > 1 else "other"  # the first two are the step and the learning rate
    return "averages" if group.startswith("averaged_") else "weights" if index else "other"


def to_bfloat16(array: np.ndarray) -> np.ndarray:
    """Returns the upper 16 bits of float32 numbers, which are their truncated bfloat16 values, as uint16."""
    return (np.ascontiguousarray(array).view(np.uint32) >> 16).astype(np.uint16)


def measure_coding(arrays: list[np.ndarray], coding: Coding) -> dict[str, float]:
    """Measures size and time of a coding, and checks that every array is decoded to the same bytes."""
    seconds, read_seconds, size = 0.0, 0.0, 0
    for array in arrays:
        began = time.perf_counter()
        blocks = coding.encode(array)
        coded = time.perf_counter()
        data = coding.decode(blocks)
        read_seconds += time.perf_counter() - coded
        seconds += coded - began
        size += sum(map(len, blocks))
        if data != array.tobytes():
            raise SystemExit("a decoded array differs from the original")
    return {"MB": size / 1e6, "s": seconds, "s to read": read_seconds}


def measure_checkpoint(state: TrainingState) -> tuple[dict, dict[str, list[np.ndarray]]]:
    """Measures a checkpoint's size, composition, and time to write and read; also returns its arrays by kind."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path = write_checkpoint(pathlib.Path(folder), state)
        seconds, size = time.perf_counter() - began, path.stat().st_size
        began = time.perf_counter()
        arrays = read_arrays(path)
        read_seconds = time.perf_counter() - began
    kinds: dict[str, list[np.ndarray]] = {}
    for name, array in arrays.items():
        kinds.setdefault(kind_of(name), []).append(array)
    facts = {"MB": size / 1e6, "s": seconds, "s to read": read_seconds}
    facts |= {kind: sum(array.nbytes for array in some) / size for kind, some in kinds.items()}
    return facts, kinds


def compare_codings(kinds: dict[str, list[np.ndarray]], size: float) -> list[dict]:
    """Measures every coding, with moments in float32 and in bfloat16; `size` is the checkpoint's size in bytes."""
    large = [array for kind in ("weights", "averages", "moments") for array in kinds[kind]]
    half = [*kinds["weights"], *kinds["averages"], *map(to_bfloat16, kinds["moments"])]
    rows = []
    for moments, chosen in (("float32", large), ("bfloat16", half)):
        for name, coding in find_codings().items():
            measured = measure_coding(chosen, coding)
            rows.append({"coding": name, "moments": moments, **measured, "of it": measured["MB"] * 1e6 / size})
    return rows


def count_writes(state: TrainingState, run_config: LoopConfig, rate: float, hours: float) -> tuple[float, float]:
    """Counts the checkpoints and the copies to the mirror that a training makes per hour, with a simulated clock."""
    steps = round(hours * HOUR * rate)
    written, now = [], 0.0

    class CountingMirror(CheckpointSync):
        def _begin_copy(self) -> None:
            self.copies += 1

    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        apart = parse_duration(run_config.sync_interval)
        mirror = CountingMirror(root / "run", root / "drive", interval=apart, clock=lambda: now)
        config = dataclasses.replace(TrainConfig(), steps=10 * steps)
        keeper = CheckpointManager(
            root / "run", state, config, run_config, mirror, reset=lambda: reset_state(state, config), clock=lambda: now
        )
        write, checkpoint_manager.write_checkpoint = checkpoint_manager.write_checkpoint, lambda *_: written.append(now)
        try:
            for step in range(1, steps + 1):
                state.step, now = step, step / rate
                keeper.note_step()
                if keeper.is_due:
                    keeper.save()
        finally:
            checkpoint_manager.write_checkpoint = write
    return len(written) / hours, mirror.copies / hours


def main() -> None:
    """Runs all measurements and prints the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--only", nargs="+", default=["lite", "standard"], choices=list(PRESETS))
    parser.add_argument(
        "--steps", type=int, default=10, help="training steps in every kind of phase; 0 skips the codings"
    )
    parser.add_argument("--rate", type=float, default=30, help="steps per second of the simulated hours")
    parser.add_argument("--hours", type=float, default=1)
    options = parser.parse_args()
    result = {}
    for preset in options.only:
        state = train_some(preset, options.steps)
        facts, kinds = measure_checkpoint(state)
        print_table(f"A checkpoint of {preset}; shares of its bytes", [facts])
        codings = compare_codings(kinds, facts["MB"] * 1e6) if options.steps else []
        if codings:
            print_table(f"Its arrays, {preset}", codings)
        hours = []
        for name, run_config in (("every 250 steps", BY_STEPS), ("by time", LoopConfig())):
            here, there = count_writes(state, run_config, options.rate, options.hours)
            row = {"checkpoints": name, "an hour": here, "GB an hour": here * facts["MB"] / 1e3}
            hours.append(row | {"copies an hour": there, "GB an hour copied": there * facts["MB"] / 1e3})
        print_table(f"Written at {options.rate:g} steps a second, {preset}", hours)
        result[preset] = {"checkpoint": facts, "codings": codings, "hours": hours}
    if options.json:
        print_json(result)


if __name__ == "__main__":
    main()
