"""Trainings that are stopped: what was done is saved, files and mirror are closed, and they go on as if undisturbed."""

import dataclasses
import errno
import io
import os
import shutil
import signal
import sys

import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.locks.lock_file import lock_path
from faceswap_lib.networks.config import WIDTHS
from faceswap_lib.signals import Stop, Stopped, catch_signals, defer_stop
from faceswap_lib.training import LoopConfig, TrainConfig, read_history, train
from faceswap_lib.training.checkpoint import checkpoint_progress, list_checkpoints
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.loop import Loop
from faceswap_lib.training.train_step import reset_state
from faceswap_lib.training.training_logger import TrainingLogger
from tests.conftest import read_arrays
from tests.training.test_checkpoint import NARROW, make_state

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does")

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class FakeStepper:
    """Takes steps that only count; `during` is called in the middle of each."""

    def __init__(self, state, steps: int):
        self.state, self.steps, self.phase_start, self.is_stepping = state, steps, 0.0, False
        self.during = lambda step: None

    def step(self) -> dict[str, float]:
        self.is_stepping = True
        self.during(self.state.step + 1)
        self.state.step += 1
        self.is_stepping = False
        return {"reconstruction_a": 1 / self.state.step}


@pytest.fixture(scope="module")
def narrow_state():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(WIDTHS, ("tiny", 64), NARROW)
        state = make_state(0)
    yield state  # the trainings below have networks as wide as ever


@pytest.fixture
def loop(narrow_state, tmp_path):
    """A loop of 20 steps with a real keeper and reporter; no checkpoint comes by itself but the last."""
    state, run_config = narrow_state, LoopConfig(log_every=1, checkpoint_interval="", preview_interval="")
    state.step = state.history_bytes = 0
    config = TrainConfig(steps=20)
    keeper = CheckpointManager(
        tmp_path / "run", state, config, run_config, None, reset=lambda: reset_state(state, config)
    )
    reporter = TrainingLogger(tmp_path / "run", run_config, step=0, steps=21, history_bytes=0, draw=lambda: None)
    return Loop(FakeStepper(state, 20), keeper, reporter, None, False, lambda: False)


def steps_of(folder) -> list[int]:
    return [line["step"] for line in read_history(folder / "history.jsonl")]


@pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
@pytest.mark.parametrize("place", ["in a step", "between steps"])
def test_a_signal_saves_behind_the_step_under_way(loop, tmp_path, number, place):
    def interrupt(step: int, terms: object = None) -> None:
        if step == 7:
            os.kill(os.getpid(), number)

    if place == "in a step":
        loop.stepper.during = interrupt
    else:
        loop.reporter._on_log = interrupt
    with pytest.raises(Stopped) as raised, catch_signals(), defer_stop() as stop:
        loop.run(stop)
    assert raised.value.number == number
    assert checkpoint_progress(tmp_path / "run" / "checkpoints") == (0, 7)
    assert steps_of(tmp_path / "run") == [1, 2, 3, 4, 5, 6, 7]
    assert loop.stepper.state.history_bytes == (tmp_path / "run" / "history.jsonl").stat().st_size


def test_a_notebooks_interrupt_saves_behind_the_step_under_way_and_comes_through(loop, tmp_path):
    loop.stepper.during = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 7 else None
    with pytest.raises(KeyboardInterrupt), defer_stop() as stop:
        loop.run(stop)
    assert checkpoint_progress(tmp_path / "run" / "checkpoints") == (0, 7)


@pytest.mark.parametrize(("place", "saved"), [("in a step", (-1, 0)), ("between steps", (0, 7))])
def test_an_interrupt_that_was_not_deferred_saves_only_what_is_of_one_step(loop, tmp_path, place, saved):
    """As from a callback, or where another program handles the signal: half a step is not written down."""

    def interrupt(step: int, terms: object = None) -> None:
        if step == 7:
            raise KeyboardInterrupt

    if place == "in a step":
        loop.stepper.during = interrupt
    else:
        loop.reporter._on_log = interrupt
    with pytest.raises(KeyboardInterrupt):
        loop.run(Stop())
    assert checkpoint_progress(tmp_path / "run" / "checkpoints") == saved


