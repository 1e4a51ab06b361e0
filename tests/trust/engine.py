"""Reads hostile files in a process of its own, and says what became of each.

`run_reader` starts this module as a program, once per reader, so that imports are paid once; a process that crashes or
hangs is a finding about the file under way, and another one goes on behind it.
"""

import collections
import dataclasses
import importlib
import json
import logging
import os
import pathlib
import queue
import random
import shutil
import subprocess
import sys
import threading
import time
import typing

from tests.trust.cases import REFUSED, SAME, Case, Reader, number_names
from tests.trust.readers import find_reader

ROOT = pathlib.Path(__file__).resolve().parents[2]

MOST_SECONDS = float(os.environ.get("TRUST_SECONDS", 10))
MOST_MEMORY = 1_000_000_000

GRACE = MOST_SECONDS
"""Seconds beyond `MOST_SECONDS` after which a process that says nothing is ended."""

SEED = 15

OUT = "out"
"""Folder that readers may fill; it is empty before each file."""


@dataclasses.dataclass
class Outcome:
    """What became of all files of a reader.

    Attributes:
        hostile: How many files of the corpus were read.
        random: How many random ones.
        verdicts: How often files were refused, read, or ended the process.
        findings: What should not have happened, a line each.
        seconds: How long all of it took.
        skipped: Why nothing was read; empty if something was.
    """

    hostile: int = 0
    random: int = 0
    verdicts: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    findings: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    skipped: str = ""


