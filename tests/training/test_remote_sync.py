"""The mirror: what it gets, what it gives back, and that nothing it does stops a training."""

import json
import logging
import os
import pathlib
import shutil
import threading

import numpy as np
import pytest

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks import NetworkConfig
from faceswap_lib.training import LoopConfig, TrainConfig, read_history, train
from faceswap_lib.training.remote_sync import CheckpointSync, copy_run
from tests.conftest import contents, read_arrays


def write_run(folder: pathlib.Path, *steps: int, rollbacks: int = 0, name: str = "", seed: int = 0) -> pathlib.Path:
    """A run of files that are no larger than they must be; `name` is its id."""
    arrays = {f"{group}/000": np.full(200, seed, np.float32) for group in GROUPS}
    for step in steps:
        path = folder / "checkpoints" / f"step-{step:08d}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, position=np.array([step, 10, rollbacks]), **arrays)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"id": name} if name else {}))
    (folder / "history.jsonl").write_text("".join(f'{{"step": {step}}}\n' for step in steps))
    return folder


GROUPS = (
    *("encoder", "decoder_a", "decoder_b", "averaged_encoder", "averaged_decoder_a", "averaged_decoder_b"),
    *("discriminator_a", "discriminator_b", "generator_optimizer", "discriminator_optimizer"),
)
"""What a checkpoint without a digest must hold."""


def steps_of(folder: pathlib.Path) -> list[int]:
    return sorted(int(path.stem[5:]) for path in (folder / "checkpoints").glob("step-*.npz"))


@pytest.fixture
def run(tmp_path) -> pathlib.Path:
    return write_run(tmp_path / "here" / "run", 10, 20)


@pytest.fixture
def there(tmp_path) -> pathlib.Path:
    (tmp_path / "drive").mkdir()
    return tmp_path / "drive"


# What it gets --------------------------------------------------------------------------------------------------------


def test_the_mirror_gets_the_files_of_the_run_byte_for_byte(run, there):
    (run / "previews").mkdir()
    for step in range(1, 8):
        (run / "previews" / f"step-{step:08d}.png").write_bytes(bytes([step]))
    copier = CheckpointSync(run, there)
    copier.update()
    copier.close()
    expected = contents(run)
    del expected["checkpoints/step-00000010.npz"]  # the newest one is enough
    for step in (1, 2):  # and the newest five
        del expected[f"previews/step-{step:08d}.png"]
    assert contents(there / "run") == expected and (copier.copies, copier.failures) == (1, 0)


def test_a_copy_of_a_run_loses_what_the_run_no_longer_has_and_gets_nothing_twice(run, there):
    copy_run(run, there / "run")
    assert steps_of(there / "run") == [10, 20]
    stamp = (there / "run" / "checkpoints" / "step-00000020.npz").stat().st_mtime_ns
    write_run(run, 30)
    (run / "checkpoints" / "step-00000010.npz").unlink()
    copy_run(run, there / "run")
    assert steps_of(there / "run") == [20, 30]
    assert (there / "run" / "checkpoints" / "step-00000020.npz").stat().st_mtime_ns == stamp


def test_the_mirror_gets_the_newest_checkpoint_alone_and_keeps_the_one_it_had(run, there, monkeypatch):
    copied, copyfile = [], shutil.copyfile

    def note(source, target):
        copied.append(source.name)
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", note)
    copier = CheckpointSync(run, there)
    for steps, expected in (((20,), [20]), ((50, 60), [20, 60]), ((80, 90), [60, 90])):
        shutil.rmtree(run / "checkpoints")
        write_run(run, *steps)
        copier.update()
        copier._thread.join()
        assert steps_of(there / "run") == expected
        assert [name for name in copied if name.endswith(".npz")] == [f"step-{steps[-1]:08d}.npz"]
        copied.clear()


def test_after_going_back_the_mirror_keeps_nothing_of_what_was_given_up(run, there):
    """Training went back from 40 to 10 and on to 50: what the mirror has of step 40 does not lead there."""
    write_run(there / "run", 40)
    shutil.rmtree(run / "checkpoints")
    write_run(run, 30, 50, rollbacks=1)
    copier = CheckpointSync(run, there)
    copier.update()
    copier._thread.join()
    assert steps_of(there / "run") == [50] and copier.failures == 0
    write_run(run, 70, rollbacks=1)
    copier.update()
    copier.close()
    assert steps_of(there / "run") == [50, 70]


