"""Kills or stops a short training repeatedly, resumes it each time, and compares it with an uninterrupted training.

Usage: python benchmarks/crash_recovery.py [--kills 50] [--signals KILL,INT,TERM,HUP] [--seed 0] [--quick] [--json]

The networks are narrow and the crops synthetic, because only files and resuming are tested. Each process is forked from
one that has imported everything but has not computed anything yet. It gets a signal at a random time between its first
and its last step; every third process gets it at a random time during its start. SIGKILL ends the process as a power
failure does. The process handles other signals as the command line does: it writes a checkpoint of the current step and
exits with 128 plus the signal's number.
"""

import argparse
import dataclasses
import json
import logging
import os
import pathlib
import random
import select
import signal
import sys
import tempfile
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: F401  (imported here so that the child processes need not)
import numpy as np

from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.manifest import CropRecord, write_manifest
from faceswap_lib.media import write_image
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.networks.channels import WIDTHS
from faceswap_lib.signals import Stopped, catch_signals
from faceswap_lib.training import LoopConfig, TrainConfig, read_history, train
from faceswap_lib.training.checkpoint import BACKUPS, checkpoint_progress, list_checkpoints, read_arrays

NETWORKS = NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none")
NARROW = {"encoder": (8, 8, 8, 16), "code": 16, "decoder": (16, 8, 8), "discriminator": (4, 4, 4)}
CONFIG = TrainConfig(steps=60, batch_size=2, warmup_steps=4, seed=7, precision="float32")
KEEPING = LoopConfig(log_every=1, checkpoint_every=4, preview_every=20, backup_every=10, backups=2)
CROPS, SIDE = 6, 96
PATIENCE = 300.0
A_STEP = 0.2
"""Seconds in which a step and the files that may be written after it are finished; a kill happens within this time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """Results of the benchmark.

    Attributes:
        kills: Number of processes that were killed or stopped.
        wrong_exits: Number of stopped processes that did not exit with 128 plus the signal's number.
        steps_lost: Largest number of finished steps that were not in a checkpoint after a stop; kills are not counted.
        runs: Number of trainings that were finished, without the uninterrupted one.
        same: Number of them with the same final weights, averages, optimizers and history as the uninterrupted one.
        unreadable: Number of checkpoints and backups that were damaged after a kill.
        rising: Whether the steps in every history are strictly increasing after all resumes.
        seconds: Total duration in seconds.
    """

    kills: int
    wrong_exits: int
    steps_lost: int
    runs: int
    same: int
    unreadable: int
    rising: bool
    seconds: float


def make_workspace(root: pathlib.Path) -> Workspace:
    """Writes two facesets of synthetic crops with eye masks."""
    workspace, numbers = Workspace(root), np.random.default_rng(0)
    points = np.array([[0.36, 0.4], [0.64, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]]) * SIDE
    for side in ("src", "dst"):
        records = []
        for index in range(CROPS):
            picture = np.kron(
                numbers.integers(0, 256, (8, 8, 3), np.uint8), np.ones((SIDE // 8, SIDE // 8, 1), np.uint8)
            )
            mask = np.zeros((SIDE, SIDE, 3), np.uint8)
            mask[34:44, 28:68] = 255
            record = CropRecord(
                crop=f"{index:06d}.jpg",
                frame=index,
                time=index / 25,
                box_xyxy=(0.0, 0.0, float(SIDE), float(SIDE)),
                landmarks=tuple(map(tuple, points.tolist())),
                crop_from_frame=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
                score=1.0,
                sharpness=100.0,
            )
            write_image(workspace.faces(side) / record.crop, picture)
            write_image(workspace.eye_masks(side) / record.mask, mask)
            records.append(record)
        write_manifest(workspace.faces(side), records)
    return workspace


def start(workspace: Workspace, run: str, config: TrainConfig) -> tuple[int, int]:
    """Forks a process that trains; returns its id and a pipe to which it writes one byte per step."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        logging.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            with catch_signals():
                train(
                    workspace,
                    run=run,
                    network_config=NETWORKS,
                    config=config,
                    run_config=KEEPING,
                    on_log=lambda *_: os.write(writing, b"."),
                )
        except Stopped as stop:
            os._exit(stop.exit_code)
        os._exit(0)
    os.close(writing)
    return child, reading