def run_reader(name: str, folder: pathlib.Path, times: float) -> Outcome:
    """Reads all hostile files of a reader, and random ones.

    Args:
        name: Of the reader, see `readers`.
        folder: An empty folder.
        times: How many random files there are, as a multiple of the reader's share.
    """
    outcome, first, began = Outcome(), 0, time.monotonic()
    while first is not None:
        first = _run_process(name, folder, times, first, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _run_process(name: str, folder: pathlib.Path, times: float, first: int, outcome: Outcome) -> int | None:
    """Runs the program from a file on; gives the number of the file to go on with, None at the end."""
    shutil.rmtree(folder / "work", ignore_errors=True)
    command = [sys.executable, "-m", "tests.trust.engine", name, str(folder), str(times), str(first)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FACESWAP_HOME": str(folder / "work" / "inside" / "home")}
    environment |= {"HOME": str(folder / "home"), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
    (folder / "home").mkdir(exist_ok=True)
    with open(folder / "errors.txt", "w+b") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True)
        reader.start()
        current, limit, hung = "its start", 120, ""
        try:
            while (line := lines.get(timeout=limit)) is not None:
                said = json.loads(line)
                if said["kind"] == "begin":
                    current, first, limit = said["name"], said["number"], MOST_SECONDS + GRACE
                elif not _take(said, outcome):
                    return None
        except queue.Empty:
            hung = f"took more than {limit:g} seconds"
        finally:
            process.kill()
            process.wait()
            reader.join()
            process.stdout.close()
        errors.seek(0)
        said_last = errors.read().decode("utf-8", "replace")[-1500:]
    if current == "its start":
        raise AssertionError(f"{name}: the process did not start: {said_last}")
    of = "random" if current.startswith("random ") else "hostile"
    setattr(outcome, of, getattr(outcome, of) + 1)
    outcome.verdicts["ended the process"] += 1
    if hung or not (find_reader(name).is_isolated and process.returncode < 0):
        reason = hung or f"the process ended with {process.returncode}: {said_last}"
        outcome.findings.append(f"{name}: {current}: {reason}")
    return first + 1


def _pass_on(stream: typing.TextIO, lines: queue.Queue) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _take(said: dict, outcome: Outcome) -> bool:
    """Notes what the process said; false at its end."""
    if said["kind"] == "end":
        return False
    if said["kind"] == "skipped":
        outcome.skipped = said["why"]
        return False
    setattr(outcome, said["of"], getattr(outcome, said["of"]) + 1)
    outcome.verdicts[said["verdict"]] += 1
    outcome.findings += said["findings"]
    return True


def find_cases(reader: Reader) -> list[Case]:
    """The hostile files of a reader, each with a name of its own."""
    return number_names(importlib.import_module(f"tests.trust.{reader.corpus}").cases(reader.name))


# The program ----------------------------------------------------------------------------------------------------------


def main(name: str, folder: pathlib.Path, times: float, first: int) -> None:
    """Reads the files from a number on, and says each on standard output."""
    from tests.trust.watch import Watch, make_temporary_folder

    logging.disable(logging.CRITICAL)
    _take_output()
    os.fsync = lambda descriptor: None  # what a power cut leaves is no matter here
    reader = find_reader(name)
    try:
        cases = find_cases(reader)
    except BaseException as error:
        if type(error).__name__ != "Skipped":
            raise
        return _say(kind="skipped", why=str(error))
    work, victims = folder / "work", [folder / "work" / "outside", folder / "work" / "here"]
    inside = work / "inside"
    for place in (inside, *victims):
        place.mkdir(parents=True, exist_ok=True)
    make_temporary_folder(inside / "temporary")
    (victims[0] / "secret.txt").write_text("4711")
    os.chdir(victims[1])
    reader.prepare(inside)
    valid, whole = (inside / reader.file).read_bytes(), _plain(reader.read(inside))
    others = [(inside / (reader.file + suffix)).read_bytes() for suffix in reader.others]
    watch = Watch(inside, victims)
    trial = _Trial(reader, inside, watch, whole, folder / "findings")
    assert trial.run(Case("the valid file", valid, SAME), "hostile")["findings"] == []
    for number, case in enumerate(cases):
        if number >= first:
            _say(kind="begin", name=case.name, number=number)
            _say(kind="done", of="hostile", **trial.run(case, "hostile"))
    for index in range(round(times * reader.share)):
        number, label = len(cases) + index, f"random {index}"
        if number >= first:
            _say(kind="begin", name=label, number=number)
            case = Case(label, make_random(reader, valid, others, index), lambda result: reader.holds(result, whole))
            _say(kind="done", of="random", **trial.run(case, "random"))
    _say(kind="end")


def make_random(reader: Reader, valid: bytes, others: list[bytes], index: int) -> bytes:
    """Makes the random file of a number: the same one every time."""
    from tests.trust.mutations import mutate

    dice = random.Random(f"{SEED} {reader.name} {index}")
    return mutate(dice.choice([valid, *others]), [valid, *others], reader.form, dice)


class _Trial:
    """Reads one file after the other and judges what becomes of it."""

    def __init__(self, reader: Reader, inside: pathlib.Path, watch, whole: object, keep: pathlib.Path):
        self._reader, self._inside, self._watch, self._whole, self._keep = reader, inside, watch, whole, keep
        self._path = inside / reader.file

    def run(self, case: Case, of: str) -> dict:
        from faceswap_lib.errors import FaceswapError

        _remove(self._path)
        shutil.rmtree(self._inside / OUT, ignore_errors=True)
        case.make(self._path)
        findings, began, before = [], time.perf_counter(), _memory()
        peak = _peak()
        self._watch.start()
        try:
            result = _plain(self._reader.read(self._inside))
            verdict = "read"
        except FaceswapError as error:
            verdict, result = "refused", str(error)
        except (Exception, RecursionError) as error:  # noqa: BLE001  (what is looked for)
            verdict, result = "traceback", f"{type(error).__name__}: {error}"
            findings.append(f"{result[:300]} ({_place(error)})")
        touched = self._watch.stop()
        seconds = time.perf_counter() - began
        findings += sorted(set(touched))
        if seconds > MOST_SECONDS:
            findings.append(f"took {seconds:.1f} seconds")
        if _peak() > peak and _peak() - before > MOST_MEMORY:
            findings.append(f"took {_peak() - before:,} bytes of memory")
        findings += self._judge(case, of, verdict, result)
        if findings and of == "random" and self._path.is_file():
            self._keep.mkdir(exist_ok=True)
            shutil.copyfile(self._path, self._keep / f"{self._reader.name}-{case.name.replace(' ', '-')}")
        return {"verdict": verdict, "findings": [f"{self._reader.name}: {case.name}: {each}" for each in findings]}

    def _judge(self, case: Case, of: str, verdict: str, result: object) -> list[str]:
        if verdict == "refused":
            findings = (
                []
                if 10 < len(result) < 3000 and result.isprintable() == ("\n" not in result)
                else [f"says {result!r:.300}"]
            )
            expected = of == "random" or case.verdict == REFUSED or (callable(case.verdict) and case.verdict(REFUSED))
            return findings if expected else [*findings, f"was refused: {result:.300}"]
        if verdict == "traceback":
            return []
        wanted = self._whole if case.verdict == SAME else case.verdict
        is_right = wanted(result) if callable(wanted) else result == wanted
        return [] if is_right else [f"expected {wanted!r:.200}, read {result!r:.200}"]


def _plain(value: object) -> object:
    """What was read, as JSON has it: tuples are lists."""
    return json.loads(json.dumps(value))


def _place(error: BaseException) -> str:
    """Where in the library an error came from."""
    found, trace = "", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "faceswap_lib" in name:
            found = f"{name.rpartition('faceswap_lib')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _remove(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)


def _memory() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def _peak() -> int:
    """The most memory that this process has had, in bytes, without what the process held before it became this one."""
    from faceswap_lib.memory import peak_memory

    return peak_memory()


def _take_output() -> None:
    """Keeps standard output for `_say`: libraries in C write there, too."""
    global _output
    _output = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


_output: typing.TextIO = sys.stdout


def _say(**values: object) -> None:
    _output.write(json.dumps(values) + "\n")
    _output.flush()


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
