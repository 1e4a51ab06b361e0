"""How a run is kept: times, names, and a training that stops when its time is up."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.errors import InputError
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training import LoopConfig, TrainConfig, train
from faceswap_lib.training.run_config import format_duration, parse_duration
from tests.conftest import read_arrays


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("90m", 5400), ("2h", 7200), ("1h30m", 5400), ("0.5h", 1800), ("1d", 86400), ("", float("inf"))],
)
def test_a_time_is_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["soon", "2", "h", "2 h", "-1h", "0s", "2h later"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="expected a duration such as 45s, 90m, 2h or 1h30m, got"):
        LoopConfig(max_time=text)


@pytest.mark.parametrize("name", ["checkpoint_interval", "preview_interval", "sync_interval"])
def test_an_interval_is_a_time_and_the_message_has_its_name(name):
    assert getattr(LoopConfig(**{name: "90s"}), name) == "90s"
    with pytest.raises(InputError, match=f"{name}: expected a duration such as 45s, 90m, 2h or 1h30m, got '250'"):
        LoopConfig(**{name: "250"})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (5400, "1 h 30 min"), (172800 + 3600, "2 d 1 h")],
)
def test_a_time_is_said(seconds, text):
    assert format_duration(seconds) == text


def test_numbers_out_of_range_are_refused():
    for name in ("log_every", "backups"):
        with pytest.raises(InputError, match=f"{name} must be between 1"):
            LoopConfig(**{name: 0})
    for name in ("checkpoint_every", "preview_every", "backup_every"):
        with pytest.raises(InputError, match=f"{name} must be between 0"):
            LoopConfig(**{name: -1})


def test_no_option_has_the_name_of_another_rooms():
    mine = {field.name for field in dataclasses.fields(LoopConfig)}
    for other in (TrainConfig, NetworkConfig, ConvertConfig):
        assert not mine & {field.name for field in dataclasses.fields(other)}


def test_when_its_time_is_up_a_training_saves_and_stops_and_goes_on_to_the_same_end(workspace_copy, tiny_run):
    options = {"network_config": tiny_run.network_config, "config": tiny_run.train_config}
    rarely = LoopConfig(log_every=1, checkpoint_every=20, preview_every=20)
    report = train(workspace_copy, **options, run_config=dataclasses.replace(rarely, max_time="0.001s"))
    assert (report.step, report.steps) == (1, 40)  # one step, however short the time
    assert read_arrays(report.folder, 1)["position"][0] == 1
    shown = []
    report = train(
        workspace_copy,
        **options,
        run_config=rarely,
        on_preview=lambda step, picture: shown.append((step, picture.shape)),
    )
    assert (report.resumed_at, report.step) == (1, 40) and report.seconds_in_all > 0
    assert shown == [(step, (18 + 4 * 64, 16 * 64, 3)) for step in (20, 40)]
    wanted, arrays = tiny_run.final_arrays(), read_arrays(report.folder, 40)
    assert all(np.array_equal(arrays[name], wanted[name]) for name in wanted.keys() - {"seconds"})


def test_asked_to_stop_a_training_saves_where_it_is_and_goes_on_from_there(workspace_copy, tiny_run):
    options = {"network_config": tiny_run.network_config, "config": tiny_run.train_config}
    rarely = LoopConfig(log_every=1, checkpoint_every=20, preview_every=20)
    logged = []

    def log(step: int, terms: dict[str, float]) -> None:
        logged.append(step)

    report = train(workspace_copy, **options, run_config=rarely, on_log=log, should_stop=lambda: len(logged) >= 2)
    assert (report.step, report.steps) == (3, 40) and logged == [1, 2, 3]  # asked before the third step is logged
    assert read_arrays(report.folder, 3)["position"][0] == 3
    report = train(workspace_copy, **options, run_config=rarely)
    assert (report.resumed_at, report.step) == (3, 40)
    wanted, arrays = tiny_run.final_arrays(), read_arrays(report.folder, 40)
    assert all(np.array_equal(arrays[name], wanted[name]) for name in wanted.keys() - {"seconds"})
