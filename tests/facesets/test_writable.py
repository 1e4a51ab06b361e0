"""Free space and permissions of a folder, checked before long work."""

import types

import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import writable
from faceswap_lib.facesets.writable import check_room, nearest_folder


@pytest.fixture
def usage(monkeypatch) -> types.SimpleNamespace:
    """What a disk says of itself."""
    usage = types.SimpleNamespace(total=10**12, free=2_000_000_000)
    monkeypatch.setattr(writable.shutil, "disk_usage", lambda folder: usage)
    return usage


def test_needed_and_free_space_are_named(tmp_path, usage):
    check_room(tmp_path / "not" / "there", 2_000_000_000, "the work")
    with pytest.raises(WorkspaceError) as caught:
        check_room(tmp_path / "not" / "there", 2_500_000_001, "the work", "do less")
    assert str(caught.value) == (
        f"{tmp_path} has 2.00 GB free, and the work needs about 2.50 GB there; make room, name another disk, or do less"
    )


def test_some_space_may_have_to_stay_free(tmp_path, usage):
    usage.free = 5_000_000
    check_room(tmp_path, 4_000_000, "a.zip", spare=1_000_000)
    with pytest.raises(WorkspaceError, match="needs about 4.0 MB there, and 1.0 MB must stay free; make room, or name"):
        check_room(tmp_path, 4_000_001, "a.zip", spare=1_000_000)


def test_a_drive_that_does_not_know_its_size_refuses_nothing(tmp_path, usage):
    usage.total = usage.free = 0
    check_room(tmp_path, 10**12, "the work", spare=10**8)


def test_the_nearest_folder_may_be_no_file(tmp_path):
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path
    (tmp_path / "a").write_text("a file")
    for check in (nearest_folder, lambda folder: check_room(folder, 1, "the work")):
        with pytest.raises(WorkspaceError, match="a is no folder"):
            check(tmp_path / "a" / "b")
