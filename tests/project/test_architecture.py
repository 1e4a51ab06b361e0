"""The rooms and their order, read from the imports themselves."""

import ast
import pathlib
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "faceswap_lib"
ORDER = (
    *("errors", "environment", "tensorflow_messages", "limits", "locks", "signals", "progress"),
    *("upgrades", "devices", "config_fields", "atomic_io", "arrays", "memory", "prefetch"),
    *("media", "faces", "facesets", "provenance", "networks", "training", "export"),
    *("occlusion", "conversion", "reenactment"),
    *("evaluation", "curation", "course", "show", "widgets", "pipeline", "demo", "diagnostics", "cli"),
)
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
BACKENDS = (PACKAGE / "devices", PACKAGE / "training" / "backends")

LAPACK = frozenset(
    (
        *("cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "lstsq"),
        *("lu_factor", "pinv", "qr", "slogdet", "solve", "svd"),
    )
)
"""Operations of Keras that JAX computes with LAPACK on a CPU, where two batches can wait for each other for ever."""


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: pathlib.Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def parse(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_names(path: pathlib.Path) -> list[str]:
    """The dotted names a module imports, anywhere in it, relative ones made absolute."""
    names = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: relative import"
            # `from faceswap_lib import media` names a room in its aliases.
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def calls(path: pathlib.Path, name: str) -> list[int]:
    """Lines in which a function of this name (plain or as an attribute) is called."""
    return [
        node.lineno
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and name in (getattr(node.func, "id", None), getattr(node.func, "attr", None))
    ]


def test_every_module_belongs_to_a_room():
    assert {room_of(path) for path in MODULES} <= set(ORDER)
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rooms_import_only_from_rooms_before_them(path):
    room = room_of(path)
    for name in imported_names(path):
        package, _, rest = name.partition(".")
        if package != "faceswap_lib" or rest == "__version__":
            continue
        other = rest.partition(".")[0]
        assert other in ORDER, f"imports {name}, which is in no room"
        assert ORDER.index(other) <= ORDER.index(room), f"{room} imports {name}, which comes after it"
        assert (room, other) != ("conversion", "training"), f"conversion imports {name}"


def stub_of(package: str) -> dict[str, str]:
    """Which module of a lazy package has each of its names."""
    folder = ROOT.joinpath(*package.split("."))
    source = folder / "__init__.pyi" if (folder / "__init__.pyi").exists() else folder / "__init__.py"
    names = {}
    for node in parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = f"{package}.{node.module}" if node.level else node.module
            names |= {alias.asname or alias.name: module for alias in node.names}
    return names


def imported_modules(path: pathlib.Path) -> set[str]:
    """The modules of this package that a module imports at any time, but not those for type checkers alone."""
    tree = parse(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("faceswap_lib"):
            for alias in node.names:
                module = node.module
                while module and ROOT.joinpath(*module.split(".")).is_dir():
                    below = ROOT.joinpath(*module.split("."), alias.name)
                    if below.with_suffix(".py").exists() or below.is_dir():
                        module = f"{module}.{alias.name}"
                        break
                    module = stub_of(module).get(alias.name, "")
                found.add(module)
    return found


def test_modules_import_each_other_in_no_circle():
    graph = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): imported_modules(path)
        for path in MODULES
        if path.name != "__init__.py"
    }
    assert sum(map(len, graph.values())) > 800
    while leaves := [name for name, needed in graph.items() if not needed & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph, f"one circle at least among {sorted(graph)}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_backends_import_a_backend(path):
    frameworks = {name.partition(".")[0] for name in imported_names(path)} & {"tensorflow", "jax", "torch"}
    assert not frameworks or path.parent in BACKENDS


def test_only_the_warps_are_computed_with_lapack():
    found = {
        (name_of(path), node.attr)
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr in LAPACK and ast.unparse(node.value).endswith("ops")
    }
    assert found == {("faceswap_lib/reenactment/device_warp.py", "solve")}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_errors_are_named_and_only_the_command_line_speaks(path):
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else ""
            assert caught and not {"Exception", "BaseException"} & set(caught.strip("()").split(", ")), node.lineno
    if room_of(path) != "cli":
        assert not calls(path, "print")
        assert not calls(path, "basicConfig")


@pytest.mark.parametrize("module", ["media", "faces", "facesets", "conversion", "cli", "networks", "training"])
def test_importing_a_room_does_not_bring_in_keras(module):
    program = (
        f"import faceswap_lib.{module}, sys; "
        "print(*sorted({'keras', 'tensorflow', 'jax', 'torch', 'mtcnn'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
