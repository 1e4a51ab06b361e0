"""The notebooks that train and convert, at their own size; `pytest -m nightly` runs them."""

import json
import pathlib

import pytest

from faceswap_lib.media import probe_video, read_frames
from tests.conftest import ROOT
from tests.notebook_runner import run_notebook

pytestmark = pytest.mark.nightly
HOUR = 3600


def change(before: pathlib.Path, after: pathlib.Path) -> float:
    """How much two videos differ on average, in gray levels of 255."""
    pairs = zip(read_frames(before), read_frames(after), strict=True)
    changes = [abs(a.astype(int) - b.astype(int)).mean() for a, b in pairs]
    return sum(changes) / len(changes)


def test_the_demo_at_its_own_size(kernel: str, tmp_path: pathlib.Path):
    run_notebook("00_faceswap_demo", kernel, tmp_path, {"WORKSPACE": "workspace"}, timeout=HOUR)
    clip, swap = tmp_path / "workspace" / "clips" / "hopper.mp4", tmp_path / "workspace" / "swap.mp4"
    assert probe_video(swap).frame_count == probe_video(clip).frame_count
    assert change(clip, swap) > 1.0


def test_training_and_conversion_at_their_own_size(kernel: str, tmp_path: pathlib.Path):
    run_notebook("05_faceswap_train", kernel, tmp_path, {"WORKSPACE": "workspace"}, timeout=HOUR)
    history = tmp_path / "workspace" / "models" / "default" / "history.jsonl"
    entries = [json.loads(line) for line in history.read_text().splitlines()]
    assert entries[-1]["step"] >= 600 and entries[-1]["reconstruction_a"] < 0.5 * entries[0]["reconstruction_a"]
    run_notebook("06_video_conversion", kernel, tmp_path, {"WORKSPACE": "workspace"}, timeout=HOUR)


CHECKED_ABOVE = ("00_faceswap_demo", "05_faceswap_train", "06_video_conversion")
OTHERS = [
    path.stem for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb")) if path.stem not in CHECKED_ABOVE
]


@pytest.fixture(scope="module")
def folder_of_the_course(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("course")


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_lesson_at_its_own_size(name: str, kernel: str, folder_of_the_course: pathlib.Path):
    """One after the other in one folder, as a reader runs them."""
    run_notebook(name, kernel, folder_of_the_course, {}, timeout=HOUR)
