"""Kills, signals and faults of the disk in every verb that writes: the same call ends as if undisturbed."""

import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from faceswap_lib.conversion import resume
from faceswap_lib.conversion.resume import ChunkStats, ChunkStore
from faceswap_lib.errors import InputError, VideoError
from faceswap_lib.training.checkpoint_choice import BACKUPS
from faceswap_lib.training.remote_sync import copy_run
from tests.conftest import ROOT
from tests.training.test_remote_sync import write_run
from tests.trust import works
from tests.trust.faults import build

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")

CRITICAL = {
    "extract": (26,),
    "convert to a folder": (136,),
    "convert pictures": (26, 50),
    "convert to a video": (79,),
    "set aside": (3, 21, 45),
    "bring back": (3, 21, 40),
    "consent": (1, 4, 7, 10),
    "masks": (4, 20),
    "weights": (1, 7, 14),
    "train": (7, 101, 140, 230),
    "mirror": (5, 20),
}
"""Operations on files that are tried by day; at the first of some the same call was refused or lost work once."""


def disturb(folder: pathlib.Path, *options: object, needs_faults: bool = False) -> dict:
    """Runs the program; gives what it found, which must be nothing."""
    library = build(folder)
    if needs_faults and library is None:
        pytest.skip("needs Linux and a C compiler")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= {"LD_PRELOAD": str(library)} if library else {}
    command = [sys.executable, "-m", "tests.trust.disturb", str(folder / "works"), *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3000)
    assert done.stdout, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["findings"] == [] and done.returncode == 0, done.stdout
    assert found["same"] == found["disturbed"]
    return found


@forks
def test_kills_and_failing_operations_change_nothing(tmp_path):
    """Each with one error of four, and with a kill there; without a C compiler only kills at random moments."""
    places = [f"{work}={','.join(map(str, numbers))}" for work, numbers in CRITICAL.items()] if build(tmp_path) else []
    found = disturb(tmp_path, "--works", ",".join(CRITICAL), "--kills", 1, "--at", *places)
    assert found["outcomes"]["killed"] >= len(CRITICAL)
    assert found["disturbed"] == len(CRITICAL) + (2 * sum(map(len, CRITICAL.values())) if places else 0)


@forks
@pytest.mark.nightly
def test_two_hundred_kills_change_nothing(tmp_path):
    """And ten of each signal to each work."""
    found = disturb(tmp_path, "--kills", 16, "--signals", 10)
    assert found["outcomes"]["killed"] >= 200


@forks
@pytest.mark.nightly
@pytest.mark.parametrize("work", works.WORKS)
def test_all_operations_may_fail_or_be_the_last(tmp_path, work):
    found = disturb(tmp_path, "--works", work, "--faults", 1, "--kills-at", 1, needs_faults=True)
    assert found["disturbed"] > 20


# What was found, one by one -------------------------------------------------------------------------------------------


def test_a_kill_before_the_first_file_of_an_extraction_is_gone_on_with(tmp_path):
    """Nothing but the temporary file of its note was there, and the same command was refused."""
    works.make_clip(tmp_path)
    (tmp_path / "face_src").mkdir()
    (tmp_path / "face_src" / ".source.partial.json").write_text("{")
    works.extract(tmp_path)
    assert works.left_over(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["..faceswap-written.partial.jsonl", "..faceswap-written.1.partial.jsonl", ".000003.1.partial.png"]
)
def test_a_half_list_among_unfinished_pictures_is_ours(tmp_path, name):
    works.make_clip(tmp_path)
    (tmp_path / ".masks.partial").mkdir()
    (tmp_path / ".masks.partial" / name).write_text("{")
    works.convert_to_folder(tmp_path)
    assert works.left_over(tmp_path) == []


def test_a_mask_that_has_its_name_before_its_picture_is_gone_on_with(tmp_path):
    works.make_pictures(tmp_path)
    works.convert_pictures(tmp_path)
    wanted = works.facts_of(tmp_path)
    (tmp_path / "out" / "a.png").unlink()
    works.convert_pictures(tmp_path)
    assert works.facts_of(tmp_path) == wanted


def test_pieces_of_hours_outlive_a_full_disk_at_the_end(tmp_path):
    """The joining of pieces failed as a damaged video does, and all of them were removed."""
    with pytest.raises(VideoError), ChunkStore(tmp_path / "o.mp4", {"which": 1}) as begun:
        (begun.folder / "picture-000000.mp4").write_bytes(b"frames")
        begun.finish(ChunkStats(frames=100, swapped=100))
        raise VideoError("expected to write o.mp4, got: No space left on device")
    assert ChunkStore(tmp_path / "o.mp4", {"which": 1}).frames == 100
    with pytest.raises(InputError), ChunkStore(tmp_path / "p.mp4", {"which": 1}):
        raise InputError("no face in any of its frames")
    assert not resume.parts_folder(tmp_path / "p.mp4").exists()


def test_half_checkpoints_go_with_the_next_save(tmp_path):
    """Of another step, and so of another name; hundreds of megabytes stayed after every kill."""
    works.make_run(tmp_path)
    checkpoints = tmp_path / "models" / "default" / "checkpoints"
    halves = [checkpoints / ".step-00000123.partial.npz", checkpoints / BACKUPS / ".step-00000100.1.partial.npz"]
    for half in halves:
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(b"half")
    mine = checkpoints / ".step-notes.partial.txt"
    mine.write_text("mine")
    works.train(tmp_path)
    assert not any(half.exists() for half in halves) and mine.read_text() == "mine"


def test_half_checkpoints_in_a_mirror_go_with_the_next_copy(tmp_path):
    run = write_run(tmp_path / "run", 10, 20)
    half = tmp_path / "drive" / "run" / "checkpoints" / ".step-00000007.partial.npz"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    assert copy_run(run, tmp_path / "drive" / "run") and not half.exists()


def test_a_sum_that_was_not_noted_is_noted_by_the_next_fetch(tmp_path, monkeypatch):
    from faceswap_lib.faces import weight_sums

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    works.make_download(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(weight_sums, "write_text", fail)
        assert works.fetch_file(tmp_path) == ["its sum is not noted"]
    assert works.fetch_file(tmp_path) == []
    note = tmp_path / "here" / "toy.bin.sha256"
    digest = works.facts_of(tmp_path)["here/toy.bin"]
    assert note.read_text() == f"{digest}  toy.bin\n"
    shutil.rmtree(tmp_path / "here")
