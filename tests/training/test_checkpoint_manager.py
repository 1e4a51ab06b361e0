"""How often a training writes what: by the clock, by steps, and always at the end."""

import dataclasses
import pathlib
import types

import numpy as np
import pytest

from faceswap_lib.networks.config import WIDTHS
from faceswap_lib.training import LoopConfig, TrainConfig
from faceswap_lib.training.checkpoint import BACKUPS, list_checkpoints
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.remote_sync import CheckpointSync
from faceswap_lib.training.run_config import parse_duration
from faceswap_lib.training.train_step import reset_state
from faceswap_lib.training.training_logger import TrainingLogger
from tests.training.test_checkpoint import NARROW, make_state

RATE = 30
"""Steps per second of the simulated training."""

HOUR = 3600 * RATE
"""Steps of an hour."""


class Training:
    """A simulated training: real files of narrow networks, a real keeper and mirror, but no steps and no waiting.

    Attributes:
        saved: Steps at which there was a checkpoint.
        mirrored: Steps at which the mirror got a copy.
    """

    def __init__(self, folder: pathlib.Path, run_config: LoopConfig, steps: int):
        self.state, self.step, self.steps = make_state(0), 0, steps
        self.saved, self.mirrored = [], []
        self.folder, drive = folder / "run", folder / "drive"
        drive.mkdir()
        apart = parse_duration(run_config.sync_interval)
        self.mirror = CheckpointSync(self.folder, drive, interval=apart, clock=self.clock)
        config = TrainConfig(steps=steps)
        self.keeper = CheckpointManager(
            self.folder,
            self.state,
            config,
            run_config,
            self.mirror,
            reset=lambda: reset_state(self.state, config),
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.step / RATE

    def run(self, steps: int | None = None) -> None:
        for _ in range(steps or self.steps):
            self.step += 1
            self.state.step = self.step
            self.keeper.note_step()
            if self.keeper.is_due:
                copies = self.mirror.copies
                self.keeper.save()
                self.saved.append(self.step)
                self.mirror._thread.join()
                self.mirrored += [self.step] * (self.mirror.copies - copies)


@pytest.fixture(autouse=True)
def narrow_networks(monkeypatch):
    monkeypatch.setitem(WIDTHS, ("tiny", 64), NARROW)


def test_an_hour_at_thirty_steps_a_second_is_twenty_checkpoints_and_six_copies(tmp_path):
    training = Training(tmp_path, LoopConfig(), 10 * HOUR)
    training.run(2 * HOUR)
    for hour in (0, 1):
        during = range(hour * HOUR + 1, (hour + 1) * HOUR + 1)
        assert [sum(step in during for step in steps) for steps in (training.saved, training.mirrored)] == [20, 6]
    assert [path.name for path in list_checkpoints(training.folder / "checkpoints")] == [
        f"step-{step:08d}.npz" for step in (2 * HOUR, 2 * HOUR - 180 * RATE)
    ]


def test_by_steps_alone_as_it_was_ten_minutes_are_72_of_both(tmp_path):
    before = LoopConfig(checkpoint_interval="", checkpoint_every=250, sync_interval="1s")
    training = Training(tmp_path, before, 10 * HOUR)
    training.run(HOUR // 6)
    assert len(training.saved) == len(training.mirrored) == 72


def test_the_last_step_is_always_kept_and_the_mirror_gets_it(tmp_path):
    training = Training(tmp_path, LoopConfig(), 600)  # 20 seconds
    training.run()
    training.mirror.close()
    assert training.saved == training.mirrored == [600] and not training.mirror.is_behind


def test_a_checkpoint_by_steps_or_a_backup_begins_the_interval_again(tmp_path):
    training = Training(tmp_path, LoopConfig(checkpoint_every=5000, backup_every=12_000, backups=1), HOUR)
    training.run(20_000)
    assert training.saved == [5000, 10_000, 12_000, 15_000, 20_000]
    assert [path.name for path in list_checkpoints(training.folder / "checkpoints" / BACKUPS)] == ["step-00012000.npz"]


def test_without_intervals_and_steps_only_the_end_is_kept(tmp_path):
    training = Training(tmp_path, LoopConfig(checkpoint_interval="", sync_interval=""), HOUR // 2)
    training.run()
    assert training.saved == training.mirrored == [HOUR // 2]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, [1800, 3600, 5400, 6000]),
        ({"preview_interval": "", "preview_every": 2500}, [2500, 5000, 6000]),
        ({"preview_every": 1000}, [1000, 2000, 3000, 4000, 5000, 6000]),
        ({"preview_interval": ""}, [6000]),
    ],
)
def test_previews_come_by_the_clock_by_steps_and_at_the_end(tmp_path, options, steps):
    now, shown = types.SimpleNamespace(step=0), []
    reporter = TrainingLogger(
        tmp_path,
        dataclasses.replace(LoopConfig(log_every=1000), **options),
        step=0,
        steps=6000,
        history_bytes=0,
        draw=lambda: np.zeros((4, 4, 3), np.uint8),
        on_preview=lambda step, picture: shown.append(step),
        clock=lambda: now.step / RATE,
    )
    with reporter:
        for now.step in range(1, 6001):
            reporter.log_step(now.step, {})
    assert shown == steps
    assert sorted(path.name for path in (tmp_path / "previews").iterdir()) == [f"step-{step:08d}.png" for step in steps]
