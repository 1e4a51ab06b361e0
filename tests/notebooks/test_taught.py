"""What a notebook shows the source of names that notebook, and what names a notebook is shown there."""

import ast
import importlib
import inspect
import pathlib
import re
import typing

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.py"))
LINE = re.compile(r"^ *Taught in notebooks/(\w+)\.$", re.MULTILINE)


def shown_in(path: pathlib.Path) -> list[typing.Any]:
    """What the notebook gives to `show.show_source`, in its order."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    shown = [call for call in calls if ast.unparse(call.func) == "show.show_source"]
    return [resolve(ast.unparse(call.args[0]), imported, path) for call in shown]


def resolve(expression: str, imported: dict[str, tuple[str, str]], path: pathlib.Path) -> typing.Any:
    """What a dotted name means after the imports of a notebook."""
    first, *rest = expression.split(".")
    assert first in imported, f"{path.name} shows {expression}, which it does not import by name"
    module, name = imported[first]
    found = importlib.import_module(module)
    found = getattr(found, name) if hasattr(found, name) else importlib.import_module(f"{module}.{name}")
    for attribute in rest:
        found = getattr(found, attribute)
    return inspect.unwrap(found)


def name_of(thing: typing.Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def named_in_library() -> dict[str, list[str]]:
    """The notebooks that the docstring of every function and class in the library names, where it names one."""
    named = {}
    for path in sorted((ROOT / "faceswap_lib").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        stack = [(ast.parse(path.read_text(encoding="utf-8")), module)]
        while stack:
            parent, name = stack.pop()
            for node in parent.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    own = f"{name}.{node.name}"
                    if found := LINE.findall(ast.get_docstring(node) or ""):
                        named[own] = found
                    stack.append((node, own))
    return named


SHOWN = {path.stem: shown_in(path) for path in NOTEBOOKS}


@pytest.mark.parametrize("notebook", SHOWN)
def test_what_a_notebook_shows_says_where_it_is_taught(notebook: str):
    for thing in SHOWN[notebook]:
        found = LINE.findall(inspect.getdoc(thing) or "")
        assert len(found) == 1, f"{name_of(thing)}: expected one line 'Taught in notebooks/NAME.', got {found}"
        others = {name_of(other) for other in SHOWN.get(found[0], [])}
        assert name_of(thing) in others, f"{name_of(thing)} names {found[0]}, which does not show it; {notebook} does"


def test_what_says_where_it_is_taught_is_shown_there():
    named = named_in_library()
    assert len(named) >= 5
    for name, notebooks in named.items():
        for notebook in notebooks:
            assert notebook in SHOWN, f"{name}: there is no notebook {notebook}"
            assert name in map(name_of, SHOWN[notebook]), f"{name}: {notebook} does not show it"


def test_the_line_stands_in_every_docstring_that_mentions_a_notebook():
    pattern = re.compile(r"taught in", re.IGNORECASE)
    for path in sorted((ROOT / "faceswap_lib").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert len(pattern.findall(text)) == len(LINE.findall(text)), f"{path}: expected 'Taught in notebooks/NAME.'"
