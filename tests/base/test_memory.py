"""Main memory, as Linux, macOS, Windows and containers tell it."""

import importlib
import pathlib
import subprocess
import sys
import types

import psutil
import pytest

from faceswap_lib import memory
from tests.conftest import ROOT

GB = 10**9


@pytest.fixture
def system(tmp_path, monkeypatch) -> pathlib.Path:
    """A system without /proc and control groups, with 8 GB to be had; tests write what it should have."""
    monkeypatch.setattr(memory, "OWN_STATUS", tmp_path / "status")
    monkeypatch.setattr(memory, "OWN_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroups")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=8 * GB))
    return tmp_path


def write_group(folder: pathlib.Path, version: int, limit: object, used: int, cache: int | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for name, value in zip(names, (limit, used), strict=True):
        (folder / name).write_text(f"{value}\n")
    if cache is not None:
        prefix = "" if version == 2 else "total_"
        (folder / "memory.stat").write_text(f"anon 5\n{prefix}inactive_file {cache}\n{prefix}active_file 7\n")


# The peak ------------------------------------------------------------------------------------------------------------


def test_linux_tells_the_peak_in_kilobytes(system):
    (system / "status").write_text("Name:\tpython\nVmPeak:\t  999 kB\nVmHWM:\t   2048 kB\nThreads:\t3\n")
    assert memory.peak_memory() == 2048 * 1024


@pytest.mark.parametrize(("is_mac", "unit"), [(True, 1), (False, 1024)])
def test_without_proc_getrusage_tells_it(system, monkeypatch, is_mac, unit):
    usage = types.SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: types.SimpleNamespace(ru_maxrss=4096))
    monkeypatch.setattr(memory, "resource", usage)
    monkeypatch.setattr(psutil, "MACOS", is_mac)
    assert memory.peak_memory() == 4096 * unit


def test_where_there_is_no_resource_module_the_peak_working_set_counts(system, monkeypatch):
    """The module is imported anew as on Windows, where `import resource` fails."""
    process = types.SimpleNamespace(memory_info=lambda: types.SimpleNamespace(peak_wset=12345))
    monkeypatch.setattr(psutil, "Process", lambda: process)
    monkeypatch.setitem(sys.modules, "resource", None)
    try:
        importlib.reload(memory)
        memory.OWN_STATUS = system / "status"
        assert memory.peak_memory() == 12345
    finally:
        monkeypatch.undo()
        importlib.reload(memory)


def test_the_command_line_and_the_estimate_are_imported_without_the_resource_module():
    program = (
        "import psutil, sys; sys.modules['resource'] = None; "  # on Linux psutil has it, on Windows it does without
        "import faceswap_lib.cli, faceswap_lib.training.cost_estimate"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_peak_stays_when_the_memory_is_given_back():
    program = (
        "import numpy as np; from faceswap_lib.memory import peak_memory; before = peak_memory(); "
        "block = np.ones(40_000_000); held = block.nbytes; del block; print(before, held, peak_memory())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    before, held, after = map(int, done.stdout.split())
    assert before > 10_000_000 and held < after < before + held + 50_000_000


# What is left --------------------------------------------------------------------------------------------------------


def test_without_control_groups_the_system_has_the_say(system):
    assert memory.available_memory() == 8 * GB


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("inside", [True, False])
def test_a_containers_limit_counts_less_what_it_uses_but_for_files_it_can_drop(system, version, inside):
    """`inside`: the path of the group is one that the container can see."""
    line, root = ("0::/box\n", "") if version == 2 else ("9:pids:/\n4:cpu,memory:/box\n0::/\n", "memory")
    (system / "cgroup").write_text(line)
    write_group(system / "cgroups" / root / ("box" if inside else ""), version, 4 * GB, 3 * GB)
    assert memory.available_memory() == 1 * GB
    write_group(system / "cgroups" / root / ("box" if inside else ""), version, 4 * GB, 3 * GB, cache=GB // 2)
    assert memory.available_memory() == 1.5 * GB


def test_the_tightest_of_nested_groups_counts(system):
    (system / "cgroup").write_text("0::/outer/inner\n")
    write_group(system / "cgroups", 2, "max", 100 * GB)
    write_group(system / "cgroups" / "outer", 2, 6 * GB, 5 * GB)
    write_group(system / "cgroups" / "outer" / "inner", 2, 5 * GB, 2 * GB)
    assert memory.available_memory() == 1 * GB


@pytest.mark.parametrize(("version", "limit"), [(1, 9223372036854771712), (2, "max"), (2, 20 * GB)])
def test_no_limit_or_a_wide_one_changes_nothing(system, version, limit):
    (system / "cgroup").write_text("0::/\n" if version == 2 else "4:memory:/\n")
    write_group(system / "cgroups" / ("" if version == 2 else "memory"), version, limit, 3 * GB)
    assert memory.available_memory() == 8 * GB


def test_a_group_that_is_over_its_limit_leaves_nothing(system):
    (system / "cgroup").write_text("0::/\n")
    write_group(system / "cgroups", 2, 2 * GB, 3 * GB)
    assert memory.available_memory() == 0


def test_this_machine_has_some_left():
    assert 10_000_000 < memory.available_memory() <= psutil.virtual_memory().total
