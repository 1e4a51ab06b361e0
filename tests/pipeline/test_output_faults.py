"""Extractions and conversions under faults of the disk, kills and signals: nothing lost, the next call completes."""

import os
import signal
import subprocess
import sys

import pytest

from faceswap_lib.errors import FaceswapError
from tests.conftest import ROOT
from tests.disturbed import ERRORS, WORK, failing, finish, make_clip, tree

MOMENTS = 8
"""Failing calls that are tried of each work, spread over all there are."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4")


@pytest.fixture(scope="module", params=sorted(WORK))
def undisturbed(request, clip, tmp_path_factory):
    root = tmp_path_factory.mktemp("undisturbed")
    with failing(root, 0, 0) as calls:
        WORK[request.param](clip, root)
    hidden = [path.name for path in root.rglob(".*") if path.name != ".faceswap-written.jsonl"]
    assert len(calls) > 40 and not hidden
    return request.param, tree(root), len(calls)


@pytest.mark.parametrize("share", [index / MOMENTS for index in range(MOMENTS)])
def test_a_call_that_fails_loses_nothing(undisturbed, clip, tmp_path, share):
    """The error is the system's own, or one line of ours that says what to do; the next call ends as if undisturbed."""
    work, wanted, calls = undisturbed
    disturb(work, wanted, clip, tmp_path / "root", 1 + round(share * (calls - 1)))


@pytest.mark.nightly
def test_none_of_all_calls_that_fail_loses_anything(undisturbed, clip, tmp_path):
    work, wanted, calls = undisturbed
    for at in range(1, calls + 1):
        disturb(work, wanted, clip, tmp_path / str(at), at)


def disturb(work, wanted, clip, root, at):
    number = ERRORS[at % len(ERRORS)]
    root.mkdir()
    before = clip.read_bytes()
    with failing(root, at, number) as made:
        try:
            WORK[work](clip, root)
        except (OSError, FaceswapError) as error:
            assert os.strerror(number) in str(error) or str(number) in str(error)
        else:
            assert tree(root) == wanted  # what failed was not needed
    assert len(made) >= at
    finish(work, clip, root)
    assert tree(root) == wanted and clip.read_bytes() == before
    assert not list(root.rglob("*.faceswap-lock"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.parametrize("kills", [3, pytest.param(15, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("work", sorted(WORK))
def test_kills_at_random_moments_change_nothing(clip, tmp_path, work, kills):
    command = [sys.executable, "-m", "tests.disturbed", work, str(clip), str(tmp_path), str(kills)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(kills)]


STOPPED = """
import os, pathlib, signal, sys
from faceswap_lib.signals import catch_signals, Stopped
from faceswap_lib.facesets.crop_writer import CropCutter
from tests import disturbed

work, name, clip, root = sys.argv[1:]
count = 0

def counted(function):
    def call(*arguments, **options):
        global count
        count += 1
        if count == 5:
            os.kill(os.getpid(), getattr(signal, name))
        return function(*arguments, **options)
    return call

CropCutter.cut = counted(CropCutter.cut)
try:
    with catch_signals():
        disturbed.WORK[work](pathlib.Path(clip), pathlib.Path(root))
except Stopped as stop:
    print(stop)
    sys.exit(stop.exit_code)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows other signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_an_extraction_at_the_next_frame(clip, tmp_path, name):
    root = tmp_path / "root"
    command = [sys.executable, "-c", STOPPED, "extract", name, str(clip), str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 128 + getattr(signal, name), done.stderr
    assert "5 crops are kept; the same command continues there" in done.stdout
    assert len(list((root / "face_src").glob("*.jpg"))) == 5 and not list(root.rglob("*partial*"))
    WORK["extract"](clip, root)
    WORK["extract"](clip, tmp_path / "undisturbed")
    assert tree(root) == tree(tmp_path / "undisturbed")
