"""Locks: one process, one thread, one machine at a time; what is left by the dead blocks nobody."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from faceswap_lib import locks
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.locks import hold, lock_file, read_holder
from faceswap_lib.locks.lock_file import Holder, lock_path, parse_holder
from tests.conftest import ROOT

HOLDING = """
import pathlib, sys, time
from faceswap_lib.locks import hold
with hold(pathlib.Path(sys.argv[1]), what="run 'default'"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def quick(monkeypatch):
    """Beats every 50 ms."""
    monkeypatch.setattr(locks, "BEAT", 0.05)
    monkeypatch.setattr(locks, "SETTLE", 0.05)


@pytest.fixture
def elsewhere(monkeypatch):
    """Gives a function after which this process is on another machine."""

    def move(name: str) -> None:
        for module in (locks, lock_file):
            monkeypatch.setattr(module, "host_name", lambda: name)

    return move


@pytest.fixture
def other_process(tmp_path):
    """A process that holds `run`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def refuse(path, *, what: str, match: str) -> None:
    with pytest.raises(WorkspaceError, match=match), hold(path, what=what):
        pass


def leave(path, **facts) -> Holder:
    """Leaves a lock file behind, as a killed process does."""
    holder = Holder(
        **{"host": "far", "machine": "m", "process": 7, "since": "then", "what": "run 'x'", "token": "t"} | facts
    )
    lock_path(path).write_text(json.dumps(dataclasses.asdict(holder)).ljust(4095) + "\n", encoding="utf-8")
    return holder


def test_a_second_process_is_refused_and_told_who_holds_it(other_process, tmp_path):
    began = time.monotonic()
    refuse(tmp_path / "run", what="run 'y'", match=rf"run 'y' is in use by process {other_process.pid} on this machine")
    assert time.monotonic() - began < 2
    other_process.kill()
    other_process.wait()
    assert lock_path(tmp_path / "run").is_file()  # left
    began = time.monotonic()
    with hold(tmp_path / "run", what="run 'y'"):
        assert read_holder(tmp_path / "run").process == os.getpid()
    assert time.monotonic() - began < 2
    assert os.listdir(tmp_path) == []


def test_threads_and_nested_calls_are_refused_too(tmp_path):
    errors = []

    def try_it():
        try:
            with hold(tmp_path / "out.mp4", what="out.mp4"):
                pass
        except WorkspaceError as error:
            errors.append(str(error))

    with hold(tmp_path / "out.mp4", what="out.mp4"):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        try_it()
    try_it()
    assert len(errors) == 2 and all(f"process {os.getpid()}" in error for error in errors)


def test_all_ways_to_name_a_folder_are_one_lock(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    paths = [
        tmp_path / "real",
        tmp_path / "link",
        tmp_path / "x" / ".." / "real",
        tmp_path.relative_to(tmp_path) / "real",
    ]
    assert len({lock_path(path) for path in paths}) == 1
    assert lock_path(tmp_path / "real").parent == tmp_path  # not in it, where it would be a file among the outputs
    assert len(lock_path(tmp_path / ("ä" * 120)).name) < 100


def test_a_holder_elsewhere_that_beats_is_left_alone(tmp_path, quick, elsewhere, monkeypatch):
    """A shared folder, whose locks the machines do not see of each other."""
    monkeypatch.setattr(locks, "take_system_lock", lambda file: True)
    elsewhere("far")
    with hold(tmp_path / "run", what="run 'default'"):
        held = dict(locks._held)
        elsewhere("near")
        locks._held.clear()  # another process
        refuse(tmp_path / "run", what="run 'default'", match=rf"in use by process {os.getpid()} on far")
        locks._held.update(held)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("locked", [True, None], ids=["another machine's", "no locks here"])
def test_a_holder_that_beats_no_more_is_taken_over(tmp_path, quick, monkeypatch, locked, caplog):
    leave(tmp_path / "run", host="far" if locked else lock_file.host_name(), machine=lock_file.machine_id())
    monkeypatch.setattr(locks, "take_system_lock", lambda file: locked)
    with hold(tmp_path / "run", what="run 'default'") as lock:
        assert "ended without releasing the lock" in caplog.text
        lock.check()
    assert os.listdir(tmp_path) == []


def test_clocks_do_not_matter(tmp_path, quick, monkeypatch):
    for day in (-86400, 86400):
        leave(tmp_path / "run")
        os.utime(lock_path(tmp_path / "run"), (time.time() + day,) * 2)
        with hold(tmp_path / "run", what="run 'default'"):
            assert read_holder(tmp_path / "run").process == os.getpid()


def test_of_two_who_take_over_one_remains(tmp_path, quick, monkeypatch):
    """Both saw that the holder is gone; the one who wrote last has it."""
    monkeypatch.setattr(locks, "take_system_lock", lambda file: None)
    leave(tmp_path / "run")
    write = locks.write_open

    def write_and_be_overtaken(file, holder):
        write(file, holder)
        leave(tmp_path / "run", host="faster")

    monkeypatch.setattr(locks, "write_open", write_and_be_overtaken)
    refuse(tmp_path / "run", what="run 'default'", match="in use by process 7 on faster")
    assert read_holder(tmp_path / "run").host == "faster"


def test_one_who_slept_too_long_is_told(tmp_path, quick):
    with hold(tmp_path / "run", what="run 'default'") as lock:
        lock.check()
        leave(tmp_path / "run", host="awake")
        deadline = time.monotonic() + 5
        while lock._taken_by is None and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(WorkspaceError, match="now process 7 on awake"):
            lock.check()
    assert read_holder(tmp_path / "run").host == "awake"  # its file stays


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"[" * 4000, b'{"host": 3}', b"\xff\xfe", b"null"])
def test_a_damaged_leftover_blocks_nobody(tmp_path, quick, content):
    lock_path(tmp_path / "run").write_bytes(content)
    with hold(tmp_path / "run", what="run 'default'"):
        assert read_holder(tmp_path / "run").process == os.getpid()


def test_nothing_is_written_through_a_link(tmp_path):
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("precious")
    lock_path(tmp_path / "run").symlink_to(thesis)
    with hold(tmp_path / "run", what="run"):
        assert thesis.read_text() == "precious"
    assert thesis.read_text() == "precious"
    os.link(thesis, lock_path(tmp_path / "run"))
    with pytest.raises(WorkspaceError, match="expected a lock file"), hold(tmp_path / "run", what="run"):
        pass
    assert thesis.read_text() == "precious"


def test_what_cannot_be_written_is_an_ordinary_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as raised, hold(tmp_path / "file" / "run", what="run"):
        pass
    assert raised.value.filename == str(tmp_path / "file" / "run")
    (tmp_path / "closed").mkdir()
    os.chmod(tmp_path / "closed", 0o500)
    if os.access(tmp_path / "closed", os.W_OK):
        return  # the superuser may
    with pytest.raises(PermissionError), hold(tmp_path / "closed" / "run", what="run"):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_fork_does_not_keep_its_parents_lock(tmp_path):
    """A child that lives on, as a worker does, must not hold what its killed parent held."""
    program = (
        "import os, pathlib, sys, time\n"
        "from faceswap_lib.locks import hold\n"
        "with hold(pathlib.Path(sys.argv[1]), what='run'):\n"
        "    if os.fork() == 0:\n"
        "        print(os.getpid(), flush=True)\n"
        "        time.sleep(60)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    child = int(process.stdout.readline())
    with pytest.raises(WorkspaceError), hold(tmp_path / "run", what="run"):
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    try:
        with hold(tmp_path / "run", what="run"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)


def test_what_a_lock_file_says_is_printable():
    holder = {"host": "\x1b[31m", "machine": "m", "process": 7, "since": "s", "what": "w", "token": "t", "beat": 0}
    assert parse_holder(json.dumps(holder).encode()) is None
    assert parse_holder(json.dumps(holder | {"host": "h"}).encode()).host == "h"