def watch(pipe: int, *, steps: float = float("inf"), seconds: float = PATIENCE) -> bool:
    """Waits for `steps` steps of the process that writes to a pipe; returns False if it ends first or time runs out."""
    until = time.monotonic() + seconds
    while steps > 0 and (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select([pipe], [], [], left)
        if not readable or not (news := os.read(pipe, 4096)):
            return False
        steps -= len(news)
    return True


def finish(workspace: Workspace, run: str, config: TrainConfig) -> float:
    """Trains to the end without interruption; returns the seconds to the first step."""
    began = time.monotonic()
    child, pipe = start(workspace, run, config)
    watch(pipe, steps=1)
    seconds = time.monotonic() - began
    watch(pipe)
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit(f"the training of {run} ended with status {status}")
    return seconds


def kill_once(
    workspace: Workspace, run: str, config: TrainConfig, number: int, *, steps: int, seconds: float
) -> tuple[bool, bool]:
    """Starts a training and sends it a signal after `steps` steps and then `seconds` seconds.

    Returns:
        Whether the process was still running then, and whether it exited as expected.
    """
    child, pipe = start(workspace, run, config)
    watch(pipe, steps=steps)
    watch(pipe, seconds=seconds)
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    os.close(pipe)
    if number == signal.SIGKILL:
        return os.WIFSIGNALED(status), True
    code = os.waitstatus_to_exitcode(status)
    # Before the process catches signals, and after it stops catching them, the default action of the signal is correct.
    return code != 0, code in (0, 128 + number, -number)


def steps_not_saved(folder: pathlib.Path) -> int:
    """Counts the steps in a run's history that are not in its newest checkpoint."""
    history = read_history(folder / "history.jsonl")
    _, saved = checkpoint_progress(folder / "checkpoints")
    return history[-1]["step"] - saved if history else 0


def count_unreadable(folder: pathlib.Path) -> int:
    """Counts the damaged checkpoints and backups of a run."""
    paths = [*list_checkpoints(folder / "checkpoints"), *list_checkpoints(folder / "checkpoints" / BACKUPS)]
    return sum(read_arrays(path) is None for path in paths)


def last_arrays(folder: pathlib.Path) -> dict[str, bytes]:
    """Reads the last checkpoint of a run except its training time, and the run's history."""
    (path, *_) = list_checkpoints(folder / "checkpoints")
    arrays = {name: array.tobytes() for name, array in read_arrays(path).items() if name != "seconds"}
    return arrays | {"name": path.name.encode(), "history": (folder / "history.jsonl").read_bytes()}


def measure(kills: int, numbers: list[int], seed: int, workspace: Workspace, config: TrainConfig) -> Result:
    """Sends `kills` signals to trainings, taking turns among `numbers`, and finishes the last training."""
    began, moments = time.monotonic(), random.Random(seed)
    to_first = finish(workspace, "undisturbed", config)
    wanted = last_arrays(workspace.run("undisturbed"))
    done = runs = same = unreadable = wrong = lost = 0
    rising = True
    while done < kills or runs == 0:
        run = f"killed-{runs}"
        folder = workspace.run(run)
        alive = True
        while alive and done < kills:
            at_start = moments.random() < 1 / 3
            steps = 0 if at_start else moments.randint(1, config.steps // 3)
            seconds = moments.uniform(0, to_first if at_start else A_STEP)
            number = numbers[done % len(numbers)]
            alive, right = kill_once(workspace, run, config, number, steps=steps, seconds=seconds)
            done += alive
            wrong += not right
            if number != signal.SIGKILL and steps:  # at the start, the history may be that of a killed process
                lost = max(lost, steps_not_saved(folder))
            unreadable += count_unreadable(folder)
        if alive:
            finish(workspace, run, config)
        steps = [line["step"] for line in read_history(folder / "history.jsonl")]
        rising &= steps == list(range(1, config.steps + 1))
        same += last_arrays(folder) == wanted
        runs += 1
    seconds = time.monotonic() - began
    return Result(
        kills=done,
        wrong_exits=wrong,
        steps_lost=lost,
        runs=runs,
        same=same,
        unreadable=unreadable,
        rising=rising,
        seconds=seconds,
    )


def main() -> int:
    """Prints the result; returns 0 if every run ended in the same state as the uninterrupted one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--signals", default="KILL", help="signals that take turns, for example KILL,INT,TERM,HUP")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random times")
    parser.add_argument("--quick", action="store_true", help="train without discriminators, which compiles faster")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    arguments = parser.parse_args()
    config = dataclasses.replace(CONFIG, adversarial_weight=0.0) if arguments.quick else CONFIG
    WIDTHS["tiny", 64] = dataclasses.replace(WIDTHS["tiny", 64], **NARROW)
    with tempfile.TemporaryDirectory() as folder:
        numbers = [signal.Signals[f"SIG{name}"] for name in arguments.signals.split(",")]
        result = measure(arguments.kills, numbers, arguments.seed, make_workspace(pathlib.Path(folder)), config)
    print(
        f"{result.kills} times {arguments.signals} in {result.seconds:.0f} s: {result.same} of {result.runs} trainings "
        f"ended as if undisturbed, {result.unreadable} checkpoints unreadable, histories rise: {result.rising}, "
        f"{result.steps_lost} steps lost when stopped, {result.wrong_exits} wrong exit codes"
    )
    if arguments.json:
        print(json.dumps(dataclasses.asdict(result)))
    is_good = result.same == result.runs and result.rising
    return 0 if is_good and not (result.unreadable or result.wrong_exits or result.steps_lost) else 1


if __name__ == "__main__":
    sys.exit(main())
