"""Disturbs works at random or at every moment, each in a process of its own, and compares with an undisturbed one.

Usage: python -m tests.trust.disturb FOLDER [--works extract,consent] [--kills 10] [--signals 10] [--faults 7]

The last line is one JSON object: how many disturbances there were, how many works ended as if undisturbed, what was
found. Faults and kills at an operation need `faults.c`, loaded before the C library; see `faults`.
"""

import argparse
import collections
import contextlib
import dataclasses
import fnmatch
import json
import logging
import os
import pathlib
import random
import shutil
import signal
import sys
import time
import typing
import warnings

from faceswap_lib.errors import FaceswapError
from faceswap_lib.signals import Stopped, catch_signals
from tests.disturbed import ERRORS
from tests.trust.faults import arm, disarm
from tests.trust.works import WORKS, Work, find_lost, left_over, own_home

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


@dataclasses.dataclass
class Result:
    """What came of disturbing one work, or all of them.

    Attributes:
        disturbed: How often it was killed, got a signal or met a fault.
        same: How often the same call, made again, ended as if undisturbed.
        outcomes: How disturbed calls ended: killed, stopped, error, done.
        findings: What should not have happened, a line each.
        seconds: How long it took.
    """

    disturbed: int = 0
    same: int = 0
    outcomes: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    findings: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: "Result") -> None:
        self.disturbed += other.disturbed
        self.same += other.same
        self.outcomes += other.outcomes
        self.findings += other.findings
        self.seconds += other.seconds


class Ended(typing.NamedTuple):
    """How a process ended: its status, what it said, seconds, and operations on files where they are counted."""

    status: int
    message: str
    seconds: float
    operations: int


