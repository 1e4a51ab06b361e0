"""Fine-tuning: a run begins with the networks of another run, and says whose pictures they learned from."""

import shutil

import numpy as np
import pytest

from faceswap_lib.atomic_io import read_json
from faceswap_lib.errors import CheckpointError, WorkspaceError
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.identity_folders import open_identities
from faceswap_lib.reenactment.run_notes import write_notes
from faceswap_lib.reenactment.training import load_reenactment, train_reenactment
from faceswap_lib.training import LoopConfig
from faceswap_lib.training.run_metadata import learnt_videos

pytestmark = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")

TINY = ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity="tiny")
QUICK = "keypoints=0 adversarial=0 identity=0 perceptual=0"
OPTIONS = ReenactmentTrainConfig(steps=3, batch_size=2, warmup_steps=2, loss_weights=QUICK, perceptual="none")
QUIET = LoopConfig(log_every=1, checkpoint_interval="", preview_interval="")


def train(workspace: Workspace, run: str, **options):
    return train_reenactment([workspace], run=run, config=OPTIONS, run_config=QUIET, **options)


@pytest.fixture(scope="module")
def base(small_workspace, tmp_path_factory) -> Workspace:
    """A workspace with a run of 3 steps; not to be changed."""
    workspace = Workspace(shutil.copytree(small_workspace.root, tmp_path_factory.mktemp("base") / "w"))
    train(workspace, "base", network_config=TINY)
    return workspace


@pytest.fixture
def workspace(base, tmp_path) -> Workspace:
    return Workspace(shutil.copytree(base.root, tmp_path / "w"))


def weights_of(workspace: Workspace, run: str) -> list[np.ndarray]:
    networks, _ = load_reenactment(workspace, run)
    return [values for network in networks.generators for values in network.get_weights()]


def test_photos_of_one_person_continue_a_run(workspace, portrait_clips, tmp_path):
    """With a learning rate of 0 the weights are those of the other run, and its videos are sources of the new one."""
    for number, frame in enumerate(read_frames(portrait_clips[0], step=12)):
        write_image(tmp_path / "mine" / f"{number}.png", frame)
    photos, still = (
        open_identities(tmp_path / "mine"),
        ReenactmentTrainConfig(steps=2, batch_size=2, learning_rate=0.0, discriminator_learning_rate=0.0),
    )
    report = train_reenactment(
        [workspace], run="mine", config=still, run_config=QUIET, init_from="base", identities=photos
    )
    assert report.step == 2 and report.resumed_at == 0
    for one, other in zip(weights_of(workspace, "base"), weights_of(workspace, "mine"), strict=True):
        assert np.allclose(one, other, atol=1e-6)
    notes = read_json(workspace.run("mine") / "config.json")
    assert notes["init_from"]["name"] == "base" and notes["networks"]["system"] == "landmark-gan"
    before = set(learnt_videos(workspace.run("base")))
    assert set(learnt_videos(workspace.run("mine"))) == before | {photos.as_source()} and len(before) == 2


def test_the_same_command_goes_on_and_another_start_is_refused(workspace):
    train(workspace, "new", init_from="base", should_stop=lambda: True)
    assert train(workspace, "new", init_from="base").resumed_at == 1
    with pytest.raises(WorkspaceError, match="was begun with random weights"):
        train(workspace, "base", init_from=str(workspace.run("new")))


def test_runs_that_cannot_be_begun_from_are_refused(workspace, tiny_run):
    with pytest.raises(WorkspaceError, match="no trained run in"):
        train(workspace, "new", init_from="missing")
    with pytest.raises(WorkspaceError, match="of a face swap"):
        train(workspace, "new", init_from=str(tiny_run.workspace.run("default")))
    other = ReenactmentNetworkConfig(system="landmark-gan", resolution=128, capacity="tiny")
    with pytest.raises(WorkspaceError, match="has resolution 64, asked for 128"):
        train(workspace, "new", init_from="base", network_config=other)
    write_notes(workspace.run("empty"), TINY, OPTIONS, {})
    with pytest.raises(CheckpointError, match="no finished step"):
        train(workspace, "new", init_from="empty")
