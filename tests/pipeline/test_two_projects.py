"""Two projects and one mirror or folder: neither takes the other's work over, and neither replaces it."""

import json
import os
import pathlib
import shutil

import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Workspace
from faceswap_lib.pipeline.backup import backup_workspace, restore_workspace
from faceswap_lib.training.remote_sync import CheckpointSync, copy_run
from tests.conftest import contents, snapshot
from tests.training.test_remote_sync import steps_of, write_run
from tests.workspaces import make_project

A, B = "a" * 32, "b" * 32


@pytest.fixture
def drive(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "drive").mkdir()
    return tmp_path / "drive"


@pytest.fixture
def one(tmp_path: pathlib.Path) -> Workspace:
    return make_project(tmp_path / "one", "a", 10, 20, seed=1)


@pytest.fixture
def two(tmp_path: pathlib.Path) -> Workspace:
    return make_project(tmp_path / "two", "b", 10, 20, seed=2)


def mirrored(run: pathlib.Path, drive: pathlib.Path) -> CheckpointSync:
    copier = CheckpointSync(run, drive)
    copier.update()
    copier.close()
    return copier


def hold_all(folder: pathlib.Path, files: dict[str, bytes]) -> bool:
    """Whether each of some files is somewhere in a folder, under whatever name."""
    return set(files.values()) <= set(contents(folder).values())


# The mirror -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [(500,), (20,), (5,)], ids=["further", "as far", "behind"])
def test_another_run_of_the_same_name_is_neither_taken_over_nor_replaced(one, drive, steps):
    write_run(drive / "default", *steps, name=B, seed=2)
    before = contents(drive), contents(one.root)
    with pytest.raises(InputError, match="holds run bbbbbbbb, .* run aaaaaaaa; choose another --sync-dir or --run"):
        CheckpointSync(one.run("default"), drive).fetch()
    copier = mirrored(one.run("default"), drive)
    assert copier.copies == 0 and copier.failures > 0
    assert (contents(drive), contents(one.root)) == before


def test_a_run_that_another_began_meanwhile_is_left_alone_and_said_once(one, drive, caplog):
    copier = CheckpointSync(one.run("default"), drive)
    copier.fetch()
    write_run(drive / "default", 5, name=B)
    before = contents(drive)
    for _ in range(2):
        copier.update()
        copier.close()
    assert contents(drive) == before and copier.is_behind
    assert caplog.text.count("holds run bbbbbbbb, this is run aaaaaaaa; move the other run away") == 1


def test_a_new_machine_takes_its_own_run_from_the_mirror(one, drive, tmp_path):
    mirrored(one.run("default"), drive)
    other = make_project(tmp_path / "other", "a", seed=1)
    assert CheckpointSync(other.run("default"), drive).fetch()
    assert contents(other.run("default")) == contents(drive / "default")


def test_faces_extracted_again_from_the_same_videos_are_the_same_people(one, drive, tmp_path):
    mirrored(one.run("default"), drive)
    other = make_project(tmp_path / "other", "a", seed=5)
    assert CheckpointSync(other.run("default"), drive).fetch()


def test_a_new_project_does_not_go_on_from_weights_of_other_people(one, drive, tmp_path):
    mirrored(one.run("default"), drive)
    new = make_project(tmp_path / "new", "b", seed=2)
    before = contents(drive), contents(new.root)
    with pytest.raises(InputError, match="other people than those in face_src and face_dst here; choose another"):
        CheckpointSync(new.run("default"), drive).fetch()
    assert (contents(drive), contents(new.root)) == before


