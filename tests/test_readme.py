"""What README and docs promise: commands that CI runs, verbs and options that exist, links that lead somewhere."""

import ast
import dataclasses
import re
import subprocess
import sys

import pytest

from faceswap_lib.cli import VERBS, name_of
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.run_config import RunConfig
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").glob("*.md")])


def test_ci_runs_the_readmes_test_command_word_for_word():
    commands = re.findall(r"^    (python3 -m venv .*)$", README, re.M)
    assert len(commands) == 2 and commands[0].endswith("faceswap demo") and "pytest" in commands[1]
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_command_in_the_readme_is_a_verb_with_these_options():
    options = {name_of(verb): {field.name for field in dataclasses.fields(verb)} for verb in VERBS}
    shared = {field.name for config in (TrainConfig, RunConfig, ConvertConfig) for field in dataclasses.fields(config)}
    lines = re.findall(r"^    faceswap (\w+)(.*?)(?:#.*)?$", README, re.M)
    assert len(lines) >= 7
    for verb, rest in lines:
        assert verb in options, verb
        for option in re.findall(r"--([\w-]+)", rest):
            name = option.replace("-", "_")
            assert name in options[verb] | shared | {"as"}, f"{verb} --{option}"


def test_python_in_the_readme_imports():
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.S)
    imports = [node for node in ast.parse(snippet).body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "README.md", "exec"), {})
    assert len(imports) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_option_tables_are_fresh():
    command = [sys.executable, "-m", "tools.build_option_tables", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
