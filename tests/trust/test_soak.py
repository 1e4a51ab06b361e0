"""Long work leaves a process as it was: memory, open files, threads, temporary files."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.conftest import ROOT

MOST_MEMORY = 16_000_000
"""Bytes of growth between the second and the last quarter that count as none: caches of allocators move that much."""


def soak(folder: pathlib.Path, *options: object) -> list[dict]:
    """Runs the program and compares what it measured."""
    command = [sys.executable, "-m", "tests.trust.soak", str(folder), *map(str, options)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=7200)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for one in found:
        growth = one["growth"]
        assert growth["memory"] < MOST_MEMORY and growth["handles"] <= 0 and growth["temporary"] <= 0, one
        assert growth["threads"] <= 0, one
    return found


@pytest.mark.slow
def test_a_short_soak_is_flat(tmp_path):
    assert len(soak(tmp_path, "--counted-steps", 1600, "--conversions", 10)) == 2


@pytest.mark.nightly
def test_a_long_soak_is_flat(tmp_path):
    found = soak(tmp_path, "--counted-steps", 20_000, "--conversions", 100, "--steps", 20_000)
    assert [one["count"] for one in found] == [20_000, 100, 20_000]
