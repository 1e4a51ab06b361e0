"""What the benchmark of checkpoints counts, and that its codings lose nothing."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import checkpoints

    return checkpoints


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_every_coding_gives_back_what_it_was_given(benchmark, dtype):
    array = (np.random.default_rng(0).normal(size=(37, 11)) * 1000).astype(dtype)
    for name, coding in benchmark.find_codings().items():
        assert coding.decode(coding.encode(array)) == array.tobytes(), name
    with pytest.raises(SystemExit, match="a decoded array differs from the original"):
        benchmark.measure_coding([array], benchmark.Coding(lambda array: [b""], lambda blocks: blocks[0]))


def test_bfloat16_keeps_the_upper_half_of_a_number(benchmark):
    assert benchmark.to_bfloat16(np.array([1.0, -2.0], np.float32)).tolist() == [0x3F80, 0xC000]


def test_it_counts_what_an_hour_writes():
    command = [sys.executable, str(ROOT / "benchmarks" / "checkpoints.py"), "--only", "tiny", "--steps", "0", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    found = json.loads(done.stdout.splitlines()[-1])["tiny"]
    shares = [found["checkpoint"][kind] for kind in ("weights", "averages", "moments", "other")]
    assert sum(shares) == pytest.approx(1, abs=0.01) and found["checkpoint"]["moments"] == pytest.approx(0.5, abs=0.01)
    assert [(row["an hour"], row["copies an hour"]) for row in found["hours"]] == [(432, 432), (20, 6)]
    for row in found["hours"]:
        assert row["GB an hour"] == pytest.approx(row["an hour"] * found["checkpoint"]["MB"] / 1000)
