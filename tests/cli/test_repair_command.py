"""`faceswap repair`: the list of missed faces, a crop from points or from a box, and what is refused."""

import pathlib

import numpy as np
import pytest

from faceswap_lib.cli import main, repair_commands
from faceswap_lib.facesets import Faceset, Workspace, list_excluded, read_manifest
from tests.conftest import contents
from tests.facesets.test_repair import forget, forget_frames, hide_track

Clips = tuple[pathlib.Path, pathlib.Path]


def words(workspace: Workspace, clip: pathlib.Path, *more: object) -> list[str]:
    first = ["repair", clip, "--workspace", workspace.root, "--person", "a"]
    return [str(word) for word in (*first, *more)]


def test_missed_faces_are_listed_with_the_options_that_repair_them(
    workspace_copy: Workspace,
    portrait_clips: Clips,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    assert main(words(workspace_copy, portrait_clips[0])) == 0
    assert capsys.readouterr().out == f"{workspace_copy.faces('src')}: faces without a crop: none\n"
    hide_track(workspace_copy, {10, 11})
    forget_frames(workspace_copy, {10, 11})
    assert main(words(workspace_copy, portrait_clips[0])) == 0
    first, *listed = capsys.readouterr().out.splitlines()
    assert first.endswith("faces without a crop: 2 gap") and len(listed) == 2
    monkeypatch.setattr(repair_commands, "MOST_LISTED", 1)
    assert main(words(workspace_copy, portrait_clips[0])) == 0
    *_, short, more = capsys.readouterr().out.splitlines()
    assert short == listed[0] and more.startswith("and 1 more, up to frame 11;")
    options, reason = listed[0].split("  ")
    assert options.startswith("--frame 10 --box ") and reason == "(gap)"
    assert main(words(workspace_copy, portrait_clips[0], *options.split(), "--landmarks", "five")) == 0
    assert "made from points found by the detector" in capsys.readouterr().out
    assert [record.frame for record in read_manifest(workspace_copy.faces("src")) if record.frame in (10, 11)] == [10]


def test_points_make_the_crop_and_the_replaced_one_is_set_aside(
    workspace_copy: Workspace, portrait_clips: Clips, capsys: pytest.CaptureFixture
):
    old = read_manifest(workspace_copy.faces("src"))[7]
    points = [f"{x + 1},{y}" for x, y in old.landmarks]
    more = ("--frame", 7, "--points", *points, "--replace", old.crop, "--landmarks", "five")
    assert main(words(workspace_copy, portrait_clips[0], *more)) == 0
    assert f"000007_1.jpg: made from the given points; {old.crop} is set aside" in capsys.readouterr().out
    [made] = [record for record in Faceset.open(workspace_copy, "src").records if record.frame == 7]
    np.testing.assert_allclose(made.landmarks, np.array(old.landmarks) + [1, 0], atol=1e-3)
    assert [record.crop for record in list_excluded(workspace_copy, "src")] == [old.crop]


def test_what_is_incomplete_is_refused(workspace_copy: Workspace, portrait_clips: Clips, capsys: pytest.CaptureFixture):
    forget(workspace_copy, 3)
    before = contents(workspace_copy.root)
    for more, message in (
        (("--points", "1,2"), "--frame: expected the index"),
        (("--frame", 3), "expected --points or --box, got neither"),
        (("--frame", 3, "--points", "1,2", "--box", 1, 2, 3, 4), "expected --points or --box, got both"),
        (("--frame", 3, "--points", "1,2", "3,4"), "expected five points x,y, got 2"),
        (("--frame", 3, "--points", *["1;2"] * 5), "expected x,y, got '1;2'"),
        (("--frame", 3, "--points", *["12"] * 5), "expected x,y, got '12'"),
        (("--frame", 3, "--points", *["1,2"] * 5), "apart"),
    ):
        assert main(words(workspace_copy, portrait_clips[0], *more)) == 2
        assert message in capsys.readouterr().err
    assert contents(workspace_copy.root) == before
