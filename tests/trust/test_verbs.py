"""Every verb of the command line to its end: nothing is looked up, and nothing of its names is taken from elsewhere."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from faceswap_lib.cli import VERBS
from tests.conftest import ROOT
from tests.trust.faults import build
from tests.trust.verbs import ASSETS, set_traps

PROGRAM = pathlib.Path(__file__).with_name("verbs.py")

OPENS_TRAPS = """
import pathlib, sys
sys.path.insert(0, sys.argv[2])
from verbs import Notes
import socket
trap = pathlib.Path(sys.argv[1]) / "pnet.lz4"
notes = Notes([trap])
trap.read_bytes()
try:
    socket.getaddrinfo("faceswap.invalid", 443)
except OSError:
    pass
notes.close()
print(len(notes.opened), len(notes.look_ups))
"""


def run(program: list[object], home: pathlib.Path, look_ups: pathlib.Path, library: pathlib.Path | None) -> str:
    """Runs a program that finds no host, in a home of its own; gives what it printed."""
    environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": str(ROOT), "LOOK_UPS": str(look_ups)}
    environment |= {"LD_PRELOAD": str(library)} if library else {}
    command = [sys.executable, *map(str, program)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


def test_what_is_opened_or_looked_up_is_noted(tmp_path):
    set_traps(tmp_path / "home")
    library, look_ups = build(tmp_path), tmp_path / "look_ups"
    said = run(["-c", OPENS_TRAPS, tmp_path / "home", PROGRAM.parent], tmp_path / "home", look_ups, library)
    opened, looked_up = map(int, said.split())
    assert opened >= 1 and looked_up >= 1
    assert library is None or look_ups.read_text() == "native getaddrinfo faceswap.invalid\n"


@pytest.mark.parametrize("words", [["quick"], pytest.param([], marks=pytest.mark.nightly)], ids=["some", "all"])
def test_no_verb_looks_anything_up_or_opens_what_is_named_like_an_asset(tmp_path, words):
    for name in ("current", "home"):
        assert len(set_traps(tmp_path / "traps" / name)) > len(ASSETS)
    (tmp_path / "out").mkdir()
    look_ups = tmp_path / "look_ups"
    program = [PROGRAM, tmp_path / "out", tmp_path / "traps", *words]
    found = json.loads(run(program, tmp_path / "traps" / "home", look_ups, build(tmp_path)))
    assert set(found["codes"].values()) == {0}, found
    assert words or (found["left_out"] == [] and len(found["codes"]) > len(VERBS))
    assert found["look_ups"] == [] and not look_ups.exists()
    assert found["opened"] == []
