"""Warm start: a new run begins with another's networks, says so, and refuses what it cannot begin from."""

import dataclasses
import json
import logging
import pathlib
import shutil

import numpy as np
import pytest

from faceswap_lib.atomic_io import read_json
from faceswap_lib.errors import CheckpointError, WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.training import train
from faceswap_lib.training.run_metadata import learnt_videos
from faceswap_lib.training.run_search import find_run
from tests.conftest import TinyRun, read_arrays


@pytest.fixture
def workspace(tiny_run: TinyRun, tmp_path: pathlib.Path) -> Workspace:
    """A workspace with the same faces and the trained run `default`."""
    return Workspace(shutil.copytree(tiny_run.workspace.root, tmp_path / "workspace"))


def begin(workspace: Workspace, tiny_run: TinyRun, *, run: str = "warm", steps: int = 2, **options):
    config = dataclasses.replace(tiny_run.train_config, steps=steps)
    return train(workspace, run=run, config=config, **options)


def test_a_run_begins_with_the_networks_of_another(workspace, tiny_run, caplog):
    caplog.set_level(logging.INFO)
    report = begin(workspace, tiny_run, steps=1, init_from="default")
    assert report.step == 1 and report.resumed_at == 0
    assert "this run begins with the networks of run 'default' at step 40" in caplog.text
    first = read_arrays(report.folder, 0)
    donor = read_arrays(workspace.run("default"), 40)
    names = [name for name in donor if name.startswith("averaged_")]
    assert len(names) > 20
    for name in names:
        for group in (name, name.removeprefix("averaged_")):
            np.testing.assert_array_equal(first[group], donor[name])


def test_a_warm_run_starts_lower_than_one_from_noise(workspace, tiny_run):
    terms = {}
    for run, options in (("warm", {"init_from": "default"}), ("cold", {"network_config": tiny_run.network_config})):
        begin(workspace, tiny_run, run=run, on_log=lambda step, term, run=run: terms.setdefault(run, term), **options)
    assert terms["warm"]["reconstruction_a"] < 0.9 * terms["cold"]["reconstruction_a"]


def test_what_it_began_from_is_noted_with_whose_faces_that_had_learnt(workspace, tiny_run):
    source = workspace.run("default")
    config = read_json(source / "config.json")
    video = {"name": "somebody.mp4", "sha256": "ab" * 32}
    config["learnt_from"] = {"face_src": [video]}
    (source / "config.json").write_text(json.dumps(config))
    report = begin(workspace, tiny_run, init_from="default")
    noted = read_json(report.folder / "config.json")
    assert noted["init_from"] == {"id": config["id"], "name": "default", "step": 40}
    assert video["sha256"] in [known.sha256 for known in learnt_videos(report.folder)]
    begin(workspace, tiny_run, steps=3)  # goes on without the option, and still knows
    assert read_json(report.folder / "config.json")["init_from"] == noted["init_from"]
    assert video["sha256"] in [known.sha256 for known in learnt_videos(report.folder)]


def test_the_same_command_again_goes_on_and_another_is_refused(workspace, tiny_run):
    begin(workspace, tiny_run, init_from="default")
    assert begin(workspace, tiny_run, steps=3, init_from=str(workspace.run("default"))).resumed_at == 2
    begin(workspace, tiny_run, run="other", network_config=tiny_run.network_config)
    with pytest.raises(WorkspaceError, match="begun from run 'default' and continues from its last checkpoint"):
        begin(workspace, tiny_run, steps=4, init_from="other")
    with pytest.raises(WorkspaceError, match="begun with random weights"):
        begin(workspace, tiny_run, run="other", steps=4, init_from="default")


def test_a_run_killed_before_its_first_step_stays_warm(workspace, tiny_run):
    def stop() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(workspace, tiny_run, init_from="default", on_log=lambda step, terms: stop())
    first = read_json(workspace.run("warm") / "config.json")["init_from"]
    assert begin(workspace, tiny_run, init_from="default").step == 2
    assert read_json(workspace.run("warm") / "config.json")["init_from"] == first


def test_weights_of_another_run_never_stay_without_the_note_whose_they_are(workspace, tiny_run, monkeypatch):
    def kill(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("faceswap_lib.training.trainer.write_config", kill)
        with pytest.raises(KeyboardInterrupt):
            begin(workspace, tiny_run, init_from="default")
    assert not list(workspace.run("warm").glob("checkpoints/*"))
    with monkeypatch.context() as patch:
        patch.setattr("faceswap_lib.training.trainer.write_checkpoint", kill)
        with pytest.raises(KeyboardInterrupt):
            begin(workspace, tiny_run, init_from="default")
    with pytest.raises(WorkspaceError, match="stopped before its first checkpoint; give --init-from again"):
        begin(workspace, tiny_run)
    assert begin(workspace, tiny_run, init_from="default").step == 2


def test_other_networks_are_refused_before_anything_is_written(workspace, tiny_run):
    asked = dataclasses.replace(tiny_run.network_config, coverage=0.75)
    with pytest.raises(WorkspaceError, match=r"init_from: the run in .* has coverage .*, asked for 0.75"):
        begin(workspace, tiny_run, init_from="default", network_config=asked)
    assert not workspace.run("warm").exists() or not (workspace.run("warm") / "config.json").exists()


def test_where_a_run_is_looked_for(workspace, tmp_path):
    run = workspace.run("default")
    assert find_run(workspace, "default") == run
    assert find_run(workspace, str(run)) == run
    assert find_run(Workspace(tmp_path / "another"), str(workspace.root)) == run
    with pytest.raises(WorkspaceError, match="no trained run in .*nowhere.*give the folder of a run"):
        find_run(workspace, "nowhere")


def test_a_run_that_has_learnt_nothing_is_refused(workspace, tiny_run):
    shutil.rmtree(workspace.run("default") / "checkpoints")
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        begin(workspace, tiny_run, init_from="default")
