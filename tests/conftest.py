"""What all tests share: two small clips, a detector, an extracted workspace, a trained run."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # read once, when TensorFlow is imported
os.environ["MPLBACKEND"] = "Agg"

import fractions
import json
import logging
import pathlib
import shutil
import signal
import sys
import typing

import cv2
import numpy as np
import pytest

from faceswap_lib.demo.animate import write_demo_clips
from faceswap_lib.demo.points import Portrait
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.faces import MTCNN, Face
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.facesets import ExtractConfig, Workspace, extract_faces, extraction, write_eye_masks
from faceswap_lib.media import VideoWriter, read_frames
from tests.fakes import encode_like, hide_module, make_face
from tests.trust.table import pytest_terminal_summary  # noqa: F401  (a hook)

ROOT = pathlib.Path(__file__).resolve().parent.parent

EXTRACT = ExtractConfig(landmarks="five")
"""How the small workspace is extracted: the same wherever tests run, whatever landmark networks are installed."""

HOPPER = make_face(108, 107, 48, angle=-5)
"""About where the first clip's face is."""


class TinyRun(typing.NamedTuple):
    """A finished training: where it is, how it was made, what it logged."""

    workspace: Workspace
    network_config: typing.Any
    train_config: typing.Any
    run_config: typing.Any
    logged: dict[int, dict[str, float]]

    @property
    def folder(self) -> pathlib.Path:
        return self.workspace.run("default")

    def final_arrays(self) -> dict[str, np.ndarray]:
        return read_arrays(self.folder, self.train_config.steps)


def read_arrays(folder: pathlib.Path, step: int) -> dict[str, np.ndarray]:
    """All arrays of a run's checkpoint, without what proves that the file is whole."""
    with np.load(folder / "checkpoints" / f"step-{step:08d}.npz") as file:
        return {name: file[name] for name in file.files if name not in ("schema", "digest")}


def snapshot(root: pathlib.Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its time of writing and its bytes."""
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def contents(root: pathlib.Path) -> dict[str, bytes]:
    return {name: data for name, (_, data) in snapshot(root).items()}


def annotated_face(portrait: Portrait) -> Face:
    """The face of a portrait as its control points say."""
    mouth = portrait.mouth.outer_upper
    eyes = [eye.iris_center for eye in portrait.eyes]
    box = [*portrait.jaw.min(axis=0) - [0, 40], *portrait.jaw.max(axis=0)]
    return Face(box_xyxy=box, score=1.0, landmarks=[*eyes, portrait.nose_tip, mouth[0], mouth[-1]])


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory) -> typing.Iterator[None]:
    """Keys and certificates of tests are not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESWAP_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True, scope="session")
def signals_of_a_terminal() -> None:
    """Signals do what they do in a terminal, also where `nohup` or a shell's background ignores them for the tests."""
    for name, usual in (("SIGHUP", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True)
def restored_logging() -> typing.Iterator[None]:
    """Puts back the levels that the command line sets."""
    logger = logging.getLogger("faceswap_lib")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def five_points_unless_named() -> typing.Iterator[None]:
    """Extractions that leave the landmarks to `auto` take five points here, and fetch nothing."""
    opened = extraction.open_landmark_detector
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            extraction, "open_landmark_detector", lambda backend: opened("five" if backend == "auto" else backend)
        )
        yield


@pytest.fixture(scope="session")
def portraits() -> tuple[Portrait, Portrait]:
    return load_portraits()


@pytest.fixture(scope="session")
def portrait_clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path]:
    """Two talking portraits, 38 frames of 224 x 224 at 25 frames per second, with sound."""
    return write_demo_clips(tmp_path_factory.mktemp("clips"), seconds=1.5, size=224)


@pytest.fixture(scope="session")
def clip_frames(portrait_clips) -> list[np.ndarray]:
    """The frames of the first clip; not to be changed."""
    return list(read_frames(portrait_clips[0]))


@pytest.fixture(scope="session")
def blurred_clip(portrait_clips, clip_frames, tmp_path_factory) -> pathlib.Path:
    """The first 20 frames of the first clip; 6 to 9 are out of focus."""
    frames = [cv2.GaussianBlur(f, (0, 0), 6) if 6 <= i < 10 else f for i, f in enumerate(clip_frames[:20])]
    return encode_like(portrait_clips[0], tmp_path_factory.mktemp("blurred") / "clip.mp4", frames)


@pytest.fixture(scope="session")
def pair_clip(portrait_clips, clip_frames, tmp_path_factory) -> pathlib.Path:
    """Both people side by side, 38 frames of 448 x 224, without sound."""
    path = tmp_path_factory.mktemp("pair") / "pair.mp4"
    with VideoWriter(path, width=448, height=224, fps=fractions.Fraction(25)) as writer:
        for left, right in zip(clip_frames, read_frames(portrait_clips[1]), strict=True):
            writer.write(np.hstack([left, right]))
    return path


@pytest.fixture(scope="session")
def detector() -> MTCNN:
    return MTCNN()


@pytest.fixture(scope="session")
def small_workspace(tmp_path_factory, portrait_clips, detector) -> Workspace:
    """Both portraits extracted, with eye masks; not to be changed."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    for video, side in zip(portrait_clips, ("src", "dst"), strict=True):
        extract_faces(video, workspace, side, detector, config=EXTRACT)
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
    from faceswap_lib.training import LoopConfig, TrainConfig, train

    workspace = Workspace(shutil.copytree(small_workspace.root, tmp_path_factory.mktemp("trained") / "workspace"))
    network_config = NetworkConfig(capacity="tiny", resolution=64, attention="none", norm="none")
    train_config = TrainConfig(steps=40, batch_size=2, warmup_steps=4, seed=7)
    run_config = LoopConfig(log_every=1, checkpoint_every=20, preview_every=20)
    logged: dict[int, dict[str, float]] = {}
    train(
        workspace,
        network_config=network_config,
        config=train_config,
        run_config=run_config,
        on_log=logged.__setitem__,
    )
    return TinyRun(workspace, network_config, train_config, run_config, logged)


@pytest.fixture(scope="session")
def real_clips() -> pathlib.Path:
    """The folder of real clips beside the checkout; skips where there is none."""
    folder = ROOT.parent / "shared" / "clips"
    if not folder.is_dir():
        pytest.skip(f"no real clips in {folder}")
    return folder


@pytest.fixture
def kernel(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kernel that is this interpreter, found before any other of that name, with this checkout importable."""
    folder = tmp_path / "jupyter" / "kernels" / "this_python"
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "this", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    return folder.name


@pytest.fixture(params=["dlib as it is", "dlib hidden"])
def has_dlib(request, kernel: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Runs a test once as things are and once with kernels that cannot import dlib; whether they can.

    After `kernel`, which sets the path that hides it.
    """
    is_there = DlibEmbedder.unavailable_reason() is None
    if request.param == "dlib as it is":
        return is_there
    if not is_there:
        pytest.skip("dlib is not installed: the other test is this one")
    hide_module("dlib", tmp_path, monkeypatch)
    return False


@pytest.fixture(scope="session")
def made_course_workspace(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What notebooks share, in the smallest size: clips, both facesets, a run."""
    from faceswap_lib.demo.fixtures import make_run
    from tests.notebook_runner import SMOKE

    small = {key.lower(): value for key, value in SMOKE.items()}
    return make_run(tmp_path_factory.mktemp("course"), progress=False, **small).root


@pytest.fixture
def course_workspace(made_course_workspace: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of it for one test."""
    return pathlib.Path(shutil.copytree(made_course_workspace, tmp_path / "workspace"))
