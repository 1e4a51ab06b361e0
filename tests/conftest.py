"""What all tests share: two small clips, a detector, an extracted workspace, a trained run."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # read once, when TensorFlow is imported
os.environ["MPLBACKEND"] = "Agg"

import logging
import pathlib
import shutil
import typing

import numpy as np
import pytest

from faceswap_lib.demo.animate import write_demo_clips
from faceswap_lib.demo.points import Portrait
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.faces import Face, MtcnnDetector
from faceswap_lib.facesets import Workspace, extract_faces, write_eye_masks

ROOT = pathlib.Path(__file__).resolve().parent.parent


class TinyRun(typing.NamedTuple):
    """A finished training: where it is, how it was made, what it logged."""

    workspace: Workspace
    network_config: typing.Any
    train_config: typing.Any
    logged: dict[int, dict[str, float]]

    @property
    def folder(self) -> pathlib.Path:
        return self.workspace.run("default")

    def final_arrays(self) -> dict[str, np.ndarray]:
        return read_arrays(self.folder, self.train_config.steps)


def read_arrays(folder: pathlib.Path, step: int) -> dict[str, np.ndarray]:
    """All arrays of a run's checkpoint."""
    with np.load(folder / "checkpoints" / f"step-{step:08d}.npz") as file:
        return {name: file[name] for name in file.files}


def annotated_face(portrait: Portrait) -> Face:
    """The face of a portrait as its control points say."""
    mouth = portrait.mouth.outer_upper
    eyes = [eye.iris_centre for eye in portrait.eyes]
    box = [*portrait.jaw.min(axis=0) - [0, 40], *portrait.jaw.max(axis=0)]
    return Face(box_xyxy=box, score=1.0, landmarks=[*eyes, portrait.nose_tip, mouth[0], mouth[-1]])


@pytest.fixture(autouse=True)
def restored_logging() -> typing.Iterator[None]:
    """Puts back the levels that the command line sets."""
    logger = logging.getLogger("faceswap_lib")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(scope="session")
def portraits() -> tuple[Portrait, Portrait]:
    return load_portraits()


@pytest.fixture(scope="session")
def portrait_clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path]:
    """Two talking portraits, 38 frames of 224 x 224 at 25 frames per second, with sound."""
    return write_demo_clips(tmp_path_factory.mktemp("clips"), seconds=1.5, size=224)


@pytest.fixture(scope="session")
def detector() -> MtcnnDetector:
    return MtcnnDetector()


@pytest.fixture(scope="session")
def small_workspace(tmp_path_factory, portrait_clips, detector) -> Workspace:
    """Both portraits extracted, with eye masks; not to be changed."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    for video, side in zip(portrait_clips, ("src", "dst"), strict=True):
        extract_faces(video, workspace, side, detector)
        write_eye_masks(workspace, side)
    return workspace


@pytest.fixture
def workspace_copy(small_workspace: Workspace, tmp_path: pathlib.Path) -> Workspace:
    """The extracted workspace, free to be changed."""
    return Workspace(shutil.copytree(small_workspace.root, tmp_path / "workspace"))


@pytest.fixture(scope="session")
def tiny_run(small_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """A workspace trained for 40 undisturbed steps with the smallest networks; not to be changed."""
    from faceswap_lib.networks import NetworkConfig
    from faceswap_lib.training import TrainConfig, train

    workspace = Workspace(shutil.copytree(small_workspace.root, tmp_path_factory.mktemp("trained") / "workspace"))
    network_config = NetworkConfig(capacity="tiny", resolution=64, attention=False, norm="none")
    train_config = TrainConfig(
        steps=40, batch_size=2, warm_up=4, seed=7, log_every=1, checkpoint_every=20, preview_every=20
    )
    logged: dict[int, dict[str, float]] = {}
    train(workspace, network_config=network_config, config=train_config, on_log=logged.__setitem__)
    return TinyRun(workspace, network_config, train_config, logged)


@pytest.fixture(scope="session")
def real_clips() -> pathlib.Path:
    """The folder of real clips beside the checkout; skips where there is none."""
    folder = ROOT.parent / "shared" / "clips"
    if not folder.is_dir():
        pytest.skip(f"no real clips in {folder}")
    return folder