def test_the_history_is_never_behind_what_was_logged(loop, tmp_path):
    """Who watches a training reads the file; a buffer held more than a hundred steps back."""
    seen = []
    loop.reporter._on_log = lambda step, terms: seen.append((step, steps_of(tmp_path / "run")[-1]))
    loop.run(Stop())
    assert seen == [(step, step) for step in range(1, 21)]


def test_a_run_that_another_took_over_is_not_written(loop, tmp_path):
    def refuse():
        raise WorkspaceError("taken over")

    loop.keeper._check = refuse
    with pytest.raises(WorkspaceError, match="taken over"):
        loop.run(Stop())
    assert list_checkpoints(tmp_path / "run" / "checkpoints") == []


# Real trainings ----------------------------------------------------------------------------------------------------

KEEPING = LoopConfig(log_every=1, checkpoint_interval="")


@pytest.fixture
def go_on(tiny_run, tmp_path):
    """Gives a function that goes on with a copy of the trained run to step 44; gives its folder and how it ended."""

    def run(name: str, keeping: LoopConfig = KEEPING, **callbacks):
        root = tmp_path / name
        if not root.exists():
            shutil.copytree(tiny_run.workspace.root, root)
        # Without discriminators, which compiles faster.
        config, ended = dataclasses.replace(tiny_run.train_config, steps=44, adversarial_weight=0.0), None
        try:
            train(Workspace(root), config=config, run_config=keeping, **callbacks)
        except (KeyboardInterrupt, ZeroDivisionError) as error:
            ended = error
        return Workspace(root).run("default"), ended

    return run


def at_step(step: int, act):
    """A callback that acts at one step."""
    return lambda at, terms: act() if at == step else None


class BrokenFile(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def fail():
    raise ZeroDivisionError


def test_stopped_and_refused_trainings_end_where_an_undisturbed_one_does(go_on, tmp_path, monkeypatch):
    """One after the other, because each compiles its steps anew."""
    refused = []

    def train_a_second_time():
        with pytest.raises(WorkspaceError, match="run 'default' is in use by process .* on this machine") as error:
            go_on("undisturbed")
        refused.append(error.value)

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", BrokenFile())  # no bar can be drawn
        folder, ended = go_on("undisturbed", progress=True, on_log=at_step(42, train_a_second_time))
    assert ended is None and len(refused) == 1
    wanted, history = read_arrays(folder, 44), (folder / "history.jsonl").read_bytes()

    mirror = tmp_path / "mirror"
    keeping = dataclasses.replace(KEEPING, sync_dir=mirror, sync_interval="")
    with catch_signals():
        folder, ended = go_on("stopped", keeping, on_log=at_step(42, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert isinstance(ended, Stopped) and str(ended) == f"stopped by SIGTERM; step 42 of 44 is saved in {folder}"
    assert (
        checkpoint_progress(folder / "checkpoints")
        == checkpoint_progress(mirror / "default" / "checkpoints")
        == (0, 42)
    )
    assert not lock_path(folder).exists()

    folder, ended = go_on("stopped")
    assert ended is None and (folder / "history.jsonl").read_bytes() == history
    arrays = read_arrays(folder, 44)
    assert all(arrays[name].tobytes() == wanted[name].tobytes() for name in wanted.keys() - {"seconds"})


def test_an_error_closes_the_mirror(go_on, tmp_path):
    """What was saved before it is copied, however short the time."""
    keeping = dataclasses.replace(KEEPING, sync_dir=tmp_path / "mirror", sync_interval="1h", checkpoint_every=1)
    _, ended = go_on("failed", keeping, on_log=at_step(43, fail))
    assert isinstance(ended, ZeroDivisionError)
    assert checkpoint_progress(tmp_path / "mirror" / "default" / "checkpoints") == (0, 42)
