"""Temporary files that belong to one process, folders that are flushed, and what a kill leaves behind."""

import concurrent.futures
import errno
import os
import pathlib
import stat
import subprocess
import sys

import pytest

from faceswap_lib.atomic_io import copy_whole, is_copy, remove_emptied, replacing, write_text
from faceswap_lib.facesets import scratch
from faceswap_lib.facesets.scratch import remove_left_scratch, scratch_folder
from faceswap_lib.locks import claimed_file
from faceswap_lib.locks.claimed_file import claim_new, discard
from tests.conftest import ROOT

posix = pytest.mark.skipif(os.name == "nt", reason="needs locks on open files, or permissions")

WRITING = """
import pathlib, sys, time
from faceswap_lib.atomic_io import replacing
with replacing(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_text(sys.argv[2] * 100_000)
    print(temporary.name, flush=True)
    sys.stdin.readline()
"""

SCRATCH = """
import pathlib, sys
from faceswap_lib.facesets.scratch import scratch_folder
with scratch_folder(pathlib.Path(sys.argv[1]), "keep") as folder:
    (folder / "face_src.zip").write_bytes(b"half")
    print(folder.name, flush=True)
    sys.stdin.readline()
"""


def start(program: str, *arguments: object) -> tuple[subprocess.Popen, str]:
    """A process that has begun and waits; and what it said."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return child, child.stdout.readline().strip()


def finish(child: subprocess.Popen) -> None:
    child.communicate("\n", timeout=60)
    assert child.returncode == 0


def kill(child: subprocess.Popen) -> None:
    child.kill()
    child.communicate()


# Two of everything ----------------------------------------------------------------------------------------------------


@posix
def test_processes_that_write_one_file_at_once_each_have_a_temporary_file_of_their_own(tmp_path):
    path = tmp_path / "notes.txt"
    children = [start(WRITING, path, letter) for letter in "ab"]
    names = [name for _, name in children]
    assert names == [".notes.partial.txt", ".notes.1.partial.txt"]
    with replacing(path) as temporary:
        assert temporary.name == ".notes.2.partial.txt"
        temporary.write_text("c" * 100_000)
        assert [(tmp_path / name).read_text() for name in names] == ["a" * 100_000, "b" * 100_000]
    assert path.read_text() == "c" * 100_000
    for (child, _), letter in zip(children, "ab", strict=True):
        finish(child)
        assert path.read_text() == letter * 100_000
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_threads_that_write_one_file_leave_one_of_their_files_whole(tmp_path):
    path = tmp_path / "notes.txt"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda digit: write_text(path, str(digit % 10) * 50_000), range(80)))
    text = path.read_text()
    assert len(text) == 50_000 and len(set(text)) == 1
    assert os.listdir(tmp_path) == ["notes.txt"] and not claimed_file._held


@posix
def test_what_killed_processes_left_is_removed_and_what_is_in_use_is_not(tmp_path):
    path = tmp_path / "notes.txt"
    children = [start(WRITING, path, letter) for letter in "abc"]
    kill(children[0][0])
    kill(children[2][0])
    assert sorted(os.listdir(tmp_path)) == [".notes.1.partial.txt", ".notes.2.partial.txt", ".notes.partial.txt"]
    write_text(path, "new")
    assert sorted(os.listdir(tmp_path)) == [".notes.1.partial.txt", "notes.txt"]
    finish(children[1][0])
    assert path.read_text() == "b" * 100_000 and os.listdir(tmp_path) == ["notes.txt"]


def test_a_temporary_file_that_is_written_in_place_of_itself_stays_claimed(tmp_path):
    """As a signature is added to a file before it gets its name."""
    path = tmp_path / "swap.mp4"
    with replacing(path) as unfinished:
        unfinished.write_bytes(b"frames")
        with replacing(unfinished) as signed:
            signed.write_bytes(b"frames and signature")
        if os.name != "nt":
            assert not claim_new(unfinished)
        assert unfinished.read_bytes() == b"frames and signature"
    assert path.read_bytes() == b"frames and signature" and os.listdir(tmp_path) == ["swap.mp4"]
    assert not claimed_file._held


def test_a_stop_in_the_rename_leaves_nothing_claimed(tmp_path, monkeypatch):
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pathlib.Path, "replace", stop)
        write_text(tmp_path / "notes.txt", "new")
    assert os.listdir(tmp_path) == [] and not claimed_file._held
    write_text(tmp_path / "notes.txt", "new")
    assert os.listdir(tmp_path) == ["notes.txt"]


@posix
def test_a_temporary_file_that_a_machine_without_our_locks_took_is_left_to_it(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="another process writes it too") as raised, replacing(path) as temporary:
        temporary.write_text("ours")
        temporary.unlink()
        temporary.write_text("theirs, half")
    assert raised.value.errno == errno.ESTALE
    assert path.read_text() == "old" and temporary.read_text() == "theirs, half"


@posix
def test_where_there_are_no_locks_what_is_young_counts_as_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr(claimed_file, "_take_lock", lambda descriptor: None)
    path, left = tmp_path / "notes.txt", tmp_path / ".notes.partial.txt"
    left.write_text("another machine's")
    write_text(path, "new")
    assert path.read_text() == "new" and left.read_text() == "another machine's"
    os.utime(left, (0, 0))
    write_text(path, "newer")
    assert path.read_text() == "newer" and not left.exists()


def test_a_folder_under_a_temporary_name_is_left_alone(tmp_path):
    (tmp_path / ".notes.partial.txt").mkdir()
    write_text(tmp_path / "notes.txt", "new")
    assert sorted(os.listdir(tmp_path)) == [".notes.partial.txt", "notes.txt"]


@posix
def test_a_file_with_another_name_is_not_emptied_under_it(tmp_path):
    mine, other = tmp_path / "mine.txt", tmp_path / "elsewhere.txt"
    for name in (".notes.partial.txt", "notes.txt"):
        mine.write_text("precious")
        os.link(mine, tmp_path / name)
        write_text(tmp_path / "notes.txt", "new")
        assert mine.read_text() == "precious" and (tmp_path / "notes.txt").read_text() == "new"
        mine.unlink()
        (tmp_path / "notes.txt").unlink()
    mine.write_text("precious")
    os.link(mine, other)
    remove_emptied(other)
    assert mine.read_text() == "precious" and not other.exists()


def test_a_long_name_has_room_for_its_temporary_files(tmp_path):
    path = tmp_path / ("x" * 236 + ".txt")
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first" and os.listdir(tmp_path) == [path.name]


# Flushed folders ------------------------------------------------------------------------------------------------------


@posix
def test_the_folder_is_flushed_after_the_rename(tmp_path, monkeypatch):
    events, fsync, rename = [], os.fsync, pathlib.Path.replace

    def note_flush(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(pathlib.Path, "replace", lambda path, to: (events.append("rename"), rename(path, to))[1])
    write_text(tmp_path / "notes.txt", "new")
    assert events == ["file", "rename", "folder"]


@posix
@pytest.mark.parametrize(
    ("number", "fails"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EACCES, False), (errno.EIO, True)]
)
def test_a_drive_that_flushes_no_folders_is_no_error_and_a_broken_one_is(tmp_path, monkeypatch, number, fails):
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    if fails:
        with pytest.raises(OSError, match=os.strerror(number)):
            write_text(tmp_path / "notes.txt", "new")
    else:
        write_text(tmp_path / "notes.txt", "new")
    assert (tmp_path / "notes.txt").read_text() == "new" and not claimed_file._held


# Permissions ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[0o022, 0o077, 0o002], ids=["022", "077", "002"])
def umask(request) -> int:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_a_new_file_gets_what_the_umask_says_and_one_written_again_no_more_than_it_had(tmp_path, umask):
    path = tmp_path / "notes.txt"
    write_text(path, "new")
    assert mode_of(path) == 0o666 & ~umask
    path.chmod(0o600)
    write_text(path, "newer")
    assert mode_of(path) == 0o600


@posix
def test_a_copy_has_no_more_readers_than_the_file(tmp_path, umask):
    for mode in (0o600, 0o640, 0o444, 0o777):
        (tmp_path / "a").write_text("a")
        (tmp_path / "a").chmod(mode)
        copy_whole(tmp_path / "a", tmp_path / "b")
        assert mode_of(tmp_path / "b") == (0o600 | mode) & 0o666 & ~umask
        (tmp_path / "a").chmod(0o600)
        (tmp_path / "b").unlink()


# Copies ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 600_000])
def test_a_copy_is_known_by_its_bytes_and_not_by_its_age(tmp_path, size):
    path, copy, data = tmp_path / "a.mp4", tmp_path / "b.mp4", bytearray(os.urandom(size))
    path.write_bytes(data)
    assert not is_copy(path, copy)
    copy_whole(path, copy)
    for seconds in (0, 10**9, 4 * 10**9):
        os.utime(copy, (seconds, seconds))
        assert is_copy(path, copy)
    if size:
        data[size // 2] ^= 1
        copy.write_bytes(data)
        assert not is_copy(path, copy) and not is_copy(copy, path)
    copy.write_bytes(data + b"x")
    assert not is_copy(path, copy)


# Folders for what is unfinished ---------------------------------------------------------------------------------------


@posix
def test_what_a_killed_process_left_goes_the_next_time_and_what_another_uses_stays(tmp_path):
    killed, used = start(SCRATCH, tmp_path), start(SCRATCH, tmp_path)
    kill(killed[0])
    with scratch_folder(tmp_path, "fetch") as own:
        assert mode_of(own) == 0o700
        names = {name.removesuffix(".lock") for name in os.listdir(tmp_path)}
        assert names == {own.name, used[1]} and (tmp_path / used[1] / "face_src.zip").is_file()
    finish(used[0])
    assert os.listdir(tmp_path) == []


def test_folders_of_others_are_not_taken_for_ours(tmp_path):
    mine = [".keep-notes", ".keep-abcdefgh", ".fetch-12345678-12345678x", ".carry-", "keep-12345678-12345678"]
    for name in mine:
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.docx").write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    remove_left_scratch(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted(mine)
    assert all((tmp_path / name / "thesis.docx").is_file() for name in mine)


def test_what_earlier_versions_left_goes_after_a_day(tmp_path):
    old, young = tmp_path / ".keep-abcd_123", tmp_path / ".fetch-abcd_123"
    for folder in (old, young):
        folder.mkdir()
        (folder / "face_src.zip").write_text("half")
    os.utime(old, (0, 0))
    remove_left_scratch(tmp_path)
    assert not old.exists() and young.exists()


@posix
def test_what_another_machine_left_goes_after_a_week(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(scratch, "host_name", lambda: "another")
        child = tmp_path / f".carry-{scratch._machine()}-12345678"
    child.mkdir()
    lock = child.with_name(child.name + ".lock")
    lock.write_text("")
    remove_left_scratch(tmp_path)
    assert child.exists() and lock.exists()
    for path in (child, lock):
        os.utime(path, (0, 0))
    remove_left_scratch(tmp_path)
    assert os.listdir(tmp_path) == []


def test_links_where_our_folders_would_be_are_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "unpacked").write_text("precious")
    place = tmp_path / "place"
    place.mkdir()
    for name in (f".keep-{scratch._machine()}-12345678", ".keep-abcdefgh"):
        try:
            (place / name).symlink_to(tmp_path / "mine")
        except OSError:
            pytest.skip("no links here")
    remove_left_scratch(place)
    assert (tmp_path / "mine" / "unpacked").read_text() == "precious" and len(os.listdir(place)) == 2


@posix
def test_a_folder_that_cannot_be_removed_is_said_and_stops_nothing(tmp_path, monkeypatch, caplog):
    left = tmp_path / f".keep-{scratch._machine()}-12345678"
    left.mkdir()

    def refuse(*arguments: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(scratch.shutil, "rmtree", refuse)
        with scratch_folder(tmp_path, "keep") as folder:
            pass
    assert caplog.text.count("Read-only file system") == 2 and folder.exists() and not claimed_file._held
    remove_left_scratch(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_lock_is_given_back_by_whoever_took_it(tmp_path):
    for _ in range(2):
        assert claim_new(tmp_path / "lock")
        discard(tmp_path / "lock")
    discard(tmp_path / "lock")
    assert os.listdir(tmp_path) == [] and not claimed_file._held
