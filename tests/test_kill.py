"""SIGKILL at random moments, again and again; the long version is `benchmarks/kill.py`."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_six_kills_change_nothing():
    command = [sys.executable, str(ROOT / "benchmarks" / "kill.py"), "--kills", "6", "--quick", "--json"]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["kills"] == 6 and found["runs"] == found["same"] >= 1
    assert found["unreadable"] == 0 and found["rising"]
