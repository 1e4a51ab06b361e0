"""What the environment tells the frameworks, and whose word counts."""

import os
import pathlib
import subprocess
import sys
import types

import pytest

from faceswap_lib import environment as module
from faceswap_lib.environment import TENSORFLOW_CACHE_FLAG, cache_folder, machine_fingerprint, prepare_environment
from tests.conftest import ROOT


@pytest.fixture
def prepare(tmp_path, monkeypatch):
    """Prepares a made-up environment of a machine with or without NVIDIA's driver."""

    def prepare(*, nvidia: bool = False, **variables: str) -> dict[str, str]:
        monkeypatch.setattr(module, "has_nvidia_driver", lambda: nvidia)
        monkeypatch.setattr(module, "_tell_jax", lambda *option: None)
        variables = {"FACESWAP_CACHE_DIR": str(tmp_path), **variables}
        prepare_environment(variables)
        return variables

    return prepare


def test_gpu_memory_grows_unless_the_user_has_decided(prepare):
    assert prepare()["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert prepare(TF_FORCE_GPU_ALLOW_GROWTH="false")["TF_FORCE_GPU_ALLOW_GROWTH"] == "false"


def test_programs_are_kept_on_disk(prepare, tmp_path):
    found = prepare()
    assert pathlib.Path(found["JAX_COMPILATION_CACHE_DIR"]).is_dir()
    assert tmp_path in pathlib.Path(found["JAX_COMPILATION_CACHE_DIR"]).parents
    assert found["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] == "0" and "TF_XLA_FLAGS" not in found
    assert prepare(JAX_COMPILATION_CACHE_DIR="mine")["JAX_COMPILATION_CACHE_DIR"] == "mine"


def test_tensorflow_keeps_programs_only_where_there_is_a_gpu(prepare, tmp_path):
    flags = prepare(nvidia=True, TF_XLA_FLAGS="--tf_xla_auto_jit=2")["TF_XLA_FLAGS"].split()
    assert flags[0] == "--tf_xla_auto_jit=2"
    folder = pathlib.Path(flags[1].removeprefix(f"{TENSORFLOW_CACHE_FLAG}="))
    assert folder.is_dir() and tmp_path in folder.parents
    mine = f"{TENSORFLOW_CACHE_FLAG}=mine"
    assert prepare(nvidia=True, TF_XLA_FLAGS=mine)["TF_XLA_FLAGS"] == mine


def test_nothing_is_kept_if_the_user_says_so(prepare):
    found = prepare(nvidia=True, FACESWAP_CACHE_DIR="")
    assert set(found) == {"FACESWAP_CACHE_DIR", "TF_FORCE_GPU_ALLOW_GROWTH"}


def test_nothing_is_kept_where_nothing_can_be_written(prepare, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert cache_folder({"FACESWAP_CACHE_DIR": str(tmp_path / "file")}) is None
    assert "JAX_COMPILATION_CACHE_DIR" not in prepare(FACESWAP_CACHE_DIR=str(tmp_path / "file"))


def test_machines_that_compute_differently_do_not_share_programs(tmp_path, monkeypatch):
    driver, cpu = tmp_path / "nvidia", tmp_path / "cpuinfo"
    monkeypatch.setattr(module, "NVIDIA_DRIVER", driver)
    monkeypatch.setattr(module, "CPU_INFO", cpu)
    seen = {machine_fingerprint()}
    for flags in ("avx2", "avx2 avx512f"):
        cpu.write_text(f"processor\t: 0\nmodel name\t: made up\ncpu MHz\t: 2000\nflags\t: {flags}\n", encoding="utf-8")
        seen.add(machine_fingerprint())
    before = machine_fingerprint()
    cpu.write_text(cpu.read_text(encoding="utf-8").replace("2000", "2100"), encoding="utf-8")
    assert machine_fingerprint() == before  # what changes from minute to minute does not count
    for card in ("Tesla T4", "NVIDIA L4"):
        (driver / "gpus" / "0").mkdir(parents=True, exist_ok=True)
        (driver / "gpus" / "0" / "information").write_text(f"Model: \t\t {card}\nIRQ: 5\n", encoding="utf-8")
        seen.add(machine_fingerprint())
    (driver / "version").write_text("NVRM version: NVIDIA 580.1\nGCC version: 12\n", encoding="utf-8")
    seen.add(machine_fingerprint())
    assert len(seen) == 6


def test_a_jax_that_was_imported_before_is_told(monkeypatch, tmp_path):
    told = {}
    jax = types.SimpleNamespace(config=types.SimpleNamespace(update=told.__setitem__))
    monkeypatch.setitem(sys.modules, "jax", jax)
    prepare_environment({"FACESWAP_CACHE_DIR": str(tmp_path)})
    assert told["jax_compilation_cache_dir"].startswith(str(tmp_path))
    assert told["jax_persistent_cache_min_compile_time_secs"] == 0


def test_importing_the_package_prepares_its_process(tmp_path):
    program = "import os, faceswap_lib; print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])"
    variables = {name: value for name, value in os.environ.items() if name != "TF_FORCE_GPU_ALLOW_GROWTH"}
    variables["FACESWAP_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.stdout.strip() == "true", done.stderr
