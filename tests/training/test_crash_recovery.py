"""Signals at random moments, again and again; the long version is `benchmarks/crash_recovery.py`."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def disturb(*options: str) -> dict:
    """Runs the benchmark; gives what it found."""
    command = [sys.executable, str(ROOT / "benchmarks" / "crash_recovery.py"), *options, "--quick", "--json"]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=1800
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["runs"] == found["same"] >= 1
    assert found["unreadable"] == found["wrong_exits"] == found["steps_lost"] == 0 and found["rising"]
    return found


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_six_signals_change_nothing():
    assert disturb("--kills", "6", "--signals", "KILL,TERM")["kills"] == 6


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_ten_moments_of_every_signal_change_nothing():
    assert disturb("--kills", "40", "--signals", "KILL,INT,TERM,HUP")["kills"] == 40
