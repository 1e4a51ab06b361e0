"""Signals: the first asks, the second ends; nothing is caught where nobody asked for it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from faceswap_lib import cli, signals
from faceswap_lib.signals import Stopped, catch_signals, defer_stop
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does")

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

WORK = """
import hashlib, sys, time
from faceswap_lib.signals import Stopped, catch_signals, defer_stop
try:
    with catch_signals(), defer_stop() as stop:
        print("ready", flush=True)
        if "deaf" in sys.argv:
            hashlib.pbkdf2_hmac("sha256", b"a", b"b", 500_000_000)  # one call that no handler interrupts
        for _ in range(600):
            if stop.is_asked and "stubborn" not in sys.argv:
                stop.saved = "all is saved"
                break
            time.sleep(0.05)
except Stopped as stopped:
    print(stopped)
    sys.exit(stopped.exit_code)
print("done")
"""


@pytest.fixture
def start():
    """Starts a process that works until it is asked to stop; gives it once it is ready."""
    processes = []

    def start_one(*words: str, before: tuple[str, ...] = ()) -> subprocess.Popen:
        command = [*before, sys.executable, "-c", WORK, *words]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True))
        assert processes[-1].stdout.readline() == "ready\n"
        return processes[-1]

    yield start_one
    for process in processes:
        process.kill()
        process.communicate()


def handlers() -> list:
    return [signal.getsignal(number) for number in STOPPING]


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_work_that_saves_nothing_ends_where_the_signal_finds_it(number):
    before, reached = handlers(), False
    with pytest.raises(Stopped) as raised, catch_signals():
        os.kill(os.getpid(), number)
        time.sleep(1)
        reached = True
    assert not reached and raised.value.exit_code == 128 + number and number.name in str(raised.value)
    assert handlers() == before


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_work_that_saves_is_asked_and_says_what_it_saved(start, number):
    process = start()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert out == f"stopped by {number.name}; all is saved\n"
    assert err.strip() in (signals.NOTICE, "")  # work that ends at once needs no notice, and may be faster than it


def test_two_signals_at_once_are_one(start):
    """`timeout` sends its signal to the process and to its group."""
    process = start()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert "all is saved" in process.communicate(timeout=20)[0]


@pytest.mark.parametrize("how", ["stubborn", "deaf"])
def test_a_second_signal_ends_at_once(start, how):
    process = start(how)
    process.send_signal(signal.SIGINT)
    time.sleep(signals.REPEAT + 0.3)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 128 + signal.SIGTERM and time.monotonic() - began < 2


def test_what_is_ignored_stays_ignored(start):
    """Under nohup the terminal may close."""
    process = start(before=("sh", "-c", 'trap "" HUP; exec "$@"', "sh"))
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 128 + signal.SIGTERM


def test_a_stop_is_raised_at_the_end_of_the_outermost_block():
    steps = []
    with pytest.raises(Stopped, match="three steps"), catch_signals():
        with defer_stop() as stop:
            with defer_stop() as inner:
                os.kill(os.getpid(), signal.SIGTERM)
                inner.saved = "three steps are saved"
            steps.append(stop.is_asked)
        steps.append("never")
    assert steps == [True]


def test_an_error_of_the_work_is_not_hidden_by_the_stop():
    with pytest.raises(ZeroDivisionError), catch_signals(), defer_stop():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ZeroDivisionError


def test_in_a_notebook_the_interrupt_waits_and_nothing_else_is_touched():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    others = handlers()[1:]
    with pytest.raises(KeyboardInterrupt) as raised, defer_stop() as stop:
        assert handlers()[1:] == others
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        asked = stop.is_asked
    assert asked and not isinstance(raised.value, Stopped)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt), defer_stop():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
        raise AssertionError("the second one waited")


def test_other_threads_catch_nothing_and_are_told():
    before, found = handlers(), []

    def work():
        with catch_signals(), defer_stop() as stop:
            found.append((handlers() == before, stop.is_asked))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(True, False)]


# The command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
def test_the_command_line_exits_with_the_signals_number(monkeypatch, capsys, number):
    def work():
        with defer_stop() as stop:
            os.kill(os.getpid(), number)
            stop.saved = "step 7 of run 'x' is saved"

    monkeypatch.setattr(cli, "_parse", lambda arguments: work)
    assert cli.main([]) == 128 + number
    assert f"stopped by {number.name}; step 7 of run 'x' is saved; run the same command again" in (
        capsys.readouterr().err
    )


FACESWAP = "import sys; from faceswap_lib.cli import main; sys.exit(main())"


@pytest.mark.parametrize(
    ("arguments", "redirection", "code"),
    [
        ("--help", "0<&- 1>&- 2>&-", 0),
        ("verify none.mp4", "1>&- 2>&-", 2),
        ("--help", ">/dev/full", 1),
        ("verify none.mp4", "2>/dev/full", 2),
    ],
)
def test_the_exit_code_is_that_of_the_work_whoever_reads(tmp_path, arguments, redirection, code):
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    command = f'"{sys.executable}" -c "{FACESWAP}" {arguments} {redirection}'
    result = subprocess.run(
        command, shell=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert "Traceback" not in result.stderr and "Exception ignored" not in result.stderr
    assert result.returncode == code, result.stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_leaves_is_no_error(tmp_path, stream):
    """As in `faceswap verify ... | true`."""
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writing}
    arguments = ["--help"] if stream == "stdout" else ["verify", "none.mp4"]
    result = subprocess.run(
        [sys.executable, "-c", FACESWAP, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        **streams,
    )
    os.close(writing)
    assert result.returncode == (0 if stream == "stdout" else 2)
    assert not result.stderr and not result.stdout