def test_a_reenactment_does_not_go_on_from_weights_of_other_people(drive, tmp_path):
    """Its facesets are named after their workspaces; one video in common is enough."""
    own = make_project(tmp_path / "own", "a", seed=1)
    videos = [json.loads((own.faces(side) / "source.json").read_text())["sha256"] for side in ("src", "dst")]
    new = make_project(tmp_path / "new", "b", seed=2)
    run = write_run(drive / "reenactment", 10, name=A)
    facesets = {"first/face_src": {"video_sha256": videos[0]}, "more/face_dst": {"video_sha256": "f" * 64}}
    (run / "config.json").write_text(json.dumps({"id": A, "system": "one-shot", "facesets": facesets}))
    with pytest.raises(InputError, match="other people than those in face_src and face_dst here; choose another"):
        CheckpointSync(new.run("reenactment"), drive).fetch()
    assert not new.run("reenactment").exists()
    assert CheckpointSync(own.run("reenactment"), drive).fetch()
    many = {"identities/vox": {"people": 100, "files_sha256": "c" * 64}}
    (run / "config.json").write_text(json.dumps({"id": A, "system": "one-shot", "facesets": many}))
    assert CheckpointSync(new.run("reenactment"), drive).fetch()


def test_a_run_that_had_just_begun_keeps_its_id_on_a_new_machine(drive, tmp_path):
    write_run(drive / "default", name=A)
    run = make_project(tmp_path / "new", "a").run("default")
    assert not CheckpointSync(run, drive).fetch()
    assert json.loads((run / "config.json").read_text())["id"] == A


@pytest.mark.parametrize("lacking", ["here", "there", "both"])
def test_a_run_of_a_version_without_ids_is_known_by_its_history(one, two, drive, lacking):
    shutil.copytree(one.run("default"), drive / "default")
    for place in {"here": [one], "there": [], "both": [one]}[lacking]:
        write_run(place.run("default"), 30)
    if lacking != "here":
        (drive / "default" / "config.json").write_text("{}")
    (one.run("default") / "history.jsonl").write_text('{"step": 10, "loss": 0.1}\n{"step": 30, "loss": 0.1}\n')
    write_run_again = mirrored(one.run("default"), drive)
    assert (write_run_again.copies, write_run_again.failures) == (1, 0)
    (two.run("default") / "config.json").write_text("{}")
    before = contents(drive)
    assert mirrored(two.run("default"), drive).copies == 0 and contents(drive) == before


def test_a_damaged_config_in_the_mirror_is_judged_by_the_history_or_left(one, two, drive):
    mirrored(one.run("default"), drive)
    (drive / "default" / "config.json").write_bytes(b"")
    before = contents(drive)
    copier = mirrored(two.run("default"), drive)
    assert copier.copies == 0 and contents(drive) == before
    assert mirrored(one.run("default"), drive).copies == 1
    assert (drive / "default" / "config.json").read_bytes() == (one.run("default") / "config.json").read_bytes()


def test_checkpoints_that_cannot_be_read_are_not_replaced_by_a_new_beginning(one, drive, tmp_path):
    mirrored(one.run("default"), drive)
    for path in (drive / "default" / "checkpoints").iterdir():
        os.truncate(path, 100)
    before = contents(drive)
    with pytest.raises(InputError, match="none of the checkpoints in .* is whole; move it away"):
        CheckpointSync(make_project(tmp_path / "new", "a").run("default"), drive).fetch()
    write_run(one.run("default"), 30, name=A)
    mirrored(one.run("default"), drive)
    assert before.items() >= {(name, data) for name, data in contents(drive).items() if "00000020" in name}
    assert steps_of(drive / "default") == [20, 30]


