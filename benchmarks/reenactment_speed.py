"""Times whole calls of `faceswap reenact` on clips of two lengths, and measures their peak memory and CPU time.

Usage: python benchmarks/reenactment_speed.py [--clips DIR] [--system one-shot] [--lengths 150 600] [--json]

Each length runs in a process of its own, which reads the photo, tracks the driver, renders, fuses, labels, encodes and
signs; its networks of 128 pixels are untrained, because their output does not change the time. "whole" counts
everything after the imports. "more" is what the frames beyond the shortest clip cost: what a long driver costs, without
the start. Memory is flat if the peak does not grow with the length.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

from harness import (
    cut_clip,
    find_clips,
    make_parser,
    own_peak_memory,
    print_json,
    print_table,
    repeat_video,
    time_matmul,
)

from faceswap_lib.facesets import Workspace
from faceswap_lib.media import count_frames, read_frames, write_image
from faceswap_lib.reenactment.config import Capacity, ReenactmentNetworkConfig, ReenactmentTrainConfig, SystemName

DRIVER, PHOTO = "d9", "d14"
RESOLUTION = 128


def write_untrained(workspace: Workspace, system: SystemName, capacity: Capacity) -> None:
    """Writes a run whose networks have random weights."""
    from faceswap_lib.reenactment.run_notes import write_notes
    from faceswap_lib.reenactment.system import open_system
    from faceswap_lib.training.checkpoint import write_checkpoint
    from faceswap_lib.training.train_step import new_state

    networks = ReenactmentNetworkConfig(system=system, capacity=capacity, resolution=RESOLUTION)
    folder, config = workspace.run("reenactment"), ReenactmentTrainConfig()
    folder.mkdir(parents=True)
    write_notes(folder, networks, config, {})
    write_checkpoint(folder / "checkpoints", new_state(lambda: open_system(system).build_networks(networks), config))


def reenact_once(workspace: pathlib.Path, driver: pathlib.Path, photo: pathlib.Path) -> dict[str, float]:
    """Reenacts the photo; returns seconds, CPU seconds, frames and the peak memory of this process in MB."""
    import keras

    from faceswap_lib.pipeline.reenacting import reenact

    keras.ops.zeros(())
    began, used = time.perf_counter(), time.process_time()
    report = reenact(photo, driver, Workspace(workspace), driver.with_suffix(".out.mp4"), consent="a benchmark")
    return {
        "frames": report.frames,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "peak_mb": own_peak_memory(),
    }


def measure(workspace: pathlib.Path, driver: pathlib.Path, photo: pathlib.Path) -> dict[str, float]:
    """Runs `reenact_once` in a new process."""
    command = [sys.executable, __file__, "--child", str(workspace), str(driver), str(photo)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Runs the benchmark."""
    parser = make_parser(str(__doc__).split("\n")[0])
    parser.add_argument("--system", default="one-shot", help="system whose networks are used")
    parser.add_argument("--capacity", default="lite", help="capacity of the networks")
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 600], help="frames of the drivers")
    parser.add_argument("--child", nargs=3, type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print_json(reenact_once(*options.child))
        return
    clips = {clip.stem: clip for clip in find_clips(options.clips)}
    matmul, rows = time_matmul(), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        workspace, photo, part = folder / "workspace", folder / "photo.png", folder / "part.mp4"
        write_untrained(Workspace(workspace), options.system, options.capacity)
        write_image(photo, next(iter(read_frames(clips[PHOTO]))))
        shortest = min(options.lengths)
        cut_clip(clips[DRIVER], part, shortest)
        for length in sorted(options.lengths):
            driver = folder / f"driver{length}.mp4"
            repeat_video(part, math.ceil(length / count_frames(part)), driver)
            rows.append(measure(workspace, driver, photo))
    first = rows[0]
    for row in rows:
        more = row["frames"] - first["frames"]
        row["fps, whole"] = row["frames"] / row["seconds"]
        row["fps, more"] = more / (row["seconds"] - first["seconds"]) if more else float("nan")
        row["CPU s per frame, whole"] = row["cpu"] / row["frames"]
        row["CPU s per frame, more"] = (row["cpu"] - first["cpu"]) / more if more else float("nan")
    print_table(f"faceswap reenact, {options.system} {options.capacity} at {RESOLUTION} pixels", rows)
    print(f"\nOne matrix product of 2048: {matmul:.3f} s at the start, {time_matmul():.3f} s at the end")
    if options.json:
        print_json({"matmul_s": matmul, "system": options.system, "rows": rows})


if __name__ == "__main__":
    main()
