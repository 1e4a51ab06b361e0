"""ONNX Runtime reports nothing: its telemetry is off before it starts, wherever it is imported."""

import ast
import os
import pathlib
import shutil
import subprocess
import sys
import types

import pytest

from faceswap_lib.export.onnx_runtime import TELEMETRY_SWITCH, import_onnxruntime
from tests.conftest import ROOT
from tests.project.test_architecture import MODULES, imported_names, name_of, parse

IMPORTER = "faceswap_lib/export/onnx_runtime.py"

WATCHER = """
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

/* Notes which hosts are looked up by native code, and finds none of them. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    FILE *file = fopen(getenv("LOOK_UPS"), "a");
    fprintf(file, "%s\\n", node ? node : "?");
    fclose(file);
    return EAI_FAIL;
}
"""

AUDIT = """
import os, sys

def note(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect"):
        with open(os.environ["LOOK_UPS"], "a") as file:
            file.write(f"{event} {arguments}\\n")

sys.addaudithook(note)
"""

CONVERT = """
import sys
from faceswap_lib.cli import main
code = main(sys.argv[1:])
assert "onnxruntime" in sys.modules
sys.exit(code)
"""

EMBED = """
import pathlib, sys, time
import onnx
from onnx import TensorProto, helper
from faceswap_lib.evaluation.onnx_embedder import OnnxEmbedder

shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in ("x", "y")]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", shapes[:1], shapes[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.save(model, sys.argv[1])
OnnxEmbedder(pathlib.Path(sys.argv[1]))
time.sleep(12)  # with telemetry on, version 1.32 looks its host up within 12 seconds
"""


def run_watched(program: str, arguments: list[object], folder: pathlib.Path) -> tuple[list[str], list[str]]:
    """Runs a program in a fresh home; gives the hosts it looked up and the files it left there."""
    home, elsewhere, look_ups = folder / "home", folder / "elsewhere", folder / "look_ups"
    home.mkdir()
    elsewhere.mkdir()
    look_ups.touch()
    environment = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home), "PYTHONPATH": str(ROOT)}
    # Others have their own folders. Nothing says that this is a test or CI, which would silence ONNX Runtime.
    environment |= {"KERAS_HOME": str(elsewhere), "FACESWAP_HOME": str(elsewhere), "MPLCONFIGDIR": str(elsewhere)}
    environment |= {"FACESWAP_CACHE_DIR": "", "LOOK_UPS": str(look_ups), TELEMETRY_SWITCH: "0"}
    if sys.platform == "linux" and (compiler := shutil.which("cc")):
        (folder / "watcher.c").write_text(WATCHER)
        library = folder / "watcher.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, folder / "watcher.c"], check=True)
        environment["LD_PRELOAD"] = str(library)
    command = [sys.executable, "-c", AUDIT + program, *map(str, arguments)]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return look_ups.read_text().splitlines(), [path.relative_to(home).as_posix() for path in home.rglob("*")]


def test_a_conversion_looks_nothing_up_and_leaves_nothing_behind(tiny_run, portrait_clips, tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    options = ["--inference-backend", "onnx", "--latent-shift", "0", "--end", "0.2", "--consent", "both agreed"]
    workspace = shutil.copytree(tiny_run.workspace.root, tmp_path / "w")
    out = tmp_path / "swap.mp4"
    arguments = ["convert", portrait_clips[0], "--workspace", workspace, "--out", out, *options]
    assert run_watched(CONVERT, arguments, tmp_path) == ([], [])
    assert out.is_file()


def test_a_recognition_network_looks_nothing_up_and_leaves_nothing_behind(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert run_watched(EMBED, [tmp_path / "network.onnx"], tmp_path) == ([], [])


def test_it_is_switched_off_before_the_import_and_again_after(monkeypatch):
    calls = []
    module = types.ModuleType("onnxruntime")
    module.disable_telemetry_events = lambda: calls.append(os.environ[TELEMETRY_SWITCH])
    monkeypatch.setitem(sys.modules, "onnxruntime", module)  # as where somebody else imported it before
    monkeypatch.setenv(TELEMETRY_SWITCH, "0")
    assert import_onnxruntime() is module
    assert calls == ["1"]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_else_imports_it(path):
    if name_of(path) == IMPORTER:
        return
    roots = [name for name in imported_names(path) if name.partition(".")[0] == "onnxruntime"]
    called = [node.lineno for node in ast.walk(parse(path)) if getattr(node, "id", None) == "import_onnxruntime"]
    assert not roots or called, f"imports {roots} without import_onnxruntime"
