"""Training of a reenactment system: it learns, resumes exactly, and keeps to its own runs."""

import dataclasses
import os
import shutil
import signal

import numpy as np
import pytest

from faceswap_lib.arrays import read_arrays
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.reenactment import training as module
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig, parse_weights
from faceswap_lib.reenactment.stepper import learning_rate_factor
from faceswap_lib.reenactment.system import MODULES, open_system
from faceswap_lib.reenactment.training import load_reenactment, train_reenactment
from faceswap_lib.training import LoopConfig, read_history
from faceswap_lib.training.run_metadata import stored_networks

pytestmark = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")

TINY = ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity="tiny")
OPTIONS = ReenactmentTrainConfig(steps=12, batch_size=4, warmup_steps=2)
QUIET = LoopConfig(log_every=1, checkpoint_interval="", preview_interval="")


def train(workspace: Workspace, steps: int = 12, config: ReenactmentTrainConfig = OPTIONS, **options):
    return train_reenactment([workspace], steps=steps, network_config=TINY, config=config, run_config=QUIET, **options)


def arrays_of(workspace: Workspace, step: int) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint but the time, and the position, which has the length of the history."""
    arrays = read_arrays(workspace.run("reenactment") / "checkpoints" / f"step-{step:08d}.npz")
    return {name: array for name, array in arrays.items() if name not in ("seconds", "digest")}


@pytest.fixture(scope="module")
def trained(small_workspace, tmp_path_factory) -> Workspace:
    """A workspace with a tiny landmark GAN of 12 undisturbed steps; not to be changed."""
    workspace = Workspace(shutil.copytree(small_workspace.root, tmp_path_factory.mktemp("reenactment") / "w"))
    report = train(workspace)
    assert report.step == 12 and report.resumed_at == 0
    return workspace


def test_the_photo_becomes_more_like_the_target(trained):
    lines = read_history(trained.run("reenactment") / "history.jsonl")
    first, last = (np.mean([line["reconstruction"] for line in part]) for part in (lines[:3], lines[-3:]))
    assert last < first


def test_a_resumed_training_ends_with_the_same_bytes(trained, workspace_copy):
    train(workspace_copy, config=OPTIONS, should_stop=iter([False] * 4 + [True]).__next__)
    resumed = train(workspace_copy)
    assert resumed.resumed_at == 5 and resumed.step == 12
    whole, parts = arrays_of(trained, 12), arrays_of(workspace_copy, 12)
    assert whole.keys() == parts.keys()
    assert [name for name in whole if not np.array_equal(whole[name], parts[name])] == []


def test_training_goes_on_from_the_mirror_on_another_machine(trained, workspace_copy, small_workspace, tmp_path):
    """One machine trains 5 steps with a mirror; another one that has only the mirror finishes without any option."""
    drive = tmp_path / "drive"
    drive.mkdir()
    mirrored = dataclasses.replace(QUIET, sync_dir=drive)
    train_reenactment(
        [workspace_copy],
        network_config=TINY,
        config=OPTIONS,
        run_config=mirrored,
        should_stop=iter([False] * 4 + [True]).__next__,
    )
    other = Workspace(shutil.copytree(small_workspace.root, tmp_path / "other"))
    asked = dataclasses.replace(TINY, resolution=128)
    with pytest.raises(WorkspaceError, match="was trained with resolution 64, asked for 128"):
        train_reenactment([other], network_config=asked, config=OPTIONS, run_config=mirrored)
    assert not (other.run("reenactment") / "config.json").exists()
    report = train_reenactment([other], config=OPTIONS, run_config=mirrored)
    assert (report.resumed_at, report.step, report.mirror_failures) == (5, 12, 0)
    whole, parts = arrays_of(trained, 12), arrays_of(other, 12)
    assert [name for name in whole if not np.array_equal(whole[name], parts[name])] == []
    assert (drive / "reenactment" / "checkpoints" / "step-00000012.npz").is_file()


@pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does")
def test_an_interrupt_while_crops_are_read_ends_the_call_at_once(workspace_copy, monkeypatch):
    """Reading many people takes hours, and what is finished is stored: the end need not be waited for."""

    def interrupt(*arguments: object, **options: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on reading")

    monkeypatch.setattr(module, "load_people", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(workspace_copy)


@pytest.mark.parametrize(("name", "value"), [("export_every", 5), ("faceset_memory", 2.0)])
def test_options_of_face_swaps_alone_are_refused(workspace_copy, name, value):
    options = dataclasses.replace(QUIET, **{name: value})
    with pytest.raises(InputError, match=f"{name}: expected 0 for a reenactment, got {value}"):
        train_reenactment([workspace_copy], network_config=TINY, config=OPTIONS, run_config=options)


def test_the_run_draws_the_person_of_a_photo(trained):
    networks, step = load_reenactment(trained)
    assert step == 12
    from faceswap_lib.reenactment.shape_pictures import stack_shapes
    from tests.reenactment.test_shapes import make_shape

    photo = np.full((64, 64, 3), 120, np.uint8)
    renderer = open_system("landmark-gan").build_renderer(networks, photo, make_shape())
    five = renderer.render(stack_shapes([make_shape(yaw=yaw) for yaw in (0, 10, 20, 30, 60)]))
    assert five.shape == (5, 64, 64, 3) and five.dtype == np.uint8
    (alone,) = renderer.render(stack_shapes([make_shape(yaw=20)]))
    assert np.abs(alone.astype(int) - five[2]).max() <= 1, "the size of a batch does not matter"


def test_a_swap_and_a_reenactment_do_not_take_each_other_for_their_own(trained, tiny_run, workspace_copy):
    with pytest.raises(WorkspaceError, match="is a reenactment"):
        stored_networks(trained.run("reenactment"))
    with pytest.raises(WorkspaceError, match="of a face swap"):
        load_reenactment(tiny_run.workspace, "default")
    with pytest.raises(WorkspaceError, match="no run 'missing'"):
        load_reenactment(trained, "missing")


def test_a_run_keeps_its_networks(trained):
    other = ReenactmentNetworkConfig(system="landmark-gan", resolution=128, capacity="tiny")
    with pytest.raises(WorkspaceError, match="resolution 64, asked for 128"):
        train_reenactment([trained], network_config=other, config=OPTIONS, run_config=QUIET)


def test_losses_can_be_switched_off_by_name():
    assert parse_weights("b=0, a=2", {"a": 1.0, "b": 1.0, "c": 3.0}) == {"a": 2.0, "b": 0.0, "c": 3.0}
    for text, message in (("a", "name=number"), ("a=x", "name=number"), ("d=1", "this system has"), ("a=-1", "0")):
        with pytest.raises(InputError, match=message):
            parse_weights(text, {"a": 1.0})


def test_without_critical_losses_no_discriminator_is_trained(workspace_copy):
    config = ReenactmentTrainConfig(steps=2, batch_size=2, loss_weights="keypoints=0 adversarial=0 identity=0")
    train(workspace_copy, steps=2, config=config)
    (first, *_) = read_history(workspace_copy.run("reenactment") / "history.jsonl")
    assert set(first) == {"step", "reconstruction", "perceptual"}


def test_rates_rise_at_the_start_and_fall_at_the_end():
    config = ReenactmentTrainConfig(steps=100, warmup_steps=10, decay_from=0.5)
    factors = [learning_rate_factor(step, config) for step in range(101)]
    assert factors[0] == pytest.approx(0.1) and factors[9:51] == [1.0] * 42
    assert factors[75] == pytest.approx(0.55) and factors[100] == pytest.approx(0.1)


@pytest.mark.parametrize("name", list(MODULES))
def test_every_system_names_its_losses(name):
    system = open_system(name)
    assert system.name == name
    assert system.critical_losses <= set(system.loss_weights)
    assert "reconstruction" in system.loss_weights
