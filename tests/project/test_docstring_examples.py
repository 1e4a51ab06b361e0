"""Examples in docstrings are run, and say what they say."""

import doctest
import importlib
import pathlib

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "faceswap_lib"
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def module_name(path: pathlib.Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=module_name)
def test_examples_of_a_module(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module_name(path)), optionflags=OPTIONS)
    assert result.attempted > 0 and result.failed == 0


def test_many_functions_have_examples():
    assert len(WITH_EXAMPLES) >= 15
