"""What the environment tells the frameworks, and whose word counts."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import types

import pytest

from faceswap_lib import environment as module
from faceswap_lib.environment import TENSORFLOW_CACHE_FLAG, cache_folder, machine_fingerprint, prepare_environment
from faceswap_lib.networks.pretrained.vggface_release import keras_homes
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


# What is inherited from elsewhere -------------------------------------------------------------------------------------


def run_verb(*words: str, folder: pathlib.Path = ROOT, **variables: str | None) -> subprocess.CompletedProcess:
    """Runs the command line in a process of its own; a variable that is None is taken away."""
    environment = {name: value for name, value in {**os.environ, **variables}.items() if value is not None}
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from faceswap_lib.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace")


def assert_one_sentence(done: subprocess.CompletedProcess, *words: str) -> None:
    assert "Traceback" not in done.stderr and done.stderr.count("faceswap: ") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("name", ["module://no_such_package.backend_inline", "inlined"])
def test_a_drawing_backend_that_is_not_here_ends_nothing(name, tmp_path):
    """As every command started from a Jupyter cell inherits it: all verbs ended in a traceback of Matplotlib."""
    done = run_verb("verify", "README.md", MPLBACKEND=name, MPLCONFIGDIR=str(tmp_path))
    assert done.returncode == 1
    assert_one_sentence(done, "README.md: no credentials")


def test_a_drawing_backend_that_is_here_stays(prepare):
    for name in ("agg", "TkAgg", "module://faceswap_lib.show"):
        assert prepare(MPLBACKEND=name)["MPLBACKEND"] == name
    assert "MPLBACKEND" not in prepare()
    assert prepare(MPLBACKEND="nonsense")["MPLBACKEND"] == "agg"
    assert module.has_drawing_backend("module://matplotlib_inline.backend_inline") == (
        importlib.util.find_spec("matplotlib_inline") is not None
    )


ODD = {"TMPDIR": "/nowhere", "OMP_NUM_THREADS": "abc", "PYTHONWARNINGS": "error", "FACESWAP_CACHE_DIR": None}


@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": None, **ODD},
        {"HOME": "/proc/nowhere", "FACESWAP_CACHE_DIR": "/proc/nowhere", "KERAS_HOME": "/proc/nowhere"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["no home", "no folder", "ASCII"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other folders and locales")
def test_odd_environments_change_nothing(variables):
    done = run_verb("verify", "README.md", **variables)
    assert done.returncode == 1
    assert_one_sentence(done, "README.md: no credentials")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that somebody is in")
def test_a_current_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    program = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); os.rmdir({str(gone)!r}); "
        "from faceswap_lib.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "verify", "a.mp4"]
    done = subprocess.run(command, cwd=gone, capture_output=True, text=True)
    assert done.returncode == 2
    assert_one_sentence(done, "no such file: a.mp4")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' names are Unicode")
def test_names_that_the_terminal_cannot_show(tmp_path):
    """A page named so was written, then its name could not be printed: a traceback."""
    name = os.fsencode(tmp_path) + "/顔".encode() + b"\xe9.png"
    pathlib.Path(os.fsdecode(name)).write_bytes(b"no picture")
    for variables in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        done = run_verb("verify", name, **variables)
        assert_one_sentence(done, "\\udce9.png: ")
    program = (
        "from faceswap_lib.cli.streams import quiet_streams\nwith quiet_streams(): print(chr(0x9854), chr(0xdce9))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "\\u9854 \\udce9\n", done.stderr


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[1]", "keras.json, or remove it"),
        ('{"backend": "theano"}', "keras.json, or remove it"),
        (None, "keras.json, or remove it"),
    ],
)
def test_doctor_runs_and_says_what_is_wrong_with_kerass_file(tmp_path, config, words):
    """A traceback before, for a folder in its place a sentence that did not say what it was for."""
    if config is None:
        (tmp_path / "keras.json").mkdir()
    else:
        (tmp_path / "keras.json").write_text(config)
    done = run_verb("doctor", KERAS_HOME=str(tmp_path), KERAS_BACKEND=None)
    assert done.returncode == 1 and "MTCNN weights" in done.stdout
    assert "MISSING Keras backend" in done.stdout and words in done.stdout
    assert_one_sentence(done, str(tmp_path / "keras.json"))


def test_doctor_runs_and_says_that_a_backend_is_unknown():
    done = run_verb("doctor", KERAS_BACKEND="theano")
    assert done.returncode == 1 and "MISSING Keras backend" in done.stdout
    assert_one_sentence(done, "KERAS_BACKEND: expected tensorflow, jax, torch, got 'theano'")


@pytest.mark.parametrize("verb", [("sort", "--by", "embedding"), ("audit",)], ids=["sort", "audit"])
def test_verbs_that_recognize_faces_say_that_a_backend_is_unknown(small_workspace, verb):
    done = run_verb(*verb, "--workspace", str(small_workspace.root), "--person", "a", KERAS_BACKEND="theano")
    assert done.returncode == 2
    assert_one_sentence(done, "KERAS_BACKEND: expected tensorflow, jax, torch, got 'theano'")


def test_the_order_of_axes_in_kerass_file_is_for_other_networks(tmp_path):
    """channels_first is what users of PyTorch write there; every network was built wrongly."""
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "floatx": "float64"}')
    program = (
        "from faceswap_lib.cli.arguments import load_keras; load_keras(); import keras; "
        "print(keras.config.image_data_format(), keras.config.floatx())"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["channels_last", "float32"], done.stderr


def test_a_user_without_a_home(monkeypatch):
    """Whom the system does not know, as in containers that run as a number."""

    def fail(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(pathlib.Path, "expanduser", fail)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert keras_homes() == [pathlib.Path(tempfile.gettempdir()) / ".keras"]
