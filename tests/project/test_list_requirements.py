"""The tool that lists what to install without TensorFlow: everything else is in it, and what it cannot do it says."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tools.list_requirements import PROJECT, collect_requirements, leave_out, main, normalize_name, tomllib

TABLE = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]


def names_of(requirements: list[str]) -> set[str]:
    return {normalize_name(requirement) for requirement in requirements}


def test_all_but_what_is_left_out_is_listed_as_pyproject_has_it():
    command = [sys.executable, str(ROOT / "tools" / "list_requirements.py"), "--without", "tensorflow"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent, timeout=60)
    assert done.returncode == 0, done.stderr
    listed = done.stdout.splitlines()
    assert set(TABLE["dependencies"]) - set(listed) == {next(r for r in TABLE["dependencies"] if "tensorflow" in r)}
    assert set(listed) <= set(TABLE["dependencies"]) and len(listed) == len(TABLE["dependencies"]) - 1 >= 10


def test_extras_are_added_once_and_followed():
    plain, more = names_of(collect_requirements(TABLE, [])), names_of(collect_requirements(TABLE, ["notebooks"]))
    named = names_of(TABLE["optional-dependencies"]["notebooks"])
    assert more - plain == named
    project = {
        "name": "own_name",
        "dependencies": ["a>=1"],
        "optional-dependencies": {"x": ["Own-Name[y, z]", "a>=1"], "y": ["b[c]<2"], "z": ["own.name[x]"]},
    }
    assert collect_requirements(project, ["x"]) == ["a>=1", "b[c]<2"]


def test_names_are_compared_as_indexes_do():
    assert leave_out(["Some.Thing[extra]>=1,<2", "some-thing-else"], ["some_thing"]) == ["some-thing-else"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--without", "tensorfow"], ["tensorfow", "tensorflow"]),
        (["--extras", "notebook"], ["'notebook'", "notebooks"]),
    ],
)
def test_a_name_that_is_none_of_them_is_refused_with_those_there_are(arguments, words, capsys):
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert not out and all(word in err for word in words)
