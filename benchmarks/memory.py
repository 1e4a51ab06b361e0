"""Measures the main memory that `train` needs for facesets of synthetic crops, in addition to the device memory.

Usage: python benchmarks/memory.py [--crops 4000] [--size 256] [--json]

There are two trainings of one step, each in a separate process: one on all crops, one on a few. The difference of their
peak memory is the memory of the crops; networks, frameworks and Python cancel out.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from harness import own_peak_memory, print_json, print_table

FEW = 32
"""Number of crops of the training with few crops."""

POINTS = np.array([[93, 118], [163, 118], [128, 160], [100, 190], [156, 190]], float)
"""Five landmarks in a crop of 256 pixels."""


def main() -> None:
    """Runs both trainings and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=4000, help="crops of each person")
    parser.add_argument("--size", type=int, default=256, help="side of the networks' images in pixels")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--child", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        train_once(options.child, options.size)
        print_json({"peak_mb": own_peak_memory()})
        return
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for count in (FEW, options.crops):
            workspace = pathlib.Path(folder) / str(count)
            make_workspace(workspace, count)
            peaks.append(_in_process(workspace, options.size))
    stored = stored_size(options.size)
    arrays = 2 * (options.crops - FEW) * stored * stored * 6 / 2**20
    row = {
        "crops": options.crops,
        "stored side": stored,
        "arrays MB": arrays,
        f"peak MB, {FEW} crops": peaks[0],
        "peak MB": peaks[1],
        "crops' share MB": peaks[1] - peaks[0],
        "times the arrays": (peaks[1] - peaks[0]) / arrays,
    }
    print_table("Main memory of train", [row])
    if options.json:
        print_json(row)


def _in_process(workspace: pathlib.Path, size: int) -> float:
    """Trains one step in a new process; returns its peak memory in MB."""
    command = [sys.executable, __file__, "--child", str(workspace), "--size", str(size)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])["peak_mb"]


def stored_size(size: int) -> int:
    """Returns the side in pixels at which training stores crops for networks of this resolution."""
    from faceswap_lib.networks import NetworkConfig

    return NetworkConfig(resolution=size).stored_size


def make_workspace(root: pathlib.Path, count: int) -> None:
    """Writes two facesets whose crops are hard links to one noise image."""
    from faceswap_lib.facesets import Workspace
    from faceswap_lib.facesets.manifest import write_manifest
    from faceswap_lib.media import write_image

    workspace, random = Workspace(root), np.random.default_rng(0)
    for side in ("src", "dst"):
        folders = [workspace.faces(side), workspace.eye_masks(side)]
        names = [f"{index:06d}.png" for index in range(count)]
        for folder, pixels in zip(folders, (random.integers(0, 256, (256, 256, 3)), np.zeros((256, 256))), strict=True):
            folder.mkdir(parents=True)
            write_image(folder / names[0], pixels.astype(np.uint8))
            for name in names[1:]:
                os.link(folder / names[0], folder / name)
        write_manifest(folders[0], [make_record(name, index, random) for index, name in enumerate(names)])


def make_record(name: str, index: int, random: np.random.Generator):
    """Creates the record of a face that fills its frame and moves a little."""
    from faceswap_lib.facesets.manifest import CropRecord

    points = POINTS + random.normal(0, 3, POINTS.shape)
    return CropRecord(
        crop=name,
        frame=index,
        time=index / 25,
        box_xyxy=(60.0, 50.0, 196.0, 220.0),
        landmarks=tuple(tuple(point) for point in points.tolist()),
        crop_from_frame=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        score=1.0,
        sharpness=100.0,
    )


def train_once(root: pathlib.Path, size: int) -> None:
    """Trains one step with batch size 1 on small networks of that resolution."""
    from faceswap_lib.facesets import Workspace
    from faceswap_lib.networks import NetworkConfig
    from faceswap_lib.training import TrainConfig, train

    networks = NetworkConfig(resolution=size, capacity="lite", attention="none")
    train(Workspace(root), network_config=networks, config=TrainConfig(steps=1, batch_size=1, perceptual="none"))


if __name__ == "__main__":
    main()
