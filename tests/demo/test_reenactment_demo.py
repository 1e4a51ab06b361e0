"""The demo of a reenactment system at its smallest: everything it promises is there and says what it is."""

import shutil

import numpy as np
import pytest

from faceswap_lib.cli.messages import print_reenactment_demo
from faceswap_lib.demo.animate import PortraitAnimator
from faceswap_lib.demo.motion import Pose
from faceswap_lib.demo.points import scale_mouth
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.demo.reenactment_demo import MOUTH_SCALE, SIZES, choose_frames, run_reenactment_demo
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets import Faceset
from faceswap_lib.media import count_frames, probe_video, read_image
from faceswap_lib.provenance.provenance import verify
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig
from faceswap_lib.reenactment.system import MODULES

pytestmark = pytest.mark.skipif(MeshLandmarkDetector.unavailable_reason() is not None, reason="no mesh networks")

TINY = ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity="tiny")


@pytest.fixture(scope="module")
def workspace(small_workspace, tmp_path_factory):
    """The facesets of both portraits, so that they are not extracted again."""
    return type(small_workspace)(shutil.copytree(small_workspace.root, tmp_path_factory.mktemp("demo") / "w"))


@pytest.fixture(scope="module")
def demo(workspace):
    return run_reenactment_demo(workspace.root, "landmark-gan", steps=2, seconds=1.5, network_config=TINY)


def test_the_videos_are_whole_and_say_what_they_are(demo):
    portrait = read_image(demo.video.out.with_name("collins.png"))
    info, beside = probe_video(demo.video.out), probe_video(demo.beside)
    assert (info.height, info.width) == portrait.shape[:2] and info.has_audio
    assert beside.width == 3 * info.width
    assert count_frames(demo.video.out) == count_frames(demo.beside) == demo.video.frames == 38
    assert verify(demo.video.out).facts["direction"] == "reenactment"


def test_the_sheet_shows_the_frames_with_most_motion(demo, workspace):
    frames = choose_frames(Faceset.open(workspace, "src"))
    assert 1 < len(frames) <= 4 and list(frames) == sorted(set(frames)) and frames[-1] < 38
    side = len(read_image(demo.video.out.with_name("collins.png")))
    assert read_image(demo.sheet).shape == (len(frames) * side, 4 * side, 3)


def test_the_message_says_where_to_look_and_what_next(demo, capsys):
    print_reenactment_demo(demo)
    said = capsys.readouterr().out
    assert "trained 2 of 2 steps" in said and str(demo.beside) in said and str(demo.sheet) in said
    assert "--run demo-landmark-gan" in said


def test_every_system_has_a_size_for_the_demo():
    assert set(SIZES) == set(MODULES)


def test_mouths_open_farther_and_rest_as_before():
    portrait = load_portraits()[0]
    usual, wide = PortraitAnimator(portrait), PortraitAnimator(scale_mouth(portrait, MOUTH_SCALE))
    assert (usual.render(Pose()) == wide.render(Pose())).all()
    resting = usual.render(Pose()).astype(int)
    changed = [np.abs(each.render(Pose(mouth=1.0)) - resting).mean() for each in (usual, wide)]
    assert changed[1] > 1.25 * changed[0] > 0
