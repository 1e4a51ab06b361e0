"""A whole workspace kept and fetched: runs that go on, videos, results."""

import pathlib
import shutil

import pytest

from faceswap_lib.facesets import Workspace
from faceswap_lib.pipeline.backup import backup_workspace, list_results, restore_workspace
from faceswap_lib.training import LoopConfig, TrainConfig, load_run, train
from tests.conftest import TinyRun, contents
from tests.training.test_remote_sync import steps_of, write_run


@pytest.fixture
def drive(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "drive").mkdir()
    return tmp_path / "drive" / "course"


@pytest.fixture
def trained(tiny_run: TinyRun, tmp_path: pathlib.Path) -> Workspace:
    return Workspace(shutil.copytree(tiny_run.workspace.root, tmp_path / "trained"))


def test_a_run_goes_on_where_another_machine_left_it(tiny_run, trained, drive, tmp_path):
    report = backup_workspace(trained, drive)
    assert report.carried == ("face_src", "face_dst", "models/default at step 40") and not report.failed
    other = Workspace(tmp_path / "other")
    assert restore_workspace(drive, other).carried == report.carried
    assert load_run(other)[1] == 40
    again = backup_workspace(other, drive)
    assert again.carried == () and "models/default" in again.unchanged
    config = TrainConfig(steps=42, batch_size=2, warmup_steps=4, seed=7)
    report = train(other, config=config, run_config=LoopConfig(sync_dir=drive / "models", log_every=1))
    assert (report.resumed_at, report.step) == (40, 42)
    assert 42 in steps_of(drive / "models" / "default")
    assert "step 42 there, 40 here" in "".join(backup_workspace(trained, drive).left)
    assert restore_workspace(drive, trained).carried == ("models/default at step 42",)


def test_a_run_that_breaks_off_half_way_is_not_there(drive, tmp_path, monkeypatch):
    write_run(drive.parent / "course" / "models" / "default", 10, 20)
    copyfile, copied = shutil.copyfile, []

    def break_off(source, target):
        if copied:
            raise OSError(107, "Transport endpoint is not connected")
        copied.append(source)
        return copyfile(source, target)

    here = Workspace(tmp_path / "here")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", break_off)
        report = restore_workspace(drive, here)
    assert copied and report.failed and not here.run("default").exists()
    assert restore_workspace(drive, here).carried == ("models/default at step 20",)
    assert steps_of(here.run("default")) == [10, 20]


def test_videos_come_back_and_results_stay(drive, tmp_path):
    here = Workspace(tmp_path / "here")
    own = ("own_videos/a/anna.mp4", "own_videos/b/ben.mp4", "own_photos/anna.png")
    videos = ("clips/hopper.mp4", "clips/clips.json", "videos/anna.mov", *own)
    for name in (*videos, "swap.mp4", "report.html", "other.txt"):
        (here.root / name).parent.mkdir(parents=True, exist_ok=True)
        (here.root / name).write_text(name)
    assert [path.name for path in list_results(here)] == ["report.html", "swap.mp4"]
    report = backup_workspace(here, drive)
    assert report.carried == (*videos, "report.html", "swap.mp4")
    assert backup_workspace(here, drive).carried == ()
    (here.root / "swap.mp4").write_text("a longer one")
    assert backup_workspace(here, drive).carried == ("swap.mp4",)
    other = Workspace(tmp_path / "other")
    restore_workspace(drive, other)
    assert sorted(contents(other.root)) == sorted(videos)
    assert backup_workspace(other, drive).carried == ()


def test_a_drive_that_is_not_mounted_is_told_once_and_no_folder_comes_to_be(trained, tmp_path):
    away = tmp_path / "mnt" / "MyDrive" / "course"
    before = contents(trained.root)
    for report in (restore_workspace(away, trained), backup_workspace(trained, away)):
        assert len(report.failed) == 1 and "folder" in report.failed[0]
    assert contents(trained.root) == before and not (tmp_path / "mnt").exists()
