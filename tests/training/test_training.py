"""Trainings of a few real steps: what they write, how they go on, what they refuse."""

import dataclasses
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from faceswap_lib.atomic_io import read_json
from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.errors import CheckpointError, TrainingError, WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.media import read_image
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training import LoopConfig, TrainConfig, load_run, phase_at, read_history, train
from faceswap_lib.training.history import HistoryWriter
from faceswap_lib.training.train_step import draw_batch, sampling_probabilities
from tests.conftest import ROOT, TinyRun, read_arrays


class Stopped(Exception):
    """Raised from outside to end a training at a chosen step."""


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Whether two checkpoints are equal bit for bit, but for the time they took."""
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a.keys() - {"seconds"})


def snapshot(root: pathlib.Path) -> dict[str, tuple[int, int]]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size) for path in files}


@pytest.fixture
def run_copy(tiny_run: TinyRun, tmp_path: pathlib.Path) -> TinyRun:
    """The trained run, free to be changed."""
    workspace = Workspace(shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace"))
    return tiny_run._replace(workspace=workspace)


# What a training leaves behind -----------------------------------------------------------------------------------


def test_a_run_has_its_files_and_no_others(tiny_run):
    assert sorted(os.listdir(tiny_run.folder)) == ["checkpoints", "config.json", "history.jsonl", "previews"]
    assert sorted(os.listdir(tiny_run.folder / "checkpoints")) == ["step-00000020.npz", "step-00000040.npz"]
    assert sorted(os.listdir(tiny_run.folder / "previews")) == ["step-00000020.png", "step-00000040.png"]


def test_the_configuration_is_beside_the_checkpoints(tiny_run):
    stored = read_json(tiny_run.folder / "config.json")
    assert stored["schema"] == 2 and stored["backend"] == "tensorflow" and stored["version"]
    assert stored["networks"] == options_to_dict(tiny_run.network_config.settled())
    assert stored["training"] == options_to_dict(tiny_run.train_config) | {"use_occlusion_masks": "off"}  # settled


def test_the_history_has_every_logged_step_with_named_terms(tiny_run):
    history = read_history(tiny_run.folder / "history.jsonl")
    assert [line["step"] for line in history] == list(range(1, 41))
    wanted = {"reconstruction", "dssim", "edges", "composite", "mask_prior", "mask_hinge", "mask_mean"}
    for line in history:
        assert {f"{term}_{person}" for term in wanted for person in "ab"} <= line.keys()
        assert all(np.isfinite(value) for value in line.values())
        assert 0 <= line["mask_mean_a"] <= 1
    assert [line["step"] for line in history if "adversarial_a" in line] == [
        step + 1 for step in range(40) if phase_at(step, 40, tiny_run.train_config.phases).adversarial > 0
    ]
    assert list(tiny_run.logged) == list(range(1, 41))
    for line in (history[0], history[-1]):
        logged = tiny_run.logged[line["step"]]
        assert logged == pytest.approx({name: value for name, value in line.items() if name != "step"}, abs=1e-6)


def test_losses_fall_on_real_faces(tiny_run):
    for term in ("reconstruction", "dssim"):
        for person in "ab":
            values = [terms[f"{term}_{person}"] for terms in tiny_run.logged.values()]
            assert np.mean(values[-8:]) < 0.85 * np.mean(values[:4]), term


def test_the_preview_shows_faces_and_what_becomes_of_them(tiny_run):
    picture = read_image(tiny_run.folder / "previews" / "step-00000040.png")
    assert picture.shape == (18 + 4 * 64, 16 * 64, 3)
    for block, side in enumerate(("src", "dst", "src", "dst")):
        arrays = Faceset.open(tiny_run.workspace, side).load(tiny_run.network_config.stored_size)
        seen = picture[18 : 18 + 64, block * 256 : block * 256 + 64]
        assert np.array_equal(seen, arrays.images[0, 8:72, 8:72])
        mask = picture[18 : 18 + 64, block * 256 + 64 : block * 256 + 128].astype(int)
        assert np.array_equal(mask[..., 0], mask[..., 1])
        assert mask[24:40, 24:40].mean() > mask[:6].mean() + 20  # held to the face
        raw, composite = (picture[18 : 18 + 64, block * 256 + x : block * 256 + x + 64] for x in (128, 192))
        share = mask[..., :1] / 255
        assert np.abs(composite - (share * raw + (1 - share) * seen)).mean() < 2


def test_a_trained_run_has_the_averaged_weights(tiny_run):
    networks, step = load_run(tiny_run.workspace)
    assert step == 40 and networks.config == tiny_run.network_config.settled()
    arrays = tiny_run.final_arrays()
    for network in networks.generators:
        for index, weights in enumerate(network.get_weights()):
            assert np.array_equal(weights, arrays[f"averaged_{network.name}/{index:03d}"])
    assert not np.array_equal(arrays["averaged_encoder/000"], arrays["encoder/000"])


# Going on ----------------------------------------------------------------------------------------------------------


def test_stopped_before_the_adversarial_phase_and_resumed_ends_in_the_same_place(workspace_copy, tiny_run):
    """The phase changes in the second half, so both compiled steps take part; the first leaves discriminators alone."""
    config = tiny_run.train_config
    boundary = min(step for step in range(config.steps) if phase_at(step, config.steps, config.phases).adversarial > 0)
    if boundary < 2:
        pytest.skip("the schedule begins with adversarial losses")
    often = dataclasses.replace(tiny_run.run_config, checkpoint_every=boundary // 2)

    def stop(step: int, terms: dict[str, float]) -> None:
        if step == boundary // 2 * 2 + 1:
            raise Stopped

    with pytest.raises(Stopped):
        train(workspace_copy, network_config=tiny_run.network_config, config=config, run_config=often, on_log=stop)
    folder = workspace_copy.run("default")
    early, late = (read_arrays(folder, boundary // 2 * factor) for factor in (1, 2))
    for name in early:
        # So far only generators, their averages and their optimizer have moved.
        if name.startswith(("discriminator_a", "discriminator_b")):
            assert np.array_equal(early[name], late[name]), name
    assert not np.array_equal(early["encoder/000"], late["encoder/000"])
    assert not np.array_equal(late["discriminator_a/000"], tiny_run.final_arrays()["discriminator_a/000"])

    report = train(
        workspace_copy, network_config=tiny_run.network_config, config=config, run_config=tiny_run.run_config
    )
    assert (report.resumed_at, report.step) == (boundary // 2 * 2, config.steps)
    assert same(read_arrays(folder, config.steps), tiny_run.final_arrays())
    assert (folder / "history.jsonl").read_bytes() == (tiny_run.folder / "history.jsonl").read_bytes()


KILLED_TRAINING = """
import json, pathlib, sys
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.config_fields import options_from_dict
from faceswap_lib.training import LoopConfig, TrainConfig, train
networks, training, keeping = (json.loads(text) for text in sys.argv[2:])
train(
    Workspace(pathlib.Path(sys.argv[1])),
    network_config=options_from_dict(NetworkConfig, networks),
    config=options_from_dict(TrainConfig, training),
    run_config=options_from_dict(LoopConfig, keeping),
    on_log=lambda step, terms: print(step, flush=True),
)
"""


def test_killed_and_resumed_ends_in_the_same_place(workspace_copy, tiny_run):
    """A real process, a real SIGKILL: weights, averages, optimizers and history as if nothing had happened."""
    config = tiny_run.train_config
    options = [json.dumps(options_to_dict(o)) for o in (tiny_run.network_config, config, tiny_run.run_config)]
    command = [sys.executable, "-c", KILLED_TRAINING, str(workspace_copy.root), *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as child:
        for line in child.stdout:
            if int(line) >= 26:
                child.kill()
                break
    assert child.returncode != 0
    folder = workspace_copy.run("default")
    assert os.listdir(folder / "checkpoints") == ["step-00000020.npz"]
    report = train(
        workspace_copy, network_config=tiny_run.network_config, config=config, run_config=tiny_run.run_config
    )
    assert (report.resumed_at, report.step) == (20, 40)
    assert same(read_arrays(folder, 40), tiny_run.final_arrays())
    assert [line["step"] for line in read_history(folder / "history.jsonl")] == list(range(1, 41))
    assert (folder / "history.jsonl").read_bytes() == (tiny_run.folder / "history.jsonl").read_bytes()


def test_with_a_damaged_newest_checkpoint_training_goes_on_from_the_one_before(run_copy, tiny_run, caplog):
    newest = run_copy.folder / "checkpoints" / "step-00000040.npz"
    os.truncate(newest, newest.stat().st_size // 2)
    with caplog.at_level(logging.WARNING):
        report = train(run_copy.workspace, config=run_copy.train_config, run_config=run_copy.run_config)
    assert "step-00000040.npz is damaged" in caplog.text
    assert (report.resumed_at, report.step) == (20, 40)
    assert same(read_arrays(run_copy.folder, 40), tiny_run.final_arrays())
    assert len(read_history(run_copy.folder / "history.jsonl")) == 40


def test_a_finished_training_does_nothing_when_called_again(run_copy):
    before = snapshot(run_copy.folder)
    report = train(run_copy.workspace, config=run_copy.train_config, run_config=run_copy.run_config)
    assert (report.resumed_at, report.step) == (40, 40)
    after = snapshot(run_copy.folder)
    assert {k: v for k, v in after.items() if k != "config.json"} == {
        k: v for k, v in before.items() if k != "config.json"
    }


# What is refused ---------------------------------------------------------------------------------------------------


def test_with_no_whole_checkpoint_training_stops_before_it_writes(run_copy):
    for path in (run_copy.folder / "checkpoints").iterdir():
        os.truncate(path, 1000)
    before = snapshot(run_copy.folder)
    with pytest.raises(CheckpointError, match="none of .* is intact"):
        train(run_copy.workspace, config=TrainConfig(steps=50, batch_size=2))
    assert snapshot(run_copy.folder) == before


@pytest.mark.parametrize(("option", "value"), [("resolution", 128), ("capacity", "lite"), ("norm", "hybrid")])
def test_a_run_of_other_networks_is_refused_by_the_options_name(run_copy, option, value):
    asked = NetworkConfig(**(options_to_dict(run_copy.network_config) | {option: value}))
    before = snapshot(run_copy.workspace.root)
    with pytest.raises(WorkspaceError, match=f"was trained with {option} .*asked for {value}; .*--run"):
        train(run_copy.workspace, network_config=asked, config=run_copy.train_config)
    assert snapshot(run_copy.workspace.root) == before


def test_a_loss_that_is_no_number_stops_the_training_without_a_guard_and_names_itself(run_copy):
    arrays = run_copy.final_arrays()
    arrays["decoder_a/000"] = np.full_like(arrays["decoder_a/000"], np.nan)
    np.savez(run_copy.folder / "checkpoints" / "step-00000040.npz", **arrays)
    config = dataclasses.replace(run_copy.train_config, steps=44)
    with pytest.raises(TrainingError, match="step 41: .*reconstruction_a.* is NaN or infinite") as error:
        train(run_copy.workspace, config=config, run_config=LoopConfig(checkpoint_every=1, divergence_guard=False))
    assert "reconstruction_b" not in str(error.value)
    assert error.value.exit_code == 1
    assert not (run_copy.folder / "checkpoints" / "step-00000041.npz").exists()


def test_a_workspace_without_faces_or_runs_says_what_to_do(tmp_path, small_workspace):
    with pytest.raises(WorkspaceError, match="run 'faceswap extract' first"):
        train(Workspace(tmp_path / "empty"))
    assert not (tmp_path / "empty").exists()
    with pytest.raises(WorkspaceError, match="no run 'other' in .*run 'faceswap train' first"):
        load_run(small_workspace, "other")


# Parts -------------------------------------------------------------------------------------------------------------


def test_a_batch_depends_on_seed_and_step_alone():
    config, alike = TrainConfig(batch_size=16, seed=3), (np.full(40, 1 / 40), np.full(7, 1 / 7))
    first, again = draw_batch(config, 12, *alike), draw_batch(config, 12, *alike)
    assert np.array_equal(first.index_a, again.index_a) and np.array_equal(first.index_b, again.index_b)
    assert not np.array_equal(first.index_a, draw_batch(config, 13, *alike).index_a)
    assert not np.array_equal(first.index_a, draw_batch(TrainConfig(batch_size=16, seed=4), 12, *alike).index_a)
    assert not np.array_equal(first.index_a, draw_batch(config, 12, *alike, rollbacks=1).index_a)
    batches = [draw_batch(config, step, *alike) for step in range(40)]
    assert {int(i) for batch in batches for i in batch.index_a} == set(range(40))
    assert {int(i) for batch in batches for i in batch.index_b} == set(range(7))


@pytest.mark.parametrize(
    ("rarity_exponent", "expected"), [(0, [1 / 3] * 3), (1, [0.25, 0.25, 0.5]), (2, [1 / 6, 1 / 6, 2 / 3])]
)
def test_rare_crops_are_drawn_more_often(rarity_exponent, expected):
    shares = sampling_probabilities(np.array([0.75, 0.75, 1.5]), rarity_exponent)
    assert shares == pytest.approx(expected)
    config = TrainConfig(batch_size=300)
    drawn = np.concatenate([draw_batch(config, step, shares, shares).index_a for step in range(10)])
    assert np.bincount(drawn, minlength=3) / 3000 == pytest.approx(expected, abs=0.03)


def test_a_history_forgets_what_lies_behind_the_checkpoint(tmp_path):
    path = tmp_path / "run" / "history.jsonl"
    writer = HistoryWriter(path, 0)
    writer.write(1, {"a": 0.5})
    kept = writer.flush()
    assert kept == path.stat().st_size
    writer.write(2, {"a": 0.25})
    writer.close()
    again = HistoryWriter(path, kept)
    again.write(2, {"a": 0.125})
    again.close()
    assert read_history(path) == [{"step": 1, "a": 0.5}, {"step": 2, "a": 0.125}]
    assert read_history(tmp_path / "none.jsonl") == []