def test_a_run_that_has_gone_back_takes_its_mirror_back(run, there):
    write_run(there / "run", 20, 30)
    (run / "checkpoints" / "step-00000020.npz").unlink()
    write_run(run, 10, rollbacks=1)
    copier = CheckpointSync(run, there)
    copier.update()
    copier.close()
    assert steps_of(there / "run") == [10]


@pytest.fixture
def removed(monkeypatch) -> dict[str, int]:
    """Size that each file had when it was removed, by name."""
    sizes, unlink = {}, pathlib.Path.unlink

    def note(path, missing_ok=False):
        if path.exists():
            sizes[path.name] = path.stat().st_size
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(pathlib.Path, "unlink", note)
    return sizes


def test_what_is_removed_from_the_mirror_is_emptied_first(run, there, removed, monkeypatch):
    """Google Drive keeps what is deleted in its trash, at its size."""
    copier = CheckpointSync(run, there)
    copier.update()
    copier.close()
    for step in (30, 40):
        write_run(run, step)
        copier.update()
        copier.close()
    assert steps_of(there / "run") == [30, 40] and removed == {"step-00000020.npz": 0, ".run.lock": 0}

    def fill_up(source, target):
        pathlib.Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fill_up)
    copier.update()
    copier.close()
    assert copier.failures == 2 and removed.pop(".config.partial.json") == 0


def test_a_copy_begins_at_the_first_update_then_on_average_every_interval_and_at_the_end(run, there):
    now = 0.0
    copier = CheckpointSync(run, there, interval=600, clock=lambda: now)
    copied_at = []
    for now in range(180, 2 * 3600 + 1, 180):
        before = copier.copies
        copier.update()
        copier._thread.join()
        copied_at += [now / 60] * (copier.copies - before)
    assert copied_at == [3, 15, 24, 33, 45, 54, 63, 75, 84, 93, 105, 114]
    assert copier.is_behind
    copier.close()
    assert copier.copies == 13 and not copier.is_behind
    now += 10_000
    copier.update()
    copier._thread.join()
    now += 180  # it does not make up for the hours without
    copier.update()
    copier._thread.join()
    assert copier.copies == 14


def test_after_a_failure_the_next_update_tries_again(run, there):
    now = 0.0
    copier = CheckpointSync(run, there, interval=600, clock=lambda: now)
    away = there.rename(there.with_name("away"))
    copier.update()
    copier._thread.join()
    away.rename(there)
    now = 180.0
    copier.update()
    copier._thread.join()
    assert (copier.copies, copier.failures) == (1, 1) and steps_of(there / "run") == [20]


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_a_folder_that_vanishes_and_comes_back(run, there, caplog):
    copier = CheckpointSync(run, there)
    away = there.rename(there.with_name("away"))
    for _ in range(2):
        copier.update()
        copier._thread.join()
    assert copier.failures == 2 and not there.exists()
    assert len(caplog.records) == 1 and "is not there; training continues" in caplog.text
    away.rename(there)
    copier.update()
    copier.close()
    assert steps_of(there / "run") == [20] and copier.copies == 1


@pytest.mark.parametrize(("number", "reason"), [(28, "No space left on device"), (30, "Read-only file system")])
def test_a_full_or_read_only_folder_is_told_once_and_counted(run, there, caplog, monkeypatch, number, reason):
    def refuse(source, target):
        pathlib.Path(target).write_bytes(b"half")
        raise OSError(number, reason)

    monkeypatch.setattr(shutil, "copyfile", refuse)
    copier = CheckpointSync(run, there)
    copier.update()
    copier.close()
    assert copier.failures == 2  # and once more at the end
    assert sum(reason in record.message for record in caplog.records) == 1
    assert "the newest checkpoint is missing in the mirror" in caplog.text
    assert contents(there / "run") == {}


def test_a_slow_folder_keeps_nobody_waiting(run, there, caplog, monkeypatch):
    blocked, copyfile = threading.Event(), shutil.copyfile

    def wait(source, target):
        assert blocked.wait(60)
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", wait)
    copier = CheckpointSync(run, there, patience=0.05)
    copier.update()
    copier.update()
    assert copier.failures == 0 and caplog.text == ""
    copier.close()
    assert copier.copies == 0 and copier.failures == 1
    assert (
        "the last copy took more than 0 s" in caplog.text
        and "the newest checkpoint is missing in the mirror" in caplog.text
    )
    blocked.set()
    copier._thread.join()
    assert steps_of(there / "run") == [20]


