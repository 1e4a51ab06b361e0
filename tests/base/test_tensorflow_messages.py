"""What TensorFlow says when it starts is hidden; errors, and the reason of a start that fails, are shown."""

import os
import pathlib
import subprocess
import sys

import pytest

from faceswap_lib import tensorflow_messages
from tests.conftest import ROOT

NOTICES = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1796020207.351879    2156 cudart_stub.cc:31] Could not find cuda drivers on your machine",
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
]
ERRORS = [
    "E0000 00:00:1796020207.351879    2156 cuda_dnn.cc:8579] Unable to register cuDNN factory",
    "F0000 00:00:1796020207.351879    2156 cpu_feature_guard.cc:1] compiled to use AVX instructions",
    "It was 10:30: I0000 is no notice here",
]
START = """
from faceswap_lib.tensorflow_messages import hide_notices, hide_tensorflow_messages
hide_tensorflow_messages()
hide_tensorflow_messages()  # twice is as good
import os, sys
"""


def run(program: str, *paths: pathlib.Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*paths, ROOT]))}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=300)


def fake_tensorflow(folder: pathlib.Path, ending: str = "") -> None:
    """A package that writes as C++ does, to the file descriptor."""
    (folder / "tensorflow").mkdir()
    lines = "\n".join([*NOTICES, *ERRORS, ""])
    source = f"import os\nos.write(2, {lines.encode()!r})\nname = __spec__.loader.get_filename()\n{ending}\n"
    (folder / "tensorflow" / "__init__.py").write_text(source)


def test_notices_are_hidden_and_errors_shown(tmp_path: pathlib.Path):
    fake_tensorflow(tmp_path)
    done = run(
        START + "import tensorflow\nprint(tensorflow.name, tensorflow.__loader__)\nos.write(2, b'I1234 10:10: me')",
        tmp_path,
    )
    assert done.returncode == 0
    assert done.stderr.splitlines() == [*ERRORS, "I1234 10:10: me"]
    assert str(tmp_path) in done.stdout and "SourceFileLoader" in done.stdout


def test_a_start_that_ends_the_process_says_why(tmp_path: pathlib.Path):
    fake_tensorflow(tmp_path, ending="os.abort()")
    done = run(START + "import tensorflow", tmp_path)
    assert done.returncode != 0
    assert all(error in done.stderr for error in ERRORS)


def test_an_import_that_fails_can_be_tried_again(tmp_path: pathlib.Path):
    fake_tensorflow(tmp_path, ending="raise ImportError('half installed')")
    tries = "for _ in range(2):\n    try:\n        import tensorflow\n    except ImportError as e:\n        print(e)\n"
    done = run(START + tries + "os.write(2, b'and standard error works')", tmp_path)
    assert done.stdout.splitlines() == ["half installed"] * 2
    assert done.stderr.endswith("and standard error works")


def test_without_a_standard_error_or_a_filter_everything_works(monkeypatch: pytest.MonkeyPatch):
    done = run(START + "os.close(2)\nwith hide_notices():\n    print('done')")
    assert done.stdout == "done\n"
    monkeypatch.setattr(tensorflow_messages.sys, "executable", "")
    with tensorflow_messages.hide_notices():
        pass


def test_tensorflow_itself_starts_without_a_word():
    done = run(START + "import tensorflow\nprint(tensorflow.reduce_sum([1, 2]).numpy())")
    assert (done.stdout, done.stderr) == ("3\n", "")
