"""Setting crops aside: out of the faceset, back again byte by byte, and a faceset that opens after any kill."""

import functools
import pathlib
import shutil
import typing

import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import (
    Faceset,
    Workspace,
    exclude_crops,
    list_excluded,
    read_manifest,
    restore_crops,
    write_manifest,
)
from tests.conftest import contents
from tests.kills import Killed, kill_at_change


def crops_of(workspace: Workspace) -> list[str]:
    return [record.crop for record in Faceset.open(workspace, "src").records]


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> typing.Callable[[int], None]:
    """Lets the n-th change to a disk, counted from 0, and all after it fail."""
    return functools.partial(kill_at_change, monkeypatch)


def test_set_aside_crops_leave_and_come_back_as_they_were(workspace_copy: Workspace):
    before, crops = contents(workspace_copy.root), crops_of(workspace_copy)
    assert exclude_crops(workspace_copy, "src", [crops[3], crops[5]]) == 2
    assert exclude_crops(workspace_copy, "src", iter([crops[4]])) == 3
    faceset = Faceset.open(workspace_copy, "src")
    assert crops_of(workspace_copy) == crops[:3] + crops[6:]
    assert len(faceset.load(64).images) == len(crops) - 3
    assert [record.crop for record in list_excluded(workspace_copy, "src")] == crops[3:6]
    away = workspace_copy.faces("src") / "set_aside" / crops[4]
    assert away.read_bytes() == before[f"face_src/{crops[4]}"]
    assert not (workspace_copy.faces("src") / crops[4]).exists()
    mask = pathlib.Path(crops[4]).with_suffix(".png").name
    assert not (workspace_copy.eye_masks("src") / mask).exists()
    assert (workspace_copy.eye_masks("src") / "set_aside" / mask).is_file()
    assert restore_crops(workspace_copy, "src", [crops[4]]) == 1
    assert crops_of(workspace_copy) == crops[:3] + [crops[4]] + crops[6:]
    assert restore_crops(workspace_copy, "src") == 2
    assert contents(workspace_copy.root) == before
    assert not (workspace_copy.faces("src") / "set_aside").exists()
    assert not (workspace_copy.eye_masks("src") / "set_aside").exists()


def test_nothing_to_do_changes_nothing(workspace_copy: Workspace):
    before = contents(workspace_copy.root)
    assert exclude_crops(workspace_copy, "src", []) == 0
    assert restore_crops(workspace_copy, "src") == 0
    assert list_excluded(workspace_copy, "src") == []
    assert contents(workspace_copy.root) == before


def test_what_cannot_be_done_is_refused_and_changes_nothing(workspace_copy: Workspace):
    crops = crops_of(workspace_copy)
    exclude_crops(workspace_copy, "src", [crops[0]])
    before = contents(workspace_copy.root)
    with pytest.raises(WorkspaceError, match=r"no crop 00001\.jpg in .*face_src; the nearest is"):
        exclude_crops(workspace_copy, "src", ["00001.jpg", crops[1]])
    with pytest.raises(WorkspaceError, match="all 37 crops .* leave some"):
        exclude_crops(workspace_copy, "src", crops[1:])
    with pytest.raises(WorkspaceError, match=f"no crop {crops[1]} in .*set_aside"):
        restore_crops(workspace_copy, "src", [crops[1]])
    assert contents(workspace_copy.root) == before
    (workspace_copy.faces("src") / "set_aside" / crops[0]).unlink()
    with pytest.raises(WorkspaceError, match=f"1 of .* crops are missing in .*set_aside, the first is {crops[0]}"):
        restore_crops(workspace_copy, "src")
    assert crops_of(workspace_copy) == crops[1:]


def keep_few(small_workspace: Workspace, root: pathlib.Path) -> Workspace:
    """A workspace with the first four crops of A alone."""
    workspace = Workspace(root)
    records = read_manifest(small_workspace.faces("src"))[:4]
    for folder in (workspace.faces("src"), workspace.eye_masks("src")):
        folder.mkdir(parents=True)
    for record in records:
        shutil.copy(small_workspace.faces("src") / record.crop, workspace.faces("src"))
        shutil.copy(small_workspace.eye_masks("src") / record.mask, workspace.eye_masks("src"))
    write_manifest(workspace.faces("src"), records)
    return workspace


@pytest.mark.parametrize("back", [False, True], ids=["set aside", "bring back"])
def test_a_kill_at_any_moment_leaves_a_faceset_that_opens(
    back: bool, small_workspace: Workspace, tmp_path: pathlib.Path, kill_at, monkeypatch: pytest.MonkeyPatch
):
    few = keep_few(small_workspace, tmp_path / "few")
    whole, crops = contents(few.root), crops_of(few)
    some, done = crops[1:3], False
    for number in range(100):
        workspace = Workspace(shutil.copytree(few.root, tmp_path / str(number)))
        if back:
            exclude_crops(workspace, "src", some)
        kill_at(number)
        try:
            restore_crops(workspace, "src") if back else exclude_crops(workspace, "src", some)
            done = True
        except Killed:
            pass
        monkeypatch.undo()
        left = crops_of(workspace)
        assert left in (crops, [crop for crop in crops if crop not in some]), number
        # Whatever was left undone, the next call does it and clears up.
        exclude_crops(workspace, "src", [crop for crop in some if crop in left])
        assert [record.crop for record in list_excluded(workspace, "src")] == some
        restore_crops(workspace, "src")
        assert contents(workspace.root) == whole, number
        shutil.rmtree(workspace.root)
        if done:
            break
    assert done and number >= 8