def test_what_came_while_a_copy_was_under_way_is_copied_after_it_and_nothing_failed(run, there, caplog, monkeypatch):
    started, blocked, copyfile = threading.Event(), threading.Event(), shutil.copyfile

    def wait(source, target):
        started.set()
        assert blocked.wait(60)
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", wait)
    copier = CheckpointSync(run, there)
    copier.update()
    assert started.wait(60)
    write_run(run, 30)
    copier.update()  # the first copy has listed its files and is under way
    blocked.set()
    copier.close()
    assert steps_of(there / "run") == [20, 30]
    assert (copier.copies, copier.failures, copier.is_behind, caplog.text) == (2, 0, False, "")


def test_a_mirror_that_is_further_is_left_alone(run, there, caplog):
    write_run(there / "run", 500)
    before = contents(there)
    copier = CheckpointSync(run, there)
    copier.update()
    copier.close()
    assert contents(there) == before and "is at step 500, this run at 20" in caplog.text


@pytest.fixture
def vanishing(run, monkeypatch) -> list[str]:
    """Checkpoints that training removes right before they are copied; each goes once."""
    names, copyfile = [], shutil.copyfile

    def remove_first(source, target):
        if source.name in names:
            names.remove(source.name)
            source.unlink()
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", remove_first)
    return names


def test_an_old_checkpoint_that_training_removes_meanwhile_is_left_out(run, there, vanishing):
    vanishing.append("step-00000010.npz")
    copy_run(run, there / "run")
    assert steps_of(there / "run") == [20]


def test_where_the_newest_one_goes_meanwhile_the_next_is_copied_and_nothing_is_removed(run, there, vanishing, caplog):
    write_run(there / "run", 5)
    vanishing.append("step-00000020.npz")
    copier = CheckpointSync(run, there)
    copier.update()
    copier._thread.join()
    assert steps_of(there / "run") == [5] and copier.failures == 1
    assert "step-00000020.npz was removed before it was copied" in caplog.text
    write_run(run, 30)
    copier.update()
    copier.close()
    assert steps_of(there / "run") == [5, 30] and copier.failures == 1


def test_a_mirror_in_a_folder_that_is_not_there_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="mirror: .*drive is not there; mount it, or name another --sync-dir"):
        CheckpointSync(run, tmp_path / "drive" / "faceswap")


# What it gives back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs", "taken"), [((10,), (20, 30), True), ((40,), (20, 30), False), ((), (5,), True)]
)
def test_the_newer_one_of_both_places_counts(tmp_path, there, mine, theirs, taken):
    run = write_run(tmp_path / "run", *mine)
    write_run(there / "run", *theirs)
    assert CheckpointSync(run, there).fetch() is taken
    assert steps_of(run) == sorted(theirs if taken else mine)


def test_a_torn_copy_is_passed_over(tmp_path, there, caplog):
    run = write_run(tmp_path / "run", 10)
    torn = write_run(there / "run", 5, 30) / "checkpoints" / "step-00000030.npz"
    os.truncate(torn, torn.stat().st_size // 2)
    with caplog.at_level(logging.WARNING):
        assert not CheckpointSync(run, there).fetch()
    assert steps_of(run) == [10] and "step-00000030.npz is damaged" in caplog.text


def test_training_goes_on_from_the_mirror_on_another_machine(small_workspace, tiny_run, tmp_path, caplog):
    """One machine trains 20 steps with a mirror, another one that has only the mirror finishes."""
    drive = tmp_path / "drive"
    drive.mkdir()
    shutil.copytree(tiny_run.folder, drive / "default")
    (drive / "default" / "checkpoints" / "step-00000040.npz").unlink()
    other = Workspace(shutil.copytree(small_workspace.root, tmp_path / "other"))
    keeping = LoopConfig(log_every=1, checkpoint_every=20, preview_every=20, sync_dir=drive)
    report = train(other, config=tiny_run.train_config, run_config=keeping)
    assert (report.resumed_at, report.step, report.mirror_failures) == (20, 40, 0)
    wanted = tiny_run.final_arrays()
    for folder in (other.run("default"), drive / "default"):
        arrays = read_arrays(folder, 40)
        assert all(np.array_equal(arrays[name], wanted[name]) for name in wanted.keys() - {"seconds"})
        assert [line["step"] for line in read_history(folder / "history.jsonl")] == list(range(1, 41))
    asked = NetworkConfig(capacity="tiny", resolution=128)
    with pytest.raises(WorkspaceError, match="was trained with resolution 64, asked for 128"):
        train(small_workspace, network_config=asked, config=TrainConfig(steps=50), run_config=keeping)
    assert not small_workspace.run("default").exists()
