"""Files that appear whole or not at all."""

import errno
import hashlib
import os
import subprocess
import sys

import pytest

from faceswap_lib.atomic_io import copy_whole, file_digest, read_json, remove_emptied, replacing, write_json, write_text
from faceswap_lib.errors import WorkspaceError
from tests.conftest import ROOT
from tests.links import require_symlinks


def test_a_written_file_replaces_the_old_one_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    write_text(path, "first")
    write_text(path, "größer")
    assert path.read_text(encoding="utf-8") == "größer"
    assert os.listdir(path.parent) == ["notes.txt"]


def test_the_old_file_stands_until_the_block_ends(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        assert temporary.parent == path.parent and temporary.suffix == ".txt" and temporary != path
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_error_in_the_block_changes_nothing(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_only_files_open_for_writing_are_flushed_as_windows_demands(tmp_path, monkeypatch):
    """Windows answers EBADF to a flush of a file that was opened for reading."""
    fcntl = pytest.importorskip("fcntl", reason="asks how a file was opened")
    flushed, fsync = [], os.fsync

    def refuse_readers(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flushed.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_readers)
    write_text(tmp_path / "notes.txt", "new")
    copy_whole(tmp_path / "notes.txt", tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_text() == "new" and len(flushed) == 2


def test_a_kill_in_the_block_leaves_the_old_file_and_the_next_attempt_works(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    program = (
        "import pathlib, sys, time\n"
        "from faceswap_lib.atomic_io import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "written\n"
        child.kill()
    assert child.returncode != 0
    assert path.read_text() == "old"
    write_text(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_json_comes_back_and_anything_else_is_refused(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, 2.5, None]})
    assert read_json(path) == {"a": [1, 2.5, None]}
    for text in ("[1]", "{half", "\x00"):
        path.write_text(text)
        with pytest.raises(WorkspaceError, match="expected a JSON"):
            read_json(path)
    with pytest.raises(WorkspaceError, match="expected a JSON file"):
        read_json(tmp_path / "missing.json")


def test_the_digest_is_that_of_the_bytes(tmp_path):
    data = os.urandom(3_000_000)
    (tmp_path / "a").write_bytes(data)
    assert file_digest(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_json_that_is_nested_without_end_is_refused(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(WorkspaceError, match="expected a JSON file"):
        read_json(tmp_path / "deep.json")


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path):
    require_symlinks(tmp_path)
    mine = tmp_path / "mine.txt"
    mine.write_text("precious", encoding="utf-8")
    link = tmp_path / "link"
    link.symlink_to(mine)
    remove_emptied(link)
    assert not link.is_symlink() and mine.read_text(encoding="utf-8") == "precious"
    (tmp_path / ".new.partial.txt").symlink_to(mine)
    write_text(tmp_path / "new.txt", "new")
    assert mine.read_text(encoding="utf-8") == "precious"
    assert (tmp_path / "new.txt").read_text(encoding="utf-8") == "new" and not (tmp_path / "new.txt").is_symlink()