@pytest.mark.parametrize("value", [{"id": 7}, {"id": "x" * 101}, {"id": "a", "facesets": ["face_src"]}, [], "{"])
def test_a_config_that_is_none_is_an_error_of_ours(one, drive, value):
    write_run(drive / "default", 500)
    (drive / "default" / "config.json").write_text(value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(InputError, match="config.json"):
        CheckpointSync(one.run("default"), drive).fetch()
    assert mirrored(one.run("default"), drive).copies == 0


# Clocks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_checkpoint_written_again_is_copied_whatever_the_clock_says(one, drive, hours):
    """After a rollback a checkpoint has an earlier one's name and size."""
    run = one.run("default")
    mirrored(run, drive)
    write_run(run, 20, name=A, seed=9)
    path = run / "checkpoints" / "step-00000020.npz"
    now = path.stat().st_mtime + hours * 3600
    os.utime(path, (now, now))
    mirrored(run, drive)
    assert (drive / "default" / "checkpoints" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("hours", [-24, 24])
def test_nothing_is_lost_between_machines_whose_clocks_are_a_day_apart(one, drive, tmp_path, hours):
    (one.root / "swap.mp4").write_bytes(b"first try")
    backup_workspace(one, drive / "kept")
    for path in (drive / "kept").rglob("*"):
        now = path.stat().st_mtime + hours * 3600
        os.utime(path, (now, now))
    before = snapshot(drive / "kept" / "models")
    assert "swap.mp4" in backup_workspace(one, drive / "kept").unchanged
    assert snapshot(drive / "kept" / "models") == before
    (one.root / "swap.mp4").write_bytes(b"other try")
    write_run(one.run("default"), 30, name=A)
    assert set(backup_workspace(one, drive / "kept").carried) == {"models/default at step 30", "swap.mp4"}
    other = Workspace(tmp_path / "other")
    assert restore_workspace(drive / "kept", other).failed == ()
    assert contents(other.run("default")) == contents(one.run("default"))


def test_a_copy_with_other_bytes_in_the_middle_is_no_copy(one, drive):
    data = bytearray(os.urandom(700_000))
    (one.root / "swap.mp4").write_bytes(data)
    backup_workspace(one, drive / "kept")
    data[350_000] ^= 1
    (one.root / "swap.mp4").write_bytes(data)
    assert backup_workspace(one, drive / "kept").carried == ("swap.mp4",)
    assert (drive / "kept" / "swap.mp4").read_bytes() == data


# A folder that is kept ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [(500,), (20,), (5,)], ids=["further", "as far", "behind"])
def test_the_run_of_a_second_project_is_kept_and_the_first_is_set_aside(one, drive, tmp_path, steps):
    folder, two = drive / "kept", make_project(tmp_path / "two", "b", *steps, seed=2)
    backup_workspace(one, folder)
    first = contents(folder)
    report = backup_workspace(two, folder)
    assert f"models/default at step {steps[-1]}" in report.carried
    assert "models/default.earlier-aaaaaaaa (another run, which was there)" in report.left
    assert contents(folder / "models" / "default") == contents(two.run("default"))
    assert contents(folder / "models" / "default.earlier-aaaaaaaa") == contents(one.run("default"))
    assert hold_all(folder, first)


def test_projects_that_take_turns_lose_nothing_and_do_not_pile_up(one, two, drive):
    folder = drive / "kept"
    for workspace, text in ((one, "one"), (two, "two")):
        (workspace.root / "swap.mp4").write_text(text)
        (workspace.root / "swap.mp4.provenance.json").write_text(text + " provenance")
    for workspace in (one, two, one, two, one):
        assert backup_workspace(workspace, folder).failed == ()
        assert (folder / "swap.mp4").read_bytes() == (workspace.root / "swap.mp4").read_bytes()
        assert contents(folder / "models" / "default") == contents(workspace.run("default"))
    assert sorted(path.name for path in (folder / "models").iterdir()) == ["default", "default.earlier-bbbbbbbb"]
    assert len([*folder.glob("face_*.zip")]) == 4 and len([*folder.glob("swap*")]) == 4
    [video] = folder.glob("swap.earlier-*.mp4")
    assert video.with_name(video.name + ".provenance.json").read_text() == "two provenance"
    assert hold_all(folder / "models", contents(one.run("default")) | contents(two.run("default")))


def test_a_mirror_goes_on_where_its_run_was_set_aside(one, two, drive):
    folder = drive / "kept"
    backup_workspace(one, folder)
    backup_workspace(two, folder)
    write_run(one.run("default"), 30, name=A, seed=1)
    copier = mirrored(one.run("default"), folder / "models")
    assert (copier.copies, copier.failures) == (1, 0)
    assert 30 in steps_of(folder / "models" / "default.earlier-aaaaaaaa")
    assert steps_of(folder / "models" / "default") == [10, 20]


def test_another_projects_run_is_not_fetched(one, drive, tmp_path):
    folder, two = drive / "kept", make_project(tmp_path / "two", "b", 500, seed=2)
    backup_workspace(two, folder)
    before = contents(one.root)
    assert "models/default (there it is run bbbbbbbb, here run aaaaaaaa)" in restore_workspace(folder, one).left
    assert contents(one.root) == before
    new = make_project(tmp_path / "new", "c", seed=3)
    assert "other people than those in face_src and face_dst here" in "".join(restore_workspace(folder, new).left)
    assert not new.run("default").exists()


def test_a_run_comes_back_from_where_it_was_set_aside(one, two, drive):
    folder = drive / "kept"
    write_run(one.run("default"), 30, name=A)
    backup_workspace(one, folder)
    backup_workspace(two, folder)
    (one.run("default") / "checkpoints" / "step-00000030.npz").unlink()
    assert "models/default at step 30" in restore_workspace(folder, one).carried
    assert steps_of(one.run("default")) == [10, 20, 30]


def test_results_and_videos_of_another_project_are_renamed_with_what_says_where_they_are_from(one, two, drive):
    folder, names = drive / "kept", ("swap.mp4", "swap.mp4.provenance.json", "report.html", "videos/anna.mov")
    for workspace, text in ((one, "one"), (two, "two")):
        (workspace.root / "videos").mkdir()
        for name in names:
            (workspace.root / name).write_text(f"{text} {name}")
    backup_workspace(one, folder)
    report = backup_workspace(two, folder)
    assert not report.failed and set(names) <= set(report.carried)
    assert all((folder / name).read_text() == f"two {name}" for name in names)
    [video] = folder.glob("swap.earlier-*.mp4")
    assert video.read_text() == "one swap.mp4"
    assert video.with_name(video.name + ".provenance.json").read_text() == "one swap.mp4.provenance.json"
    assert [path.read_text() for path in folder.glob("report.earlier-*.html")] == ["one report.html"]
    assert [path.read_text() for path in folder.glob("videos/anna.earlier-*.mov")] == ["one videos/anna.mov"]
    fetched = restore_workspace(folder, one)
    assert "videos/anna.mov (the workspace has another)" in fetched.left
    assert sorted(path.name for path in (one.root / "videos").iterdir()) == ["anna.mov"]


def test_the_same_project_on_a_new_machine_replaces_its_own_results(one, drive, tmp_path):
    folder = drive / "kept"
    (one.root / "swap.mp4").write_text("first")
    backup_workspace(one, folder)
    new = Workspace(tmp_path / "new")
    restore_workspace(folder, new)
    (new.root / "swap.mp4").write_text("second")
    report = backup_workspace(new, folder)
    assert report.carried == ("swap.mp4",) and report.left == ()
    assert [path.name for path in folder.glob("swap*")] == ["swap.mp4"]


def test_a_damaged_note_replaces_nobodys_work(one, drive):
    folder = drive / "kept"
    backup_workspace(one, folder)
    (one.root / "kept.json").write_text("{half")
    next(one.faces("src").glob("*.jpg")).write_bytes(b"again")
    report = backup_workspace(one, folder)
    assert "face_src" in report.carried and len([*folder.glob("face_src.earlier-*.zip")]) == 1


def test_a_checkpoint_that_came_meanwhile_is_not_removed(one, drive):
    """A mirror writes step 30 while the same run is kept from where it was at step 20."""
    run = one.run("default")
    copy_run(run, drive / "default")
    write_run(drive / "default", 30, name=A)
    copy_run(run, drive / "default")
    assert steps_of(drive / "default") == [10, 20, 30]
