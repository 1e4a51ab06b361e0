"""What a notebook stands on: made once, taken as it is after that."""

import fractions
import shutil

import numpy as np
import pytest

from faceswap_lib.demo.fixtures import make_clips, make_facesets, make_run
from faceswap_lib.demo.motion import lively_poses, talking_poses
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets import ExtractConfig, Faceset, Workspace
from faceswap_lib.media import probe_video, read_frames
from faceswap_lib.pipeline import extract
from faceswap_lib.training import load_run
from tests.conftest import TinyRun, snapshot

SMALL = {"seconds": 0.4, "size": 192}


def test_clips_are_made_once_and_anew_when_others_are_wanted(tmp_path):
    hopper, collins = make_clips(tmp_path, **SMALL)
    before = snapshot(tmp_path)
    assert make_clips(tmp_path, **SMALL) == (hopper, collins) and snapshot(tmp_path) == before
    make_clips(tmp_path, seconds=0.8, size=192)
    assert probe_video(collins).frame_count == 20


def test_lively_clips_replace_the_usual_ones_and_are_made_once(tmp_path):
    usual = np.stack([*read_frames(make_clips(tmp_path, **SMALL)[0])]).astype(int)
    path, _ = make_clips(tmp_path, **SMALL, lively=True)
    assert np.abs(np.stack([*read_frames(path)]) - usual).mean() > 5
    before = snapshot(tmp_path)
    make_clips(tmp_path, **SMALL, lively=True)
    assert snapshot(tmp_path) == before
    make_clips(tmp_path, **SMALL)
    assert snapshot(tmp_path) != before


def test_lively_poses_turn_further_and_keep_the_light():
    numbers = 250, fractions.Fraction(25), 0
    usual, lively = talking_poses(*numbers), lively_poses(*numbers)
    widest = [np.degrees(max(abs(pose.yaw) for pose in poses)) for poses in (usual, lively)]
    assert widest[0] < 12.5 and 25 < widest[1] < 34
    assert {pose.gain for pose in lively} == {1.0} and max(pose.mouth for pose in lively) <= 1
    assert [pose.lids for pose in lively] == [pose.lids for pose in usual]


def test_facesets_are_made_once_and_one_that_is_missing_is_made_again(tmp_path):
    workspace = make_facesets(tmp_path, progress=False, **SMALL)
    assert len(Faceset.open(workspace, "src")) == len(Faceset.open(workspace, "dst")) == 10
    before = snapshot(tmp_path)
    make_facesets(tmp_path, progress=False, **SMALL)
    assert snapshot(tmp_path) == before
    shutil.rmtree(workspace.faces("dst"))
    assert len(Faceset.open(make_facesets(tmp_path, progress=False, **SMALL), "dst")) == 10


def test_a_faceset_taken_with_other_options_is_left_as_it_is(tmp_path):
    video = make_clips(tmp_path / "clips", **SMALL)[0]
    extract(video, Workspace(tmp_path), "src", config=ExtractConfig(max_crops=8))
    before = snapshot(tmp_path / "face_src")
    workspace = make_facesets(tmp_path, progress=False, **SMALL)
    assert snapshot(workspace.faces("src")) == before and len(Faceset.open(workspace, "dst")) == 10


def test_one_faceset_of_the_readers_is_not_joined_by_the_demos(tmp_path):
    own = tmp_path / "own.mp4"
    make_clips(tmp_path / "clips", **SMALL)[0].rename(own)
    extract(own, Workspace(tmp_path), "dst")
    with pytest.raises(WorkspaceError, match="has face_dst only; extract face_src"):
        make_facesets(tmp_path, progress=False, **SMALL)


def test_a_run_is_trained_once_and_a_longer_one_taken_as_it_is(tiny_run: TinyRun, tmp_path):
    shutil.copytree(tiny_run.workspace.root, tmp_path, dirs_exist_ok=True)
    before = snapshot(tmp_path)
    workspace = make_run(tmp_path, steps=1, progress=False)
    assert snapshot(tmp_path) == before
    make_run(tmp_path, run="new", preset="tiny", steps=2, batch_size=2, progress=False)
    assert load_run(workspace, "new")[1] == 2
