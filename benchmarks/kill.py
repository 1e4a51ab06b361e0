"""Kills or stops a short training again and again, resumes it each time, and compares it with an undisturbed one.

Usage: python benchmarks/kill.py [--kills 50] [--signals KILL,INT,TERM,HUP] [--seed 0] [--quick] [--json]

The networks are narrow and the crops made up: files and resuming are what is tested. A process is forked from one that
has imported everything but not yet computed anything, and gets a signal at a random moment between its first step and
its last; every third one at a random moment of its start instead. SIGKILL ends it as a power cut does; the others it
answers as the command line does: with a checkpoint of the step under way, and 128 and the signal's number.
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

import keras  # noqa: F401  (so that children need not)
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
"""Seconds within which a step, and the files that may come after it, are done; the moment of a kill is in between."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it.

    Attributes:
        kills: How many processes were killed or stopped.
        wrong_exits: How many of those that were stopped did not exit with 128 and the signal's number.
        steps_lost: The most steps that were done when a process was stopped, and were in no checkpoint; not counted
            when it was killed.
        runs: How many trainings reached their end, the undisturbed one left out.
        same: How many of them ended with the undisturbed one's weights, averages, optimizers and history.
        unreadable: Checkpoints and backups that were damaged after a kill.
        rising: Whether the steps of every history rose strictly once it was resumed.
        seconds: How long it all took.
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
    """Writes two facesets of made-up crops with eye masks."""
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
    """Forks a process that trains; gives its id and a pipe it writes a byte to for every step."""
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
    """Waits for so many steps of the process behind a pipe; gives False if it ended, or the seconds passed, before."""
    until = time.monotonic() + seconds
    while steps > 0 and (left := until - time.monotonic()) > 0:
        readable, _, _ = select.select([pipe], [], [], left)
        if not readable or not (news := os.read(pipe, 4096)):
            return False
        steps -= len(news)
    return True


def finish(workspace: Workspace, run: str, config: TrainConfig) -> float:
    """Trains without disturbance; gives the seconds to the first step."""
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
    """Starts a training and sends it a signal so many steps and seconds later.

    Returns:
        Whether it was still alive then, and whether it ended as it should.
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
    # Before it catches signals, and after it is done with them, the signal's own way is the right one.
    return code != 0, code in (0, 128 + number, -number)


def steps_not_saved(folder: pathlib.Path) -> int:
    """How many steps stand in a run's history that its newest checkpoint does not have."""
    history = read_history(folder / "history.jsonl")
    _, saved = checkpoint_progress(folder / "checkpoints")
    return history[-1]["step"] - saved if history else 0


def count_unreadable(folder: pathlib.Path) -> int:
    """How many checkpoints and backups of a run are damaged."""
    paths = [*list_checkpoints(folder / "checkpoints"), *list_checkpoints(folder / "checkpoints" / BACKUPS)]
    return sum(read_arrays(path) is None for path in paths)


def last_arrays(folder: pathlib.Path) -> dict[str, bytes]:
    """All of a run's last checkpoint but the time it took, and its history."""
    (path, *_) = list_checkpoints(folder / "checkpoints")
    arrays = {name: array.tobytes() for name, array in read_arrays(path).items() if name != "seconds"}
    return arrays | {"name": path.name.encode(), "history": (folder / "history.jsonl").read_bytes()}


def measure(kills: int, numbers: list[int], seed: int, workspace: Workspace, config: TrainConfig) -> Result:
    """Sends trainings so many signals, by turns, and finishes the last one."""
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
            if number != signal.SIGKILL and steps:  # at its start the history may be that of one that was killed
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
    """Prints the result; 0 if every run ended where the undisturbed one did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--signals", default="KILL", help="by turns, as in KILL,INT,TERM,HUP")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
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
