"""Exports during a training: when they are written, which ones stay, and that a failing one ends nothing."""

import logging
import pathlib

import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks.config import WIDTHS
from faceswap_lib.training import LoopConfig, TrainConfig, train
from faceswap_lib.training.checkpoint import list_checkpoints
from faceswap_lib.training.checkpoint_manager import CheckpointManager
from faceswap_lib.training.periodic_export import PeriodicExport, list_exports
from tests.training.test_checkpoint import NARROW, make_state

SPARSE = LoopConfig(checkpoint_interval="", checkpoint_every=0)


class Writer:
    """Writes the step as a model with a card; fails at some steps."""

    def __init__(self, *failing: int, error: type[Exception] = OSError):
        self.failing, self.error, self.networks = failing, error, []

    def __call__(self, path: pathlib.Path, networks, step: int) -> None:
        if step in self.failing:
            raise self.error("no space left")
        self.networks.append(networks)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(step))
        path.with_name(f"{path.name}.md").write_text("card")


@pytest.fixture
def state(monkeypatch):
    monkeypatch.setitem(WIDTHS, ("tiny", 64), NARROW)
    return make_state(0)


def run(folder: pathlib.Path, state, writer: Writer, *, every: int = 10, steps: int = 60) -> CheckpointManager:
    """A simulated training without steps: a real checkpoint manager that is told of each."""
    exporter = PeriodicExport(folder, every, writer)
    keeper = CheckpointManager(
        folder, state, TrainConfig(steps=1000), SPARSE, None, reset=lambda: None, exporter=exporter
    )
    for step in range(1, steps + 1):
        state.step = step
        keeper.note_step()
        if keeper.is_due:
            keeper.save()
    return keeper


def names(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in (folder / "exports").iterdir())


def test_a_model_is_written_every_n_steps_and_the_newest_three_stay_with_their_cards(tmp_path, state):
    writer = Writer()
    run(tmp_path, state, writer, steps=125, every=30)
    steps = [60, 90, 120]
    assert names(tmp_path) == sorted(name for step in steps for name in (f"model_{step}.dfm", f"model_{step}.dfm.md"))
    assert [path.read_text() for path in list_exports(tmp_path)] == ["120", "90", "60"]
    assert all(networks is state.averaged for networks in writer.networks)


def test_newest_means_the_largest_step_and_other_files_stay(tmp_path, state):
    (tmp_path / "exports").mkdir()
    for name in ("model_9.dfm", "mine.dfm", "model_x.dfm"):
        (tmp_path / "exports" / name).write_text("9")
    run(tmp_path, state, Writer(), steps=30)
    assert [path.name for path in list_exports(tmp_path)] == ["model_30.dfm", "model_20.dfm", "model_10.dfm"]
    assert {"mine.dfm", "model_x.dfm"} <= set(names(tmp_path)) and "model_9.dfm" not in names(tmp_path)


def test_an_export_comes_with_the_checkpoint_of_its_step(tmp_path, state):
    run(tmp_path, state, Writer(), steps=20, every=20)
    assert [path.name for path in list_checkpoints(tmp_path / "checkpoints")] == ["step-00000020.npz"]


@pytest.mark.parametrize("error", [OSError, ValueError, RuntimeError, MemoryError, InputError])
def test_an_export_that_fails_is_reported_and_the_next_one_is_written(error, tmp_path, state, caplog):
    writer = Writer(10, error=error)
    with caplog.at_level(logging.WARNING):
        keeper = run(tmp_path, state, writer, steps=20)
    assert names(tmp_path) == ["model_20.dfm", "model_20.dfm.md"]
    assert keeper._exporter.failures == 1
    (message,) = caplog.messages
    assert "step 10" in message and "no space left" in message and "the training continues" in message


def test_nothing_is_exported_after_a_rollback(tmp_path, state):
    writer = Writer()
    keeper = run(tmp_path, state, writer, steps=9)
    keeper.save()  # the checkpoint to which the training returns
    state.step = 10
    keeper.note_step()
    keeper.roll_back("a loss is not finite")
    assert not writer.networks and not (tmp_path / "exports").exists() and not keeper.is_due


def test_a_training_without_a_writer_is_refused_before_it_begins(small_workspace, tmp_path):
    with pytest.raises(InputError, match="export_every: expected a function that writes models"):
        train(Workspace(small_workspace.root), run_config=LoopConfig(export_every=5))
    with pytest.raises(InputError, match="export_every"):
        LoopConfig(export_every=-1)


def test_a_training_exports_its_averaged_networks(workspace_copy):
    from faceswap_lib.networks import NetworkConfig

    written = {}

    def write(path: pathlib.Path, networks, step: int) -> None:
        written[path.name] = [weight.numpy().copy() for weight in networks.decoder_b.weights]

    train(
        workspace_copy,
        network_config=NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none"),
        config=TrainConfig(steps=3, batch_size=2, warmup_steps=1, perceptual="none"),
        run_config=LoopConfig(export_every=2),
        write_model=write,
    )
    assert list(written) == ["model_2.dfm"]
    with np.load(workspace_copy.run("default") / "checkpoints" / "step-00000002.npz") as stored:
        averaged = [stored[name] for name in sorted(stored.files) if name.startswith("averaged_decoder_b/")]
    for ours, theirs in zip(written["model_2.dfm"], averaged, strict=True):
        np.testing.assert_array_equal(ours, theirs)