def start(work: Work, root: pathlib.Path, prepare: typing.Callable[[], None] = lambda: None) -> tuple[int, int]:
    """Forks a process that does a work; gives its id and a pipe on which it says how that ended."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads; none here holds a lock
        child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    os.close(reading)
    code, message = 1, ""
    try:
        own_home(root)
        logging.disable()
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        with catch_signals():
            prepare()
            failed = work.do(root)
        code, message = 0, "failed: " + "; ".join(failed) if failed else "done"
    except Stopped as stop:
        code, message = stop.exit_code, "stopped"
    except KeyboardInterrupt:  # before signals are caught
        code, message = 128 + signal.SIGINT, "stopped"
    except (OSError, FaceswapError) as error:
        code, message = 2, f"error: {type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  (what is looked for)
        code, message = 3, f"traceback: {type(error).__name__}: {error}"
    finally:
        operations = disarm()
        os.write(writing, json.dumps([message[:3000], operations]).encode())
        os._exit(code)


def wait(child: int, pipe: int, began: float) -> Ended:
    """Waits for a process of `start`."""
    said = b""
    while data := os.read(pipe, 1 << 16):
        said += data
    os.close(pipe)
    _, status = os.waitpid(child, 0)
    message, operations = json.loads(said) if said else ("", 0)
    return Ended(status, message, time.monotonic() - began, operations)


def do(work: Work, root: pathlib.Path, prepare: typing.Callable[[], None] = lambda: None) -> Ended:
    began = time.monotonic()
    return wait(*start(work, root, prepare), began)


def is_nobodys(folder: pathlib.Path) -> bool:
    """Whether a folder holds the rest of pieces whose video is finished: a fault came while they were removed."""
    return folder.name.endswith(".parts") and not (folder / "plan.json").exists()


class Stage:
    """A work, a folder it starts from, and where it ends undisturbed."""

    def __init__(self, name: str, folder: pathlib.Path):
        self.name, self.work, self._folder, self._count = name, WORKS[name], folder, 0
        self._template = folder / "template"
        self._template.mkdir(parents=True)
        made = do(dataclasses.replace(self.work, do=self.work.make), self._template)
        if made.status:
            raise SystemExit(f"{name}: cannot be prepared: {made.message}")
        self.result = Result()
        self.before = self.work.facts(self._template)
        root = self.fresh()
        undisturbed = do(self.work, root, lambda: arm(root, 0, 0))
        if undisturbed.message != "done" or left_over(root):
            raise SystemExit(f"{name}, undisturbed: {undisturbed.message}, left: {left_over(root)}")
        self.seconds, self.operations, self.wanted = undisturbed.seconds, undisturbed.operations, self.work.facts(root)
        again = self.fresh()
        if do(self.work, again).status or self.work.facts(again) != self.wanted:
            raise SystemExit(f"{name} does not end twice alike")
        shutil.rmtree(root), shutil.rmtree(again)

    def fresh(self) -> pathlib.Path:
        """A copy of what it starts from."""
        self._count += 1
        return pathlib.Path(shutil.copytree(self._template, self._folder / f"try{self._count}"))

    def judge(self, root: pathlib.Path, how: str, ended: Ended) -> None:
        """After a disturbance: nothing is lost, and the same call made again ends as if undisturbed."""
        findings, result = [], self.result
        outcome = "killed" if os.WIFSIGNALED(ended.status) else ended.message.partition(":")[0]
        result.outcomes[outcome] += 1
        result.disturbed += 1
        if outcome == "traceback":
            findings.append(ended.message)
        if outcome == "done" and self.work.facts(root) != self.wanted:
            findings.append("said that it is done, and is not")
        lost = find_lost(self.before, self.work.facts(root), self.wanted)
        lost = [name for name in lost if not any(fnmatch.fnmatch(name, each) for each in self.work.passing)]
        if lost := lost + self.work.check(root):
            findings.append(f"lost or half done: {lost[:5]}")
        was_done = self.work.facts(root) == self.wanted
        again = do(self.work, root)
        if again.message != "done":
            findings.append(f"the second call: {again.message or again.status}")
        elif (facts := self.work.facts(root)) != self.wanted:
            names = sorted({*facts, *self.wanted})
            different = [name for name in names if facts.get(name) != self.wanted.get(name)]
            findings.append(f"ended otherwise: {different[:5]}")
        elif left := [name for name in left_over(root) if not (was_done and is_nobodys(root / name))]:
            findings.append(f"left: {left[:5]}")
        else:
            result.same += 1
        result.findings += [f"{self.name}, {how} ({ended.message[:200]}): {finding}" for finding in findings]
        if not findings:
            shutil.rmtree(root)

    def kill(self, times: int, moments: random.Random) -> None:
        """Kills it so many times at random moments; those at which it had ended already do not count."""
        while times > 0:
            root, seconds, began = self.fresh(), moments.uniform(0, self.seconds), time.monotonic()
            child, pipe = start(self.work, root)
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
            ended = wait(child, pipe, began)
            if os.WIFSIGNALED(ended.status):
                times -= 1
                self.judge(root, f"killed after {seconds:.3f} s", ended)

    def send(self, number: signal.Signals, times: int, moments: random.Random) -> None:
        """Sends it a signal at random moments; it answers with 128 and the number, or is done, or does not care."""
        for _ in range(times):
            root, seconds, began = self.fresh(), moments.uniform(0, self.seconds), time.monotonic()
            child, pipe = start(self.work, root)
            time.sleep(seconds)
            os.kill(child, number)
            ended = wait(child, pipe, began)
            code = os.waitstatus_to_exitcode(ended.status)
            right = (0,) if number == signal.SIGPIPE else (0, 128 + number, -number)
            if code not in right:
                self.result.findings.append(f"{self.name}, {number.name} after {seconds:.3f} s: exit code {code}")
            self.judge(root, f"{number.name} after {seconds:.3f} s", ended)

    def fail(self, places: typing.Iterable[int], *, kills: bool) -> None:
        """Lets operations fail with one error after the other, or kills it there."""
        for index, at in enumerate(places):
            number = 0 if kills else ERRORS[index % len(ERRORS)]
            root = self.fresh()
            ended = do(self.work, root, lambda root=root, at=at, number=number: arm(root, at, number))
            how = f"operation {at}: {os.strerror(number) if number else 'killed'}"
            self.judge(root, how, ended)


def main() -> int:
    """Prints what was found; 0 if that is nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--kills", type=int, default=0, help="of each work, at random moments")
    parser.add_argument("--signals", type=int, default=0, help="of each of INT, TERM, HUP and PIPE, to each work")
    parser.add_argument("--faults", type=int, default=0, help="let every so manieth operation on files fail")
    parser.add_argument("--kills-at", type=int, default=0, help="kill at every so manieth operation on files")
    parser.add_argument("--at", nargs="*", default=[], help="of a work let these fail, and kill there: extract=3,26")
    parser.add_argument("--seed", type=int, default=15)
    arguments = parser.parse_args()
    total, places = Result(), {}
    for text in arguments.at:
        work, _, numbers = text.partition("=")
        places[work] = [int(number) for number in numbers.split(",")]
    for name in arguments.works.split(","):
        began, moments = time.monotonic(), random.Random(f"{arguments.seed} {name}")
        stage = Stage(name, arguments.folder / name.replace(" ", "-"))
        stage.kill(arguments.kills, moments)
        for number in SIGNALS:
            stage.send(number, arguments.signals, moments)
        for stride, kills in ((arguments.faults, False), (arguments.kills_at, True)):
            if stride:
                stage.fail(range(1, stage.operations + 1, stride), kills=kills)
            stage.fail(places.get(name, []), kills=kills)
        stage.result.seconds = time.monotonic() - began
        total.add(stage.result)
        result = stage.result
        print(
            f"{name}: {result.disturbed} disturbed ({dict(result.outcomes)}), {result.same} ended as if undisturbed, "
            f"{stage.operations} operations, {result.seconds:.1f} s",
            *result.findings,
            sep="\n  ",
            flush=True,
        )
    print(json.dumps(vars(total)))
    return 1 if total.findings else 0


if __name__ == "__main__":
    sys.exit(main())
